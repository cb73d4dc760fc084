//! The server's metrics in AIPerf's shapes: `server_metrics_export.json`, `.csv`, `.jsonl` and `.parquet`, and GPUs in
//! `gpu_telemetry_export.jsonl`.

mod columns;
mod csv;
mod gpu;
mod json;
mod line;
#[cfg(test)]
mod tests;

pub(super) use columns::write as columns;
pub(super) use csv::write as csv;
pub(crate) use gpu::energy;
pub(super) use gpu::{fields as gpu_fields, section as gpu_section};
pub(super) use json::write as json;
pub(crate) use line::{LineAt, LineOf};

use ringload_engine::telemetry::{Estimate, HistogramFigures};

/// `h:8000` of `http://h:8000/metrics`.
fn display(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.strip_suffix("/metrics").unwrap_or(rest);
    rest.trim_end_matches('/')
}

/// The estimates of a histogram under AIPerf's names.
fn estimates(histogram: &HistogramFigures) -> impl Iterator<Item = (&'static str, f64)> {
    let named = [
        ("p1_estimate", 0.01),
        ("p5_estimate", 0.05),
        ("p10_estimate", 0.1),
        ("p25_estimate", 0.25),
        ("p50_estimate", 0.5),
        ("p75_estimate", 0.75),
        ("p90_estimate", 0.9),
        ("p95_estimate", 0.95),
        ("p99_estimate", 0.99),
    ];
    named.into_iter().filter_map(|(name, share)| Some((name, histogram.quantile(share).map(Estimate::value)?)))
}

/// The percentiles of a gauge under AIPerf's names, in the order in which they are kept.
const PERCENTILES: [&str; 9] = ["p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];
