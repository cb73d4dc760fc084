//! What became of the requests, and how fast.

use super::layout::{count, heading, line, percent, short};
use super::screen;
use crate::result::run::Outcome;
use ringload_engine::measure::{Counts, SessionCounts, Summary};

/// Counts, failures by cause, rates.
pub(super) fn section(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let mut out = heading("REQUESTS");
    out += &line("counts", &counts(&summary.counts));
    if let Some(policy) = policy(&summary.counts) {
        out += &line("policy", &policy);
    }
    if let Some(sessions) = &summary.counts.sessions {
        out += &line("sessions", &conversations(sessions));
    }
    if outcome.plan.warmup.is_some() {
        out += &line("warm-up", &counts(&summary.warmup_counts));
    }
    for (i, group) in summary.errors.iter().take(MOST_ERRORS).enumerate() {
        let status = if group.status == 0 { String::new() } else { format!(" {}", group.status) };
        let message = outcome.identity.secrets.scrub(&group.message);
        let text: String =
            format!("{} x {}{status}: {message}", count(group.count), group.cause).chars().take(300).collect();
        out += &line(if i == 0 { "failures" } else { "" }, &text);
    }
    if let Some(rest) = summary.errors.get(MOST_ERRORS..).filter(|r| !r.is_empty()) {
        out += &line("", &format!("{} more kinds in ringload_report.json", rest.len()));
    }
    if summary.was_cancelled {
        out += &line("ended", "early, by a signal");
    }
    if let Some(aborted) = &summary.aborted {
        out += &line("ended", &format!("early: {aborted}"));
    }
    out += &line("duration", &duration(summary));
    if let Some(rate) = &summary.rate {
        let text =
            format!("offered {}/s, achieved {}/s ({})", short(rate.offered), short(rate.achieved), percent(rate.ratio));
        out += &line("arrivals", &text);
    }
    for (tag, label) in THROUGHPUT {
        if let Some(metric) = outcome.metric(tag) {
            let note = match *label {
                "arrived" => ", with the output of requests that did not succeed",
                "" => ", by the server's own count of prompt tokens",
                _ => "",
            };
            out += &line(label, &format!("{} {}{note}", short(metric.avg), metric.info.unit));
        }
    }
    if outcome.plan.endpoint.produces_tokens() {
        out += &line("tokens", &tokens(outcome));
    }
    out
}

/// The most frequent failures, a line each.
pub(super) fn failures(outcome: &Outcome, most: usize, width: usize) -> Vec<String> {
    let errors = &outcome.summary.errors;
    let mut lines: Vec<String> = errors
        .iter()
        .take(most)
        .map(|group| {
            let status = if group.status == 0 { String::new() } else { format!(" {}", group.status) };
            let message = outcome.identity.secrets.scrub(&group.message);
            screen::one_line(&format!("{} x {}{status}: {message}", count(group.count), group.cause), width)
        })
        .collect();
    if errors.len() > most {
        let more = errors.len() - most;
        let kinds = if more == 1 { "kind" } else { "kinds" };
        lines.push(format!("and {more} more {kinds} of failure (--verbose)"));
    }
    lines
}

fn duration(summary: &Summary) -> String {
    let (whole, served) = (summary.benchmark_duration_s, summary.successes_duration_s);
    if whole - served < 0.005 {
        return format!("{} s, first issue to last output", short(whole));
    }
    format!(
        "{} s, first issue to the end of the load; successful requests were served in {} s of it, and the rest was spent on others that \
         failed, were cancelled or were cut off",
        short(whole),
        short(served)
    )
}

fn counts(c: &Counts) -> String {
    let planned = c.planned.map_or_else(String::new, |n| format!("{} planned, ", count(n)));
    let mut text = format!(
        "{planned}{} issued, {} succeeded, {} failed, {} in flight at the end",
        count(c.issued),
        count(c.succeeded),
        count(c.failures()),
        count(c.in_flight_at_end)
    );
    for (n, what) in [
        (c.cancelled, "cancelled as planned"),
        (c.never_due, "never due"),
        (c.lost_with_member, "lost with a member"),
        (c.retried, "retried"),
        (c.text_over_limit, "texts over the limit"),
        (c.usage_refused, "with impossible token counts"),
    ] {
        if n > 0 {
            text += &format!(", {} {what}", count(n));
        }
    }
    text
}

fn conversations(s: &SessionCounts) -> String {
    let mut text = format!("{} begun, {} completed", count(s.begun), count(s.completed));
    let under_way = s.begun - s.completed - s.broken;
    for (n, what) in [
        (s.broken - s.unkept, "broken off by a failed turn"),
        (s.unkept, "broken off as a response could not be kept"),
        (under_way, "under way at the end"),
    ] {
        if n > 0 {
            text += &format!(", {} {what}", count(n));
        }
    }
    text
}

fn policy(c: &Counts) -> Option<String> {
    (c.dropped + c.queued > 0)
        .then(|| format!("{} arrivals waited for a slot, {} were never served", count(c.queued), count(c.dropped)))
}

fn tokens(outcome: &Outcome) -> String {
    let t = &outcome.summary.tokens;
    let mut parts = Vec::new();
    for (n, by) in [
        (t.from_usage, "by the server's usage"),
        (t.from_tokenizer, "by the client's tokenizer"),
        (t.unknown, "unknown"),
    ] {
        if n > 0 {
            parts.push(format!("{} {by}", count(n)));
        }
    }
    if t.mismatched > 0 {
        parts.push(format!("{} of {} compared differ by over 10 %", count(t.mismatched), count(t.compared)));
    }
    if parts.is_empty() { "none counted".into() } else { format!("counted {}", parts.join(", ")) }
}

const MOST_ERRORS: usize = 8;

const THROUGHPUT: &[(&str, &str)] = &[
    ("request_throughput", "requests"),
    ("output_token_throughput", "output"),
    ("arrived_output_token_throughput", "arrived"),
    ("input_token_throughput", "input"),
    ("usage_input_token_throughput", ""),
    ("total_token_throughput", "both"),
];
