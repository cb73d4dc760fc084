//! Gates on the load: whether the arrivals that were asked for were made.

use super::{CLIENT, Finding, HOST, PEER, POLICY, Status, shown_share};
use crate::measure::Summary;
use crate::plan::{CapPolicy, Load, Plan};

pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    [
        rate(plan, summary),
        held(plan, summary),
        cancelled(summary),
        aborted(summary),
        log_failure(summary),
        unfinished(summary),
        in_flight(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Achieved against offered arrivals: late by our own fault is invalid, late because the cap was reached is another
/// experiment.
///
/// A shortfall of under 10 ms in the whole run is not judged: over a short schedule a single late arrival would be a
/// percentage.
fn rate(plan: &Plan, summary: &Summary) -> Option<Finding> {
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
            match plan.profiling.load {
                Load::Users { .. } => {
                    "users waited for their earlier answers: raise --num-users, or lower --user-centric-rate"
                }
                _ if unbound(plan) => TALK_REMEDY,
                _ => {
                    "the bound on requests held arrivals back: raise --concurrency (--prefill-concurrency) or leave it out, or lower the rate"
                }
            },
        )
    } else {
        (status, CLIENT, "the client could not keep the schedule: give it more cores (--cores), or lower the rate")
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

/// Requests that a bound or their own user held back: the load is another than the schedule says. In a closed loop
/// there is none, and the bound does what it is for.
fn held(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let counts = &summary.counts;
    if counts.dropped + counts.queued == 0 {
        return None;
    }
    let phase = &plan.profiling;
    let bounds = || {
        let cap = phase.load.cap();
        let cap = cap.map(|c| format!("{} requests were in flight", c.concurrency));
        let prefill = phase.prefill;
        let prefill = prefill.map(|p| format!("{} had no first token yet", p.concurrency));
        let talk =
            talks(plan, summary).then(|| "the answer before them in their conversation was not there".to_owned());
        let all: Vec<String> = cap.into_iter().chain(prefill).chain(talk).collect();
        all.join(" or ")
    };
    let wait = "their wait is in response_time and scheduled_time_to_first_token only";
    let total = counts.issued + counts.dropped;
    let (gate, status, evidence, remedy) = match (&phase.load, phase.load.cap().map(|c| c.policy)) {
        (Load::Closed { .. }, _) => (
            "prefill",
            Status::Valid,
            format!(
                "{} of {total} requests waited because {}: {wait}, and their slots stood empty meanwhile",
                counts.queued,
                bounds()
            ),
            "raise --prefill-concurrency to keep all of --concurrency in flight",
        ),
        (Load::Users { rate, users }, _) => (
            "users",
            Status::Suspect,
            format!(
                "{} of {total} turns waited, as a user sends nothing while an earlier answer of theirs is unfinished, so that {users} users did not \
                 keep {rate} requests/sec: {wait}, and {} were never served",
                counts.queued + counts.dropped,
                counts.dropped
            ),
            "answers took longer than the gap between the turns of a user (--num-users over --user-centric-rate): raise --num-users, or \
             lower --user-centric-rate",
        ),
        (_, Some(CapPolicy::Drop)) if counts.dropped > 0 => (
            "cap",
            Status::Suspect,
            format!(
                "{} of {total} arrivals were dropped because {}: the server saw less load than was asked for",
                counts.dropped,
                bounds()
            ),
            CAP_REMEDY,
        ),
        (_, None) if unbound(plan) => (
            "sessions",
            Status::Suspect,
            format!(
                "{} of {total} turns of a trace waited past their timestamps because {}: {wait}, and {} were never served",
                counts.queued,
                bounds(),
                counts.dropped
            ),
            TALK_REMEDY,
        ),
        (_, policy) => (
            if policy == Some(CapPolicy::Queue) { "cap" } else { "prefill" },
            Status::Suspect,
            format!(
                "{} of {total} arrivals waited for a slot because {}: {wait}, and {} were never served",
                counts.queued,
                bounds(),
                counts.dropped
            ),
            if policy == Some(CapPolicy::Queue) {
                CAP_REMEDY
            } else {
                "the server did not keep up with the rate under this bound: raise --prefill-concurrency or leave it out, or lower the rate"
            },
        ),
    };
    Some(Finding { gate, status, blame: POLICY, evidence, remedy: remedy.into() })
}

/// Whether a turn may have waited for the answer before it: where a trace says when turns are wanted.
fn talks(plan: &Plan, summary: &Summary) -> bool {
    matches!(plan.profiling.load, Load::Fixed { .. }) && summary.counts.sessions.is_some()
}

fn unbound(plan: &Plan) -> bool {
    plan.profiling.load.cap().is_none() && plan.profiling.prefill.is_none()
}

fn cancelled(summary: &Summary) -> Option<Finding> {
    summary.was_cancelled.then(|| Finding {
        gate: "cancelled",
        status: Status::Valid,
        blame: POLICY,
        evidence: "the run was ended by a signal".into(),
        remedy: "the figures hold for the requests that finished; run again for the whole plan".into(),
    })
}

fn aborted(summary: &Summary) -> Option<Finding> {
    summary.aborted.map(|aborted| Finding {
        gate: "aborted",
        status: Status::Suspect,
        blame: PEER,
        evidence: format!("the run ended early: {aborted}"),
        remedy: "read the errors, fix the server or the load, and run again; the figures are of the requests before"
            .into(),
    })
}

fn log_failure(summary: &Summary) -> Option<Finding> {
    let why = summary.log_failure.as_ref()?;
    Some(Finding {
        gate: "record_log",
        status: Status::Suspect,
        blame: HOST,
        evidence: format!("the run ended early: its records could not be written any more ({why})"),
        remedy: "make room on the disk (or raise `ulimit -f`), or name another --artifact-dir, and run again; the figures are of the requests before".into(),
    })
}

fn unfinished(summary: &Summary) -> Option<Finding> {
    summary.unfinished.then(|| Finding {
        gate: "unfinished",
        status: Status::Invalid,
        blame: HOST,
        evidence: format!(
            "the run did not end: it was killed, its machine went, or a worker of it failed; it had left the records of {} requests, and what was in flight is not known",
            summary.counts.issued
        ),
        remedy: "the figures hold for those requests; run again for the whole plan".into(),
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

const TALK_REMEDY: &str = "the server answers later than the one of the trace did: replay it slower (--replay-speedup below 1), or read the times that \
                           count from the schedule";
const RATE_SUSPECT: f64 = 0.99;
const RATE_INVALID: f64 = 0.95;
const SHORTEST_SHORTFALL_S: f64 = 0.01;
const CAP_REMEDY: &str = "the server did not keep up with the rate under this cap: raise --concurrency or leave it out for an open loop, or \
                          lower the rate";
