//! A comparison of runs: what was planned otherwise, by how much each figure differs, and how sure that is.

use super::layout::{count, line, plain, short, wrap};
use super::screen::one_line;
use crate::result::comparison::{Changed, Comparison, Pair};
use ringload_engine::comparison::{Difference, Held};
use ringload_engine::plan::Statistic;
use ringload_engine::statistics::Interval;

/// For a terminal.
pub(crate) fn text(comparison: &Comparison, width: usize) -> String {
    let mut out = String::new();
    for pair in &comparison.pairs {
        if !out.is_empty() {
            out.push('\n');
        }
        out += &line("base", &named(&comparison.base, comparison.requests, comparison.verdict.as_deref()));
        out += &line("new", &named(&pair.name, pair.requests, pair.verdict.as_deref()));
        for (i, changed) in pair.changed.iter().take(MOST_CHANGED).enumerate() {
            let label = if i == 0 { "differs" } else { "" };
            out += &line(label, &one_line(&of_change(changed), width - 18));
        }
        if pair.changed.len() > MOST_CHANGED {
            out += &line("", &format!("and {} more (--format json)", pair.changed.len() - MOST_CHANGED));
        }
        for (i, note) in pair.notes.iter().enumerate() {
            out += &line(if i == 0 { "notes" } else { "" }, note);
        }
        out += &format!("\n{:<26}{:>9}{:>9}{:>9}  {}\n", "", "base", "new", "change", interval_head(comparison));
        for difference in &pair.differences {
            let row = format!(
                "{:<26}{:>9}{:>9}{:>9}  {}",
                name(difference),
                value(difference, difference.base),
                value(difference, difference.new),
                percent(difference.change),
                sureness(difference)
            );
            out += row.trim_end();
            out.push('\n');
        }
        out.push('\n');
        for (limit, held) in &pair.held {
            out += &line(word(*held), &limit.text);
        }
        for part in wrap(&conclusion(comparison, pair), width) {
            out += &format!("{part}\n");
        }
    }
    out
}

/// Tables for a pull request.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    for pair in &comparison.pairs {
        out += &format!(
            "**{}** against base {}\n\n",
            escaped(&named(&pair.name, pair.requests, pair.verdict.as_deref())),
            escaped(&named(&comparison.base, comparison.requests, comparison.verdict.as_deref()))
        );
        if !pair.changed.is_empty() {
            out += "| differs | base | new |\n|---|---|---|\n";
            for Changed { what, base, new } in &pair.changed {
                let cell = |value: &Option<String>| escaped(value.as_deref().unwrap_or("–"));
                out += &format!("| `{}` | {} | {} |\n", escaped(what), cell(base), cell(new));
            }
            out.push('\n');
        }
        pair.notes.iter().for_each(|note| out += &format!("- {}\n", escaped(note)));
        if !pair.notes.is_empty() {
            out.push('\n');
        }
        out += &format!("| figure | base | new | change | {} |\n|---|---:|---:|---:|---|\n", interval_head(comparison));
        for difference in &pair.differences {
            let mark = if difference.shown { "**" } else { "" };
            out += &format!(
                "| {} | {} | {} | {mark}{}{mark} | {} |\n",
                name(difference),
                value(difference, difference.base),
                value(difference, difference.new),
                percent(difference.change),
                sureness(difference)
            );
        }
        out.push('\n');
        for (limit, held) in &pair.held {
            out += &format!("- {}: `{}`\n", word(*held), escaped(&limit.text));
        }
        out += &format!("\n{}\n", conclusion(comparison, pair));
    }
    out
}

/// A run with its requests and its verdict.
pub(crate) fn named(name: &str, requests: u64, verdict: Option<&str>) -> String {
    let verdict = verdict.map_or_else(String::new, |verdict| format!(", {verdict}"));
    format!("{name} ({} requests{verdict})", count(requests))
}

fn of_change(changed: &Changed) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".into());
    format!("{}: {} -> {}", changed.what, shown(&changed.base), shown(&changed.new))
}

/// What the intervals are.
pub(crate) fn interval_head(comparison: &Comparison) -> String {
    format!("{} % interval, together", short(100.0 * comparison.confidence).trim_end_matches(".00"))
}

/// `TTFT p99, ms`
pub(crate) fn name(difference: &Difference) -> String {
    let metric = NAMES.iter().find(|(tag, _)| *tag == difference.tag).map_or(difference.tag.as_str(), |(_, name)| name);
    match difference.statistic {
        Statistic::Value if difference.unit == "ratio" => metric.to_owned(),
        Statistic::Value => format!("{metric}, {}", difference.unit),
        statistic => format!("{metric} {}, {}", statistic.name(), difference.unit),
    }
}

/// A figure of a run.
pub(crate) fn value(difference: &Difference, value: f64) -> String {
    match difference.unit.as_str() {
        "ratio" => format!("{:.2} %", 100.0 * value),
        _ => short(value),
    }
}

/// `+3.1 %`; of a share in percentage points, which has the same look.
pub(crate) fn percent(change: f64) -> String {
    match 100.0 * change {
        p if !p.is_finite() => "-".into(),
        p if p.abs() < 0.05 => "0.0 %".into(),
        p => format!("{p:+.1} %"),
    }
}

/// How sure a change is.
pub(crate) fn sureness(difference: &Difference) -> String {
    told(&difference.interval, difference.shown, difference.least_shown)
}

/// How sure a change is; what it would have to be where it is not shown, in at most 25 characters.
fn told(interval: &Option<Interval>, shown: bool, least: Option<f64>) -> String {
    match (interval, shown, least) {
        (Some(interval), false, _) if interval.low == 0.0 && interval.high == 0.0 => "the same".into(),
        (Some(interval), true, _) => format!("{} to {}", percent(interval.low), percent(interval.high)),
        (Some(_), false, Some(least)) => {
            told_least(least).map_or_else(|| TOO_FEW.into(), |least| format!("not shown (needs {least})"))
        }
        _ => TOO_FEW.into(),
    }
}

/// The least change that would be shown, where it is one that a figure could have.
fn told_least(least: f64) -> Option<String> {
    match 100.0 * least {
        least if least < 99.95 => Some(format!("±{least:.1} %")),
        least if least < 9999.5 => Some(format!("±{least:.0} %")),
        _ => None,
    }
}

const TOO_FEW: &str = "too few requests to tell";

/// What came of a condition.
pub(crate) fn word(held: Held) -> &'static str {
    match held {
        Held::Passed => "passed",
        Held::Failed => "FAILED",
        Held::Undecided => "undecided",
        Held::Absent => "FAILED (absent)",
    }
}

/// In one sentence.
pub(crate) fn conclusion(comparison: &Comparison, pair: &Pair) -> String {
    let shown: Vec<String> =
        pair.differences.iter().filter(|d| d.shown).map(|d| format!("{} {}", name(d), percent(d.change))).collect();
    let doubt = doubt(comparison.verdict.as_deref(), pair.verdict.as_deref());
    match shown.len() {
        0 => {
            let least = pair.differences.iter().find_map(|d| Some((d, told_least(d.least_shown?)?)));
            let least =
                least.map_or_else(String::new, |(d, least)| format!(": {} would have to differ by {least}", name(d)));
            format!("no difference that these runs could show{least}{doubt}")
        }
        n if n > MOST_NAMED => {
            format!("{n} figures differ: {} and {} more{doubt}", shown[..MOST_NAMED].join("; "), n - MOST_NAMED)
        }
        _ => format!("differs: {}{doubt}", shown.join("; ")),
    }
}

/// Which of the two runs is not VALID.
fn doubt(base: Option<&str>, new: Option<&str>) -> String {
    match (base.filter(|verdict| *verdict != "VALID"), new.filter(|verdict| *verdict != "VALID")) {
        (None, None) => String::new(),
        (Some(base), None) => format!(" (the base is {base})"),
        (None, Some(new)) => format!(" (the new run is {new})"),
        (Some(base), Some(new)) if base == new => format!(" (both runs are {base})"),
        (Some(base), Some(new)) => format!(" (the base is {base}, the new run {new})"),
    }
}

/// A cell of a table in Markdown.
fn escaped(text: &str) -> String {
    plain(text).replace('|', "\\|").replace('<', "&lt;")
}

const NAMES: [(&str, &str); 6] = [
    ("time_to_first_token", "TTFT"),
    ("inter_token_latency", "ITL"),
    ("request_latency", "request latency"),
    ("request_throughput", "requests"),
    ("output_token_throughput", "output tokens"),
    ("request_error_rate", "failed requests"),
];
/// Differences of the plan that a terminal is shown.
const MOST_CHANGED: usize = 8;
const MOST_NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_names_each_run_that_is_not_valid() {
        for (base, new, words) in [
            (Some("VALID"), Some("VALID"), ""),
            (None, None, ""),
            (Some("INVALID"), Some("VALID"), " (the base is INVALID)"),
            (None, Some("SUSPECT"), " (the new run is SUSPECT)"),
            (Some("INVALID"), Some("INVALID"), " (both runs are INVALID)"),
            (Some("SUSPECT"), Some("INVALID"), " (the base is SUSPECT, the new run INVALID)"),
        ] {
            assert_eq!(doubt(base, new), words);
        }
    }

    #[test]
    fn what_a_difference_would_have_to_be_fits_in_its_column() {
        let interval = Some(Interval { low: -0.2, high: 0.2 });
        for (least, words) in [
            (Some(0.031), "not shown (needs ±3.1 %)"),
            (Some(0.999), "not shown (needs ±99.9 %)"),
            (Some(1.103), "not shown (needs ±110 %)"),
            (Some(99.994), "not shown (needs ±9999 %)"),
            (Some(100.0), "too few requests to tell"),
            (None, "too few requests to tell"),
        ] {
            assert_eq!(told(&interval, false, least), words);
        }
        assert_eq!(told(&Some(Interval { low: 0.0, high: 0.0 }), false, Some(0.0)), "the same");
    }
}
