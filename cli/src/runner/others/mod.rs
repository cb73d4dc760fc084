//! What other tools leave of a run, as far as it can be held against one of ringload: the requests where the file has
//! them, else the figures that it gives.

mod aiperf;
mod guidellm;
mod inference_perf;
mod vllm;

use ringload_engine::comparison::{Estimate, Observed};
use ringload_engine::plan::{Statistic, metric};
use ringload_engine::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::path::Path;

/// A run of another tool.
pub(super) struct Foreign {
    /// Who left it.
    pub(super) tool: &'static str,
    /// Its requests, in the order in which they were sent.
    pub(super) observed: Observed,
    /// What the file says beside them, without errors: for what its requests do not show.
    pub(super) figures: Vec<Estimate>,
    /// What was planned: model, load.
    pub(super) facts: Vec<(String, String)>,
    /// The plan in AIPerf's words, where the file has it so.
    pub(super) config: Option<Value>,
    /// What of it cannot be compared, or means something else.
    pub(super) notes: Vec<String>,
}

/// Which of the tools a document is of, by what only it has.
#[derive(Deserialize)]
struct Marks {
    /// guidellm: a benchmark for each load.
    benchmarks: Option<IgnoredAny>,
    /// inference-perf.
    successes: Option<IgnoredAny>,
    /// AIPerf.
    aiperf_version: Option<IgnoredAny>,
    input_config: Option<IgnoredAny>,
    /// vLLM's `vllm bench serve`, and SGLang's script of that shape.
    completed: Option<IgnoredAny>,
    request_throughput: Option<IgnoredAny>,
}

/// Reads a document; of several runs in it the one of this number, from 1.
///
/// # Errors
/// Where it is none of a known tool, or holds several runs and none was named.
pub(super) fn read(bytes: &[u8], path: &Path, number: Option<usize>) -> Result<Foreign> {
    let of = |tool: &str, e: &serde_json::Error| {
        Error::usage(
            format!("{}: not as {tool} writes it ({e})", path.display()),
            "name a file that the tool has written itself, or a folder of ringload",
        )
    };
    if first_of(bytes) == Some(b'[') {
        return inference_perf::requests(bytes).map_err(|e| of("inference-perf", &e));
    }
    let unknown = |why: String| {
        Error::usage(
            format!("{}: {why}", path.display()),
            "name a folder of ringload or AIPerf, or a result of AIPerf, vllm bench serve (--save-result), guidellm or inference-perf",
        )
    };
    let marks: Marks = serde_json::from_slice(bytes).map_err(|e| unknown(format!("no result in JSON ({e})")))?;
    match marks {
        Marks { benchmarks: Some(_), .. } => guidellm::read(bytes, path, number, |e| of("guidellm", e)),
        Marks { successes: Some(_), .. } => inference_perf::summary(bytes).map_err(|e| of("inference-perf", &e)),
        Marks { aiperf_version: Some(_), .. } | Marks { input_config: Some(_), .. } => {
            aiperf::read(bytes).map_err(|e| of("AIPerf", &e))
        }
        Marks { completed: Some(_), request_throughput: Some(_), .. } => {
            vllm::read(bytes).map_err(|e| of("vllm bench serve", &e))
        }
        _ => Err(unknown("a document of no tool that is known".into())),
    }
}

/// Files of other tools in a folder, by their usual names: that with the requests first.
pub(super) const USUAL: [&str; 4] = [
    "per_request_lifecycle_metrics.json",
    "benchmarks.json",
    "summary_lifecycle_metrics.json",
    "profile_export_aiperf.json",
];

fn first_of(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// A request that succeeded, as every tool has it. Times are in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    start: Option<f64>,
    latency: Option<f64>,
    ttft: Option<f64>,
    itl: Option<f64>,
    tokens: f64,
}

/// The requests in their order; failed ones apart.
fn observed(mut requests: Vec<Request>, failed: u64) -> Observed {
    requests.sort_by(|a, b| a.start.unwrap_or(0.0).total_cmp(&b.start.unwrap_or(0.0)));
    let first = requests.first().and_then(|request| request.start);
    let mut run = Observed { failed, ..Observed::default() };
    type Of = fn(&Request) -> Option<f64>;
    let metrics: [(&str, Of); 3] = [
        (metric::TIME_TO_FIRST_TOKEN.tag, |r| r.ttft),
        (metric::INTER_TOKEN_LATENCY.tag, |r| r.itl),
        (metric::REQUEST_LATENCY.tag, |r| r.latency),
    ];
    for (tag, of) in metrics {
        let values: Vec<f64> = requests.iter().filter_map(of).filter(|s| s.is_finite()).map(|s| 1e3 * s).collect();
        if !values.is_empty() {
            run.metrics.push((tag.into(), "ms".into(), values));
        }
    }
    let end = |request: &Request| Some((request.start? - first? + request.latency?, request.tokens));
    run.ends = requests.iter().filter_map(end).collect();
    if run.ends.is_empty() {
        // Without those that succeeded, failures are no share of anything.
        run.failed = 0;
    }
    run
}

/// A figure that a tool gives.
fn figure(tag: &str, statistic: Statistic, unit: &str, value: f64) -> Estimate {
    Estimate {
        tag: tag.into(),
        statistic,
        unit: unit.into(),
        value,
        error: None,
        is_share: unit == "ratio",
        spread: None,
    }
}

/// The figures of a metric in ms, from those that are there.
fn figures_of(tag: &str, values: [(Statistic, Option<f64>); 4], to_ms: f64) -> impl Iterator<Item = Estimate> {
    values.into_iter().filter_map(move |(statistic, value)| Some(figure(tag, statistic, "ms", to_ms * value?)))
}

/// Rates, and the share of requests that failed.
fn totals(requests_per_s: Option<f64>, tokens_per_s: Option<f64>, done: u64, failed: u64) -> Vec<Estimate> {
    let mut found = Vec::new();
    let mut put = |tag: &str, unit: &str, value: Option<f64>| {
        found.extend(value.filter(|v| *v > 0.0).map(|value| figure(tag, Statistic::Value, unit, value)));
    };
    put(metric::REQUEST_THROUGHPUT.tag, "requests/sec", requests_per_s);
    put(metric::OUTPUT_TOKEN_THROUGHPUT.tag, "tokens/sec", tokens_per_s);
    if done + failed > 0 {
        let share = failed as f64 / (done + failed) as f64;
        found.push(figure("request_error_rate", Statistic::Value, "ratio", share));
    }
    found
}

/// What of a run without requests cannot be told.
fn no_requests(with: &str) -> String {
    format!("the file has figures and no requests, so that none has an interval: {with}")
}

#[cfg(test)]
mod tests;
