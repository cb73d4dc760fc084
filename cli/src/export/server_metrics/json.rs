//! `server_metrics_export.json`.

use super::{PERCENTILES, estimates};
use crate::export::numbers::{finite, without_nulls};
use crate::export::{input_config, time};
use crate::result::run::Outcome;
use ringload_engine::telemetry::{Collector, EndpointFigures, Estimate, Kind, Labels, SeriesStats};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(
    outcome: &Outcome,
    endpoints: &[Collector],
    absent: &[String],
    to: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, &document(outcome, endpoints, absent))?;
    to.write_all(b"\n")
}

fn document(outcome: &Outcome, endpoints: &[Collector], absent: &[String]) -> Value {
    let summary = &outcome.summary;
    let found: Vec<EndpointFigures> = endpoints.iter().map(Collector::endpoint).collect();
    let configured: Vec<&String> = found.iter().map(|endpoint| &endpoint.url).chain(absent).collect();
    let successful: Vec<&String> = found.iter().filter(|of| of.fetches > 0).map(|of| &of.url).collect();
    let info: Map<String, Value> = found.iter().map(|of| (of.url.clone(), info(of))).collect();
    let local = |at| time::naive_local(at, &outcome.identity.zone);
    without_nulls(json!({
        "schema_version": SCHEMA_VERSION,
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "benchmark_id": outcome.identity.benchmark_id,
        "summary": {
            "endpoints_configured": configured,
            "endpoints_successful": successful,
            "start_time": local(summary.started_at_ns),
            "end_time": local(summary.ended_at_ns),
            "endpoint_info": info,
            "phase_time_ranges": {
                "profiling": {"start_ns": summary.started_at_ns, "end_ns": summary.ended_at_ns},
            },
        },
        "metrics_phase": "profiling",
        "metrics": metrics(endpoints),
        "input_config": input_config::of(&outcome.plan, &outcome.identity.secrets),
    }))
}

fn info(endpoint: &EndpointFigures) -> Value {
    json!({
        "total_fetches": endpoint.fetches,
        "first_fetch_ns": endpoint.first_at,
        "last_fetch_ns": endpoint.last_at,
        "avg_fetch_latency_ms": finite(endpoint.took_ns as f64 / endpoint.fetches.max(1) as f64 / 1e6),
        "unique_updates": endpoint.updates,
        "first_update_ns": endpoint.first_update_at,
        "last_update_ns": endpoint.last_update_at,
        "duration_seconds": finite(endpoint.last_at.saturating_sub(endpoint.first_at) as f64 / 1e9),
        "avg_update_interval_ms": endpoint.update_interval_ms().and_then(finite),
    })
}

/// Metrics by name, with the series of all endpoints.
fn metrics(endpoints: &[Collector]) -> Value {
    let mut all: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for collector in endpoints {
        let url = collector.endpoint().url;
        for metric in collector.metrics() {
            // AIPerf has gauges, counters and histograms.
            let kind = if metric.kind == Kind::Unknown { Kind::Gauge } else { metric.kind };
            let entry = all.entry(metric.name).or_insert_with(|| {
                let mut entry = Map::new();
                entry.insert("type".into(), kind.name().into());
                entry.insert("description".into(), metric.help.into());
                entry.extend(metric.unit.map(|unit| ("unit".to_owned(), unit.into())));
                entry.insert("series".into(), Value::Array(Vec::new()));
                entry
            });
            let series = metric.series.iter().map(|series| self::series(&url, &series.labels, &series.stats));
            if let Some(Value::Array(list)) = entry.get_mut("series") {
                list.extend(series);
            }
        }
    }
    Value::Object(all.into_iter().map(|(name, metric)| (name, Value::Object(metric))).collect())
}

fn series(url: &str, labels: &Labels, stats: &SeriesStats) -> Value {
    let mut entry = Map::new();
    entry.insert("endpoint_url".into(), url.into());
    if !labels.0.is_empty() {
        entry.insert("labels".into(), self::labels(labels));
    }
    let mut figures = Map::new();
    let mut put = |name: &str, value: f64| {
        if let Some(value) = finite(value) {
            figures.insert(name.to_owned(), value);
        }
    };
    match stats {
        SeriesStats::Gauge(gauge) => {
            for (name, value) in [("avg", gauge.avg), ("min", gauge.min), ("max", gauge.max), ("std", gauge.std)] {
                put(name, value);
            }
            PERCENTILES.iter().zip(gauge.percentiles).for_each(|(name, value)| put(name, value));
        }
        SeriesStats::Counter(counter) => {
            put("total", counter.total);
            put("rate", counter.rate);
        }
        SeriesStats::Histogram(histogram) => {
            let rate = |value: f64| if histogram.seconds > 0.0 { value / histogram.seconds } else { 0.0 };
            put("count", histogram.count);
            put("sum", histogram.sum);
            put("avg", histogram.mean().unwrap_or(0.0));
            put("count_rate", rate(histogram.count));
            put("sum_rate", rate(histogram.sum));
            estimates(histogram).for_each(|(name, value)| put(name, value));
            let buckets =
                histogram.buckets.iter().map(|(bound, count)| (bound.clone(), finite(*count).unwrap_or_default()));
            entry.insert("buckets".into(), Value::Object(buckets.collect()));
        }
    }
    entry.insert("stats".into(), Value::Object(figures));
    if let SeriesStats::Histogram(histogram) = stats
        && let Some(Estimate::Over(bound)) = histogram.quantile(0.99)
    {
        // Beyond AIPerf's fields: the estimates from here on are this bound, and the truth is above it.
        entry.insert("estimates_end_at".into(), finite(bound).unwrap_or_default());
    }
    Value::Object(entry)
}

pub(super) fn labels(labels: &Labels) -> Value {
    Value::Object(labels.0.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
}

const SCHEMA_VERSION: &str = "1.1";
