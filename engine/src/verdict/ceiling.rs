//! The gate on the client's share of its machine's ceiling.

use super::{CLIENT, Finding, Status, shown_share};
use crate::calibration::{Basis, Used};
use crate::measure::Summary;

/// A ceiling that was estimated is a lower bound, and the share an upper one: a crossing then counts one step less.
pub(super) fn findings(summary: &Summary, used: Option<&Used>) -> Vec<Finding> {
    used.and_then(|used| ceiling(summary, used)).into_iter().collect()
}

fn ceiling(summary: &Summary, used: &Used) -> Option<Finding> {
    let mut status = Status::over(used.share, SUSPECT, INVALID);
    if status == Status::Valid {
        return None;
    }
    let mut but = "";
    if used.basis == Basis::Estimated {
        status = status.milder();
        but = "; the ceiling is an estimate from a lighter load, a lower bound, so that this is the most it can have been";
    }
    if summary.phase_duration_s < SHORTEST_S {
        // A handful of requests is one burst of work: no statement about the client's capacity.
        status = Status::Valid;
        but = "; too short a run to say more";
    }
    let events = used.ceiling_events_per_s.map_or_else(String::new, |most| {
        format!("{:.0} output events/s of at most {most:.0}, and ", used.events_per_s)
    });
    let requests = used.ceiling_requests_per_s.unwrap_or_default();
    let cores = if used.cores == 1 { "core" } else { "cores" };
    Some(Finding {
        gate: "ceiling",
        status,
        blame: CLIENT,
        evidence: format!(
            "the busiest {:.1} s used {} of the ceiling of {} {cores}: {events}{:.0} requests/s of at most {requests:.0} (calibrated at {}){but}; bounds: suspect over {}, invalid over {}",
            used.window_s,
            shown_share(used.share),
            used.cores,
            used.requests_per_s,
            used.calibrated_at,
            shown_share(SUSPECT),
            shown_share(INVALID)
        ),
        remedy: "give the client more cores (--cores), spread the load over more machines, or lower --concurrency or --request-rate; if the machine has changed, run `ringload calibrate` again".into(),
    })
}

const SUSPECT: f64 = 0.7;
const INVALID: f64 = 0.9;
const SHORTEST_S: f64 = 0.1;
