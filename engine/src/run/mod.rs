//! A run from plan to summary: workers are started, watched and joined; records are read back, counted and summed.

mod addresses;
mod barrier;
mod certificates;
mod drain;
mod error_limit;
mod negotiate;
mod phase_barrier;
mod recorder;
mod reread;
mod resources;
mod summarize;
#[cfg(test)]
mod tests;
mod worker_thread;

pub use crate::control::{Budget, Control, Progress};
pub use addresses::locate;
pub use certificates::{tls_clients, tls_material};
pub use error_limit::ErrorLimit;
pub use reread::{Reread, reread};
pub use resources::cores;
pub use summarize::{metrics_of, summarize};

use crate::clock::{self, RealtimeOffset};
use crate::driver::{self, Uring};
use crate::error::{Error, Result};
use crate::measure::{Offered, PhaseFacts, RunFacts, Shard, Spoken};
use crate::plan::{Io, Phase, Plan, Secrets, Stamps};
use crate::record::{LogWriter, Note, PhaseKind, Record, RecordLog};
use crate::resolve::Service;
use crate::wire::http1::RequestHead;
use crate::wire::http2;
use crate::worker::{Shared, Targets, first_of};
use crate::workload::Workload;
use addresses::addresses;
use negotiate::Speaks;
use phase_barrier::PhaseBarrier;
use recorder::Looks;
use resources::{capacity, memory};
use std::sync::atomic::{AtomicBool, Ordering};
use worker_thread::{WorkerResult, WorkerThread};

/// Records that a worker may be ahead of the writer.
const RECORD_RING: usize = 32 * 1024;

/// What the workers left: the merged shard, the facts of the run, and the record log.
pub struct Finished {
    shard: Shard,
    facts: RunFacts,
    log: RecordLog,
    offset: RealtimeOffset,
    /// Of this process, whose memory goes on to count.
    here: bool,
}

impl Finished {
    /// Leaves in its log what the caller knows after the load ([`crate::record::Note::Tail`]), where the log's file
    /// takes it.
    pub fn leave(&mut self, tail: &[u8]) {
        self.log.note(Note::Tail, tail);
    }

    /// Turns the run's instants into wall-clock time, for files.
    #[must_use]
    pub fn offset(&self) -> RealtimeOffset {
        self.offset
    }
}

/// Looks on at each record as it is written, off the workers' cores; may end the run by [`Control::enough`].
pub type Watcher<'a> = &'a mut (dyn FnMut(&Record) + Send);

/// Drives the load. Records go to the log, past the watcher. When the log's file takes no more, the run ends as by one
/// stop, and what was measured is kept.
///
/// # Errors
/// When the environment forbids the run: no driver, no descriptors, a name that does not resolve.
pub fn execute(
    plan: &Plan,
    workload: &Workload,
    mut log: LogWriter,
    control: &Control,
    mut watcher: Option<Watcher<'_>>,
) -> Result<Finished> {
    negotiate::sources(&plan.network.source_ips)?;
    let cores = cores(plan)?;
    let heads = plan.targets.iter().map(|t| RequestHead::new(plan, t)).collect::<Result<Vec<_>>>()?;
    let addrs = addresses(plan, control)?;
    let speaks = negotiate::speaks(plan, &addrs, control)?;
    let http2: Vec<bool> = speaks.iter().map(|s| s.http2).collect();
    let tls = tls_clients(plan, &http2)?;
    let heads2 = plan
        .targets
        .iter()
        .zip(&http2)
        .map(|(t, two)| two.then(|| http2::RequestHead::new(plan, t, t.tls)).transpose())
        .collect::<Result<Vec<_>>>()?;
    let resources = capacity(plan, cores.len(), http2.contains(&true))?;
    let capacity = resources.slots;
    // A connection that is drained for its next use holds no answer.
    let holders = if http2.contains(&true) { resources.slots } else { resources.requests };
    let budget = Budget::new(memory(plan), (holders * cores.len()) as u64);
    let (io, driver_note) = choose_driver(plan)?;
    let targets = Targets { heads: &heads, heads2: &heads2, addrs: &addrs, tls: &tls };
    let shared = Shared::new(plan, workload, targets, control, budget, clock::realtime(), cores.len());
    // Names that are looked up during the run are asked for at a thread off the workers' cores.
    let asked = addrs.iter().any(Vec::is_empty);
    let (_service, lines) = if asked {
        let (service, lines) = Service::start(&plan.network, &cores, cores.len())?;
        (Some(service), lines)
    } else {
        (None, Vec::new())
    };
    let mut lines = lines.into_iter();
    let barrier = PhaseBarrier::new(control, plan.io, cores.len());
    let offset = RealtimeOffset::sample();
    let workers_done = AtomicBool::new(false);
    let mut error_limit = ErrorLimit::of(plan);

    let begun = |kind: PhaseKind, phase: &Phase| PhaseFacts {
        planned: planned(phase, workload, first_of(plan, kind)),
        ..PhaseFacts::default()
    };
    let mut facts = RunFacts {
        wall_start_ns: offset.to_realtime(offset.sampled_at()),
        wall_end_ns: 0,
        warmup: plan.warmup.as_ref().map(|w| begun(PhaseKind::Warmup, w)),
        profiling: begun(PhaseKind::Profiling, &plan.profiling),
        targets: spoken(plan, &speaks),
        driver: if io == Io::Epoll { "epoll" } else { "io_uring" }.to_owned(),
        driver_note,
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
    };
    reread::note_begun(&mut log, offset, &facts)?;

    let outcome = std::thread::scope(|scope| {
        // A scope waits for its threads, also when this one panics.
        let _end = EndOnPanic(&barrier);
        let (producers, mut consumers): (Vec<_>, Vec<_>) =
            cores.iter().map(|_| rtrb::RingBuffer::new(RECORD_RING)).unzip();
        let (workers_done, log) = (&workers_done, &mut log);
        let (watcher, error_limit) = (watcher.take(), &mut error_limit);
        let (cores, budget, barrier) = (&cores, &shared.budget, &barrier);
        let secrets = Secrets::of(plan);
        let writer = std::thread::Builder::new()
            .name("records".into())
            .spawn_scoped(scope, move || {
                driver::keep_off(cores);
                let _end = EndOnPanic(barrier);
                let mut watcher = watcher;
                let mut ready = |record: &mut Record| {
                    budget.give(record.bytes());
                    // Before it is written anywhere: a server may quote what it was sent.
                    record.detail = record.detail.take().map(|said| secrets.excerpt(&said));
                };
                let looks = Looks {
                    ready: &mut ready,
                    look_on: &mut |record| {
                        if error_limit.sees(record) {
                            control.abort();
                        }
                        if let Some(watcher) = &mut watcher {
                            watcher(record);
                        }
                    },
                    full: &mut || control.abort(),
                };
                recorder::write(&mut consumers, log, workers_done, looks)
            })
            .map_err(|e| unspawned("the record", &e))?;
        let mut handles = Vec::new();
        for ((index, core), producer) in cores.iter().copied().enumerate().zip(producers) {
            let (shared, line) = (&shared, lines.next());
            let worker = WorkerThread { index, core, capacity, requests: resources.requests, io };
            let spawned = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn_scoped(scope, move || barrier.play(|| worker.work(shared, barrier, producer, line)));
            match spawned {
                Ok(handle) => handles.push(handle),
                // Those that were started wait for the others, and have sent nothing.
                Err(e) => {
                    barrier.fail(unspawned("a worker", &e));
                    break;
                }
            }
        }
        let results: Vec<WorkerResult> =
            handles.into_iter().filter_map(|handle| handle.join().ok().flatten()).collect();
        workers_done.store(true, Ordering::Release);
        writer.thread().unpark();
        let written = writer.join().map_err(|_| Error::bug("the record thread panicked"));
        match barrier.failure() {
            Some(error) => Err(error),
            None => written.map(|n| (results, n)),
        }
    });
    let (results, written) = outcome?;
    let shard = merge(&results);
    let epoll = io == Io::Epoll || barrier.note().is_some();
    let phase = |kind: PhaseKind, phase: &Phase| {
        let planned = planned(phase, workload, first_of(plan, kind));
        phase_facts(kind, phase, planned, &barrier, &results)
    };
    let recorded = shard.warmup.recorded() + shard.profiling.recorded();
    facts.profiling = phase(PhaseKind::Profiling, &plan.profiling);
    facts.warmup = plan.warmup.as_ref().map(|w| phase(PhaseKind::Warmup, w));
    facts.wall_start_ns = offset.to_realtime(facts.profiling.start);
    facts.wall_end_ns = offset.to_realtime(facts.profiling.end);
    facts.cores = results.iter().map(|l| l.core.clone()).collect();
    // What the ring refused is in the shards already; what the writer itself lost is the difference.
    facts.records_lost = recorded.saturating_sub(written + shard.counters.records_lost);
    facts.was_cancelled = control.interrupted();
    facts.aborted = error_limit.reached();
    facts.log_failure = log.failure().map(ToString::to_string);
    facts.unfinished = false;
    facts.driver = if epoll { "epoll" } else { "io_uring" }.to_owned();
    facts.driver_note = barrier.note().map(str::to_owned).or(facts.driver_note);
    facts.peak_rss_bytes = driver::peak_rss_bytes();
    reread::note_ended(&mut log, &shard, &facts)?;
    let log = log.finish_to_read();
    Ok(Finished { shard, facts, log, offset, here: true })
}

fn phase_facts(
    kind: PhaseKind,
    phase: &Phase,
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
        offered: offered.filter(|o| o.arrivals > 0),
    }
}

/// Requests that a phase asks for, where it says how many: so many requests, or all turns of so many sessions from
/// session `first` on; the smaller of the two.
fn planned(phase: &Phase, workload: &Workload, first: u64) -> Option<u64> {
    let turns = phase.sessions.map(|sessions| match workload.has_turns() {
        false => sessions,
        true => (first..first + sessions).map(|k| workload.conversations[workload.pick(k)].turns.len() as u64).sum(),
    });
    phase.requests.into_iter().chain(turns).min()
}

/// The driver to use, and why it is not the preferred one.
fn choose_driver(plan: &Plan) -> Result<(Io, Option<String>)> {
    if plan.io == Io::Epoll {
        return Ok((Io::Epoll, None));
    }
    let Err(e) = Uring::probe(plan.stamps == Stamps::Kernel) else {
        return Ok((Io::Uring, None));
    };
    let (what, remedy) = driver::refusal(e);
    match plan.io {
        Io::Uring => Err(Error::environment(what, remedy)),
        _ => Ok((Io::Epoll, Some(what))),
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

/// What is spoken with each target.
fn spoken(plan: &Plan, speaks: &[Speaks]) -> Vec<Spoken> {
    plan.targets
        .iter()
        .zip(speaks)
        .map(|(target, speaks)| Spoken {
            url: target.url.clone(),
            http: if speaks.http2 { "2" } else { "1.1" },
            tls: target.tls,
            negotiated: speaks.negotiated,
            note: speaks.note(),
        })
        .collect()
}

fn merge(results: &[WorkerResult]) -> Shard {
    let mut shard = Shard::new();
    for result in results {
        shard.add(&result.shard);
    }
    shard
}

fn os_error(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
