//! Where servers say, in a response, how long they took.
//!
//! | node | server | unit |
//! |---|---|---|
//! | `METRICS` | vLLM 0.25 on, with vLLM's `--enable-per-request-metrics` | ms |
//! | `TIMINGS` | llama.cpp | ms |
//! | `STATS` | NIM, `NIM_PER_REQ_METRICS_ENABLE=1` | ms |
//! | `NVEXT` | Dynamo, where `nvext.extra_fields` asks for `timing` | ms |
//! | `META_INFO` | SGLang: its own API, and whole chat answers with `return_meta_info` | s |

use super::Fields;
use super::rules::{Found, Node, Rule};
use crate::clock::Nanos;
use crate::plan::{EndpointKind, Plan, ServerTimings};
use crate::record::Timing;
use serde_json::json;

/// Asks for them, where the plan says so and the API has a place for it: vLLM by `include_metrics`, Dynamo by its
/// `nvext`, SGLang by `return_meta_info`, which it refuses in a stream.
pub(super) fn ask(body: &mut Fields, plan: &Plan) {
    if plan.server_timings != ServerTimings::Ask {
        return;
    }
    if let EndpointKind::Chat | EndpointKind::Completions = plan.endpoint {
        body.insert("include_metrics".into(), true.into());
        body.insert("nvext".into(), json!({"extra_fields": ["timing"]}));
        if plan.endpoint == EndpointKind::Chat && !plan.streaming {
            body.insert("return_meta_info".into(), true.into());
        }
    }
}

/// Nanoseconds of a millisecond.
const MS: f64 = 1e6;
/// Nanoseconds of a second.
pub(super) const S: f64 = 1e9;

impl Found<'_> {
    /// Notes a duration: one that can be none (over 11 days, or negative) is passed over.
    pub(super) fn duration(&mut self, timing: Timing, unit: f64, number: f64) {
        let length = number * unit;
        if (0.0..=1e15).contains(&length) {
            self.timings.get_or_insert_default().put(timing, length.round() as Nanos);
        }
    }
}

/// vLLM's time to first token begins when the request is scheduled: the queue is not in it.
pub(super) static METRICS: Node = Node::of(&[
    ("queue_time_ms", Rule::Duration(Timing::Queue, MS)),
    ("time_to_first_token_ms", Rule::Duration(Timing::Prefill, MS)),
    ("generation_time_ms", Rule::Duration(Timing::Decode, MS)),
]);

pub(super) static TIMINGS: Node = Node::of(&[
    ("prompt_ms", Rule::Duration(Timing::Prefill, MS)),
    ("predicted_ms", Rule::Duration(Timing::Decode, MS)),
]);

/// NIM's time to first token begins with the work on the request.
pub(super) static STATS: Node = Node::of(&[
    ("time_in_queue_in_ms", Rule::Duration(Timing::Queue, MS)),
    ("generation_time_in_ms", Rule::Duration(Timing::Inference, MS)),
    ("response_tokens", Rule::Object(&RESPONSE_TOKENS)),
]);

static RESPONSE_TOKENS: Node = Node::of(&[("time_to_first_token_in_ms", Rule::Duration(Timing::Prefill, MS))]);

pub(super) static NVEXT: Node = Node::of(&[("timing", Rule::Object(&NVEXT_TIMING))]);

static NVEXT_TIMING: Node = Node::of(&[
    ("prefill_wait_time_ms", Rule::Duration(Timing::Queue, MS)),
    ("prefill_time_ms", Rule::Duration(Timing::Prefill, MS)),
    ("ttft_ms", Rule::Duration(Timing::FirstToken, MS)),
    ("total_time_ms", Rule::Duration(Timing::Total, MS)),
]);

/// SGLang's latencies begin when the request is received.
pub(super) static META_INFO: Node = Node::of(&[
    ("queue_time", Rule::Duration(Timing::Queue, S)),
    ("first_token_latency", Rule::Duration(Timing::FirstToken, S)),
    ("e2e_latency", Rule::Duration(Timing::Total, S)),
]);
