//! The inputs of a worker: the plan, the request bodies, the targets, the stop. Of the workers' shared counters it only
//! changes the atomic ones.

use crate::control::{Budget, Control};
use crate::plan::{CoreRange, Phase, Plan, first_session};
use crate::record::PhaseKind;
use crate::schedule::Share;
use crate::wire::{http1, http2, tls};
use crate::workload::Workload;
use socket2::SockAddr;
use std::sync::atomic::{AtomicI64, AtomicU64};

/// Where requests go, and how: one item for each target of the plan.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    /// The constant head of its requests.
    pub heads: &'a [http1::RequestHead],
    /// The constant part of its header blocks, where it speaks HTTP/2.
    pub heads2: &'a [Option<http2::RequestHead>],
    /// Where it is, resolved once before the clock started. Empty where the name service is asked for each connection.
    pub addrs: &'a [Vec<SockAddr>],
    /// Its TLS, where it has one.
    pub tls: &'a [Option<tls::Client>],
}

/// What all workers of a run share. Read-only but for counters that are touched once per request.
pub struct Shared<'a> {
    /// What is asked.
    pub plan: &'a Plan,
    /// What is sent.
    pub workload: &'a Workload,
    /// Where it goes.
    pub targets: Targets<'a>,
    /// Stop flag and live figures.
    pub control: &'a Control,
    /// Sessions of a closed loop that were begun so far, per phase.
    pub next: [AtomicU64; 2],
    /// Requests that were taken so far, per phase, where sessions have several turns.
    pub taken: [AtomicU64; 2],
    /// Free slots under a cap, per phase; in the whole run.
    pub permits: [AtomicI64; 2],
    /// Free slots for requests without a first token, per phase; in the whole run.
    pub prefill_permits: [AtomicI64; 2],
    /// What the responses may hold together.
    pub budget: Budget,
    /// Makes request ids of this run differ from those of any other.
    pub nonce: u64,
    /// Which cores, of all that share the load, the workers are.
    pub cores: CoreRange,
    /// What of the load is theirs, per phase.
    pub shares: [Share; 2],
}

impl<'a> Shared<'a> {
    /// What `workers` workers share before the first phase.
    #[must_use]
    pub fn new(
        plan: &'a Plan,
        workload: &'a Workload,
        targets: Targets<'a>,
        control: &'a Control,
        budget: Budget,
        nonce: u64,
        workers: usize,
    ) -> Self {
        let phases = [plan.warmup.as_ref(), Some(&plan.profiling)];
        let cores = plan.core_range(workers);
        Self {
            plan,
            workload,
            targets,
            control,
            next: [0, 0].map(AtomicU64::new),
            taken: [0, 0].map(AtomicU64::new),
            permits: phases.map(|phase| cap_permits(phase, cores)),
            prefill_permits: phases.map(|phase| prefill_permits(phase, cores)),
            budget,
            nonce,
            cores,
            shares: phases.map(|phase| Share::of(&phase.unwrap_or(&plan.profiling).load, cores)),
        }
    }
}

/// What one worker reads and never writes; only the phase changes, between two phases.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) workload: &'a Workload,
    pub(super) targets: Targets<'a>,
    pub(super) control: &'a Control,
    pub(super) budget: &'a Budget,
    /// Counters that all workers change.
    pub(super) shared: &'a Shared<'a>,
    /// Number of the worker in this process.
    pub(super) index: usize,
    /// Number of its core among those of all processes that share the load.
    pub(super) core: usize,
    pub(super) phase: PhaseKind,
}

impl<'a> Context<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, index: usize) -> Self {
        Self {
            plan: shared.plan,
            workload: shared.workload,
            targets: shared.targets,
            control: shared.control,
            budget: &shared.budget,
            shared,
            index,
            core: shared.cores.first + index,
            phase: PhaseKind::Profiling,
        }
    }

    /// The same in another phase.
    pub(super) fn in_phase(self, phase: PhaseKind) -> Self {
        Self { phase, ..self }
    }

    /// What of the phase's load is this process's.
    pub(super) fn share(&self) -> &'a Share {
        &self.shared.shares[self.phase as usize]
    }
}

/// The number, among all sessions, of the first of a phase.
pub(crate) fn first_of(plan: &Plan, phase: PhaseKind) -> u64 {
    match phase {
        PhaseKind::Warmup => 0,
        PhaseKind::Profiling => first_session(plan),
    }
}

/// The slots under a phase's cap that are free from the start: all of these cores, or none where they open over time.
fn cap_permits(phase: Option<&Phase>, cores: CoreRange) -> AtomicI64 {
    let cap = phase.and_then(|p| p.load.cap());
    permits(cap.filter(|c| c.ramp.is_none()).map(|c| c.concurrency), cores)
}

/// As [`cap_permits`], of the bound on requests without a first token.
fn prefill_permits(phase: Option<&Phase>, cores: CoreRange) -> AtomicI64 {
    let prefill = phase.and_then(|p| p.prefill);
    permits(prefill.filter(|p| p.ramp.is_none()).map(|p| p.concurrency), cores)
}

fn permits(slots: Option<u32>, cores: CoreRange) -> AtomicI64 {
    AtomicI64::new(slots.map_or(0, |slots| Share::of_slots(u64::from(slots), cores).own_slots() as i64))
}
