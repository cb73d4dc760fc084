//! The run in one sentence: its verdict, its rates, its latencies, its failures.

use super::layout::{count, short};
use crate::result::run::Outcome;
use ringload_engine::measure::Stats;
use ringload_engine::verdict::Status;

/// The headline as text.
pub(super) fn text(outcome: &Outcome, width: usize) -> String {
    headline(outcome, width).iter().map(|line| format!("{line}\n")).collect()
}

/// The headline, in lines of at most `width` columns.
pub(super) fn headline(outcome: &Outcome, width: usize) -> Vec<String> {
    let mut parts = vec![outcome.verdict.status.to_string()];
    if outcome.verdict.status == Status::Failed {
        parts.push(format!("no request of {} succeeded", count(outcome.summary.counts.issued)));
    } else {
        parts.extend(rate(outcome, "request_throughput", "req/s"));
        parts.extend(rate(outcome, "output_token_throughput", "tok/s"));
        let latency = match outcome.plan.streaming {
            true => [("time_to_first_token", "TTFT p50/p95/p99"), ("inter_token_latency", "ITL")],
            false => [("request_latency", "latency p50/p95/p99"), ("", "")],
        };
        parts.extend(
            latency
                .into_iter()
                .filter_map(|(tag, name)| Some(format!("{name} {}", triple(outcome.metric(tag)?.stats.as_ref()?)))),
        );
        parts.push(format!("errors {}", share(errors(outcome))));
        if let Some(goodput) = &outcome.summary.goodput {
            parts.push(format!("goodput {}", share(goodput.good_request_fraction)));
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + part.chars().count() <= width => *line += &format!("  {part}"),
            Some(_) => lines.push(format!("  {part}")),
            None => lines.push(part),
        }
    }
    lines
}

fn rate(outcome: &Outcome, tag: &str, unit: &str) -> Option<String> {
    let value = outcome.metric(tag)?.avg;
    let text = match value {
        v if v < 1_000.0 => digits(v, 1),
        v if v < 1e12 => count(v.round() as u64),
        v => short(v),
    };
    Some(format!("{text} {unit}"))
}

/// The share of requests that failed, of those that ended.
fn errors(outcome: &Outcome) -> f64 {
    let counts = &outcome.summary.counts;
    let ended = counts.succeeded + counts.failures();
    if ended == 0 { 0.0 } else { counts.failures() as f64 / ended as f64 }
}

/// A share in percent, of which neither end is claimed by rounding.
fn share(share: f64) -> String {
    let percent = 100.0 * share;
    let text = match percent {
        p if p == 0.0 || p == 100.0 => format!("{p:.0}"),
        p if p < 0.01 => "<0.01".into(),
        p if p > 99.99 => ">99.99".into(),
        p if !(1.0..=99.0).contains(&p) => format!("{p:.2}"),
        p => format!("{p:.1}"),
    };
    format!("{text} %")
}

/// p50, p95 and p99 in one unit, with the digits that tell the smallest.
fn triple(stats: &Stats) -> String {
    let values = [stats.p50, stats.p95, stats.p99];
    if values[0] >= 10_000.0 {
        return format!("{} s", values.map(|v| digits(v / 1e3, 1)).join("/"));
    }
    if values[0] < 0.1 && values[2] < 100.0 {
        return format!("{} µs", values.map(|v| digits(v * 1e3, 1)).join("/"));
    }
    let decimals = match values[0] {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{} ms", values.map(|v| digits(v, decimals)).join("/"))
}

fn digits(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { short(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;

    #[test]
    fn a_share_is_not_rounded_to_none_or_all() {
        for (value, text) in [
            (0.0, "0 %"),
            (0.00001, "<0.01 %"),
            (0.0012, "0.12 %"),
            (0.5, "50.0 %"),
            (0.9986, "99.86 %"),
            (0.99999, ">99.99 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(share(value), text);
        }
    }

    #[test]
    fn it_keeps_to_its_width_and_begins_with_the_verdict() {
        for width in [80, 100, 200] {
            let lines = headline(&outcome(), width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            assert!(lines[0].starts_with("SUSPECT  "), "{lines:?}");
            let text = lines.join(" ");
            for part in ["req/s", "tok/s", "TTFT p50/p95/p99", "ITL", "errors", "goodput"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}
