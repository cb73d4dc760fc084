//! `ringload_report.json`: everything that is known of the run. Its schema is
//! `docs/schema/ringload_report.schema.json`.

use super::numbers::{finite, metric, without_nulls};
use super::time;
use crate::result::run::{CeilingUsage, Outcome};
use ringload_engine::measure::{MARKED, Metric, Summary};
use ringload_engine::plan::{Statistic, without_json_secrets};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, &document(outcome)?)?;
    to.write_all(b"\n")
}

pub(crate) fn document(outcome: &Outcome) -> io::Result<Value> {
    let mut summary = serde_json::to_value(&outcome.summary)?;
    if let Some(fields) = summary.as_object_mut() {
        // What a ceiling is compared with; the calibration says what came of it.
        fields.shift_remove("windows");
    }
    // AIPerf's files have the metrics of slices.
    for slice in summary.pointer_mut("/slices/slices").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = slice.as_object_mut() {
            fields.shift_remove("metrics");
        }
    }
    // The engine's metrics know their tags through a table that is not written out: name them here.
    summary["metrics"] = named(&outcome.summary.metrics, |tag| client_shares(&outcome.summary, tag));
    summary["warmup_metrics"] = named(&outcome.summary.warmup_metrics, |_| Value::Null);
    if let Some(errors) = summary["errors"].as_array_mut() {
        for error in errors {
            if let Some(text) = error["message"].as_str() {
                error["message"] = outcome.identity.secrets.scrub(text).into();
            }
        }
    }
    let mut report = without_nulls(json!({
        "schema_version": SCHEMA_VERSION,
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "benchmark_id": outcome.identity.benchmark_id,
        "command": outcome.identity.command,
        "started_at": time::utc(outcome.summary.started_at_ns),
        "ended_at": time::utc(outcome.summary.ended_at_ns),
        "verdict": serde_json::to_value(&outcome.verdict)?,
        "plan": serde_json::to_value(&outcome.plan)?,
        "summary": summary,
        "calibration": match &outcome.ceiling_usage {
            CeilingUsage::Known(used) => serde_json::to_value(used)?,
            CeilingUsage::Unknown(why) => json!({"not_calibrated": why}),
        },
        "host": outcome.host,
    }));
    // A null that the user asked for is a value.
    let inputs = outcome.plan.extra_inputs.iter();
    let shown = inputs.map(|(name, value)| (name.clone(), without_json_secrets(name, value)));
    report["plan"]["extra_inputs"] = Value::Object(shown.collect());
    Ok(report)
}

/// The parts of a metric's statistics that the client itself can have made, of those that are marked.
fn client_shares(summary: &Summary, tag: &str) -> Value {
    let statistics: BTreeSet<&str> =
        summary.client.shares.iter().filter(|share| share.tag == tag).map(|share| share.statistic.name()).collect();
    let marked = statistics.into_iter().filter_map(|name| {
        let share = summary.client_share(tag, Statistic::named(name)?)?;
        (share > MARKED).then(|| (name.to_owned(), finite(share).unwrap_or_default()))
    });
    let marked: Map<String, Value> = marked.collect();
    if marked.is_empty() { Value::Null } else { Value::Object(marked) }
}

fn named(metrics: &[Metric], shares: impl Fn(&str) -> Value) -> Value {
    let by_tag: Map<String, Value> = metrics
        .iter()
        .map(|m| {
            let mut object = json!({"header": m.info.header, "exact": m.exact});
            if let (Value::Object(object), Value::Object(figures)) = (&mut object, metric(m)) {
                object.extend(figures);
                object.insert("client_share".into(), shares(m.info.tag));
            }
            (m.info.tag.to_owned(), object)
        })
        .collect();
    Value::Object(by_tag)
}

const SCHEMA_VERSION: &str = "1.2";
