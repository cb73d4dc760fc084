//! The members of a fleet, a line each.

use super::layout::{count, heading, line, time};
use crate::result::run::Outcome;
use ringload_engine::measure::MemberFigures;

/// Who shared the load, and how well the clock of each is known; nothing where one machine had all of it.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(fleet) = &outcome.summary.fleet else { return String::new() };
    let mut out = heading("FLEET (one run from several machines)");
    out += &line("run", &fleet.run);
    for member in &fleet.members {
        out += &line(&format!("member {}", member.rank), &words(member));
    }
    if let Some(spread) = fleet.start_spread_ns {
        let mut text = format!("measured phases began within {}", time(spread as f64 / 1e6));
        if let Some(after) = fleet.start_after_ready_ns {
            text += &format!(", {} after the last member was ready", time(after as f64 / 1e6));
        }
        out += &line("start", &text);
    }
    if fleet.by_histograms {
        out += &line("figures", BY_HISTOGRAMS);
    }
    out
}

/// What figures are that are made from sums and histograms, and which are not made.
const BY_HISTOGRAMS: &str = "from sums and histograms of the members (--fleet-merge histograms): counts, sums, means, \
    standard deviations, least and greatest values are those of all requests, percentiles are bucketed, to 3 \
    significant digits. Not made: the steady part and intervals, seconds that were missed, stretches without output, \
    phases by new and reused connection, effective concurrency, the client's part in percentiles, ceilings over time, \
    records";

fn words(member: &MemberFigures) -> String {
    let cores = if member.cores == 1 { "core" } else { "cores" };
    let mut text = format!("{}, {} {cores}, {} requests", member.host, member.cores, count(member.requests));
    match (member.rank, member.clock_uncertainty_ns) {
        (0, _) => text += ", its clock is the run's",
        (_, Some(uncertainty)) => text += &format!(", its clock known to ±{}", time(uncertainty as f64 / 1e6)),
        (_, None) => text += ", its clock unknown",
    }
    if member.lost {
        text += &match member.lost_requests {
            0 => "; lost".to_owned(),
            requests => format!("; lost: {} requests are not in the figures", count(requests)),
        };
    }
    if let Some(failure) = &member.failure {
        text += &format!("; {failure}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;
    use ringload_engine::measure::FleetFigures;

    #[test]
    fn each_member_has_a_line_with_its_clock_and_its_loss() {
        let mut outcome = outcome();
        assert_eq!(section(&outcome), "");
        let member = |rank, uncertainty, lost| MemberFigures {
            rank,
            host: format!("node{rank}"),
            cores: 2,
            requests: 1_234,
            clock_ahead_ns: None,
            clock_uncertainty_ns: uncertainty,
            lost,
            lost_requests: if lost { 7 } else { 0 },
            failure: None,
            machine: None,
        };
        let members = vec![member(0, Some(0), false), member(1, Some(250_000), false), member(2, None, true)];
        outcome.summary.fleet = Some(FleetFigures {
            run: "r7".into(),
            members,
            start_spread_ns: Some(3_000_000),
            start_after_ready_ns: Some(2_100_000_000),
            by_histograms: true,
        });
        let text = section(&outcome);
        for part in [
            "r7",
            "node0, 2 cores",
            "its clock is the run's",
            "±250.0 µs",
            "its clock unknown; lost: 7\n                 requests are not in the figures",
            "began within 3",
            "2 100 ms after the last\n                 member was ready",
            "from sums and histograms of the members",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
