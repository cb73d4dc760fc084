//! The facts of a run: what was planned, what the sources counted, the protocols of the targets.

use super::phase_barrier::PhaseBarrier;
use super::prepare::Prepared;
use super::worker_thread::WorkerResult;
use crate::clock::RealtimeOffset;
use crate::measure::{Offered, PhaseFacts, RunFacts, TargetFacts};
use crate::plan::{Io, Phase, Plan};
use crate::record::PhaseKind;
use crate::schedule::Share;
use crate::worker::{Shared, first_of};
use crate::workload::Workload;

/// What is known when the load begins.
pub(super) fn begun(
    plan: &Plan,
    workload: &Workload,
    prepared: &Prepared,
    shared: &Shared<'_>,
    offset: RealtimeOffset,
) -> RunFacts {
    let begun = |kind: PhaseKind, phase: &Phase| PhaseFacts {
        planned: planned(phase, workload, (kind, first_of(plan, kind)), &shared.shares[kind as usize]),
        ..PhaseFacts::default()
    };
    RunFacts {
        wall_start_ns: offset.to_realtime(offset.sampled_at()),
        wall_end_ns: 0,
        warmup: plan.warmup.as_ref().map(|w| begun(PhaseKind::Warmup, w)),
        profiling: begun(PhaseKind::Profiling, &plan.profiling),
        targets: targets(plan, prepared),
        driver: driver_name(prepared.io == Io::Epoll),
        driver_note: prepared.driver_note.clone(),
        stamps: plan.stamps,
        cores: Vec::new(),
        records_lost: 0,
        was_cancelled: false,
        aborted: None,
        log_failure: None,
        unfinished: true,
        peak_rss_bytes: 0,
        buffered_limit_bytes: shared.budget.whole(),
        tokenizer: workload.tokenizer().0.to_owned(),
        tokenizer_approximate: workload.tokenizer().1,
        characters_per_token: workload.characters_per_token(),
        fleet: None,
    }
}

/// Adds what the workers' phases came to.
pub(super) fn add_phases(
    facts: &mut RunFacts,
    plan: &Plan,
    offset: RealtimeOffset,
    barrier: &PhaseBarrier<'_>,
    results: &[WorkerResult],
) {
    let of = |kind, planned| phase_facts(kind, planned, barrier, results);
    facts.profiling = of((PhaseKind::Profiling, &plan.profiling), facts.profiling.planned);
    facts.warmup = facts.warmup.take().zip(plan.warmup.as_ref()).map(|(f, w)| of((PhaseKind::Warmup, w), f.planned));
    facts.wall_start_ns = offset.to_realtime(facts.profiling.start);
    facts.wall_end_ns = offset.to_realtime(facts.profiling.end);
    facts.cores = results.iter().map(|l| l.core.clone()).collect();
}

/// The driver's name in files.
pub(super) fn driver_name(epoll: bool) -> String {
    if epoll { "epoll" } else { "io_uring" }.to_owned()
}

fn phase_facts(
    (kind, phase): (PhaseKind, &Phase),
    planned: Option<u64>,
    barrier: &PhaseBarrier<'_>,
    results: &[WorkerResult],
) -> PhaseFacts {
    let tallies = || results.iter().map(|l| &l.phases[kind as usize]);
    // By the sources' own count, not by what became of it: the request accounting is checked against it.
    let fell_due: u64 = tallies().map(|t| t.fell_due).sum();
    let due = || tallies().filter(|t| t.arrivals > 0);
    let offered = phase.load.is_scheduled().then(|| Offered {
        arrivals: due().map(|t| t.arrivals).sum(),
        first: due().map(|t| t.first_scheduled).min().unwrap_or(0),
        last: due().map(|t| t.last_scheduled).max().unwrap_or(0),
    });
    PhaseFacts {
        start: barrier.start(kind),
        end: tallies().map(|t| t.ended).max().unwrap_or(0),
        planned,
        never_due: planned.map_or(0, |n| n.saturating_sub(fell_due)),
        lost_with_member: 0,
        offered: offered.filter(|o| o.arrivals > 0),
    }
}

/// Requests that the measured phase of a plan asks this process for, where it says how many.
#[must_use]
pub fn planned_requests(plan: &Plan, workload: &Workload) -> Option<u64> {
    let share = Share::of(&plan.profiling.load, plan.core_range(1));
    planned(&plan.profiling, workload, (PhaseKind::Profiling, first_of(plan, PhaseKind::Profiling)), &share)
}

/// Requests that a phase asks this process for, where it says how many: its share of so many requests, or of all turns
/// of so many sessions from session `first` on; the smaller of the two.
fn planned(phase: &Phase, workload: &Workload, (kind, first): (PhaseKind, u64), share: &Share) -> Option<u64> {
    let pick = |k| match kind {
        PhaseKind::Warmup => workload.pick_for_warmup(k),
        PhaseKind::Profiling => workload.pick(k),
    };
    let turns = phase.sessions.map(|sessions| match workload.has_turns() {
        false => share.below(sessions),
        true => {
            let own = (0..share.below(sessions)).map(|i| first + share.nth(i));
            own.map(|k| workload.turns_of(pick(k))).fold(0, u64::saturating_add)
        }
    });
    phase.requests.map(|requests| share.below(requests)).into_iter().chain(turns).min()
}

/// The protocol that was negotiated with each target.
fn targets(plan: &Plan, prepared: &Prepared) -> Vec<TargetFacts> {
    plan.targets
        .iter()
        .zip(&prepared.speaks)
        .map(|(target, speaks)| TargetFacts {
            url: target.url.clone(),
            http: if speaks.http2 { "2" } else { "1.1" },
            tls: target.tls,
            negotiated: speaks.negotiated,
            note: speaks.note(),
            ..TargetFacts::default()
        })
        .collect()
}
