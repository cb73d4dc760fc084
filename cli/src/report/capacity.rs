//! The search for the capacity on stdout: a line for each probe, then what was found.

use super::layout::{heading, line, percent, short};
use super::{Style, head};
use crate::args::Axis;
use crate::capacity::{Capacity, Probe};
use ringload_engine::campaign::Reason;
use std::path::{Path, PathBuf};

/// What one request after the other does, and the heading of the probes.
pub(crate) fn head_line(capacity: &Capacity) -> String {
    let base = &capacity.base;
    let unit = match capacity.axis {
        Axis::Rate => "arrivals/s",
        Axis::Concurrency => "in flight",
    };
    format!(
        "one at a time: {} ms a request, {} good\n\n{:>12}{:>10}{:>9}{:>15}{:>9}  {:<12}{}\n",
        short(base.latency_s * 1e3),
        percent(base.good_fraction),
        unit,
        "requests",
        "good %",
        "interval",
        "seconds",
        "",
        "verdict"
    )
}

/// One probe.
pub(crate) fn probe_line(probe: &Probe) -> String {
    let j = &probe.judgement;
    let interval = j.interval.map_or_else(String::new, |i| {
        format!(
            "{:.1} … {:.1}",
            i.low.max(0.0) * 100.0,
            i.high.min(1.0) * 100.0
        )
    });
    let word = match j.reason {
        Reason::EnoughGood => "holds",
        Reason::TooFewGood => "fails",
        Reason::Saturating => "saturates",
        Reason::Undecided if j.holds => "holds, just",
        Reason::Undecided => "fails, just",
    };
    format!(
        "{:>12}{:>10}{:>9.1}{interval:>15}{:>9.1}  {word:<12}{}\n",
        short(probe.load),
        j.requests,
        j.good_fraction * 100.0,
        probe.took_s,
        head::word(probe.run.outcome.verdict.status),
    )
}

/// What was found.
pub(crate) fn render(capacity: &Capacity, dir: &Path, files: &[PathBuf], style: Style) -> String {
    let mut out = format!("\nCAPACITY: {}\n", found(capacity));
    if style.quiet {
        return out;
    }
    if let Some(probe) = capacity.best() {
        let outcome = &probe.run.outcome;
        if let Some(goodput) = &outcome.summary.goodput {
            let text = format!("{} good requests/sec", short(goodput.goodput));
            out += &line("goodput", &text);
        }
        if let Some(tokens) = outcome.metric("output_token_throughput") {
            out += &line("output", &format!("{} tokens/sec", short(tokens.avg)));
        }
    }
    if let Some(probe) = capacity.spoiled() {
        let text = format!(
            "the run at {} is INVALID: the client is in its figures, and the result with it; its report says why",
            short(probe.load)
        );
        out += &line("but", &text);
    }
    let seconds: f64 = capacity.probes.iter().map(|p| p.took_s).sum();
    out += &line(
        "search",
        &format!(
            "{} probes, {} s under load",
            capacity.probes.len(),
            short(seconds)
        ),
    );
    let names: Vec<_> = files
        .iter()
        .filter_map(|f| f.file_name())
        .map(|n| n.to_string_lossy())
        .collect();
    out + &heading("FILES")
        + &line("folder", &dir.display().to_string())
        + &line(
            "files",
            &format!("{}, and a folder for each probe", names.join(" ")),
        )
}

fn found(capacity: &Capacity) -> String {
    let unit = match capacity.axis {
        Axis::Rate => "requests/s",
        Axis::Concurrency => "requests in flight",
    };
    let target = percent(capacity.target);
    if !capacity.base.answered {
        return "unknown: no request was answered, not even one at a time".into();
    }
    let early = if capacity.interrupted {
        " (interrupted: the bounds are as far as it came)"
    } else {
        ""
    };
    match (capacity.search.holds(), capacity.search.fails()) {
        (Some(low), Some(high)) => format!(
            "{} {unit} hold with {target} of requests good; {} do not{early}",
            short(low),
            short(high)
        ),
        (Some(low), None) => format!(
            "at least {} {unit}, the heaviest load that was tried, with {target} of requests good; raise --to{early}",
            short(low)
        ),
        (None, Some(high)) => format!(
            "none: {} {unit} do not hold with {target} of requests good, and one request at a time is {} good; ask whether the objectives can be met{early}",
            short(high),
            percent(capacity.base.good_fraction)
        ),
        (None, None) => format!("unknown: no load was tried{early}"),
    }
}
