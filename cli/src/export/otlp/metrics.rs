//! The metrics of the measured phase: a summary with quantiles of each metric of requests, a gauge of each other one.

use crate::result::run::Outcome;
use ringload_engine::measure::{Metric, Stats};
use serde_json::{Value, json};

pub(super) fn of(outcome: &Outcome) -> Vec<Value> {
    let summary = &outcome.summary;
    let (from, to) = (summary.started_at_ns.to_string(), summary.ended_at_ns.to_string());
    summary.metrics.iter().filter_map(|metric| one(metric, &from, &to)).collect()
}

fn one(metric: &Metric, from: &str, to: &str) -> Option<Value> {
    let info = metric.info;
    let mut named =
        json!({"name": format!("ringload.{}", info.tag), "unit": info.unit, "description": info.definition});
    match &metric.stats {
        Some(stats) => {
            let quantiles = quantiles(stats)?;
            named["summary"] = json!({"dataPoints": [{
                "startTimeUnixNano": from,
                "timeUnixNano": to,
                "count": stats.count.to_string(),
                "sum": stats.sum,
                "quantileValues": quantiles,
            }]});
        }
        None if metric.avg.is_finite() => {
            named["gauge"] = json!({"dataPoints": [{
                "startTimeUnixNano": from,
                "timeUnixNano": to,
                "asDouble": metric.avg,
            }]});
        }
        None => return None,
    }
    Some(named)
}

/// The least and the largest are the quantiles 0 and 1; `None` where a figure is not finite.
fn quantiles(s: &Stats) -> Option<Vec<Value>> {
    let all = [
        (0.0, s.min),
        (0.25, s.p25),
        (0.5, s.p50),
        (0.75, s.p75),
        (0.9, s.p90),
        (0.95, s.p95),
        (0.99, s.p99),
        (1.0, s.max),
    ];
    let finite = s.sum.is_finite() && all.iter().all(|(_, value)| value.is_finite());
    finite.then(|| all.iter().map(|(quantile, value)| json!({"quantile": quantile, "value": value})).collect())
}
