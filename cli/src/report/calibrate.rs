//! The calibration on stdout: a line for each load, then the ceiling.

use super::Style;
use super::layout::{line, percent, short, time};
use ringload_engine::calibration::{Basis, Calibration, Ceiling, Step};
use std::path::Path;

/// What is driven, and the heading of the loads.
pub(crate) fn head(core: usize, streams: u32, alone: bool) -> String {
    let server = if alone { "the built-in server on the others" } else { "the built-in server on the same core" };
    format!(
        "core {core} with {streams} in flight, {server}\n\n{:<10}{:>10}{:>12}{:>9}{:>13}{:>14}  verdict\n",
        "load", "events/s", "requests/s", "busy", "receive p99", "dispatch p99"
    )
}

/// One load.
pub(crate) fn step_line(step: &Step) -> String {
    let lag = |ms: Option<f64>| ms.map_or_else(|| "-".into(), time);
    format!(
        "{:<10}{:>10}{:>12}{:>9}{:>13}{:>14}  {}\n",
        step.kind,
        short(step.events_per_s),
        short(step.requests_per_s),
        percent(step.busy_share),
        lag(step.receive_lag_p99_ms),
        lag(step.dispatch_lag_p99_ms),
        step.verdict
    )
}

/// What was found.
pub(crate) fn render(c: &Calibration, alone: bool, path: &Path, style: &Style) -> String {
    let mut most: Vec<String> = Vec::new();
    most.extend(c.events_per_s().map(|rate| format!("{} tokens/s", short(rate))));
    most.extend(c.requests_per_s().map(|rate| format!("{} requests/s", short(rate))));
    let ceiling = format!("CEILING: {} on each core\n", most.join(" or "));
    if style.quiet {
        return ceiling;
    }
    let mut out = String::from("\n");
    if let Some(event) = &c.event {
        out += &line("token", &cost(event));
    }
    out += &line("request", &cost(&c.request));
    out += &line("shape", &c.shape.to_string());
    let estimated =
        [Some(&c.request), c.event.as_ref()].into_iter().flatten().any(|ceiling| ceiling.basis == Basis::Estimated);
    if estimated {
        let limit = if alone {
            "the server's cores were full, or few streams leave a core waiting, before the client's was full"
        } else {
            "the server had to share the client's core"
        };
        let text = format!(
            "estimated: {limit}. What each costs was taken at the heaviest load that was reached; on a fuller core it is rather less, so that the ceiling is a lower bound, and a share of it an upper one"
        );
        out += &line("but", &text);
    }
    let (over, full) = ("over 70 %", "over 90 %");
    let text = format!(
        "later runs of this shape say what share they used: SUSPECT {over}, INVALID {full} (of an estimate: a remark, SUSPECT)"
    );
    out += &line("so", &text);
    out + &line("kept in", &path.display().to_string()) + &ceiling
}

/// What one takes, and on what that rests.
pub(super) fn cost(ceiling: &Ceiling) -> String {
    let basis = match ceiling.basis {
        Basis::Measured => "measured on a full core",
        Basis::Estimated => "estimated",
    };
    format!(
        "{} of CPU: {} user, {} system; {basis}",
        time(ceiling.cost_ns() / 1e6),
        time(ceiling.user_ns / 1e6),
        time(ceiling.system_ns / 1e6)
    )
}
