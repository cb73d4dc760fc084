//! The first screen: what was run, its figures, what was found, and the headline last. At most 24 lines; the whole
//! report is in `report.txt`, and printed by `--verbose`.

use super::layout::{count, short, wrap};
use super::{Style, first_token, head, headline, latency, picture, requests, server, verdict};
use crate::result::run::Outcome;
use ringload_engine::plan::{Load, Statistic};
use ringload_engine::verdict::Status;
use std::path::PathBuf;

/// The screen.
pub(super) fn screen(outcome: &Outcome, files: &[PathBuf], style: &Style) -> String {
    let width = style.width;
    let headline = headline::headline(outcome, width);
    if outcome.verdict.status == Status::Failed {
        return failed(outcome, files, style, &headline);
    }
    if style.quiet {
        return joined(&[failed_conditions(outcome, width), headline].concat());
    }
    let mut lines = what_was_run(outcome, width);
    let mut figures = figures(outcome, style);
    let told = [first_token::told(outcome), first_token::reported_by_server(outcome)];
    figures.extend(told.into_iter().flatten().map(|line| one_line(&line, width)));
    let server = server::one_line(outcome).map(|text| one_line(&text, width));
    let mut last = conditions(outcome, width);
    last.extend(where_files_are(files, width));
    last.push(String::new());
    last.extend(headline);
    let taken = lines.len() + figures.len() + last.len() + usize::from(server.is_some());
    let failures = requests::failures(outcome, MOST_FAILURES, width);
    let room = LINES.saturating_sub(taken + failures.len());
    let findings = verdict::brief(&outcome.verdict, width, room);
    lines.extend(figures);
    lines.extend(server);
    let left = LINES.saturating_sub(taken + failures.len() + findings.len() + 1);
    let drawn = picture::picture(outcome, width, left.saturating_sub(1));
    if !drawn.is_empty() {
        lines.push(String::new());
        lines.extend(drawn);
    }
    if !(findings.is_empty() && failures.is_empty())
        && lines.len() + findings.len() + failures.len() + last.len() < LINES
    {
        lines.push(String::new());
    }
    lines.extend(failures);
    lines.extend(findings);
    lines.extend(last);
    joined(&lines)
}

/// A run without a success: the cause, what to do about it, and no more.
fn failed(outcome: &Outcome, files: &[PathBuf], style: &Style, headline: &[String]) -> String {
    let mut lines = verdict::causes(&outcome.verdict, style.width);
    if !style.quiet {
        lines.extend(where_files_are(files, style.width));
    }
    lines.extend(headline.iter().cloned());
    joined(&lines)
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Server, load and length of the requests, a line each.
fn what_was_run(outcome: &Outcome, width: usize) -> Vec<String> {
    let plan = &outcome.plan;
    let targets: Vec<&str> = plan.targets.iter().map(|t| t.url.as_str()).collect();
    let counts = &outcome.summary.counts;
    let length = |tag: &str| outcome.metric(tag).and_then(|m| m.stats.as_ref()).map(|s| short(s.mean()));
    let mut done = format!("{} succeeded", count(counts.succeeded));
    for (n, what) in
        [(counts.failures(), "failed"), (counts.cancelled, "cancelled"), (counts.in_flight_at_end, "cut off")]
    {
        if n > 0 {
            done += &format!(", {} {what}", count(n));
        }
    }
    done += &format!(" in {} s", short(outcome.summary.benchmark_duration_s));
    let lengths = [(length("input_sequence_length"), "in"), (length("output_sequence_length"), "out")];
    let lengths: Vec<String> = lengths.into_iter().filter_map(|(n, what)| Some(format!("{} {what}", n?))).collect();
    if !lengths.is_empty() {
        done += &format!("; tokens a request: {}", lengths.join(", "));
    }
    [
        format!("{} at {}: {}", plan.models.join(" "), targets.join(" "), head::endpoint(plan)),
        head::phase(&plan.profiling),
        done,
    ]
    .map(|line| one_line(&line, width))
    .into()
}

/// The table of latencies.
fn figures(outcome: &Outcome, style: &Style) -> Vec<String> {
    let columns: Vec<Statistic> = [&[Statistic::Avg][..], &style.percentiles, &[Statistic::Max]].concat();
    let heads: String = columns.iter().map(|c| format!("{:>CELL$}", c.name())).collect();
    let left = NAME + (style.width - NAME - CELL * columns.len()).min(SPARE);
    let open = !matches!(outcome.plan.profiling.load, Load::Closed { .. });
    let mut own = latency::Own::of(outcome);
    let rows: Vec<String> = ROWS
        .iter()
        .filter(|(_, _, scheduled)| open || !scheduled)
        .filter_map(|(tag, name, _)| {
            let metric = outcome.metric(tag).filter(|m| m.stats.is_some())?;
            let cells: String =
                columns.iter().map(|statistic| format!("{:>CELL$}", own.cell(metric, *statistic))).collect();
            Some(format!("{name:<left$}{cells}"))
        })
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), format!("{:<left$}{heads}", "ms")];
    lines.extend(rows);
    let marks: Vec<&str> =
        [(own.any(), "! over 1 % of it can be the client's"), (own.few(), "* too few values behind it")]
            .into_iter()
            .filter_map(|(used, what)| used.then_some(what))
            .collect();
    if !marks.is_empty() {
        lines.push(format!("  {}", marks.join("; ")));
    }
    lines
}

/// What came of `--fail-if`: those that failed, and how many passed.
fn conditions(outcome: &Outcome, width: usize) -> Vec<String> {
    let all = &outcome.summary.thresholds;
    let mut lines = failed_conditions(outcome, width);
    let passed = all.iter().filter(|t| !t.failed).count();
    if passed > 0 {
        lines.push(format!("fail-if: {passed} of {} passed", all.len()));
    }
    lines
}

fn failed_conditions(outcome: &Outcome, width: usize) -> Vec<String> {
    let failed = outcome.summary.thresholds.iter().filter(|t| t.failed);
    failed.map(|t| one_line(&format!("fail-if FAILED: {}", t.words), width)).collect()
}

fn where_files_are(files: &[PathBuf], width: usize) -> Option<String> {
    let dir = files.first()?.parent()?;
    let line = format!("files: {} ({}; --verbose prints all of the report)", dir.display(), files.len());
    Some(one_line(&line, width))
}

/// A text on one line; what does not fit is left out, and `…` says so.
pub(super) fn one_line(text: &str, width: usize) -> String {
    let flat = super::layout::plain(text);
    if flat.chars().count() <= width {
        return flat;
    }
    let kept: String = flat.chars().take(width - 1).collect();
    format!("{}…", kept.trim_end())
}

/// A text in at most `most` lines, the later ones indented.
pub(super) fn paragraph(text: &str, indent: usize, width: usize, most: usize) -> Vec<String> {
    let mut lines = wrap(text, width - indent);
    if most == 0 {
        return Vec::new();
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(width - indent - 2).collect::<String>() + " …";
        }
    }
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| if i == 0 { line.clone() } else { format!("{:indent$}{line}", "") })
        .collect()
}

/// Lines of a terminal window as it opens.
const LINES: usize = 24;
const NAME: usize = 18;
/// Columns that the names may have more, where the table is narrower than the screen.
const SPARE: usize = 8;
const CELL: usize = 8;
const MOST_FAILURES: usize = 2;

/// Tag, name, and whether it is of the schedule: without an open loop those are the same as from the issue.
const ROWS: [(&str, &str, bool); 5] = [
    ("time_to_first_token", "TTFT", false),
    ("scheduled_time_to_first_token", "TTFT, scheduled", true),
    ("inter_token_latency", "ITL", false),
    ("request_latency", "request latency", false),
    ("response_time", "response, sched.", true),
];
