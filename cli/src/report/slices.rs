//! The run in slices, and whether it changed over them.

use super::head;
use super::layout::{count, line, short};
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::measure::{Direction, SliceFigures, Slices, Trend};
use ringload_engine::plan::{Load, Phase};

/// A row a slice, and what was tested over them.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(slices) = &outcome.summary.slices else {
        return String::new();
    };
    let mut out = table(slices, !outcome.plan.slos.is_empty());
    let moved = moved(&outcome.plan.profiling);
    let trends = || {
        let all = slices.trends.iter();
        all.filter(|t| t.direction != Direction::Level)
    };
    for trend in trends() {
        let label = match (trend.worse, &moved) {
            (true, None) => "DEGRADED",
            (true, Some(_)) => "worse",
            (false, _) => "trend",
        };
        out += &line(label, &trend.words);
    }
    if let Some(how) = moved.filter(|_| trends().next().is_some()) {
        let text = format!(
            "the plan itself moved the load meanwhile ({how}): what changed with it is no sign that the server got worse or better; hold it \
             against a run at one load"
        );
        out += &line("but", &text);
    }
    let level = || {
        let all = slices.trends.iter();
        all.filter(|t| t.direction == Direction::Level)
    };
    if let Some(first) = level().next() {
        let each = level().map(|t| t.slices);
        let (least, most) = each.fold((usize::MAX, 0), |(l, m), n| (l.min(n), m.max(n)));
        let over = if least == most {
            format!("over {most} slices")
        } else {
            format!("over {least} to {most} slices, those that have the figure")
        };
        let names: Vec<String> = level().map(none).collect();
        let text = format!(
            "{} {over} (Mann-Kendall; a trend has p under {:.4}: 5 % shared out over the tests)",
            names.join(", "),
            first.bound
        );
        out += &line("no trend in", &text);
    }
    if let Some(why) = &slices.untested {
        out += &line("not tested", why);
    }
    if slices.requests_beyond_limit > 0 {
        let text = format!(
            "{} requests are in no slice: only {} are kept (limit `slices`); write a longer --slice-duration",
            count(slices.requests_beyond_limit),
            count(slices.limit as u64)
        );
        out += &line("limit", &text);
    }
    out
}

fn table(slices: &Slices, goodput: bool) -> String {
    let title = format!("SLICES OF {} s", slices.slice_duration_s);
    let mut columns = vec!["req/s", "TTFTp50", "TTFTp95", "ITLp50", "tok/s", "errors"];
    if goodput {
        columns.insert(1, "good %");
    }
    let mut table = Table::new(&title, &columns);
    let step = slices.slices.len().div_ceil(MOST_ROWS).max(1);
    let rows = || slices.slices.iter().step_by(step);
    for slice in rows() {
        table.row(name(slice), cells(slice, goodput));
    }
    let mut out = table.render();
    if rows().any(|s| !s.is_complete) {
        out += "  * not complete when the run ended\n";
    }
    if step > 1 {
        let text = format!("one slice in {step} is shown; all {} are in ringload_report.json", slices.slices.len());
        out += &line("rows", &text);
    }
    out += &line(
        "columns",
        "req/s and tok/s by when responses and tokens came, the others by when their request was issued",
    );
    out
}

fn name(slice: &SliceFigures) -> String {
    let mark = if slice.is_complete { "" } else { " *" };
    format!("{:>4}  at {} s{mark}", slice.index, (slice.start_s * 1e3).round() / 1e3)
}

fn cells(slice: &SliceFigures, goodput: bool) -> Vec<String> {
    let format_value = |value: Option<f64>| value.map_or_else(|| "-".into(), short);
    let mut cells = vec![
        format_value(slice.completed_per_s),
        format_value(slice.time_to_first_token_p50),
        format_value(slice.time_to_first_token_p95),
        format_value(slice.inter_token_latency_p50),
        format_value(slice.output_token_throughput),
        slice.failed.to_string(),
    ];
    if goodput {
        cells.insert(1, format_value(slice.good_request_fraction.map(|f| 100.0 * f)));
    }
    cells
}

fn none(trend: &Trend) -> String {
    let small =
        if trend.p < trend.bound { format!(", but {:+.1} % in all", trend.change * 100.0) } else { String::new() };
    format!("{} (p = {:.3}{small})", trend.name, trend.p)
}

/// How the plan moved the load, where it did.
fn moved(phase: &Phase) -> Option<String> {
    let cap = phase.load.cap().and_then(|cap| cap.ramp);
    let slots = |ramp| format!("slots opened {}", head::over(ramp));
    let own = match &phase.load {
        Load::Open { rate, .. } if rate.moves() => Some(head::arrivals(rate)),
        Load::Fixed { .. } => Some("at the instants of a trace".into()),
        Load::Closed { ramp, .. } => ramp.map(slots),
        Load::Open { .. } | Load::Users { .. } => None,
    };
    own.or_else(|| cap.map(slots)).or_else(|| phase.prefill.and_then(|prefill| prefill.ramp).map(slots))
}

const MOST_ROWS: usize = 40;
