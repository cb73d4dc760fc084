//! `vllm bench serve --save-result`: one object; with `--save-detailed` lists with an item for each request.

use super::{Foreign, Request, figures_of, no_requests, observed, totals};
use ringload_engine::comparison::Observed;
use ringload_engine::plan::{Statistic, metric};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    completed: u64,
    #[serde(default)]
    failed: Option<u64>,
    #[serde(default)]
    request_throughput: Option<f64>,
    #[serde(default)]
    output_throughput: Option<f64>,
    /// Seconds. Of requests that failed 0.
    #[serde(default)]
    ttfts: Vec<f64>,
    #[serde(default)]
    itls: Vec<Vec<f64>>,
    #[serde(default)]
    latencies: Vec<f64>,
    #[serde(default)]
    start_times: Vec<f64>,
    #[serde(default)]
    output_lens: Vec<f64>,
    /// Empty where there was none.
    #[serde(default)]
    errors: Vec<Option<String>>,
    /// `mean_ttft_ms`, `p99_tpot_ms` …, and the plan.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Foreign> {
    let document: Document = serde_json::from_slice(bytes)?;
    let (observed, failed) = requests(&document);
    let mut figures = Vec::new();
    for (tag, theirs) in [
        (metric::TIME_TO_FIRST_TOKEN.tag, "ttft"),
        // What it calls ITL are the gaps between events, all of them.
        (metric::INTER_TOKEN_LATENCY.tag, "tpot"),
        (metric::REQUEST_LATENCY.tag, "e2el"),
    ] {
        let of = |statistic: &str| document.rest.get(&format!("{statistic}_{theirs}_ms")).and_then(Value::as_f64);
        let values = [
            (Statistic::Avg, of("mean")),
            (Statistic::P50, of("median")),
            (Statistic::P95, of("p95")),
            (Statistic::P99, of("p99")),
        ];
        figures.extend(figures_of(tag, values, 1.0));
    }
    figures.extend(totals(document.request_throughput, document.output_throughput, document.completed, failed));
    let text = |name: &str| match document.rest.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let facts = [
        ("model", text("model_id")),
        ("concurrency", text("max_concurrency")),
        ("request_rate", text("request_rate").filter(|rate| rate != "inf")),
        ("requests", text("num_prompts")),
    ];
    let mut notes = vec![
        "ITL of vllm bench serve is its TPOT; its own ITL are the gaps between events, which are not compared"
            .to_owned(),
    ];
    if observed.metrics.is_empty() {
        notes.push(no_requests("--save-detailed writes them"));
    } else if observed.ends.is_empty() {
        notes.push("the file does not say when requests began: their order and rates are taken as they are".into());
    }
    Ok(Foreign {
        tool: "vllm bench serve",
        observed,
        figures,
        facts: facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        config: None,
        notes,
    })
}

/// The requests, and how many failed.
fn requests(document: &Document) -> (Observed, u64) {
    let count = document.ttfts.len();
    let failed_at = |i: usize| document.errors.get(i).is_some_and(|e| e.as_ref().is_some_and(|e| !e.is_empty()));
    let failed = document.failed.unwrap_or_else(|| (0..document.errors.len()).filter(|i| failed_at(*i)).count() as u64);
    let streamed = document.ttfts.iter().any(|ttft| *ttft > 0.0);
    let request = |i: usize| {
        let ttft = document.ttfts[i];
        let between = document.itls.get(i).map(|gaps| gaps.iter().sum::<f64>());
        let latency = document.latencies.get(i).copied().or_else(|| between.map(|between| ttft + between));
        let tokens = document.output_lens.get(i).copied().unwrap_or(0.0);
        Request {
            start: document.start_times.get(i).copied(),
            latency,
            ttft: streamed.then_some(ttft),
            itl: latency.filter(|_| streamed && tokens > 1.0).map(|latency| (latency - ttft) / (tokens - 1.0)),
            tokens,
        }
    };
    let requests: Vec<Request> = (0..count).filter(|i| !failed_at(*i)).map(request).collect();
    (observed(requests, failed), failed)
}
