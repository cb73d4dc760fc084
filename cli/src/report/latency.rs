//! Tables of metrics.

use super::layout::short;
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::measure::{MARKED, Metric, Stats};
use ringload_engine::plan::Statistic;

/// The metrics of requests, AIPerf's columns; all of them when `verbose`.
pub(super) fn table(outcome: &Outcome, verbose: bool) -> String {
    let mut table = Table::new("METRIC", &["avg", "min", "max", "p99", "p90", "p50", "std"]);
    let shown: Vec<&Metric> = if verbose {
        outcome.summary.metrics.iter().collect()
    } else {
        SHOWN.iter().filter_map(|tag| outcome.metric(tag)).collect()
    };
    let (mut few, mut rounded) = (false, false);
    let mut own = Own::of(outcome);
    for metric in shown {
        let Some(s) = &metric.stats else { continue };
        rounded |= !metric.exact;
        few |= s.count < ENOUGH_FOR_P99;
        let mark = if metric.exact { "" } else { " ~" };
        let name = format!("{} ({}){mark}", metric.info.header, metric.info.unit);
        table.row(name, COLUMNS.iter().map(|statistic| own.cell(metric, *statistic)).collect());
    }
    let mut out = table.render();
    if few {
        out += "  * this p99 is of fewer than 100 values\n";
    }
    if rounded {
        out += "  ~ too many values to keep: percentiles to 3 digits, from a histogram\n";
    }
    out + own.legend()
}

/// Latency from the issue beside latency from the schedule: what the server took, and what the user felt.
pub(super) fn service_and_response(outcome: &Outcome) -> String {
    let mut table = Table::new("SERVICE AND RESPONSE TIME (ms)", &["p50", "p90", "p99", "max"]);
    let mut own = Own::of(outcome);
    for (tag, name) in FELT {
        if let Some(metric) = outcome.metric(tag).filter(|m| m.stats.is_some()) {
            let columns = [Statistic::P50, Statistic::P90, Statistic::P99, Statistic::Max];
            table.row(*name, columns.map(|statistic| own.cell(metric, statistic)).into());
        }
    }
    table.render() + own.legend()
}

/// The far percentiles, where there are samples for them.
pub(super) fn tails(outcome: &Outcome, verbose: bool) -> String {
    let mut table = Table::new("TAILS (ms)", &["p50", "p99", "p99.9", "p99.99", "max"]);
    let mut few = false;
    let mut own = Own::of(outcome);
    for d in outcome.summary.histograms.iter().filter(|d| d.count >= ENOUGH_FOR_P999 || (verbose && d.count > 0)) {
        let cells = ["p50", "p99", "p99.9", "p99.99", "max"].map(|name| {
            d.percentiles.iter().find(|p| p.name == name).map_or_else(
                || "-".into(),
                |p| {
                    few |= !p.enough_samples;
                    let mark = if p.enough_samples { "" } else { "*" };
                    own.marked(d.tag, Statistic::named(name), format!("{}{mark}", short(p.ms)))
                },
            )
        });
        let name = outcome.metric(d.tag).map_or(d.tag, |m| m.info.header);
        table.row(name, cells.to_vec());
    }
    let mut out = table.render();
    if few && !out.is_empty() {
        out += "  * this percentile is of too few values\n";
    }
    out + own.legend()
}

/// Marks figures of which the client itself can have made over a hundredth.
pub(super) struct Own<'a> {
    outcome: &'a Outcome,
    any: bool,
    few: bool,
}

impl<'a> Own<'a> {
    pub(super) fn of(outcome: &'a Outcome) -> Self {
        Self { outcome, any: false, few: false }
    }

    /// Whether a figure was marked so.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// Whether too few values stand behind a figure.
    pub(super) fn few(&self) -> bool {
        self.few
    }

    pub(super) fn cell(&mut self, metric: &Metric, statistic: Statistic) -> String {
        let text = match (statistic, &metric.stats) {
            (Statistic::P99, Some(stats)) => {
                self.few |= stats.count < ENOUGH_FOR_P99;
                p99(stats)
            }
            (Statistic::P999 | Statistic::P9999, Some(_)) if !metric.has_enough_for(statistic) => {
                self.few = true;
                metric.statistic(statistic).map_or_else(|| "-".into(), |value| format!("{}*", short(value)))
            }
            _ => metric.statistic(statistic).map_or_else(|| "-".into(), short),
        };
        self.marked(metric.info.tag, Some(statistic), text)
    }

    fn marked(&mut self, tag: &str, statistic: Option<Statistic>, text: String) -> String {
        let share = statistic.and_then(|statistic| self.outcome.summary.client_share(tag, statistic));
        if share.is_none_or(|share| share <= MARKED) {
            return text;
        }
        self.any = true;
        // The stronger mark, where there is no room for both.
        format!("{}!", text.trim_end_matches('*'))
    }

    fn legend(&self) -> &'static str {
        if self.any {
            "  ! the client itself can have made over 1 % of this figure: see client_share in\n    ringload_report.json\n"
        } else {
            ""
        }
    }
}

/// AIPerf's columns.
const COLUMNS: [Statistic; 7] =
    [Statistic::Avg, Statistic::Min, Statistic::Max, Statistic::P99, Statistic::P90, Statistic::P50, Statistic::Std];

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
    ("response_time", "end of response, from schedule"),
];
