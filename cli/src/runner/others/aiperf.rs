//! AIPerf's `profile_export_aiperf.json`, which ringload writes too: figures alone; the requests are in
//! `profile_export.jsonl`.

use super::{Foreign, figure, figures_of, no_requests, observed};
use ringload_engine::plan::{Statistic, metric};
use serde_json::Value;

pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Foreign> {
    let document: Value = serde_json::from_slice(bytes)?;
    let number = |tag: &str, field: &str| document.get(tag)?.get(field)?.as_f64();
    let mut figures = Vec::new();
    for tag in [metric::TIME_TO_FIRST_TOKEN.tag, metric::INTER_TOKEN_LATENCY.tag, metric::REQUEST_LATENCY.tag] {
        let values = [
            (Statistic::Avg, number(tag, "avg")),
            (Statistic::P50, number(tag, "p50")),
            (Statistic::P95, number(tag, "p95")),
            (Statistic::P99, number(tag, "p99")),
        ];
        let unit = document.get(tag).and_then(|metric| metric.get("unit")?.as_str()).unwrap_or("ms");
        let to_ms = match unit {
            "s" | "sec" => 1e3,
            "us" | "µs" => 1e-3,
            "ns" => 1e-6,
            _ => 1.0,
        };
        figures.extend(figures_of(tag, values, to_ms));
    }
    for (tag, unit) in
        [(metric::REQUEST_THROUGHPUT.tag, "requests/sec"), (metric::OUTPUT_TOKEN_THROUGHPUT.tag, "tokens/sec")]
    {
        figures.extend(number(tag, "avg").map(|value| figure(tag, Statistic::Value, unit, value)));
    }
    let (done, failed) =
        (number("request_count", "avg").unwrap_or(0.0), number("error_request_count", "avg").unwrap_or(0.0));
    if done + failed > 0.0 {
        figures.push(figure("request_error_rate", Statistic::Value, "ratio", failed / (done + failed)));
    }
    let ours = document.get("ringload_version").is_some();
    Ok(Foreign {
        tool: if ours { "ringload" } else { "AIPerf" },
        observed: observed(Vec::new(), 0),
        figures,
        facts: Vec::new(),
        config: document.get("input_config").cloned(),
        notes: vec![no_requests("profile_export.jsonl has them")],
    })
}
