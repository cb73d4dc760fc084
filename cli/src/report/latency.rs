//! Tables of metrics.

use super::layout::short;
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::measure::{Metric, Stats};

/// The metrics of requests, AIPerf's columns; all of them when `verbose`.
pub(super) fn table(outcome: &Outcome, verbose: bool) -> String {
    let mut table = Table::new("METRIC", &["avg", "min", "max", "p99", "p90", "p50", "std"]);
    let shown: Vec<&Metric> = if verbose {
        outcome.summary.metrics.iter().collect()
    } else {
        SHOWN.iter().filter_map(|tag| outcome.metric(tag)).collect()
    };
    let (mut few, mut rounded) = (false, false);
    for metric in shown {
        let Some(s) = &metric.stats else { continue };
        rounded |= !metric.exact;
        few |= s.count < ENOUGH_FOR_P99;
        let values = [metric.avg, s.min, s.max].map(short).into_iter();
        let rest = [s.p90, s.p50, s.std].map(short).into_iter();
        let mark = if metric.exact { "" } else { " ~" };
        let name = format!("{} ({}){mark}", metric.info.header, metric.info.unit);
        table.row(name, values.chain([p99(s)]).chain(rest).collect());
    }
    let mut out = table.render();
    if few {
        out += "  * fewer than 100 values stand behind this p99\n";
    }
    if rounded {
        out += "  ~ too many values to keep: percentiles to 3 digits, from a histogram\n";
    }
    out
}

/// Latency from the issue beside latency from the schedule: what the server took, and what the user felt.
pub(super) fn service_and_response(outcome: &Outcome) -> String {
    let mut table = Table::new("SERVICE AND RESPONSE TIME (ms)", &["p50", "p90", "p99", "max"]);
    for (tag, name) in FELT {
        if let Some(s) = outcome.metric(tag).and_then(|m| m.stats.as_ref()) {
            table.row(*name, vec![short(s.p50), short(s.p90), p99(s), short(s.max)]);
        }
    }
    table.render()
}

/// The far percentiles, where there are samples for them.
pub(super) fn tails(outcome: &Outcome, verbose: bool) -> String {
    let mut table = Table::new("TAILS (ms)", &["p50", "p99", "p99.9", "p99.99", "max"]);
    let mut few = false;
    for d in outcome.summary.histograms.iter().filter(|d| d.count >= ENOUGH_FOR_P999 || (verbose && d.count > 0)) {
        let cells = ["p50", "p99", "p99.9", "p99.99", "max"].map(|name| {
            d.percentiles.iter().find(|p| p.name == name).map_or_else(
                || "-".into(),
                |p| {
                    few |= !p.enough_samples;
                    format!("{}{}", short(p.ms), if p.enough_samples { "" } else { "*" })
                },
            )
        });
        let name = outcome.metric(d.tag).map_or(d.tag, |m| m.info.header);
        table.row(name, cells.to_vec());
    }
    let mut out = table.render();
    if few && !out.is_empty() {
        out += "  * too few values stand behind this percentile\n";
    }
    out
}

pub(super) fn p99(s: &Stats) -> String {
    format!("{}{}", short(s.p99), if s.count < ENOUGH_FOR_P99 { "*" } else { "" })
}

pub(super) const ENOUGH_FOR_P99: u64 = 100;
const ENOUGH_FOR_P999: u64 = 1_000;

const SHOWN: &[&str] = &[
    "time_to_first_token",
    "time_to_first_token_from_send",
    "time_to_first_output_token",
    "time_to_second_token",
    "request_latency",
    "inter_token_latency",
    "inter_chunk_latency",
    "output_token_throughput_per_user",
    "output_sequence_length",
    "input_sequence_length",
];

const FELT: &[(&str, &str)] = &[
    ("time_to_first_token", "first token, from issue"),
    ("scheduled_time_to_first_token", "first token, from schedule"),
    ("request_latency", "last output, from issue"),
    ("response_time", "end of answer, from schedule"),
];
