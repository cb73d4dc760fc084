//! guidellm's `benchmarks.json`: a benchmark for each load, with its requests or a sample of them.

use super::{Foreign, Request, figures_of, no_requests, observed, totals};
use ringload_engine::plan::{Statistic, metric};
use ringload_engine::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct Document {
    benchmarks: Vec<Benchmark>,
}

#[derive(Deserialize)]
struct Benchmark {
    #[serde(default)]
    requests: Requests,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    config: Value,
    /// Earlier versions.
    #[serde(default)]
    args: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Requests {
    successful: Vec<Done>,
    errored: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Done {
    /// Seconds.
    #[serde(alias = "start_time")]
    request_start_time: Option<f64>,
    request_latency: Option<f64>,
    time_to_first_token_ms: Option<f64>,
    inter_token_latency_ms: Option<f64>,
    output_tokens: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metrics {
    request_totals: Totals,
    requests_per_second: ByStatus,
    output_tokens_per_second: ByStatus,
    /// Seconds.
    request_latency: ByStatus,
    time_to_first_token_ms: ByStatus,
    inter_token_latency_ms: ByStatus,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Totals {
    successful: Option<u64>,
    errored: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct ByStatus {
    successful: Option<Spread>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Spread {
    mean: Option<f64>,
    median: Option<f64>,
    percentiles: Percentiles,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Percentiles {
    p95: Option<f64>,
    p99: Option<f64>,
}

pub(super) fn read(
    bytes: &[u8],
    path: &Path,
    number: Option<usize>,
    unread: impl Fn(&serde_json::Error) -> Error,
) -> Result<Foreign> {
    let mut document: Document = serde_json::from_slice(bytes).map_err(|e| unread(&e))?;
    let count = document.benchmarks.len();
    let at = match number {
        None if count == 1 => 0,
        Some(number) if (1..=count).contains(&number) => number - 1,
        _ => {
            let path = path.display();
            return Err(Error::usage(
                format!("{path}: there are {count} benchmarks in it"),
                format!("name one by its number, from 1: {path}#1"),
            ));
        }
    };
    Ok(of(&document.benchmarks.swap_remove(at)))
}

fn of(benchmark: &Benchmark) -> Foreign {
    let metrics = &benchmark.metrics;
    let done: Vec<Request> = benchmark.requests.successful.iter().map(Done::request).collect();
    let kept = done.len() as u64;
    let all = metrics.request_totals.successful.unwrap_or(kept);
    let failed = metrics.request_totals.errored.unwrap_or(benchmark.requests.errored.len() as u64);
    let mut notes = Vec::new();
    let mut observed = observed(done, failed);
    if kept == 0 {
        notes.push(no_requests("guidellm keeps them in the JSON it writes, unless their sample is set to none"));
    } else if kept < all {
        notes.push(format!("the file has {kept} of {all} successful requests: rates are those that guidellm gives"));
        // A sample tells nothing of rates and failures.
        (observed.ends, observed.failed) = (Vec::new(), 0);
    }
    let mut figures = Vec::new();
    for (tag, spread, to_ms) in [
        (metric::TIME_TO_FIRST_TOKEN.tag, metrics.time_to_first_token_ms, 1.0),
        (metric::INTER_TOKEN_LATENCY.tag, metrics.inter_token_latency_ms, 1.0),
        (metric::REQUEST_LATENCY.tag, metrics.request_latency, 1e3),
    ] {
        let spread = spread.successful.unwrap_or_default();
        let values = [
            (Statistic::Avg, spread.mean),
            (Statistic::P50, spread.median),
            (Statistic::P95, spread.percentiles.p95),
            (Statistic::P99, spread.percentiles.p99),
        ];
        figures.extend(figures_of(tag, values, to_ms));
    }
    let rate = |of: ByStatus| of.successful.and_then(|spread| spread.mean);
    figures.extend(totals(rate(metrics.requests_per_second), rate(metrics.output_tokens_per_second), all, failed));
    let strategy = [&benchmark.config, &benchmark.args].into_iter().find_map(|of| of.get("strategy"));
    let fact = |field: &str| strategy.and_then(|strategy| strategy.get(field)).filter(|value| !value.is_null());
    let facts = [("load", "type_"), ("request_rate", "rate"), ("concurrency", "streams")];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Foreign {
        tool: "guidellm",
        observed,
        figures,
        facts: facts.iter().filter_map(|(name, field)| Some(((*name).to_owned(), text(fact(field)?)))).collect(),
        config: None,
        notes,
    }
}

impl Done {
    fn request(&self) -> Request {
        Request {
            start: self.request_start_time,
            latency: self.request_latency,
            ttft: self.time_to_first_token_ms.map(|ms| ms / 1e3),
            itl: self.inter_token_latency_ms.map(|ms| ms / 1e3),
            tokens: self.output_tokens.unwrap_or(0.0),
        }
    }
}
