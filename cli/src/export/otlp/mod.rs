//! What a collector of OpenTelemetry is sent of a run: OTLP 1.x over HTTP, as JSON. Numbers of 64 bits are texts there,
//! and identities hexadecimal.

mod metrics;
mod spans;
#[cfg(test)]
mod tests;

pub(crate) use spans::Spans;

use crate::result::run::Outcome;
use serde_json::{Value, json};

/// The documents of a run, in the order in which they are sent, each with its path below the endpoint; `more` are
/// attributes of the resource.
pub(crate) fn documents(outcome: &Outcome, spans: Spans, more: &[(String, String)]) -> Vec<(&'static str, Value)> {
    let resource = resource(outcome, more);
    let scope = json!({"name": "ringload", "version": env!("CARGO_PKG_VERSION")});
    let metrics = json!({"resourceMetrics": [{
        "resource": resource,
        "scopeMetrics": [{"scope": scope, "metrics": metrics::of(outcome)}],
    }]});
    let kept = spans.finish(outcome);
    let traces = kept.chunks(SPANS_AT_ONCE).map(|spans| {
        json!({"resourceSpans": [{
            "resource": resource,
            "scopeSpans": [{"scope": scope, "spans": spans}],
        }]})
    });
    std::iter::once((METRICS, metrics)).chain(traces.map(|traces| (TRACES, traces))).collect()
}

fn resource(outcome: &Outcome, more: &[(String, String)]) -> Value {
    let identity = &outcome.identity;
    let mut attributes = vec![
        text("service.name", "ringload"),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("ringload.benchmark_id", &identity.benchmark_id),
        text("ringload.verdict", outcome.verdict.status.word()),
    ];
    attributes.extend(identity.of_several.variation.as_deref().map(|name| text("ringload.variation", name)));
    if !identity.of_several.run_label.is_empty() {
        attributes.push(text("ringload.run", &identity.of_several.run_label));
    }
    attributes.extend(more.iter().map(|(key, value)| text(key, value)));
    json!({"attributes": attributes})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn integer(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn double(key: &str, value: f64) -> Value {
    json!({"key": key, "value": {"doubleValue": value}})
}

const METRICS: &str = "/v1/metrics";
const TRACES: &str = "/v1/traces";
/// Spans of one document: some 300 kB.
const SPANS_AT_ONCE: usize = 200;
