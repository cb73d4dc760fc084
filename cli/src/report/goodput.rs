//! Goodput, and how to read it.

use super::layout::{heading, line, percent, short};
use crate::outcome::Outcome;

/// Goodput beside throughput, the share of each SLO, and what it means.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(goodput) = &outcome.summary.goodput else {
        return String::new();
    };
    let mut out = heading("GOODPUT");
    let throughput = outcome
        .metric("request_throughput")
        .map_or_else(String::new, |m| {
            format!(" of {} requests/sec", short(m.avg))
        });
    let share = percent(goodput.good_request_fraction);
    out += &line(
        "goodput",
        &format!(
            "{} requests/sec{throughput}; {share} of requests met every SLO",
            short(goodput.goodput)
        ),
    );
    for slo in &goodput.slos {
        let text = format!(
            "{} {} {}: met by {}",
            slo.op,
            slo.threshold,
            slo.unit,
            percent(slo.met_fraction)
        );
        out += &line("SLO", &format!("{} {text}", slo.tag));
    }
    out + &line("reading", &reading(outcome, goodput.good_request_fraction))
}

fn reading(outcome: &Outcome, fraction: f64) -> String {
    if fraction >= HEALTHY {
        "goodput is about throughput: healthy at this load".into()
    } else if fraction >= STRAINED {
        "goodput is below throughput: this load is past the knee; lower it until the two meet"
            .into()
    } else if fraction > 0.0 {
        "goodput is far below throughput: overloaded; lower the load".into()
    } else {
        let ttft = outcome
            .metric("time_to_first_token")
            .and_then(|m| m.stats.as_ref())
            .map_or_else(String::new, |s| {
                format!("time to first token is {} ms at the median; ", short(s.p50))
            });
        format!(
            "no request met every SLO: {ttft}see what --concurrency 1 gives; if it is no better, the SLO is unreachable"
        )
    }
}

const HEALTHY: f64 = 0.95;
const STRAINED: f64 = 0.5;
