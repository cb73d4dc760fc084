//! One worker's place in a run: its thread, its phases, what it leaves.

use super::os_error;
use super::phase_barrier::{Failure, PhaseBarrier};
use super::refusal::no_packets;
use crate::driver::{self, Driver, Epoll, Packets, TcpOptions, Uring, prepare_thread, thread_facts};
use crate::error::{Error, Result};
use crate::host::{CoreFacts, CoreWatch};
use crate::measure::{CoreFigures, Shard};
use crate::plan::{Io, Stamps, Tcp};
use crate::record::{PhaseKind, Record};
use crate::resolve::Line;
use crate::setting::Setting::{Cores, Dns};
use crate::worker::{PhaseTally, Shared, Worker};
use socket2::SockAddr;

/// One worker's place: its core and its room.
#[derive(Clone, Copy)]
pub(super) struct WorkerThread {
    pub(super) index: usize,
    /// Of so many.
    pub(super) workers: usize,
    pub(super) core: usize,
    pub(super) capacity: usize,
    /// Slots of them that are kept for requests.
    pub(super) requests: usize,
    pub(super) io: Io,
}

/// The TCP options of a plan, as the driver takes them.
fn tcp_options(tcp: &Tcp) -> TcpOptions {
    TcpOptions {
        send_buffer: tcp.send_buffer,
        receive_buffer: tcp.receive_buffer,
        keepalive: tcp.keepalive,
        user_timeout: tcp.user_timeout,
    }
}

/// What one worker left.
pub(super) struct WorkerResult {
    pub(super) shard: Shard,
    pub(super) core: CoreFigures,
    /// Warm-up and measured phase, by [`PhaseKind`].
    pub(super) phases: [PhaseTally; 2],
}

impl WorkerThread {
    /// Gets the driver, which all workers have before one of them sends anything, and does the work.
    pub(super) fn work(
        self,
        shared: &Shared<'_>,
        barrier: &PhaseBarrier<'_>,
        records: rtrb::Producer<Box<Record>>,
        line: Option<Line>,
    ) -> std::result::Result<WorkerResult, Failure> {
        let pinned = prepare_thread(self.core, shared.plan.fifo);
        let packets = self.packets(shared)?;
        let options = driver::Options {
            stamps: shared.plan.stamps.by_kernel(),
            tcp: Some(tcp_options(&shared.plan.network.tcp)),
            source_ips: shared.plan.network.source_ips.clone(),
            local_ports: packets.as_ref().and_then(Packets::local_ports),
            read_rate: shared.plan.network.read_rate,
            quickack: shared.plan.network.tcp.quickack,
        };
        // One slot past the room is the core's own, one the name service's.
        let slots = self.capacity + 2;
        if self.io != Io::Epoll {
            let ring = Uring::new(slots, options.clone());
            if !barrier.all_on_epoll(ring.as_ref().err().copied())? {
                return match ring {
                    Ok(ring) => {
                        let ring = packets.into_iter().fold(ring, Uring::with_packets);
                        self.drive(ring, shared, barrier, records, line, pinned)
                    }
                    Err(_) => Err(Failure::Another),
                };
            }
        }
        let epoll = Epoll::new(slots, options).map_err(|e| {
            Error::environment(
                format!("a worker got no epoll descriptor: {}", os_error(e)),
                format!("raise the limit of open files (`ulimit -n`), or use fewer {Cores}"),
            )
        })?;
        let epoll = packets.into_iter().fold(epoll, Epoll::with_packets);
        self.drive(epoll, shared, barrier, records, line, pinned)
    }

    /// Packet sockets, where the plan asks for them.
    fn packets(&self, shared: &Shared<'_>) -> Result<Option<Packets>> {
        if shared.plan.stamps != Stamps::Packet {
            return Ok(None);
        }
        let servers = shared.targets.addrs.iter().flatten().filter_map(SockAddr::as_socket);
        Packets::new(self.index, self.workers, servers).map(Some).map_err(no_packets)
    }

    fn drive<D: Driver>(
        self,
        driver: D,
        shared: &Shared<'_>,
        barrier: &PhaseBarrier<'_>,
        records: rtrb::Producer<Box<Record>>,
        line: Option<Line>,
        pinned: std::result::Result<(), String>,
    ) -> std::result::Result<WorkerResult, Failure> {
        let plan = shared.plan;
        let mut worker = Worker::new(driver, shared, self.index, self.capacity, records);
        let mut phases = [PhaseTally::default(); 2];
        let mut before = thread_facts();
        let mut core_facts = CoreFacts::default();
        if self.capacity > self.requests {
            worker.keep_for_requests(self.requests);
        }
        register_resolver(&mut worker, line)?;
        barrier.meet()?;
        worker.prewarm()?;
        let mut began = 0;
        let wanted =
            [plan.warmup.as_ref().map(|p| (p, PhaseKind::Warmup)), Some((&plan.profiling, PhaseKind::Profiling))];
        for (phase, kind) in wanted.into_iter().flatten() {
            // Before they meet: where there are many cores and interrupts, the kernel takes milliseconds to write its
            // counters.
            let watch = CoreWatch::start(self.core);
            let start = barrier.begin(kind)?;
            (before, began) = (thread_facts(), start);
            phases[kind as usize] = worker.run_phase(phase, kind, start)?;
            core_facts = watch.finish();
        }
        let after = thread_facts();
        let wall = phases[1].ended.saturating_sub(began).max(1) as f64;
        let (shard, stats) = worker.finish();
        let (user, system) = (after.user - before.user, after.system - before.system);
        let on = pinned.is_ok().then_some(self.core);
        Ok(WorkerResult {
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

fn register_resolver<D: Driver>(worker: &mut Worker<'_, D>, line: Option<Line>) -> Result<()> {
    let Some(line) = line else { return Ok(()) };
    worker.ask_names(line).map_err(|e| {
        Error::environment(
            format!("a worker cannot register the socket of the resolver: {}", os_error(e)),
            format!("write {Dns} once"),
        )
    })
}
