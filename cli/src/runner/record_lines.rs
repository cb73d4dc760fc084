//! `profile_export.jsonl` of ringload or AIPerf → the requests of a run.

use ringload_engine::comparison::Observed;
use ringload_engine::files::regular;
use ringload_engine::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A line of the records.
#[derive(Deserialize)]
struct Line {
    metadata: Metadata,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    request_start_ns: u64,
    request_end_ns: u64,
    #[serde(default)]
    benchmark_phase: Option<String>,
    #[serde(default)]
    was_cancelled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metrics {
    time_to_first_token: Option<Figure>,
    inter_token_latency: Option<Figure>,
    request_latency: Option<Figure>,
    output_sequence_length: Option<Figure>,
}

#[derive(Clone, Copy, Deserialize)]
struct Figure {
    value: f64,
}

/// The requests of the measured phase.
///
/// # Errors
/// Where the file cannot be read, or holds something else.
pub(super) fn observed(path: &Path) -> Result<Observed> {
    let unreadable =
        |e: std::io::Error| Error::environment(format!("{}: {e}", path.display()), "make it readable for this user");
    let mut lines: Vec<(u64, Line)> = Vec::new();
    let mut run = Observed::default();
    for (number, line) in
        BufReader::with_capacity(1 << 20, regular(path, true).map_err(unreadable)?).lines().enumerate()
    {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(&line).map_err(|e| {
            Error::usage(
                format!("{}, line {}: no record of a request ({e})", path.display(), number + 1),
                "name a file or folder of ringload or AIPerf",
            )
        })?;
        let measured = line.metadata.benchmark_phase.as_deref().is_none_or(|phase| phase == "profiling");
        if !measured || line.metadata.was_cancelled {
            continue;
        }
        if line.error.is_some() {
            run.failed += 1;
            continue;
        }
        lines.push((line.metadata.request_start_ns, line));
    }
    lines.sort_by_key(|(start, _)| *start);
    let start = lines.first().map_or(0, |(start, _)| *start);
    let seconds = |at: u64| at.saturating_sub(start) as f64 / 1e9;
    run.ends = lines
        .iter()
        .map(|(_, line)| {
            let tokens = line.metrics.output_sequence_length.map_or(0.0, |figure| figure.value);
            (seconds(line.metadata.request_end_ns), tokens)
        })
        .collect();
    type Of = fn(&Metrics) -> Option<Figure>;
    let metrics: [(&str, Of); 3] = [
        ("time_to_first_token", |m| m.time_to_first_token),
        ("inter_token_latency", |m| m.inter_token_latency),
        ("request_latency", |m| m.request_latency),
    ];
    for (tag, of) in metrics {
        let values: Vec<f64> = lines.iter().filter_map(|(_, line)| Some(of(&line.metrics)?.value)).collect();
        if !values.is_empty() {
            run.metrics.push((tag.into(), "ms".into(), values));
        }
    }
    Ok(run)
}
