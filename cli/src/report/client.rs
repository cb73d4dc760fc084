//! The client's own share in the figures.

use super::layout::{count, heading, line, percent, short, time};
use crate::result::run::{CeilingUsage, Outcome};
use ringload_engine::calibration::Basis;
use ringload_engine::measure::{ArrivalFigures, ClientFigures, Distribution, PossibleShift};

/// Lags, coalescing, cores, CPU per event, losses.
pub(super) fn section(outcome: &Outcome) -> String {
    let c = &outcome.summary.client;
    let mut out = heading("CLIENT (the engine's own share)");
    let unknown = "unknown: the read's own time is the stamp";
    out += &line("receive lag", &c.receive_lag.as_ref().map_or_else(|| unknown.into(), lag));
    out += &line("dispatch lag", &c.dispatch_lag.as_ref().map_or_else(|| "none measured".into(), lag));
    out += &line(
        "coalesced",
        &format!(
            "{} of {} events shared a read with a later one, {} of them although it was in time",
            percent(c.coalesced_share),
            count(c.events),
            count(c.merged)
        ),
    );
    if let Some(arrivals) = &c.arrivals {
        out += &line("arrivals", &known(arrivals, c.events));
    }
    if c.stamp_fallbacks > 0 {
        out +=
            &line("stamps", &format!("{} of {} reads had no usable stamp", count(c.stamp_fallbacks), count(c.reads)));
    }
    if c.packets_missed + c.packets_apart > 0 {
        let text = format!(
            "none was seen of {} parts of reads ({} found no room); {} reads have another stamp by their socket",
            count(c.packets_missed),
            count(c.packets_dropped),
            count(c.packets_apart)
        );
        out += &line("packets", &text);
    }
    if let Some(busiest) = c.cores.iter().max_by(|a, b| a.busy_share.total_cmp(&b.busy_share)) {
        let name = busiest.core.map_or_else(|| "unpinned".into(), |c| format!("core {c}"));
        out += &line("busiest", &format!("{name}, {} busy", percent(busiest.busy_share)));
    }
    if let (Some(user), Some(system)) = (c.user_ns_per_event, c.system_ns_per_event) {
        out += &line("CPU per event", &format!("{} user, {} system", time(user / 1e6), time(system / 1e6)));
    }
    out += &line("ceiling", &ceiling(&outcome.ceiling_usage));
    out += &line("losses", &losses(c));
    for violation in &outcome.summary.violations {
        out += &line("accounting", violation);
    }
    out
}

/// How well arrivals are known, and the percentiles that may be off by that.
fn known(arrivals: &ArrivalFigures, events: u64) -> String {
    let wide = format!(
        "{} of {} events can have come over 0.1 ms before their stamp",
        percent(arrivals.wide_share),
        count(events)
    );
    if arrivals.wide_events == 0 {
        return wide;
    }
    let named = [
        ("time_to_first_token", "TTFT"),
        ("inter_token_latency", "ITL"),
        ("inter_chunk_latency", "gap between events"),
    ];
    let mut off = Vec::new();
    for (tag, name) in named {
        for percentile in ["p50", "p99"] {
            off.extend(
                arrivals
                    .shift(tag, percentile)
                    .filter(|shift| shift.largest_ms() > 0.0)
                    .map(|shift| format!("{name} {percentile} {}", sides(shift))),
            );
        }
    }
    let off = match off.is_empty() {
        true => "no percentile of TTFT or ITL moves".to_owned(),
        false => format!("possible shift: {}", off.join(", ")),
    };
    format!("{wide}, at most {}; {off}", time(arrivals.widest_ms))
}

fn sides(shift: &PossibleShift) -> String {
    let side = |sign: &str, ms: f64| (ms > 0.0).then(|| format!("{sign}{}", time(ms)));
    let sides = [side("-", shift.lower_by_ms), side("+", shift.higher_by_ms)];
    let sides: Vec<String> = sides.into_iter().flatten().collect();
    sides.join(" / ")
}

fn lag(d: &Distribution) -> String {
    let at = |name: &str| d.percentiles.iter().find(|p| p.name == name).map_or_else(|| "-".into(), |p| time(p.ms));
    format!("p50 {}, p99 {}, max {}", at("p50"), at("p99"), at("max"))
}

fn ceiling(usage: &CeilingUsage) -> String {
    let used = match usage {
        CeilingUsage::Known(used) => used,
        CeilingUsage::Unknown(why) => return format!("not calibrated: {why}"),
    };
    let most = |rate: Option<f64>, unit: &str| rate.map(|rate| format!("{} {unit}", short(rate)));
    let most: Vec<String> =
        [most(used.ceiling_events_per_s, "output events/s"), most(used.ceiling_requests_per_s, "requests/s")]
            .into_iter()
            .flatten()
            .collect();
    let estimate = match used.basis {
        Basis::Measured => "",
        Basis::Estimated => " (an estimate, a lower bound)",
    };
    format!(
        "{} used in the busiest {:.1} s, {} in the mean, of {} on {} {}{estimate}; calibrated {}",
        percent(used.share),
        used.window_s,
        percent(used.mean_share),
        most.join(" or "),
        used.cores,
        if used.cores == 1 { "core" } else { "cores" },
        used.calibrated_at
    )
}

fn losses(c: &ClientFigures) -> String {
    if c.records_lost + c.completions_lost == 0 {
        return "none".into();
    }
    format!("{} records, {} completions", count(c.records_lost), count(c.completions_lost))
}
