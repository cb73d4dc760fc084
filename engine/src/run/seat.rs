//! One worker's place in a run: its thread, its phases, what it leaves.

use super::os_error;
use crate::clock::{self, MILLI, Nanos};
use crate::driver::{self, Driver, Epoll, Uring, prepare_thread, thread_facts};
use crate::error::{Error, Result};
use crate::host::{CoreFacts, CoreWatch};
use crate::measure::{CoreFigures, Shard};
use crate::plan::{Io, Stamps};
use crate::record::{PhaseKind, Record};
use crate::resolve::Line;
use crate::worker::{PhaseTally, Shared, Worker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the workers meet between phases.
pub(super) struct Stage {
    pub(super) barrier: Barrier,
    pub(super) start: [AtomicU64; 2],
}

/// One worker's place: its core and its room.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) index: usize,
    pub(super) core: usize,
    pub(super) capacity: usize,
    pub(super) io: Io,
}

/// What one worker left.
pub(super) struct Left {
    pub(super) shard: Shard,
    pub(super) core: CoreFigures,
    /// Warm-up and measured phase, by [`PhaseKind`].
    pub(super) phases: [PhaseTally; 2],
}

impl Seat {
    pub(super) fn work(
        self,
        shared: &Shared<'_>,
        stage: &Stage,
        records: rtrb::Producer<Box<Record>>,
        line: Option<Line>,
    ) -> Result<Left> {
        let pinned = prepare_thread(self.core, shared.plan.fifo);
        let options = driver::Options {
            stamps: shared.plan.stamps == Stamps::Kernel,
            tcp: Some(shared.plan.network.tcp),
            source_ips: shared.plan.network.source_ips.clone(),
            read_rate: shared.plan.network.read_rate,
        };
        // One slot past the room is the core's own, one the name service's.
        let slots = self.capacity + 2;
        match self.io {
            Io::Epoll => self.drive(
                Epoll::new(slots, options),
                shared,
                stage,
                records,
                line,
                pinned,
            ),
            Io::Uring | Io::Auto => self.drive(
                Uring::new(slots, options),
                shared,
                stage,
                records,
                line,
                pinned,
            ),
        }
    }

    fn drive<D: Driver>(
        self,
        driver: std::result::Result<D, i32>,
        shared: &Shared<'_>,
        stage: &Stage,
        records: rtrb::Producer<Box<Record>>,
        line: Option<Line>,
        pinned: std::result::Result<(), String>,
    ) -> Result<Left> {
        let plan = shared.plan;
        let driver = driver.map_err(|e| {
            Error::environment(
                format!("a worker got no driver: {}", os_error(e)),
                "try --io epoll",
            )
        });
        let mut worker = driver.map(|d| Worker::new(d, shared, self.index, self.capacity, records));
        let mut phases = [PhaseTally::default(); 2];
        let mut before = thread_facts();
        let mut core_facts = CoreFacts::default();
        let mut failed = None;
        if let Ok(worker) = &mut worker {
            failed = ready(worker, line).err();
        }
        let mut began = 0;
        let wanted = [
            plan.warmup.as_ref().map(|p| (p, PhaseKind::Warmup)),
            Some((&plan.profiling, PhaseKind::Profiling)),
        ];
        for (phase, kind) in wanted.into_iter().flatten() {
            // Before they meet: where there are many cores and interrupts, the kernel takes milliseconds to write its counters.
            let watch = CoreWatch::start(self.core);
            // All workers meet here, also those that failed, so that none waits for ever.
            if stage.barrier.wait().is_leader() {
                stage.start[kind as usize]
                    .store(clock::monotonic() + PHASE_LEAD, Ordering::Release);
            }
            stage.barrier.wait();
            let start = stage.start[kind as usize].load(Ordering::Acquire);
            (before, began) = (thread_facts(), start);
            if failed.is_none()
                && let Ok(worker) = &mut worker
            {
                match catch_unwind(AssertUnwindSafe(|| worker.run_phase(phase, kind, start))) {
                    Ok(Ok(facts)) => phases[kind as usize] = facts,
                    Ok(Err(e)) => failed = Some(e),
                    Err(_) => failed = Some(Error::bug("a worker panicked")),
                }
            }
            core_facts = watch.finish();
            if failed.is_some() {
                shared.control.stop();
                shared.control.stop();
            }
        }
        let after = thread_facts();
        let wall = phases[1].ended.saturating_sub(began).max(1) as f64;
        let (shard, stats) = worker?.finish();
        if let Some(e) = failed {
            return Err(e);
        }
        let (user, system) = (after.user - before.user, after.system - before.system);
        let on = pinned.is_ok().then_some(self.core);
        Ok(Left {
            shard,
            core: CoreFigures {
                core: on,
                busy_share: ((user + system) as f64 / wall).min(1.0),
                user_s: user as f64 / 1e9,
                system_s: system as f64 / 1e9,
                wakes: stats.wakes,
                involuntary_switches: after.involuntary_switches - before.involuntary_switches,
                core_busy_share: on.and(core_facts.busy_share),
                run_delay_s: core_facts.run_delay.map(|ns| ns as f64 / 1e9),
                numa_node: on.and(core_facts.numa_node),
            },
            phases,
        })
    }
}

/// What a worker does before its first phase.
fn ready<D: Driver>(worker: &mut Worker<'_, D>, line: Option<Line>) -> Result<()> {
    if let Some(line) = line {
        worker.ask_names(line).map_err(|e| {
            Error::environment(
                format!("a worker cannot hear the name service: {}", os_error(e)),
                "write --dns once",
            )
        })?;
    }
    worker.prewarm()
}

/// How far ahead of the workers' release a phase begins, so that all of them are there.
const PHASE_LEAD: Nanos = 2 * MILLI;
