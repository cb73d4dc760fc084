//! The search for the capacity on stdout: a line for each probe, then what was found.

use super::Style;
use super::layout::{WIDTH, line, percent, short, wrap};
use crate::flags::Axis;
use crate::result::capacity::{Capacity, Probe};
use crate::result::run::MOST_AGAIN;
use ringload_engine::capacity::Reason;
use std::path::{Path, PathBuf};

/// What one request after the other does, and the heading of the probes.
pub(crate) fn head_line(capacity: &Capacity) -> String {
    let base = &capacity.base;
    let unit = match capacity.axis {
        Axis::Rate => "arrivals/s",
        Axis::Concurrency => "in flight",
    };
    let time = |seconds: Option<f64>, what: &str| {
        seconds.map_or_else(String::new, |s| format!("{} ms {what}, ", short(s * 1e3)))
    };
    let alone = if base.answered {
        format!(
            "{}{}{} good",
            time(base.latency_s, "a request"),
            time(base.ttft_s, "to the first token"),
            percent(base.good_fraction)
        )
    } else if base.run.outcome.summary.was_cancelled {
        "interrupted before a request was answered".into()
    } else {
        "no request was answered".into()
    };
    let invalid = if base.spoiled { ", INVALID by the client" } else { "" };
    format!(
        "one at a time: {alone}{invalid}\n\n{:>12}{:>10}{:>9}{:>15}{:>9}  {:<12}{}\n",
        unit, "requests", "good %", "interval", "seconds", "", "verdict"
    )
}

/// One probe.
pub(crate) fn probe_line(probe: &Probe) -> String {
    let j = &probe.judgement;
    let interval = j.interval.map_or_else(String::new, |i| format!("{:.1} … {:.1}", i.low * 100.0, i.high * 100.0));
    let word = match j.reason {
        _ if probe.interrupted => "interrupted",
        _ if probe.spoiled => "invalid",
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
        probe.run.outcome.verdict.status,
    )
}

/// What was found.
pub(crate) fn render(capacity: &Capacity, dir: &Path, files: &[PathBuf], style: Style) -> String {
    let early = capacity.ended_early.as_ref().map_or_else(String::new, |why| {
        format!("INTERRUPTED by {why}: the search did not come to its end; the bounds are as far as it came")
    });
    let lines = |text: &str| -> String { wrap(text, WIDTH).into_iter().map(|part| part + "\n").collect() };
    let early = if early.is_empty() { early } else { lines(&early) };
    let headline = lines(&format!("CAPACITY: {}", found(capacity)));
    if style.quiet {
        return format!("\n{early}{headline}");
    }
    let mut out = format!("\n{early}");
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
    if !capacity.probes.is_empty() {
        out += &line("between", &surely(capacity));
    }
    if let Some(text) = doubt(capacity) {
        out += &line("but", &text);
    }
    let spoiled = capacity.probes.iter().filter(|probe| probe.spoiled && !probe.interrupted).count();
    let of_base = capacity.base.run.spoiled_tries.len() + usize::from(capacity.base.spoiled);
    if spoiled + of_base > 0 {
        let text = format!(
            "{} were INVALID by the client and decide nothing; such a load is tried {MOST_AGAIN} times more (their reports say why)",
            match (spoiled, of_base) {
                (_, 0) => format!("{spoiled} probes"),
                (0, _) => format!("{of_base} runs of one request at a time"),
                _ => format!("{spoiled} probes and {of_base} runs of one request at a time"),
            }
        );
        out += &line("again", &text);
    }
    for note in capacity.base.run.outcome.notes() {
        out += &line("note", note);
    }
    let seconds = capacity.probes.iter().fold(0.0, |sum, p| sum + p.took_s);
    out += &line("search", &format!("{} probes, {} s under load", capacity.probes.len(), short(seconds)));
    let names: Vec<_> = files.iter().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy()).collect();
    out += &line("folder", &dir.display().to_string());
    out + &line("files", &format!("{}, and a folder for each probe", names.join(" "))) + "\n" + &headline
}

/// Why the result is not to be trusted, where it is not.
pub(crate) fn doubt(capacity: &Capacity) -> Option<String> {
    let probe = capacity.spoiled()?;
    Some(format!(
        "the run at {} is INVALID: the client's overhead affects its figures, and the result; its report says why",
        short(probe.load)
    ))
}

/// The result in a sentence.
pub(crate) fn found(capacity: &Capacity) -> String {
    let unit = match capacity.axis {
        Axis::Rate => "requests/s",
        Axis::Concurrency => "requests in flight",
    };
    let target = percent(capacity.target);
    if !capacity.base.answered && capacity.base.run.outcome.summary.was_cancelled {
        return "unknown: it was interrupted before one request at a time was answered".into();
    }
    if !capacity.base.answered {
        let errors = &capacity.base.run.outcome.summary.errors;
        let why = errors.first().map_or_else(String::new, |e| format!(": {}", e.message));
        return format!("unknown: no request was answered, not even one at a time{why}");
    }
    if capacity.base.rules_out_all() {
        let ttft = capacity
            .base
            .ttft_s
            .map_or_else(String::new, |s| format!(" (time to the first token {} ms)", short(s * 1e3)));
        return format!(
            "none: not even one request at a time meets the objectives{ttft}; ask for what the server can do without load, then search"
        );
    }
    let good = |probe: Option<&Probe>| {
        probe.map_or_else(String::new, |p| format!(" ({} good)", percent(p.judgement.good_fraction)))
    };
    let (best, over) = (good(capacity.best()), good(capacity.over()));
    if let Some(over) = capacity.search.unjudged() {
        let low = capacity.search.holds();
        let known = low.map_or_else(|| "unknown".into(), |low| format!("at least {} {unit}{best}", short(low)));
        return format!(
            "{known} against a target of {target}: from {} on the client's overhead affects the figures, which then decide nothing; give it more cores, or a quieter machine",
            short(over)
        );
    }
    match (capacity.search.holds(), capacity.search.fails()) {
        (Some(low), Some(high)) => {
            format!("{} {unit} hold{best} against a target of {target}; {} do not{over}", short(low), short(high))
        }
        (Some(low), None) => format!(
            "at least {} {unit}, the heaviest load that was tried{best}, against a target of {target}{}",
            short(low),
            if capacity.ended_early.is_some() { "" } else { "; raise --to" }
        ),
        (None, Some(high)) => format!(
            "none: {} {unit} do not hold{over} against a target of {target}, and one request at a time is {} good; ask whether the objectives can be met",
            short(high),
            percent(capacity.base.good_fraction)
        ),
        (None, None) => "unknown: no load was tried to its end".into(),
    }
}

/// What the intervals of the probes leave open.
fn surely(capacity: &Capacity) -> String {
    let level = percent(capacity.level);
    let format_bound = |load: Option<f64>, without: &str| load.map_or_else(|| without.into(), short);
    let (low, high) = capacity.sure();
    format!(
        "{} … {}, by the {level} intervals of the probes",
        format_bound(low, "0"),
        format_bound(high, "no bound seen")
    )
}
