//! The steady part of the run, and how sure its figures are.

use super::layout::{line, short};
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::measure::{Confidence, Steady};
use ringload_engine::statistics::Interval;

/// Whole run and steady part side by side, with 95 % intervals within the run.
pub(super) fn section(outcome: &Outcome) -> String {
    let (Some(steady), Some(confidence)) = (&outcome.summary.steady, &outcome.summary.confidence) else {
        return String::new();
    };
    let mut out = table(outcome, steady, confidence);
    out += &line("steady part", &steady.words);
    if let Some(why) = &confidence.no_rates {
        out += &line("rates", why);
    }
    if confidence.rates.iter().any(|rate| !rate.independent) {
        out += &line(
            "!",
            "the rate still depends on the moment before in batches an eighth of the time long: its interval is too short; run longer",
        );
    }
    out
}

fn table(outcome: &Outcome, steady: &Steady, confidence: &Confidence) -> String {
    let columns: &[&str] = if steady.settled { &["whole", "steady", "95 %:", "to"] } else { &["whole", "95 %:", "to"] };
    let mut table = Table::new("WHOLE RUN AND STEADY PART", columns);
    for rate in &confidence.rates {
        let mark = if rate.independent { "" } else { " !" };
        let name = format!("{} ({}){mark}", header(outcome, rate.tag), rate.unit);
        let cells = row(steady, rate.tag, None, rate.value, rate.interval);
        table.row(name, cells);
    }
    for p in &confidence.percentiles {
        let name = format!("{} {} ({})", header(outcome, p.tag), p.statistic, p.unit);
        let cells = row(steady, p.tag, Some(p.statistic), p.value, p.interval);
        table.row(name, cells);
    }
    table.render()
}

fn row(steady: &Steady, tag: &str, statistic: Option<&str>, value: f64, interval: Interval) -> Vec<String> {
    let mut figures = steady.figures.iter();
    let both = figures.find(|c| c.tag == tag && c.statistic == statistic);
    let mut cells = both.map_or_else(|| vec![value], |c| vec![c.whole, c.steady]);
    if steady.settled && cells.len() == 1 {
        cells.insert(0, f64::NAN);
    }
    cells.extend([interval.low, interval.high]);
    cells.into_iter().map(short).collect()
}

fn header<'a>(outcome: &'a Outcome, tag: &'a str) -> &'a str {
    outcome.metric(tag).map_or(tag, |m| m.info.header)
}
