//! The metrics of one request, from its record.

use super::basis::{Basis, State};
use super::tags::{self, MetricInfo};
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::plan::Slo;
use crate::record::{Outcome, Record};

/// The metrics of one request, in display units, in table order; a metric that it does not have is absent.
#[derive(Clone, Debug, Default)]
pub struct RequestMetrics {
    /// The metrics that have one value a request.
    pub values: Vec<(&'static MetricInfo, f64)>,
    /// `inter_chunk_latency`: every gap, in ms; empty under two output events.
    pub inter_chunk_ms: Vec<f64>,
    /// Whether every SLO held; `None` without SLOs.
    pub good: Option<bool>,
}

/// The metrics of one request. A failed request has the length of its input and nothing else; one in flight or
/// cancelled has nothing.
///
/// `streaming` is the plan's: without it the first output is the whole body, and the metrics of streams are absent.
#[must_use]
pub fn request_metrics(record: &Record, tokens: &TokenCounts, streaming: bool, slos: &[Slo]) -> RequestMetrics {
    let basis = Basis::of(record, tokens);
    let mut values = Vec::new();
    if basis.state != State::Unfinished {
        let own: &[PerRequest] = if record.timings.is_some() { &OF_SERVERS } else { &[] };
        values.reserve_exact(METRICS.len() + own.len());
        let found =
            METRICS.iter().chain(own).filter_map(|metric| Some((metric.info, metric.value(&basis, streaming)?)));
        values.extend(found);
    }
    let mut metrics = RequestMetrics { values, inter_chunk_ms: Vec::new(), good: None };
    if streaming && record.outcome == Outcome::Succeeded {
        metrics.inter_chunk_ms = record.gaps.iter().map(|gap| ms(*gap)).collect();
    }
    if !slos.is_empty() && record.outcome.finished() {
        metrics.good = Some(slos.iter().all(|slo| metrics.meets(slo)));
    }
    metrics
}

impl RequestMetrics {
    /// The value of a metric, if the request has it. `inter_chunk_latency` has many: see
    /// [`RequestMetrics::inter_chunk_ms`].
    #[must_use]
    pub fn value(&self, info: &MetricInfo) -> Option<f64> {
        self.values.iter().find(|(other, _)| other.tag == info.tag).map(|(_, value)| *value)
    }

    /// Whether an SLO holds: `>=` where more is better, else `<=`. A metric that is missing does not hold; for
    /// `inter_chunk_latency` every gap must.
    #[must_use]
    pub fn meets(&self, slo: &Slo) -> bool {
        if slo.tag == tags::INTER_CHUNK_LATENCY.tag {
            let gaps = &self.inter_chunk_ms;
            return !gaps.is_empty() && gaps.iter().all(|gap| *gap <= slo.threshold);
        }
        self.values.iter().find(|(info, _)| info.tag == slo.tag).is_some_and(|(info, value)| {
            if info.larger_is_better { *value >= slo.threshold } else { *value <= slo.threshold }
        })
    }
}

/// A metric of which each request has its own value.
pub(super) struct PerRequest {
    pub(super) info: &'static MetricInfo,
    make: fn(&Basis) -> Option<f64>,
}

impl PerRequest {
    /// The value of a request, if it has it. Without `streaming` the metrics of streams are absent.
    pub(super) fn value(&self, request: &Basis, streaming: bool) -> Option<f64> {
        let failed = std::ptr::eq(self.info, &raw const tags::ERROR_ISL);
        let of = if failed { State::Failed } else { State::Succeeded };
        if request.state != of || (self.info.streaming_only && !streaming) {
            return None;
        }
        (self.make)(request).filter(|value| value.is_finite())
    }
}

/// The metric of [`METRICS`] or [`OF_SERVERS`].
pub(super) fn per_request(info: &MetricInfo) -> Option<&'static PerRequest> {
    METRICS.iter().chain(&OF_SERVERS).find(|metric| std::ptr::eq(metric.info, info))
}

/// Every metric of which each request has its own value, but [`RequestMetrics::inter_chunk_ms`], in table order.
pub(super) static METRICS: [PerRequest; 45] = [
    of(&tags::TIME_TO_FIRST_TOKEN, |r| r.times.first.map(ms)),
    of(&tags::TIME_TO_SECOND_TOKEN, |r| r.times.second.map(ms)),
    of(&tags::TIME_TO_FIRST_OUTPUT_TOKEN, |r| r.times.visible.map(ms)),
    of(&tags::TIME_TO_FIRST_TOKEN_FROM_SEND, |r| r.times.first_from_send.map(ms)),
    of(&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, |r| r.times.scheduled_first.map(ms)),
    of(&tags::REQUEST_LATENCY, |r| Some(ms(r.times.latency))),
    of(&tags::RESPONSE_TIME, |r| Some(ms(r.times.response))),
    of(&tags::INTER_TOKEN_LATENCY, |r| Some(itl_ns(r)? / NS_PER_MS)),
    of(&tags::DECODE_DURATION, |r| decode(r).map(ms)),
    of(&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, |r| Some(rate(1.0, itl_ns(r)?))),
    of(&tags::E2E_OUTPUT_TOKEN_THROUGHPUT, |r| Some(rate(f64::from(r.osl()?), r.times.latency as f64))),
    of(&tags::PREFILL_THROUGHPUT_PER_USER, |r| Some(rate(f64::from(r.tokens.isl), r.times.first? as f64))),
    of(&tags::STREAM_SETUP_LATENCY, |r| r.times.setup.map(ms)),
    of(&tags::STREAM_PREFILL_LATENCY, |r| Some(ms(r.times.first?.saturating_sub(r.times.setup?)))),
    of(&tags::INPUT_SEQUENCE_LENGTH, |r| Some(f64::from(r.tokens.isl))),
    of(&tags::OUTPUT_SEQUENCE_LENGTH, |r| r.osl().map(f64::from)),
    of(&tags::OUTPUT_TOKEN_COUNT, |r| r.tokens.output.map(f64::from)),
    of(&tags::REASONING_TOKEN_COUNT, |r| r.tokens.reasoning.map(f64::from)),
    of(&tags::OSL_MISMATCH_DIFF_PCT, |r| {
        let osl = f64::from(r.osl()?);
        let requested = f64::from(r.tokens.requested.filter(|n| *n > 0)?);
        Some((osl - requested) / requested * 100.0)
    }),
    of(&tags::USAGE_PROMPT_TOKENS, |r| r.tokens.usage[PROMPT].map(f64::from)),
    of(&tags::USAGE_COMPLETION_TOKENS, |r| r.tokens.usage[COMPLETION].map(f64::from)),
    of(&tags::USAGE_TOTAL_TOKENS, |r| r.tokens.usage[2].map(f64::from)),
    of(&tags::USAGE_REASONING_TOKENS, |r| r.tokens.usage[3].map(f64::from)),
    of(&tags::USAGE_PROMPT_CACHE_READ_TOKENS, |r| r.tokens.usage[4].map(f64::from)),
    of(&tags::USAGE_PROMPT_CACHE_WRITE_TOKENS, |r| r.tokens.usage[5].map(f64::from)),
    of(&tags::USAGE_PROMPT_TOKENS_DIFF_PCT, |r| Some(difference(r.tokens.usage[PROMPT]?, r.tokens.isl))),
    of(&tags::USAGE_COMPLETION_TOKENS_DIFF_PCT, |r| Some(difference(r.tokens.usage[COMPLETION]?, r.tokens.client?))),
    of(&tags::QUEUE_TIME, |r| Some(ms(r.phases.queue))),
    of(&tags::HTTP_REQ_BLOCKED, |r| Some(ms(r.phases.queue))),
    of(&tags::HTTP_REQ_DNS_LOOKUP, |r| Some(ms(r.phases.dns))),
    of(&tags::HTTP_REQ_CONNECTING, |r| Some(ms(r.phases.tcp))),
    of(&tags::HTTP_REQ_TLS, |r| Some(ms(r.phases.tls))),
    of(&tags::HTTP_REQ_SENDING, |r| Some(ms(r.phases.send))),
    of(&tags::HTTP_REQ_WAITING, |r| Some(ms(r.phases.wait))),
    of(&tags::HTTP_REQ_RECEIVING, |r| Some(ms(r.phases.receive))),
    of(&tags::HTTP_REQ_DURATION, |r| Some(ms(r.phases.send + r.phases.wait + r.phases.receive))),
    of(&tags::HTTP_REQ_CONNECTION_OVERHEAD, |r| {
        let p = &r.phases;
        Some(ms(p.queue + p.dns + p.tcp + p.tls))
    }),
    of(&tags::HTTP_REQ_TOTAL, |r| Some(ms(r.phases.total()))),
    of(&tags::HTTP_REQ_CONNECTION_REUSED, |r| Some(f64::from(u8::from(r.wire.reused)))),
    of(&tags::HTTP_REQ_DATA_SENT, |r| Some(r.wire.bytes_sent as f64 / BYTES_PER_KB)),
    of(&tags::HTTP_REQ_DATA_RECEIVED, |r| Some(r.wire.bytes_received as f64 / BYTES_PER_KB)),
    of(&tags::HTTP_REQ_CHUNKS_RECEIVED, |r| Some(f64::from(r.wire.reads))),
    of(&tags::CREDIT_TO_START_LATENCY, |r| Some(ms(r.late))),
    of(&tags::EFFECTIVE_LATENCY, |r| Some(ms(r.times.response))),
    of(&tags::ERROR_ISL, |r| Some(f64::from(r.tokens.isl))),
];

/// The same of what servers say of their time in an answer: no request has these where none says it.
pub(super) static OF_SERVERS: [PerRequest; 9] = [
    of(&tags::SERVER_QUEUE_TIME, |r| r.server.told.queue.map(ms)),
    of(&tags::SERVER_FRONT_END_TIME, |r| r.server.told.front_end.map(ms)),
    of(&tags::SERVER_PREFILL_TIME, |r| r.server.told.prefill.map(ms)),
    of(&tags::SERVER_DECODE_TIME, |r| r.server.told.decode.map(ms)),
    of(&tags::SERVER_INFERENCE_TIME, |r| r.server.told.inference.map(ms)),
    of(&tags::SERVER_TIME_TO_FIRST_TOKEN, |r| r.server.told.first_token.map(ms)),
    of(&tags::SERVER_TOTAL_TIME, |r| r.server.told.total.map(ms)),
    of(&tags::SERVER_UPSTREAM_TIME, |r| r.server.told.upstream.map(ms)),
    of(&tags::FIRST_TOKEN_REMAINDER, |r| r.server.remainder.map(|n| n as f64 / NS_PER_MS)),
];

const fn of(info: &'static MetricInfo, make: fn(&Basis) -> Option<f64>) -> PerRequest {
    PerRequest { info, make }
}

/// First → last output event.
fn decode(r: &Basis) -> Option<Nanos> {
    r.times.first.map(|first| r.times.latency.saturating_sub(first))
}

fn itl_ns(r: &Basis) -> Option<f64> {
    let osl = f64::from(r.osl().filter(|osl| *osl >= 2)?);
    Some(decode(r)? as f64 / (osl - 1.0))
}

/// `amount` per second over a length in nanoseconds; not finite over no time.
fn rate(amount: f64, length_ns: f64) -> f64 {
    amount * NS_PER_S / length_ns
}

/// How far the server's count is from the client's, in percent of the client's; not finite where the client counted
/// nothing.
fn difference(server: u32, client: u32) -> f64 {
    f64::from(server.abs_diff(client)) / f64::from(client) * 100.0
}

/// Places in the usage of [`Basis`].
const PROMPT: usize = 0;
const COMPLETION: usize = 1;

/// Nanoseconds in milliseconds.
pub(super) fn ms(length: Nanos) -> f64 {
    length as f64 / NS_PER_MS
}

pub(super) const NS_PER_MS: f64 = 1e6;
pub(super) const NS_PER_S: f64 = 1e9;
const BYTES_PER_KB: f64 = 1024.0;

#[cfg(test)]
mod tests;
