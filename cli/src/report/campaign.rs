//! Several runs on stdout: a line after each, then the sweep points side by side, what repeats agree on, and what a
//! sweep shows.

mod comparison;
mod runs;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use comparison::in_words as sweep_in_words;

use super::layout::{WIDTH, heading, line, short, wrap};
use super::table::Table;
use super::{Style, latency};
use crate::result::campaign::{Campaign, Settling, SweepPointOutcome};
use crate::result::run::Outcome;
use ringload_engine::campaign::Spread;
use std::path::{Path, PathBuf};

/// A line on a run that has just ended, under a heading before the first.
pub(crate) fn progress_line(outcome: &Outcome, first: bool) -> String {
    let title = if first {
        format!("{:<34}{:>9}{:>9}{:>8}{:>10}{:>10}\n", "RUN", "req/s", "good/s", "good %", "TTFT p99", "verdict")
    } else {
        String::new()
    };
    let single = |tag: &str| outcome.metric(tag).map_or_else(|| "-".into(), |m| short(m.avg));
    let good = outcome.summary.goodput.as_ref();
    let share = good.map_or_else(|| "-".into(), |g| share(g.good_request_fraction));
    let ttft = outcome.metric("time_to_first_token").and_then(|m| m.stats);
    // Points differ in their values, so that none may be cut off: a long name takes lines of its own.
    let mut lines = wrap(&runs::name(&outcome.identity.of_several), NAME);
    let last = lines.pop().unwrap_or_default();
    let above: String = lines.iter().map(|part| format!("{part}\n")).collect();
    format!(
        "{title}{above}{last:<34}{:>9}{:>9}{:>8}{:>10}{:>10}\n",
        single("request_throughput"),
        single("goodput"),
        share,
        ttft.map_or_else(|| "-".into(), |s| latency::p99(&s)),
        outcome.verdict.status,
    )
}

/// What follows the line of a run that is INVALID by the client, and is made again.
pub(crate) const AGAIN: &str = "  INVALID by the client: it is made again\n";

/// The first screen: what was not made of an interrupted campaign, the runs side by side, what they show, a line for
/// each finding, and how many runs can be trusted last; with `verbose` the whole report.
pub(crate) fn render(campaign: &Campaign, base: &Path, files: &[PathBuf], style: Style) -> String {
    if style.quiet || style.verbose {
        return whole(campaign, base, files, &style);
    }
    let mut text = runs::interrupted(campaign);
    if campaign.sweep_id.is_some() {
        text += &points_table(campaign);
        text += &comparison::render(campaign);
    } else {
        for point in campaign.points.iter().filter(|c| c.runs.len() > 1) {
            text += &repeats(point, campaign, FIRST);
        }
    }
    text += &runs::conditions(campaign);
    text.push('\n');
    text += &runs::findings_in_lines(campaign, style.width);
    text += &runs::made_again(campaign);
    text += &line("files", &format!("{}: report.html and others; --verbose for all that was found", base.display()));
    text + &runs::count_of_verdicts(campaign)
}

fn whole(campaign: &Campaign, base: &Path, files: &[PathBuf], style: &Style) -> String {
    let mut text = runs::verdicts(campaign) + &runs::conditions(campaign);
    if style.quiet {
        return text;
    }
    if campaign.sweep_id.is_some() {
        text += &points_table(campaign);
        text += &server::table(campaign);
        text += &comparison::render(campaign);
    }
    for point in campaign.points.iter().filter(|c| c.runs.len() > 1) {
        text += &repeats(point, campaign, SHOWN);
    }
    text += &heading("FILES");
    text += &line("folder", &base.display().to_string());
    let names: Vec<String> = files.iter().map(|f| f.strip_prefix(base).unwrap_or(f).display().to_string()).collect();
    text + &line("files", &names.join(" "))
}

fn points_table(campaign: &Campaign) -> String {
    let mut table = Table::new("SWEEP", &["req/s", "good/s", "good %", "tok/s", "TTFT50", "TTFT99", "ITL 50"]);
    let mut few = false;
    for (i, point) in campaign.points.iter().enumerate() {
        let figures = &point.figures;
        let known = |v: Option<f64>| v.map_or_else(|| "-".into(), short);
        let mean = |tag, stat| known(point.spread(tag, stat).map(|s| s.mean));
        let mark = if campaign.sweep.pareto.contains(&i) { " +" } else { "" };
        table.row(
            format!("{}{mark}", point.label),
            vec![
                known(figures.throughput),
                known(figures.goodput),
                figures.good_fraction.map_or_else(|| "-".into(), share),
                known(figures.output_tokens),
                mean("time_to_first_token", "p50"),
                marked(point, "time_to_first_token", "p99", &mut few),
                mean("inter_token_latency", "p50"),
            ],
        );
    }
    table.render()
        + "  + no other point has both more tokens/s and a smaller p99 of the latency\n"
        + if few { FEW } else { "" }
}

fn repeats(point: &SweepPointOutcome, campaign: &Campaign, figures: &[(&str, &str)]) -> String {
    let level = campaign.level * 100.0;
    let title = if campaign.sweep_id.is_some() {
        format!("{} RUNS OF {}", point.runs.len(), point.label)
    } else {
        format!("{} RUNS", point.runs.len())
    };
    let mut table = Table::new(&title, &["mean", "std", "cv %", "low", "high", "min", "max"]);
    let mut few = false;
    for (tag, stat) in figures {
        if let Some(s) = point.spread(tag, stat) {
            let mean = marked(point, tag, stat, &mut few);
            table.row(format!("{} {stat} ({})", name(s), s.unit), row(s, mean));
        }
    }
    let mut out = table.render();
    out += if few { FEW } else { "" };
    let words = format!("low and high: the {level} % interval of the mean (Student's t over {})", point.counted_runs());
    out += &wrap(&words, WIDTH - 2).iter().map(|part| format!("  {part}\n")).collect::<String>();
    if let Some(settling) = &point.settling {
        let label = if settling.settled { "settled" } else { "not settled" };
        out += &line(label, &settling_in_words(settling));
    }
    out
}

/// The mean over the repeats, with a mark where a run has too few values for its p99.
fn marked(point: &SweepPointOutcome, tag: &str, stat: &str, few: &mut bool) -> String {
    let Some(spread) = point.spread(tag, stat) else {
        return "-".into();
    };
    let short_of = |outcome: &Outcome| {
        let stats = outcome.metric(tag).and_then(|m| m.stats);
        stats.is_some_and(|s| s.count < latency::ENOUGH_FOR_P99)
    };
    let mark = stat == "p99" && point.runs.iter().any(|run| short_of(&run.outcome));
    *few |= mark;
    format!("{}{}", short(spread.mean), if mark { "*" } else { "" })
}

/// What the repeats were watched for, and what it came to.
fn settling_in_words(s: &Settling) -> String {
    let runs = if s.runs < s.most_runs || s.settled {
        format!("after {} of {} runs", s.runs, s.most_runs)
    } else {
        format!("after all {} runs", s.runs)
    };
    let (what, bound) = match s.mode {
        "ci_width" => ("the length of its interval over its mean", "under"),
        "cv" => ("its coefficient of variation", "under"),
        _ => ("the probability that the latest run's requests are distributed as the earlier ones'", "over"),
    };
    let value = s.value.map_or_else(|| "not known".into(), small);
    let remedy =
        if s.settled { "" } else { "; allow more with --num-profile-runs, or set another --convergence-threshold" };
    format!("{} {} {runs}: {what} is {value} (bound: {bound} {}){remedy}", s.metric, s.statistic, s.threshold)
}

/// A share that may be very small.
fn small(value: f64) -> String {
    if value == 0.0 || value >= 0.001 { format!("{value:.4}") } else { format!("{value:.1e}") }
}

fn row(s: &Spread, mean: String) -> Vec<String> {
    let cv = s.cv.map_or_else(|| "-".into(), |cv| short(cv * 100.0));
    vec![mean, short(s.std), cv, short(s.ci_low), short(s.ci_high), short(s.min), short(s.max)]
}

fn name(s: &Spread) -> &'static str {
    ringload_engine::plan::metric::find(s.tag).map_or(s.tag, |info| info.header)
}

fn share(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}

/// Columns of a run's name.
const NAME: usize = 33;
const FEW: &str = "  * this p99 is of fewer than 100 values in a run\n";

/// Figures of repeats on the first screen.
const FIRST: &[(&str, &str)] = &[
    ("request_throughput", "avg"),
    ("goodput", "avg"),
    ("time_to_first_token", "p50"),
    ("time_to_first_token", "p99"),
    ("inter_token_latency", "avg"),
    ("request_latency", "p99"),
];
const SHOWN: &[(&str, &str)] = &[
    ("request_throughput", "avg"),
    ("goodput", "avg"),
    ("output_token_throughput", "avg"),
    ("time_to_first_token", "avg"),
    ("time_to_first_token", "p50"),
    ("time_to_first_token", "p99"),
    ("inter_token_latency", "avg"),
    ("inter_token_latency", "p99"),
    ("request_latency", "avg"),
    ("request_latency", "p99"),
];
