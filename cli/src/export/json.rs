//! `profile_export_aiperf.json`: AIPerf's summary, schema 1.4. Keys are absent rather than null.

use super::numbers::{metric, typed, without_nulls};
use super::{input_config, records, server_metrics, time};
use crate::result::run::Outcome;
use ringload_engine::measure::{ErrorGroup, Metric, Summary};
use ringload_engine::plan::Load;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, &document(outcome))?;
    to.write_all(b"\n")
}

fn document(outcome: &Outcome) -> Value {
    let summary = &outcome.summary;
    let mut file = Map::new();
    file.insert("schema_version".into(), SCHEMA_VERSION.into());
    file.insert("ringload_version".into(), env!("CARGO_PKG_VERSION").into());
    file.insert("benchmark_id".into(), outcome.identity.benchmark_id.clone().into());
    let notes = outcome.notes();
    if !notes.is_empty() {
        file.insert("ringload_notes".into(), notes.into());
    }
    let metrics = summary.metrics_with_cancelled();
    let known = FIRST.iter().filter_map(|tag| metrics.iter().find(|m| m.info.tag == *tag));
    file.extend(known.map(entry));
    file.insert("input_config".into(), input_config::of(&outcome.plan, &outcome.identity.secrets));
    file.insert("run_info".into(), run_info(outcome));
    file.insert("was_cancelled".into(), summary.was_cancelled.into());
    let reason = incomplete(summary);
    file.insert("is_complete".into(), reason.is_none().into());
    file.extend(reason.map(|r| ("incomplete_reason".to_owned(), r.into())));
    let errors =
        summary.errors.iter().map(|group| json!({"error_details": details(outcome, group), "count": group.count}));
    let cancelled = Some(summary.counts.cancelled).filter(|n| *n > 0);
    let cancelled = cancelled.map(|n| json!({"error_details": records::cancelled_as_planned(), "count": n}));
    file.insert("error_summary".into(), errors.chain(cancelled).collect());
    for (key, at) in [("start_time", summary.started_at_ns), ("end_time", summary.ended_at_ns)] {
        if let Some(text) = time::naive_local(at, &outcome.identity.zone) {
            file.insert(key.into(), text.into());
        }
    }
    if !summary.warmup_metrics.is_empty() {
        file.insert("warmup_metrics".into(), Value::Object(summary.warmup_metrics.iter().map(entry).collect()));
    }
    file.extend(metrics.iter().filter(|m| !FIRST.contains(&m.info.tag)).map(entry));
    file.extend(replay_lags(outcome));
    file.extend(server_metrics::gpu_fields(outcome));
    without_nulls(Value::Object(file))
}

/// How late requests of a fixed schedule left, behind their instants: the client's own doing, in AIPerf's words.
fn replay_lags(outcome: &Outcome) -> Map<String, Value> {
    let lag = outcome.summary.client.dispatch_lag.as_ref();
    let lag = lag.filter(|_| matches!(outcome.plan.profiling.load, Load::Fixed { .. }));
    let entry = |name: &str| Some((format!("replay_sched_lag_{name}"), json!({"unit": "ms", "avg": lag?.at(name)?})));
    let degraded = lag.and_then(|lag| lag.at("p99")).map(|ms| u8::from(ms > DEGRADED_MS));
    let degraded = degraded.map(|yes| ("replay_sched_degraded".to_owned(), json!({"unit": "count", "avg": yes})));
    ["p50", "p90", "p99"].into_iter().filter_map(entry).chain(degraded).collect()
}

fn incomplete(summary: &Summary) -> Option<String> {
    let lost = summary.client.records_lost;
    if lost > 0 {
        return Some(format!("{lost} records were lost by the client"));
    }
    (!summary.violations.is_empty()).then(|| summary.violations.join("; "))
}

fn entry(m: &Metric) -> (String, Value) {
    (m.info.tag.to_owned(), metric(m))
}

fn run_info(outcome: &Outcome) -> Value {
    let of = &outcome.identity.of_several;
    let mut values = Map::new();
    for (flag, value) in &of.variation_values {
        values.insert(flag.replace('-', "_"), typed(value));
    }
    json!({
        "benchmark_id": outcome.identity.benchmark_id,
        "sweep_id": of.sweep_id,
        "random_seed": outcome.plan.seed,
        "trial": of.trial,
        "run_label": (!of.run_label.is_empty()).then_some(&of.run_label),
        "variation_label": of.variation.as_deref().unwrap_or("base"),
        "variation_index": of.variation_index,
        "variation_values": values,
        "cli_command": outcome.identity.command,
    })
}

fn details(outcome: &Outcome, group: &ErrorGroup) -> Value {
    json!({
        "code": (group.status != 0).then_some(group.status),
        "type": group.cause.name(),
        "message": outcome.identity.secrets.scrub(&group.message),
    })
}

const SCHEMA_VERSION: &str = "1.4";
/// A p99 of the lag above which AIPerf says that a replay did not keep its schedule.
const DEGRADED_MS: f64 = 500.0;

/// Metrics that AIPerf's model names, in its order.
const FIRST: &[&str] = &[
    "request_throughput",
    "request_latency",
    "request_count",
    "time_to_first_token",
    "time_to_second_token",
    "inter_token_latency",
    "output_token_throughput",
    "output_token_throughput_per_user",
    "output_sequence_length",
    "input_sequence_length",
    "goodput",
    "good_request_count",
    "output_token_count",
    "reasoning_token_count",
    "min_request_timestamp",
    "max_response_timestamp",
    "inter_chunk_latency",
    "total_output_tokens",
    "total_reasoning_tokens",
    "benchmark_duration",
    "total_isl",
    "total_osl",
    "error_request_count",
    "error_isl",
    "total_error_isl",
];
