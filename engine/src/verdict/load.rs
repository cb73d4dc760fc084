//! Gates on the load: whether the arrivals that were asked for were made.

use super::{CLIENT, Finding, POLICY, Status, shown_share};
use crate::measure::Summary;
use crate::plan::{Cap, CapPolicy, Load, Plan};

pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    [
        rate(summary),
        cap(plan, summary),
        cancelled(summary),
        in_flight(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Achieved against offered arrivals: late by our own fault is invalid, late because the cap was reached is another experiment.
///
/// A shortfall of under 10 ms in the whole run is not judged: over a short schedule a single late arrival would be a percentage.
fn rate(summary: &Summary) -> Option<Finding> {
    let rate = summary.rate.as_ref()?;
    let status = if rate.ratio < RATE_INVALID {
        Status::Invalid
    } else if rate.ratio < RATE_SUSPECT {
        Status::Suspect
    } else {
        return None;
    };
    if (1.0 - rate.ratio) * summary.phase_duration_s < SHORTEST_SHORTFALL_S {
        return None;
    }
    let by_policy = summary.counts.dropped + summary.counts.queued > 0;
    let (status, blame, remedy) = if by_policy {
        (
            Status::Suspect,
            POLICY,
            "the cap on requests in flight held arrivals back: raise --concurrency or leave it out, or lower --request-rate",
        )
    } else {
        (
            status,
            CLIENT,
            "the client could not keep the schedule: give it more cores (--cores), or lower --request-rate",
        )
    };
    Some(Finding {
        gate: "rate",
        status,
        blame,
        evidence: format!(
            "{:.2} requests/sec were issued of {:.2} offered ({}); bounds: suspect under {}, invalid under {} by the client's fault",
            rate.achieved,
            rate.offered,
            shown_share(rate.ratio),
            shown_share(RATE_SUSPECT),
            shown_share(RATE_INVALID)
        ),
        remedy: remedy.into(),
    })
}

fn cap(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let Load::Open {
        cap: Some(Cap {
            concurrency,
            policy,
        }),
        ..
    } = plan.profiling.load
    else {
        return None;
    };
    let counts = &summary.counts;
    if counts.dropped + counts.queued == 0 {
        return None;
    }
    let (met, what, effect) = match policy {
        CapPolicy::Queue => (
            counts.queued,
            "waited for a slot",
            format!(
                "their wait is in response_time and scheduled_time_to_first_token only, and {} were never served",
                counts.dropped
            ),
        ),
        CapPolicy::Drop => (
            counts.dropped,
            "were dropped",
            "the server saw less load than was asked for".to_owned(),
        ),
    };
    Some(Finding {
        gate: "cap",
        status: Status::Suspect,
        blame: POLICY,
        evidence: format!(
            "{} of {} arrivals {what} because {concurrency} requests were in flight: {effect}",
            met,
            counts.issued + counts.dropped
        ),
        remedy: "the server did not keep up with the rate under this cap: raise --concurrency or leave it out for an open loop, or lower \
                 --request-rate"
            .into(),
    })
}

fn cancelled(summary: &Summary) -> Option<Finding> {
    summary.was_cancelled.then(|| Finding {
        gate: "cancelled",
        status: Status::Valid,
        blame: POLICY,
        evidence: "the run was ended by a signal".into(),
        remedy: "the figures hold for the requests that finished; run again for the whole plan"
            .into(),
    })
}

fn in_flight(summary: &Summary) -> Option<Finding> {
    let left = summary.counts.in_flight_at_end;
    (left > 0).then(|| Finding {
        gate: "in_flight_at_end",
        status: Status::Valid,
        blame: POLICY,
        evidence: format!(
            "{left} of {} requests were still in flight at the end and are in no distribution: they may be the slowest",
            summary.counts.issued
        ),
        remedy: "run longer, or allow a longer grace (--benchmark-grace-period)".into(),
    })
}

const RATE_SUSPECT: f64 = 0.99;
const RATE_INVALID: f64 = 0.95;
const SHORTEST_SHORTFALL_S: f64 = 0.01;
