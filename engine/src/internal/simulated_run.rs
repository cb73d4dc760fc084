//! A run under virtual time: the workers of a run over the driver [`Sim`], one after the other, each with a peer of its
//! own.

use super::{WorkerInputs, run_facts};
use crate::clock::{Nanos, SECOND};
use crate::driver::sim::{Peer, Script, Sim};
use crate::driver::{Key, Sending, TcpFacts, Transmission};
use crate::measure::{Counts, RunFacts, Shard, Summarizer, Summary, TargetFacts, Timeline, TokenCounts};
use crate::plan::{Phase, Plan, Target};
use crate::record::{PhaseKind, Record};
use crate::worker::Worker;
use std::cell::RefCell;
use std::rc::Rc;

/// A run under virtual time, before it is played. Its first phase begins at [`SimulatedRun::START`], a second after the
/// clock; connections are prewarmed in that second.
pub struct SimulatedRun<'p> {
    plan: &'p Plan,
    http2: bool,
    addresses: u8,
    workers: usize,
    slots: usize,
    slots_of_requests: Option<usize>,
    holders: u64,
    freezes: Vec<(Nanos, Nanos)>,
    merges: bool,
    bound_by_waits: bool,
}

/// The outcome of a simulated run.
pub struct SimulatedResult<P> {
    /// The records, in the order of phase, session and turn.
    pub records: Vec<Record>,
    /// The sums of all workers.
    pub shard: Shard,
    /// What the sources of the measured phase had: requests whose instant had come.
    pub fell_due: u64,
    /// The peer of each worker.
    pub peers: Vec<P>,
    /// Over HTTP/2.
    pub http2: bool,
    characters_per_token: Option<f64>,
}

impl<'p> SimulatedRun<'p> {
    /// When the first phase begins.
    pub const START: Nanos = 1_000 * SECOND;

    /// A run of one worker over HTTP/1.1 that has 4096 slots, to a target at one address.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            http2: false,
            addresses: 1,
            workers: 1,
            slots: 4_096,
            slots_of_requests: None,
            holders: plan.profiling.load.most_in_flight().unwrap_or(4_096).into(),
            freezes: Vec::new(),
            merges: false,
            bound_by_waits: false,
        }
    }

    /// The same over HTTP/2.
    #[must_use]
    pub fn over_http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// The same to a target at so many addresses.
    #[must_use]
    pub fn addresses(self, addresses: u8) -> Self {
        Self { addresses, ..self }
    }

    /// The same by so many workers.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// The same with so many slots a worker, of which `requests` are kept for requests where that is given.
    #[must_use]
    pub fn slots(self, slots: usize, requests: Option<usize>) -> Self {
        Self { slots, slots_of_requests: requests, ..self }
    }

    /// The same with so many responses among which the memory is divided.
    #[must_use]
    pub fn holders(self, holders: u64) -> Self {
        Self { holders, ..self }
    }

    /// The same with a client that is stopped from each of these instants for so long.
    #[must_use]
    pub fn frozen(self, freezes: &[(Nanos, Nanos)]) -> Self {
        Self { freezes: freezes.to_vec(), ..self }
    }

    /// The same by a kernel that merges segments which wait for the client.
    #[must_use]
    pub fn merging_segments(self) -> Self {
        Self { merges: true, ..self }
    }

    /// The same by a kernel that does not count how long a thread was kept off its core.
    #[must_use]
    pub fn bound_by_waits(self) -> Self {
        Self { bound_by_waits: true, ..self }
    }

    /// Plays the run of one worker.
    ///
    /// # Panics
    /// When the run cannot be prepared, does not end, or its counts do not add up.
    pub fn play<P: Peer>(self, peer: P) -> SimulatedResult<P> {
        let mut peer = Some(peer);
        self.play_each(|_| peer.take().expect("one worker"))
    }

    /// Plays the run, each worker with the peer that `peer` makes for its index.
    ///
    /// # Panics
    /// As [`Self::play`].
    pub fn play_each<P: Peer>(self, mut peer: impl FnMut(usize) -> P) -> SimulatedResult<P> {
        let inputs = WorkerInputs::new(self.plan, self.http2, self.addresses, self.workers);
        let shared = inputs.shared(self.holders);
        let mut played = SimulatedResult {
            records: Vec::new(),
            shard: Shard::new(),
            fell_due: 0,
            peers: Vec::new(),
            http2: self.http2,
            characters_per_token: inputs.characters_per_token(),
        };
        for index in 0..self.workers {
            let handle = SharedPeer(Rc::new(RefCell::new(peer(index))));
            let (producer, mut records) = rtrb::RingBuffer::new(RECORDS);
            let mut worker = Worker::new(self.sim(handle.clone()), &shared, index, self.slots, producer);
            if let Some(requests) = self.slots_of_requests {
                worker.keep_for_requests(requests);
            }
            worker.prewarm().expect("virtual time goes on");
            let mut begins = Self::START;
            for (phase, kind) in phases(self.plan) {
                let tally = worker.run_phase(phase, kind, begins).expect("virtual time goes on");
                begins = tally.ended;
                played.fell_due += if kind == PhaseKind::Profiling { tally.fell_due } else { 0 };
            }
            played.shard.add(&worker.finish().0);
            played.records.extend(std::iter::from_fn(|| records.pop().ok()).map(|record| *record));
            let peer = Rc::into_inner(handle.0).expect("the worker is gone");
            played.peers.push(peer.into_inner());
        }
        played.records.sort_by_key(|r| (r.phase, r.k, r.turn));
        played.check();
        played
    }

    fn sim<P: Peer>(&self, peer: P) -> Sim<P> {
        let mut sim = Sim::new(Self::START - SECOND, peer);
        self.freezes.iter().for_each(|(at, length)| sim.freeze(*at, *length));
        if self.merges {
            sim.merge_segments();
        }
        if self.bound_by_waits {
            sim.bound_by_waits();
        }
        sim
    }
}

impl<P> SimulatedResult<P> {
    /// The counts of the measured phase.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shard.phase(PhaseKind::Profiling).to_counts(None, 0)
    }

    /// The summary of the run, whose tokens only the server counts.
    #[must_use]
    pub fn summarize(self, plan: &Plan) -> Summary {
        let mut summarizer = Summarizer::new(plan, Timeline::of(&self.records).unwrap_or_default());
        for record in &self.records {
            summarizer.add(record, &TokenCounts::of(record, None));
        }
        let end = self.records.iter().map(|record| record.instants.end).max();
        let start = SimulatedRun::START;
        let http = if self.http2 { "2" } else { "1.1" };
        let spoken = |target: &Target| TargetFacts { url: target.url.clone(), http, ..TargetFacts::default() };
        let facts = RunFacts {
            targets: plan.targets.iter().map(spoken).collect(),
            characters_per_token: self.characters_per_token,
            ..run_facts(start, end.unwrap_or(start), start)
        };
        summarizer.finish(self.shard, facts)
    }

    fn check(&self) {
        let counts = self.counts();
        assert_eq!(counts.check(), Ok(()));
        let measured = self.records.iter().filter(|r| r.phase == PhaseKind::Profiling).count();
        assert_eq!(measured as u64, counts.issued, "each request leaves a record");
        assert_eq!(self.shard.counters.records_lost, 0);
        assert_eq!(self.fell_due, counts.issued + counts.dropped, "what fell due is issued or dropped");
    }
}

fn phases(plan: &Plan) -> impl Iterator<Item = (&Phase, PhaseKind)> {
    let warmup = plan.warmup.iter().map(|phase| (phase, PhaseKind::Warmup));
    warmup.chain([(&plan.profiling, PhaseKind::Profiling)])
}

/// A peer that is handed back after the run.
struct SharedPeer<P>(Rc<RefCell<P>>);

impl<P> Clone for SharedPeer<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P: Peer> Peer for SharedPeer<P> {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        self.0.borrow_mut().on_connect(key, now, script);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        self.0.borrow_mut().on_bytes(key, bytes, now, script);
    }

    fn on_send(&mut self, key: Key, bytes: usize, now: Nanos) -> Sending {
        self.0.borrow_mut().on_send(key, bytes, now)
    }

    fn on_named(&mut self, key: Key, bytes: usize, now: Nanos) -> Option<Transmission> {
        self.0.borrow_mut().on_named(key, bytes, now)
    }

    fn facts(&self) -> Option<TcpFacts> {
        self.0.borrow().facts()
    }
}

/// Records that a worker of a simulated run may leave: nobody takes them before it has ended.
const RECORDS: usize = 1 << 16;
