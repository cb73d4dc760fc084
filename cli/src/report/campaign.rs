//! Several runs on stdout: a line after each, then the cells side by side, what repeats agree on, and what a sweep shows.

use super::layout::{count, heading, line, percent, short};
use super::table::Table;
use super::{Style, head};
use crate::campaign::{Campaign, CellOutcome};
use crate::outcome::Outcome;
use ringload_engine::campaign::{Knee, Spread};
use ringload_engine::verdict::Status;
use std::path::{Path, PathBuf};

/// A line on a run that has just ended, under a heading before the first.
pub(crate) fn progress_line(outcome: &Outcome, first: bool) -> String {
    let title = if first {
        format!(
            "{:<34}{:>9}{:>9}{:>8}{:>10}{:>10}\n",
            "RUN", "req/s", "good/s", "good %", "TTFT p99", "verdict"
        )
    } else {
        String::new()
    };
    let of = &outcome.identity.of_several;
    let name = match (&of.variation, of.run_label.as_str()) {
        (Some(cell), "") => cell.clone(),
        (Some(cell), run) => format!("{cell} {run}"),
        (None, run) => run.to_owned(),
    };
    let single = |tag: &str| {
        outcome
            .metric(tag)
            .map_or_else(|| "-".into(), |m| short(m.avg))
    };
    let good = outcome.summary.goodput.as_ref();
    let share = good.map_or_else(|| "-".into(), |g| share(g.good_request_fraction));
    let ttft = outcome.metric("time_to_first_token").and_then(|m| m.stats);
    format!(
        "{title}{:<34}{:>9}{:>9}{:>8}{:>10}{:>10}\n",
        clipped(&name, 33),
        single("request_throughput"),
        single("goodput"),
        share,
        ttft.map_or_else(|| "-".into(), |s| short(s.p99)),
        head::word(outcome.verdict.status),
    )
}

/// The whole report.
pub(crate) fn render(campaign: &Campaign, base: &Path, files: &[PathBuf], style: Style) -> String {
    let mut text = verdicts(campaign);
    if style.quiet {
        return text;
    }
    if campaign.sweep_id.is_some() {
        text += &cells(campaign);
        text += &picture(campaign);
    }
    for cell in campaign.cells.iter().filter(|c| c.runs.len() > 1) {
        text += &repeats(cell, campaign);
    }
    text += &heading("FILES");
    text += &line("folder", &base.display().to_string());
    let names: Vec<String> = files
        .iter()
        .map(|f| f.strip_prefix(base).unwrap_or(f).display().to_string())
        .collect();
    text + &line("files", &names.join(" "))
}

/// How many runs may be believed, and the findings against the others.
fn verdicts(campaign: &Campaign) -> String {
    let of = |status: Status| {
        let runs = campaign.runs();
        runs.filter(|r| r.outcome.verdict.status == status).count()
    };
    let mut text = format!(
        "\nVERDICTS: {} VALID, {} SUSPECT, {} INVALID\n",
        of(Status::Valid),
        of(Status::Suspect),
        of(Status::Invalid)
    );
    let mut gates: Vec<(&str, Status, usize)> = Vec::new();
    for finding in campaign.runs().flat_map(|r| &r.outcome.verdict.findings) {
        if finding.status == Status::Valid {
            continue;
        }
        match gates
            .iter_mut()
            .find(|g| (g.0, g.1) == (finding.gate, finding.status))
        {
            Some(gate) => gate.2 += 1,
            None => gates.push((finding.gate, finding.status, 1)),
        }
    }
    for (gate, status, runs) in gates {
        let word = head::word(status).to_lowercase();
        let noun = if runs == 1 { "run" } else { "runs" };
        text += &format!(
            "  {word} {gate} in {runs} {noun}; the evidence is in its ringload_report.json\n"
        );
    }
    text
}

fn cells(campaign: &Campaign) -> String {
    let mut table = Table::new(
        "SWEEP",
        &[
            "req/s", "good/s", "good %", "tok/s", "TTFT50", "TTFT99", "ITL 50",
        ],
    );
    for (i, cell) in campaign.cells.iter().enumerate() {
        let figures = &cell.cell;
        let known = |v: Option<f64>| v.map_or_else(|| "-".into(), short);
        let mean = |tag, stat| known(cell.spread(tag, stat).map(|s| s.mean));
        let mark = if campaign.picture.pareto.contains(&i) {
            " *"
        } else {
            ""
        };
        table.row(
            format!("{}{mark}", cell.label),
            vec![
                known(figures.throughput),
                known(figures.goodput),
                figures.good_fraction.map_or_else(|| "-".into(), share),
                known(figures.output_tokens),
                mean("time_to_first_token", "p50"),
                mean("time_to_first_token", "p99"),
                mean("inter_token_latency", "p50"),
            ],
        );
    }
    table.render() + "  * no other cell has both more tokens/s and a smaller p99 of the latency\n"
}

fn picture(campaign: &Campaign) -> String {
    let picture = &campaign.picture;
    let label = |i: usize| campaign.cells[i].label.as_str();
    let mut out = heading("WHAT IT SHOWS");
    if let Some(text) = picture.knee.and_then(|knee| knee_in_words(campaign, knee)) {
        out += &line("capacity", &text);
    }
    for (name, at) in [
        ("most goodput", picture.most_goodput),
        ("most tokens/s", picture.most_tokens),
        ("least latency", picture.least_latency),
    ] {
        if let Some(i) = at {
            out += &line(name, label(i));
        }
    }
    out
}

fn knee_in_words(campaign: &Campaign, knee: Knee) -> Option<String> {
    let label = |i: usize| campaign.cells[i].label.as_str();
    let good = |i: usize| {
        let share = campaign.cells[i].cell.good_fraction;
        share.map_or_else(String::new, percent)
    };
    Some(match knee {
        Knee::Goodput {
            last: Some(last),
            first_over: Some(over),
        } => format!(
            "goodput follows throughput up to {} ({} good), and leaves it by {} ({})",
            label(last),
            good(last),
            label(over),
            good(over)
        ),
        Knee::Goodput {
            last: Some(last),
            first_over: None,
        } => format!(
            "goodput follows throughput up to the heaviest load, {} ({} good): go further",
            label(last),
            good(last)
        ),
        Knee::Goodput {
            last: None,
            first_over: Some(over),
        } => format!(
            "the lightest load misses the SLOs already: {} ({} good); go lower, or ask whether the SLOs can be met at all",
            label(over),
            good(over)
        ),
        Knee::Latency {
            last: Some(last),
            first_over: Some(over),
        } => format!(
            "the p99 of the latency holds up to {}, and is over 1.2 times the lightest load's by {}; with --goodput the answer would be about your SLOs",
            label(last),
            label(over)
        ),
        Knee::Latency {
            last: Some(last),
            first_over: None,
        } => format!(
            "the p99 of the latency holds up to the heaviest load, {}: go further",
            label(last)
        ),
        _ => return None,
    })
}

fn repeats(cell: &CellOutcome, campaign: &Campaign) -> String {
    let level = campaign.level * 100.0;
    let title = if campaign.sweep_id.is_some() {
        format!("{} RUNS OF {}", cell.runs.len(), cell.label)
    } else {
        format!("{} RUNS", cell.runs.len())
    };
    let mut table = Table::new(
        &title,
        &["mean", "std", "cv %", "low", "high", "min", "max"],
    );
    for (tag, stat) in SHOWN {
        if let Some(s) = cell.spread(tag, stat) {
            table.row(format!("{} {stat} ({})", name(s), s.unit), row(s));
        }
    }
    table.render()
        + &format!(
            "  low and high: the {level} % interval of the mean (Student's t over {} runs)\n",
            count(cell.runs.len() as u64)
        )
}

fn row(s: &Spread) -> Vec<String> {
    let cv = s.cv.map_or_else(|| "-".into(), |cv| short(cv * 100.0));
    vec![
        short(s.mean),
        short(s.std),
        cv,
        short(s.ci_low),
        short(s.ci_high),
        short(s.min),
        short(s.max),
    ]
}

fn name(s: &Spread) -> &'static str {
    ringload_engine::measure::tags::find(s.tag).map_or(s.tag, |info| info.header)
}

fn share(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}

fn clipped(text: &str, most: usize) -> String {
    super::layout::plain(text).chars().take(most).collect()
}

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
