//! Gates on the load: whether the arrivals that were asked for were made.

use super::case::{Case, Found};
use super::finding::{Direction, Effect, Finding, Scope, Status};
use super::wording::shown_share;
use crate::measure::Summary;
use crate::plan::{CapPolicy, Load, Plan, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let summary = case.summary;
    [rate(case), held(case), cancelled(summary), log_failure(summary), unfinished(summary), in_flight(summary)]
        .into_iter()
        .flatten()
        .collect()
}

/// Achieved against offered arrivals: late by our own fault is invalid, late because the cap was reached is another
/// experiment.
///
/// A shortfall of under 10 ms in the whole run is not judged: over a short schedule a single late arrival would be a
/// percentage.
fn rate(case: &Case<'_>) -> Option<Finding> {
    let (plan, summary) = (case.plan, case.summary);
    let rate = summary.rate.as_ref()?;
    if rate.ratio >= RATE_SUSPECT || (1.0 - rate.ratio) * summary.phase_duration_s < SHORTEST_SHORTFALL_S {
        return None;
    }
    let by_policy = summary.counts.dropped + summary.counts.queued > 0;
    let found = Found::new("rate", if by_policy { Scope::Policy } else { Scope::Client })
        .measured(rate.ratio, RATE_SUSPECT, "ratio")
        .moving(case.effects(&tags::REQUEST_THROUGHPUT, Direction::Lowered, 1.0 / rate.ratio - 1.0));
    let (found, remedy) = if by_policy {
        (
            found.at_least(Status::Suspect).at_most(Status::Suspect),
            match plan.profiling.load {
                Load::Users { .. } => {
                    format!(
                        "users waited for their earlier responses: raise {}, or lower {}",
                        Setting::Users,
                        Setting::UserRate
                    )
                }
                _ if unbound(plan) => slower_replay(),
                _ => {
                    format!(
                        "the bound on requests held arrivals back: raise {} ({}) or leave it out, or lower the rate",
                        Setting::Concurrency,
                        Setting::PrefillConcurrency
                    )
                }
            },
        )
    } else {
        // Every latency is then of a lighter load, by more than the load is lighter.
        let least = if rate.ratio < RATE_INVALID { Status::Invalid } else { Status::Suspect };
        (
            found.at_least(least),
            format!(
                "the client could not keep the schedule: give it more cores ({}), or lower the rate",
                Setting::Cores
            ),
        )
    };
    Some(found.says(
        format!(
            "{:.2} requests/sec were issued of {:.2} offered ({}); bounds: suspect under {}, invalid under {} by the client's fault",
            rate.achieved,
            rate.offered,
            shown_share(rate.ratio),
            shown_share(RATE_SUSPECT),
            shown_share(RATE_INVALID)
        ),
        remedy,
    ))
}

/// Requests that a bound or their own user held back: the load is another than the schedule says. In a closed loop
/// there is none, and the bound does what it is for; neither does a hundredth of the arrivals make it another load.
fn held(case: &Case<'_>) -> Option<Finding> {
    let (plan, summary) = (case.plan, case.summary);
    let counts = &summary.counts;
    if counts.dropped + counts.queued == 0 {
        return None;
    }
    let phase = &plan.profiling;
    let bounds = || bounds(plan, summary);
    let total = counts.issued + counts.dropped;
    let share = (counts.queued + counts.dropped) as f64 / total.max(1) as f64;
    let suspect = Status::over(share, HELD, f64::INFINITY);
    let (gate, status, evidence, remedy) = match (&phase.load, phase.load.cap().map(|c| c.policy)) {
        (Load::Closed { .. }, _) => (
            "prefill",
            Status::Valid,
            format!(
                "{} of {total} requests waited because {}: {WAIT}, and their slots stood empty meanwhile",
                counts.queued,
                bounds()
            ),
            format!("raise {} to keep all of {} in flight", Setting::PrefillConcurrency, Setting::Concurrency),
        ),
        (Load::Users { rate, users }, _) => (
            "users",
            suspect,
            format!(
                "{} of {total} turns waited, as a user sends nothing while an earlier response of theirs is unfinished, so that {users} users did not \
                 keep {rate} requests/sec: {WAIT}, and {} were never served",
                counts.queued + counts.dropped,
                counts.dropped
            ),
            format!(
                "responses took longer than the gap between the turns of a user ({} over {}): raise {}, or \
             lower {}",
                Setting::Users,
                Setting::UserRate,
                Setting::Users,
                Setting::UserRate
            ),
        ),
        (_, Some(CapPolicy::Drop)) if counts.dropped > 0 => (
            "cap",
            suspect,
            format!(
                "{} of {total} arrivals were dropped because {}: the server saw less load than was asked for",
                counts.dropped,
                bounds()
            ),
            higher_cap(),
        ),
        (_, None) if unbound(plan) => (
            "sessions",
            suspect,
            format!(
                "{} of {total} turns of a trace waited past their timestamps because {}: {WAIT}, and {} were never served",
                counts.queued,
                bounds(),
                counts.dropped
            ),
            slower_replay(),
        ),
        (_, policy) => (
            if policy == Some(CapPolicy::Queue) { "cap" } else { "prefill" },
            suspect,
            format!(
                "{} of {total} arrivals waited for a slot because {}: {WAIT}, and {} were never served",
                counts.queued,
                bounds(),
                counts.dropped
            ),
            if policy == Some(CapPolicy::Queue) { higher_cap() } else { higher_prefill() },
        ),
    };
    let found = Found::new(gate, Scope::Policy).measured(share, HELD, "ratio").at_least(status);
    Some(found.at_most(Status::Suspect).moving(spared(case)).says(evidence, remedy))
}

/// What the waits for a slot made of the times that count from the issue: in an open loop they are shorter than those
/// that count from the schedule, which are what a server takes that is sent each request when it is due.
fn spared(case: &Case<'_>) -> Vec<Effect> {
    if !case.plan.profiling.load.is_scheduled() {
        return Vec::new();
    }
    let times = [
        (&tags::TIME_TO_FIRST_TOKEN, &tags::SCHEDULED_TIME_TO_FIRST_TOKEN),
        (&tags::REQUEST_LATENCY, &tags::RESPONSE_TIME),
    ];
    let spared = times.into_iter().flat_map(|(info, felt)| {
        case.effects_by(info, Direction::Lowered, |statistic| {
            case.value(felt, statistic).zip(case.value(info, statistic)).map_or(0.0, |(felt, own)| felt - own)
        })
    });
    spared.collect()
}

/// What held requests back, in words.
fn bounds(plan: &Plan, summary: &Summary) -> String {
    let phase = &plan.profiling;
    let cap = phase.load.cap().map(|c| format!("{} requests were in flight", c.concurrency));
    let prefill = phase.prefill.map(|p| format!("{} had no first token yet", p.concurrency));
    let talk = talks(plan, summary).then(|| "the response before them in their conversation was not there".to_owned());
    let all: Vec<String> = cap.into_iter().chain(prefill).chain(talk).collect();
    all.join(" or ")
}

/// Whether a turn may have waited for the response before it: where a trace says when turns are wanted.
fn talks(plan: &Plan, summary: &Summary) -> bool {
    matches!(plan.profiling.load, Load::Fixed { .. }) && summary.counts.sessions.is_some()
}

fn unbound(plan: &Plan) -> bool {
    plan.profiling.load.cap().is_none() && plan.profiling.prefill.is_none()
}

fn cancelled(summary: &Summary) -> Option<Finding> {
    summary.was_cancelled.then(|| {
        Found::new("cancelled", Scope::Policy).says(
            "the run was ended by a signal",
            "the figures hold for the requests that finished; run again for the whole plan",
        )
    })
}

fn log_failure(summary: &Summary) -> Option<Finding> {
    let why = summary.log_failure.as_ref()?;
    Some(Found::new("record_log", Scope::Client).at_least(Status::Suspect).says(
        format!("the run ended early: its records could not be written any more ({why})"),
        format!("make room on the disk (or raise `ulimit -f`), or name another {}, and run again; the figures are of the requests before", Setting::OutputFolder),
    ))
}

fn unfinished(summary: &Summary) -> Option<Finding> {
    let issued = summary.counts.issued;
    summary.unfinished.then(|| {
        Found::new("unfinished", Scope::Client).at_least(Status::Invalid).says(
            format!(
                "the run did not end: it was killed, its machine went, or a worker of it failed; it had left the records of {issued} requests, and what was in flight is not known"
            ),
            "the figures hold for those requests; run again for the whole plan",
        )
    })
}

fn in_flight(summary: &Summary) -> Option<Finding> {
    let left = summary.counts.in_flight_at_end;
    (left > 0).then(|| {
        Found::new("in_flight_at_end", Scope::Policy).counted(left, "requests").says(
            format!(
                "{left} of {} requests were still in flight at the end and are in no distribution: they may be the slowest",
                summary.counts.issued
            ),
            format!("run longer, or allow a longer grace ({})", Setting::Grace),
        )
    })
}

fn slower_replay() -> String {
    format!(
        "the server answers later than the one of the trace did: replay it slower ({} below 1), or read the times that count from the schedule",
        Setting::ReplaySpeedup
    )
}

fn higher_cap() -> String {
    format!(
        "the server did not keep up with the rate under this cap: raise {} or leave it out for an open loop, or lower the rate",
        Setting::Concurrency
    )
}

fn higher_prefill() -> String {
    format!(
        "the server did not keep up with the rate under this bound: raise {} or leave it out, or lower the rate",
        Setting::PrefillConcurrency
    )
}

const WAIT: &str = "their wait is in response_time and scheduled_time_to_first_token only";
/// Share of the arrivals that were held back.
const HELD: f64 = 0.01;
const RATE_SUSPECT: f64 = 0.99;
const RATE_INVALID: f64 = 0.95;
const SHORTEST_SHORTFALL_S: f64 = 0.01;
