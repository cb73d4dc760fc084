//! inference-perf: `per_request_lifecycle_metrics.json`, a list of requests, and the summaries of a run or a stage. All
//! times are seconds.

use super::{Foreign, Request, figures_of, no_requests, observed, totals};
use ringload_engine::plan::{Statistic, metric};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Line {
    start_time: f64,
    end_time: f64,
    #[serde(default)]
    info: Info,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    output_tokens: Option<f64>,
    output_token_times: Vec<f64>,
    /// Later versions have both in here.
    response_metrics: Option<Response>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    output_tokens: Option<f64>,
    output_token_times: Vec<f64>,
}

pub(super) fn requests(bytes: &[u8]) -> serde_json::Result<Foreign> {
    let lines: Vec<Line> = serde_json::from_slice(bytes)?;
    let failed = lines.iter().filter(|line| line.error.is_some()).count() as u64;
    let request = |line: &Line| {
        let later = line.info.response_metrics.as_ref();
        let times = match line.info.output_token_times.is_empty() {
            true => later.map_or(&[][..], |response| &response.output_token_times[..]),
            false => &line.info.output_token_times[..],
        };
        let tokens = line.info.output_tokens.or_else(|| later?.output_tokens).unwrap_or(times.len() as f64);
        let ends = times.first().zip(times.last());
        Request {
            start: Some(line.start_time),
            latency: Some(line.end_time - line.start_time),
            ttft: times.first().map(|first| first - line.start_time),
            itl: ends.filter(|_| tokens > 1.0 && times.len() > 1).map(|(first, last)| (last - first) / (tokens - 1.0)),
            tokens,
        }
    };
    let done = lines.iter().filter(|line| line.error.is_none()).map(request).collect();
    Ok(Foreign {
        tool: "inference-perf",
        observed: observed(done, failed),
        figures: Vec::new(),
        facts: vec![("requests".into(), lines.len().to_string())],
        config: None,
        notes: vec![STAGES.into()],
    })
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    load_summary: LoadSummary,
    successes: Successes,
    #[serde(default)]
    failures: Counted,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoadSummary {
    count: Option<u64>,
    requested_rate: Option<f64>,
    concurrency: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Successes {
    count: u64,
    latency: Latency,
    throughput: Throughput,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Latency {
    request_latency: Option<Spread>,
    time_per_output_token: Option<Spread>,
    time_to_first_token: Option<Spread>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Spread {
    mean: Option<f64>,
    median: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Throughput {
    output_tokens_per_sec: Option<f64>,
    requests_per_sec: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counted {
    count: u64,
}

pub(super) fn summary(bytes: &[u8]) -> serde_json::Result<Foreign> {
    let summary: Summary = serde_json::from_slice(bytes)?;
    let latency = &summary.successes.latency;
    let mut figures = Vec::new();
    for (tag, spread) in [
        (metric::TIME_TO_FIRST_TOKEN.tag, latency.time_to_first_token),
        // Its inter_token_latency are the gaps between events, all of them.
        (metric::INTER_TOKEN_LATENCY.tag, latency.time_per_output_token),
        (metric::REQUEST_LATENCY.tag, latency.request_latency),
    ] {
        let spread = spread.unwrap_or_default();
        let values = [
            (Statistic::Avg, spread.mean),
            (Statistic::P50, spread.median),
            (Statistic::P95, spread.p95),
            (Statistic::P99, spread.p99),
        ];
        figures.extend(figures_of(tag, values, 1e3));
    }
    let rates = &summary.successes.throughput;
    figures.extend(totals(
        rates.requests_per_sec,
        rates.output_tokens_per_sec,
        summary.successes.count,
        summary.failures.count,
    ));
    let load = &summary.load_summary;
    let facts = [
        ("requests", load.count.map(|n| n.to_string())),
        ("request_rate", load.requested_rate.map(|rate| rate.to_string())),
        ("concurrency", load.concurrency.map(|n| n.to_string())),
    ];
    Ok(Foreign {
        tool: "inference-perf",
        observed: observed(Vec::new(), 0),
        figures,
        facts: facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        config: None,
        notes: vec![
            no_requests("per_request_lifecycle_metrics.json has them (report.request_lifecycle.per_request)"),
            "ITL of inference-perf is its time_per_output_token; its inter_token_latency are the gaps between events, which are not compared".into(),
        ],
    })
}

const STAGES: &str = "requests of all stages are taken together";
