//! Threads of a run: workers and the recorder are started, watched and joined.

use super::error_limit::ErrorLimit;
use super::facts;
use super::finished::{Finished, Log};
use super::phase_barrier::PhaseBarrier;
use super::prepare::Prepared;
use super::recorder::{self, Observers};
use super::reread;
use super::resources::memory;
use super::seen::RecordSpan;
use super::worker_thread::{WorkerResult, WorkerThread};
use super::{Gate, Watcher};
use crate::clock::{self, RealtimeOffset};
use crate::control::{Budget, Control};
use crate::driver;
use crate::error::{Error, Result};
use crate::measure::{RunFacts, Shard};
use crate::plan::{Io, Plan, Secrets};
use crate::record::{LogWriter, Record};
use crate::resolve::{Line, Service};
use crate::worker::Shared;
use crate::workload::Workload;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Records that a worker may be ahead of the recorder.
const RECORD_RING: usize = 32 * 1024;

/// Drives the load. Records go to the log, past the watcher. When the log's file takes no more, the run ends as by one
/// stop, and what was measured is kept. So it is when a worker fails or panics after requests have ended:
/// [`Finished::take_failure`].
///
/// # Errors
/// When a thread, a driver or the log fails before a request has ended.
pub(super) fn execute(
    plan: &Plan,
    workload: &Workload,
    prepared: &Prepared,
    mut log: LogWriter,
    (control, gate): (&Control, Option<&Gate>),
    watcher: Option<Watcher<'_>>,
) -> Result<Finished> {
    let cores = &prepared.cores;
    let budget = Budget::new(memory(plan), prepared.holders);
    let shared = Shared::new(plan, workload, prepared.targets(), control, budget, clock::realtime(), cores.len());
    let barrier = PhaseBarrier::new(control, plan.io, cores.len(), gate);
    let offset = RealtimeOffset::sample();
    let mut facts = facts::begun(plan, workload, prepared, &shared, offset);
    reread::note_begun(&mut log, offset, &facts)?;

    let mut error_limit = ErrorLimit::of(plan);
    let threads = Threads { plan, prepared, shared: &shared, barrier: &barrier, control };
    let (results, (written, seen)) = threads.play(&mut log, watcher, &mut error_limit)?;
    if let Some(failure) = barrier.failure() {
        return broken_off(log, (facts, offset), &barrier, control, failure);
    }

    let mut shard = merge(&results);
    shard.redact(&Secrets::of(plan));
    facts::add_phases(&mut facts, plan, offset, &barrier, &results);
    let recorded = shard.warmup.recorded() + shard.profiling.recorded();
    // What the ring refused is in the shards already; what the recorder itself lost is the difference.
    facts.records_lost = recorded.saturating_sub(written + shard.counters.records_lost);
    facts.was_cancelled = control.interrupted();
    facts.aborted = error_limit.reached();
    facts.log_failure = log.failure().map(ToString::to_string);
    facts.unfinished = false;
    facts.driver = facts::driver_name(prepared.io == Io::Epoll || barrier.note().is_some());
    facts.driver_note = barrier.note().map(str::to_owned).or(facts.driver_note);
    facts.peak_rss_bytes = driver::peak_rss_bytes();
    reread::note_ended(&mut log, (&shard, &facts), Some(seen))?;
    let logs = vec![Log::here(log.finish_to_read(), Some(seen))];
    Ok(Finished { shard, facts, logs, sums: None, offset, here: true, failure: None })
}

/// A run that a failure has ended, with what was measured by then; the failure itself where that is nothing.
fn broken_off(
    log: LogWriter,
    (facts, offset): (RunFacts, RealtimeOffset),
    barrier: &PhaseBarrier<'_>,
    control: &Control,
    failure: Error,
) -> Result<Finished> {
    let log = log.finish_to_read();
    let Some((shard, mut facts, seen)) = reread::left_by(&log, facts, offset)? else {
        return Err(failure);
    };
    if let Some(note) = barrier.note() {
        (facts.driver, facts.driver_note) = (facts::driver_name(true), Some(note.to_owned()));
    }
    facts.was_cancelled = control.interrupted();
    facts.peak_rss_bytes = driver::peak_rss_bytes();
    let logs = vec![Log::here(log, seen)];
    Ok(Finished { shard, facts, logs, sums: None, offset, here: true, failure: Some(failure) })
}

/// What the threads of a run are made of.
#[derive(Clone, Copy)]
struct Threads<'a> {
    plan: &'a Plan,
    prepared: &'a Prepared,
    shared: &'a Shared<'a>,
    barrier: &'a PhaseBarrier<'a>,
    control: &'a Control,
}

impl Threads<'_> {
    /// Plays all phases: what the workers left, how many records were written, and what was seen of them.
    fn play(
        self,
        log: &mut LogWriter,
        watcher: Option<Watcher<'_>>,
        error_limit: &mut ErrorLimit,
    ) -> Result<(Vec<WorkerResult>, (u64, RecordSpan))> {
        let cores = &self.prepared.cores;
        // Names that are looked up during the run are asked for at a thread off the workers' cores.
        let asked = self.prepared.addrs.iter().any(Vec::is_empty);
        let service = asked.then(|| Service::start(&self.plan.network, cores, cores.len())).transpose()?;
        let (_service, lines) = service.map_or((None, Vec::new()), |(service, lines)| (Some(service), lines));
        let workers_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // A scope waits for its threads, also when this one panics.
            let _end = EndOnPanic(self.barrier);
            let (producers, mut consumers): (Vec<_>, Vec<_>) =
                cores.iter().map(|_| rtrb::RingBuffer::new(RECORD_RING)).unzip();
            let workers_done = &workers_done;
            let record = move || self.record(&mut consumers, log, watcher, error_limit, workers_done);
            let recorder = Builder::new()
                .name("records".into())
                .spawn_scoped(scope, record)
                .map_err(|e| unspawned("the record", &e))?;
            let workers = self.start(scope, producers, lines);
            let results = workers.into_iter().filter_map(|worker| worker.join().ok().flatten()).collect();
            workers_done.store(true, Ordering::Release);
            recorder.thread().unpark();
            let written = recorder.join().map_err(|_| Error::bug("the record thread panicked"))?;
            Ok((results, written))
        })
    }

    /// The recorder: takes records from the workers' rings, off their cores, until the workers are done.
    fn record(
        self,
        consumers: &mut [rtrb::Consumer<Box<Record>>],
        log: &mut LogWriter,
        mut watcher: Option<Watcher<'_>>,
        error_limit: &mut ErrorLimit,
        workers_done: &AtomicBool,
    ) -> (u64, RecordSpan) {
        driver::keep_off(&self.prepared.cores);
        let _end = EndOnPanic(self.barrier);
        let secrets = Secrets::of(self.plan);
        let mut ready = |record: &mut Record| {
            self.shared.budget.give(record.bytes());
            // Before it is written anywhere: a server may quote what it was sent.
            record.detail = record.detail.take().map(|said| secrets.excerpt(&said));
            for text in [&mut record.text, &mut record.reasoning_text].into_iter().flatten() {
                if let Cow::Owned(struck) = secrets.scrub(text) {
                    *text = struck;
                }
            }
        };
        let observers = Observers {
            ready: &mut ready,
            observe: &mut |record| {
                if error_limit.sees(record) {
                    self.control.abort();
                }
                if let Some(watcher) = &mut watcher {
                    watcher(record);
                }
            },
            full: &mut || self.control.abort(),
        };
        recorder::write(consumers, log, workers_done, observers)
    }

    /// Starts a worker a core.
    fn start<'s>(
        self,
        scope: &'s Scope<'s, '_>,
        producers: Vec<rtrb::Producer<Box<Record>>>,
        lines: Vec<Line>,
    ) -> Vec<ScopedJoinHandle<'s, Option<WorkerResult>>>
    where
        Self: 's,
    {
        let resources = self.prepared.resources;
        let mut lines = lines.into_iter();
        let mut workers = Vec::new();
        for ((index, core), producer) in self.prepared.cores.iter().copied().enumerate().zip(producers) {
            let line = lines.next();
            let worker = WorkerThread {
                index,
                workers: self.prepared.cores.len(),
                core,
                capacity: resources.slots,
                requests: resources.requests,
                io: self.prepared.io,
            };
            let work = move || self.barrier.play(|| worker.work(self.shared, self.barrier, producer, line));
            match Builder::new().name(format!("worker-{index}")).spawn_scoped(scope, work) {
                Ok(handle) => workers.push(handle),
                // Those that were started wait for the others, and have sent nothing.
                Err(e) => {
                    self.barrier.fail(unspawned("a worker", &e));
                    break;
                }
            }
        }
        workers
    }
}

/// A thread could not be started.
fn unspawned(which: &str, e: &std::io::Error) -> Error {
    Error::environment(
        format!("{which} thread could not be started ({e})"),
        "raise the limit of processes (`ulimit -u`, TasksMax= in systemd, --pids-limit in docker)",
    )
}

/// Ends the run when the thread that has it panics: nobody waits for what would never come.
struct EndOnPanic<'a>(&'a PhaseBarrier<'a>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::bug("a thread beside the workers panicked"));
        }
    }
}

fn merge(results: &[WorkerResult]) -> Shard {
    let mut shard = Shard::new();
    for result in results {
        shard.add(&result.shard);
    }
    shard
}
