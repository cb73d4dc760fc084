//! Goodput, and how to read it.

use super::layout::{heading, line, percent, short};
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::campaign::HEALTHY;
use ringload_engine::measure::{Goodput, SloFigures};
use ringload_engine::plan::{Load, Plan};

/// Goodput beside throughput, the share of each SLO, and what it means.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(goodput) = &outcome.summary.goodput else {
        return String::new();
    };
    let mut out = heading("GOODPUT");
    let throughput =
        outcome.metric("request_throughput").map_or_else(String::new, |m| format!(" of {} requests/sec", short(m.avg)));
    out += &line(
        "goodput",
        &format!("{} requests/sec{throughput}; {} of requests met every SLO", short(goodput.goodput), share(goodput)),
    );
    for slo in &goodput.slos {
        out += &line("SLO", &objective(slo));
    }
    out + &line("reading", &reading(outcome, goodput))
}

/// A row a tier, and under each what its objectives cost.
pub(super) fn tiers(outcome: &Outcome) -> String {
    let tiers = &outcome.summary.tiers;
    let mut table = Table::new("TIERS", &["good/s", "good %", "95 %:", "to"]);
    for tier in tiers {
        let g = &tier.goodput;
        let ends = g.interval.map_or([f64::NAN; 2], |i| [i.low * 100.0, i.high * 100.0]);
        let mut cells = vec![short(g.goodput), short(g.good_request_fraction * 100.0)];
        cells.extend(ends.map(short));
        table.row(tier.name.clone(), cells);
    }
    let mut out = table.render();
    for tier in tiers {
        for (i, slo) in tier.goodput.slos.iter().enumerate() {
            out += &line(if i == 0 { &tier.name } else { "" }, &objective(slo));
        }
        if tier.goodput.good == 0 {
            out += &line("", &nothing_good(outcome, &tier.goodput));
        }
    }
    out
}

fn share(goodput: &Goodput) -> String {
    let interval =
        goodput.interval.map_or_else(String::new, |i| format!(" (95 %: {} to {})", percent(i.low), percent(i.high)));
    format!("{}{interval}", percent(goodput.good_request_fraction))
}

fn objective(slo: &SloFigures) -> String {
    let alone = if slo.missed_alone > 0 {
        format!(", of which {} missed nothing else", slo.missed_alone)
    } else {
        String::new()
    };
    let missed = if slo.missed > 0 { format!("; missed by {} requests{alone}", slo.missed) } else { String::new() };
    format!("{} {} {} {}: met by {}{missed}", slo.tag, slo.op, slo.threshold, slo.unit, percent(slo.met_fraction))
}

fn reading(outcome: &Outcome, goodput: &Goodput) -> String {
    let fraction = goodput.good_request_fraction;
    if fraction >= HEALTHY {
        "goodput is about throughput: healthy at this load".into()
    } else if fraction > 0.0 && one_at_a_time(&outcome.plan) {
        "goodput is below throughput even one request at a time: no lower load will fix it; loosen the SLOs, or make the server faster"
            .into()
    } else if fraction >= STRAINED {
        "goodput is below throughput: this load is past the knee; lower it until the two meet".into()
    } else if fraction > 0.0 {
        "goodput is far below throughput: overloaded; lower the load".into()
    } else {
        nothing_good(outcome, goodput)
    }
}

/// Why no request was good: an objective that none reached, or none that reached all.
fn nothing_good(outcome: &Outcome, goodput: &Goodput) -> String {
    let never: Vec<String> = goodput
        .slos
        .iter()
        .filter(|slo| slo.met == 0)
        .map(|slo| {
            let best = slo.best.map_or_else(
                || "no request had a value".into(),
                |best| format!("the best was {} {}", short(best), slo.unit),
            );
            let median = outcome
                .metric(slo.tag)
                .and_then(|m| m.stats.as_ref())
                .map_or_else(String::new, |s| format!(", the median {} {}", short(s.p50), slo.unit));
            format!("{} {} {} {} was never reached, {best}{median}", slo.tag, slo.op, slo.threshold, slo.unit)
        })
        .collect();
    if never.is_empty() {
        return "no request met every SLO at once, though each was met by some".into();
    }
    let advice = if one_at_a_time(&outcome.plan) {
        "it cannot be met even one request at a time: the SLO is unreachable on this server with these requests; loosen it"
    } else {
        "see what --concurrency 1 gives; if it is no better, the SLO is unreachable"
    };
    format!("no request was good: {}; {advice}", never.join("; "))
}

/// Whether there is no lighter load to try.
fn one_at_a_time(plan: &Plan) -> bool {
    matches!(plan.profiling.load, Load::Closed { concurrency: 1, .. })
}

const STRAINED: f64 = 0.5;
