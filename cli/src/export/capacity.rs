//! `ringload_capacity.json`: what a search found, and every probe on which it rests.

use super::campaign::discarded;
use super::draft::write_whole;
use super::numbers::{finite, without_nulls};
use crate::flags::Axis;
use crate::result::capacity::{Capacity, Probe};
use ringload_engine::Result;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes the file, and its `page`, into the folder of the search; those of its probes are there already.
///
/// # Errors
/// When the disk is full or the folder has gone.
pub(crate) fn finish(dir: &Path, capacity: &Capacity, page: &str) -> Result<Vec<PathBuf>> {
    let path = dir.join("ringload_capacity.json");
    let text = format!("{:#}\n", document(capacity));
    write_whole(&path, text.as_bytes())?;
    let beside = dir.join("report.html");
    write_whole(&beside, page.as_bytes())?;
    Ok(vec![path, beside])
}

/// What was found, and every probe.
pub(crate) fn document(capacity: &Capacity) -> Value {
    without_nulls(with_nulls(capacity))
}

fn with_nulls(capacity: &Capacity) -> Value {
    let unit = match capacity.axis {
        Axis::Rate => "requests/sec",
        Axis::Concurrency => "requests",
    };
    json!({
        "schema_version": "1.1",
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "command": capacity.identity.command,
        "axis": match capacity.axis { Axis::Rate => "request_rate", Axis::Concurrency => "concurrency" },
        "unit": unit,
        "target": capacity.target,
        "slos": capacity.slos.iter()
            .map(|slo| json!({"metric": slo.tag, "threshold": slo.threshold}))
            .collect::<Vec<_>>(),
        "capacity": capacity.search.holds().and_then(finite),
        "holds": capacity.search.holds().and_then(finite),
        "fails": capacity.search.fails().and_then(finite),
        "unjudged": capacity.search.unjudged().and_then(finite),
        "interval": {
            "level": capacity.level,
            "low": capacity.sure().0.and_then(finite),
            "high": capacity.sure().1.and_then(finite),
        },
        "good_fraction": capacity.best().and_then(|p| finite(p.judgement.good_fraction)),
        "goodput": capacity.best()
            .and_then(|p| p.run.outcome.summary.goodput.as_ref().map(|g| g.goodput))
            .and_then(finite),
        "invalid_by_client": capacity.spoiled().is_some(),
        "ringload_notes": match capacity.base.run.outcome.notes() {
            notes if notes.is_empty() => Value::Null,
            notes => notes.into(),
        },
        "interrupted": capacity.ended_early.is_some(),
        "interrupted_by": capacity.ended_early.as_ref().map(ToString::to_string),
        "one_at_a_time": {
            "request_latency_p50_ms": capacity.base.latency_s.and_then(|s| finite(s * 1e3)),
            "time_to_first_token_p50_ms": capacity.base.ttft_s.and_then(|s| finite(s * 1e3)),
            "good_fraction": capacity.base.good_fraction,
            "invalid_by_client": capacity.base.spoiled.then_some(true),
            "discarded_attempts": discarded(&capacity.base.run),
            "folder": folder(&capacity.base.run.files),
        },
        "probes": capacity.probes.iter().map(probe).collect::<Vec<_>>(),
    })
}

fn probe(probe: &Probe) -> Value {
    let outcome = &probe.run.outcome;
    json!({
        "load": finite(probe.load),
        "holds": probe.judgement.holds,
        "interrupted": probe.interrupted.then_some(true),
        "invalid_by_client": (probe.spoiled && !probe.interrupted).then_some(true),
        "reason": probe.judgement.reason,
        "requests": probe.judgement.requests,
        "good_fraction": finite(probe.judgement.good_fraction),
        "interval": probe.judgement.interval,
        "seconds": finite(probe.took_s),
        "request_throughput": outcome.metric("request_throughput").and_then(|m| finite(m.avg)),
        "time_to_first_token_p99_ms": outcome.metric("time_to_first_token")
            .and_then(|m| m.stats).and_then(|s| finite(s.p99)),
        "verdict": outcome.verdict.status,
        "benchmark_id": outcome.identity.benchmark_id,
        "folder": folder(&probe.run.files),
    })
}

fn folder(files: &[PathBuf]) -> Option<String> {
    files.first()?.parent().map(|d| d.display().to_string())
}
