//! One core's loop: due → send → complete → decode → record. The only place where schedule, exchange, driver and record meet.

use crate::clock::{MICRO, MILLI, Nanos, SECOND};
use crate::driver::{Driver, DriverStats, Event, Key, Sending};
use crate::error::{Error, Result};
use crate::exchange::{Exchange, KeepText, Progress, Request};
use crate::measure::Shard;
use crate::plan::{CapPolicy, Load, Phase, Plan, Reuse, Stamps, TokenizerSource};
use crate::record::{Cause, Outcome, PhaseKind, Record};
use crate::run::Control;
use crate::schedule;
use crate::wire::http1::RequestHead;
use crate::workload::Workload;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Requests taken up before the loop looks at completions again: a burst must not starve the reads.
const BURST: usize = 32;
/// Requests in flight from which on collecting completions is worth a wait: fewer hardly ever complete together.
const BATCHED: usize = 16;
/// Longest wait without a look at the stop flag.
const LOOK_UP: Nanos = 20 * MILLI;
/// How soon a core with waiting arrivals looks again whether another core has freed a slot.
const PERMIT_POLL: Nanos = 200 * MICRO;
/// How long a closed-loop slot rests after a connection could not be made, so that a dead server is not hammered.
const REST_AFTER_REFUSAL: Nanos = 10 * MILLI;

/// What all workers of a run share. Read-only but for counters that are touched once per request.
pub struct Shared<'a> {
    /// What is asked.
    pub plan: &'a Plan,
    /// What is sent.
    pub workload: &'a Workload,
    /// Per target: the constant head of its requests.
    pub heads: &'a [RequestHead],
    /// Per target: where it is. Resolved once, before the clock started.
    pub addrs: &'a [Vec<SocketAddr>],
    /// Stop flag and live figures.
    pub control: &'a Control,
    /// Next index of the closed loop, per phase.
    pub next: [AtomicU64; 2],
    /// Free slots under a cap, per phase; in the whole run.
    pub permits: [AtomicI64; 2],
    /// Makes request ids of this run differ from those of any other.
    pub nonce: u64,
    /// Workers of the run.
    pub workers: usize,
}

/// What a phase came to on one worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhaseTally {
    /// Arrivals of the schedule that came due on this worker (open loop).
    pub arrivals: u64,
    /// When the first of them was due.
    pub first_scheduled: Nanos,
    /// When the last of them was due.
    pub last_scheduled: Nanos,
    /// When the phase ended here.
    pub ended: Nanos,
}

impl PhaseTally {
    fn arrived(&mut self, at: Nanos) {
        if self.arrivals == 0 {
            self.first_scheduled = at;
        }
        self.arrivals += 1;
        self.last_scheduled = at;
    }
}

/// One core's loop.
pub struct Worker<'a, D> {
    driver: D,
    core: Core<'a>,
}

/// Everything of a worker but its driver, so that the driver's handler can borrow it.
struct Core<'a> {
    shared: &'a Shared<'a>,
    index: usize,
    slots: Vec<Slot>,
    capacity: usize,
    /// Per target: idle connections, the latest on top; checked when taken.
    idle: Vec<Vec<Key>>,
    free: Vec<u32>,
    in_flight: usize,
    /// Closed loop: when slots became free, oldest first.
    freed: VecDeque<Nanos>,
    /// Closed loop: slots that rest until then.
    resting: VecDeque<Nanos>,
    /// What the handler saw that needs the driver.
    todo: Vec<Todo>,
    connect_deadlines: VecDeque<(Nanos, Key, u128)>,
    request_deadlines: VecDeque<(Nanos, u32, u128)>,
    scratch: Vec<u8>,
    shard: Shard,
    records: rtrb::Producer<Record>,
    phase: PhaseKind,
    closed_loop: bool,
    capped: bool,
    connections: u64,
    live_events: u64,
}

struct Slot {
    exchange: Exchange,
    generation: u32,
    state: State,
    target: u16,
    served: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Connecting,
    Busy,
    Idle,
    /// Its request has ended and its connection has to go.
    Closing,
}

enum Todo {
    /// The connection is there: send.
    Send(Key),
    /// The connection of a finished or idle slot has to go.
    Close(Key),
    /// The connection ended under a request: move it or fail it.
    Lost(Key, Cause, Option<String>, Nanos),
}

impl<'a, D: Driver> Worker<'a, D> {
    /// A worker of `shared`, with room for `capacity` connections, that hands its records to `records`.
    pub fn new(
        driver: D,
        shared: &'a Shared<'a>,
        index: usize,
        capacity: usize,
        records: rtrb::Producer<Record>,
    ) -> Self {
        let core = Core {
            shared,
            index,
            slots: Vec::new(),
            capacity,
            idle: vec![Vec::new(); shared.addrs.len()],
            free: Vec::new(),
            in_flight: 0,
            freed: VecDeque::new(),
            resting: VecDeque::new(),
            todo: Vec::new(),
            connect_deadlines: VecDeque::new(),
            request_deadlines: VecDeque::new(),
            scratch: Vec::new(),
            shard: Shard::new(),
            records,
            phase: PhaseKind::Profiling,
            closed_loop: true,
            capped: false,
            connections: 0,
            live_events: 0,
        };
        Self { driver, core }
    }

    /// Drives one phase from `start` to its end, in-flight requests included.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn run_phase(
        &mut self,
        phase: &Phase,
        kind: PhaseKind,
        start: Nanos,
    ) -> Result<PhaseTally> {
        self.core.phase = kind;
        let mut source = Source::new(phase, &self.core, start);
        self.core.closed_loop = matches!(phase.load, Load::Closed { .. });
        self.core.capped = matches!(phase.load, Load::Open { cap: Some(_), .. });
        self.core.freed.clear();
        self.core.resting.clear();
        let issue_until = phase
            .duration
            .map_or(Nanos::MAX, |d| start.saturating_add(d));
        let mut drain_until = phase.duration.map_or(Nanos::MAX, |_| {
            phase
                .grace
                .map_or(Nanos::MAX, |g| issue_until.saturating_add(g))
        });
        let mut facts = PhaseTally::default();
        let mut stopped = 0;
        let mut now = self.driver.now();
        while now < start {
            self.turn(start)?;
            now = self.driver.now();
        }
        loop {
            let stops = self.core.shared.control.stops();
            if stops > stopped {
                drain_until = if stops > 1 {
                    now
                } else {
                    drain_until.min(now.saturating_add(phase.grace.unwrap_or(30 * SECOND)))
                };
                stopped = stops;
            }
            if stopped > 0 || now >= issue_until {
                source.end(&mut self.core, &mut facts, now.min(issue_until));
            }
            let more = self.dispatch(&mut source, now, &mut facts);
            now = self.driver.now();
            self.time_out(now);
            if source.exhausted() && self.core.in_flight == 0 {
                break;
            }
            if now >= drain_until {
                self.abandon(now);
                break;
            }
            let until = if more {
                now
            } else {
                self.next_wake(&source, now, issue_until, drain_until)
            };
            self.turn(until)?;
            now = self.driver.now();
        }
        facts.ended = now;
        self.core.publish_progress();
        Ok(facts)
    }

    /// The worker's sums, and what its driver counted.
    pub fn finish(self) -> (Shard, DriverStats) {
        let stats = self.driver.stats();
        let mut shard = self.core.shard;
        shard.counters.completions_lost += stats.completions_lost;
        shard.counters.buffer_starved += stats.buffer_starved;
        (shard, stats)
    }

    /// The driver, for tests to ask what its peer saw.
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Waits once and does what the completions ask for.
    fn turn(&mut self, until: Nanos) -> Result<()> {
        let core = &mut self.core;
        // With user stamps the read is the stamp: waiting would move it.
        let worth = core.in_flight >= BATCHED && core.shared.plan.stamps == Stamps::Kernel;
        let batch = if worth {
            core.shared.plan.batch_wait
        } else {
            0
        };
        self.driver
            .wait(until, batch, &mut |key, event, seen| {
                core.handle(key, event, seen)
            })
            .map_err(|e| {
                Error::environment(
                    format!("the {e} error ended the wait for completions"),
                    "try --io epoll",
                )
            })?;
        let todo = std::mem::take(&mut self.core.todo);
        for item in &todo {
            match item {
                Todo::Send(key) => self.send(*key),
                Todo::Close(key) => self.close(*key),
                Todo::Lost(key, cause, detail, at) => self.lost(*key, *cause, detail.clone(), *at),
            }
        }
        self.core.todo = todo;
        self.core.todo.clear();
        self.core.publish_progress();
        Ok(())
    }

    /// Takes up what is due. Whether more is due at once.
    fn dispatch(&mut self, source: &mut Source, mut now: Nanos, facts: &mut PhaseTally) -> bool {
        for _ in 0..BURST {
            let Some(due) = source.next(&mut self.core, now, facts) else {
                return false;
            };
            self.issue(due, now);
            now = self.driver.now();
        }
        true
    }

    fn next_wake(
        &self,
        source: &Source,
        now: Nanos,
        issue_until: Nanos,
        drain_until: Nanos,
    ) -> Nanos {
        let core = &self.core;
        let mut until = now + LOOK_UP;
        let deadlines = [
            core.connect_deadlines.front().map(|d| d.0),
            core.request_deadlines.front().map(|d| d.0),
        ];
        for at in deadlines.into_iter().flatten().chain([drain_until]) {
            until = until.min(at);
        }
        if !source.exhausted() {
            until = until.min(issue_until);
        }
        if let Some(due) = source.next_due(core, now) {
            until = until.min(due.saturating_sub(D::WAKE_UP).max(now));
        }
        until
    }

    fn issue(&mut self, due: Due, now: Nanos) {
        let core = &mut self.core;
        let plan = core.shared.plan;
        let target = (due.k % core.shared.addrs.len() as u64) as u16;
        let entries = core.shared.workload.entries.len() as u64;
        // The measured phase goes on in the dataset where the warm-up ended.
        let first = match core.phase {
            PhaseKind::Warmup => 0,
            PhaseKind::Profiling => plan.warmup.as_ref().and_then(|w| w.requests).unwrap_or(0),
        };
        let entry_index = ((first + due.k) % entries) as usize;
        let entry = &core.shared.workload.entries[entry_index];
        core.shard.issued(core.phase);
        if !due.waited && core.phase == PhaseKind::Profiling {
            core.shard.dispatch_lag(now.saturating_sub(due.scheduled));
        }
        let request = Request {
            k: due.k,
            phase: core.phase,
            worker: core.index as u16,
            target,
            entry: entry_index as u32,
            isl: entry.isl,
            requested_osl: entry.osl,
            request_id: request_id(core.shared.nonce, core.phase, due.k),
            scheduled: due.scheduled,
            issued: now,
        };
        core.in_flight += 1;
        let deadline = now.saturating_add(plan.timeouts.request);
        if let Some(key) = core.take_idle(target) {
            let slot = &mut core.slots[key.slot as usize];
            slot.state = State::Busy;
            slot.exchange.begin(&request);
            core.request_deadlines
                .push_back((deadline, key.slot, request.request_id));
            self.send(key);
            return;
        }
        match core.take_slot() {
            Ok((slot, evicted)) => {
                if let Some(key) = evicted {
                    self.driver.close(key);
                }
                let slot_ref = &mut self.core.slots[slot as usize];
                slot_ref.target = target;
                slot_ref.exchange.begin(&request);
                self.core
                    .request_deadlines
                    .push_back((deadline, slot, request.request_id));
                self.connect(slot);
            }
            Err(slot) => {
                self.core.slots[slot as usize].exchange.begin(&request);
                let what = format!(
                    "all {} connections of this worker are in use",
                    self.core.capacity
                );
                self.fail(slot, Cause::DescriptorsExhausted, Some(what), now);
            }
        }
    }

    fn connect(&mut self, slot: u32) {
        let now = self.driver.now();
        let core = &mut self.core;
        let state = &mut core.slots[slot as usize];
        state.generation = (state.generation + 1) & 0x00ff_ffff;
        state.state = State::Connecting;
        state.served = 0;
        state.exchange.handle_connecting(now);
        let key = Key {
            slot,
            generation: state.generation,
        };
        let addrs = &core.shared.addrs[state.target as usize];
        let addr = addrs[(core.connections % addrs.len() as u64) as usize];
        let id = state.exchange.request_id();
        core.connections += 1;
        core.connect_deadlines.push_back((
            now.saturating_add(core.shared.plan.timeouts.connect),
            key,
            id,
        ));
        if let Err(e) = self.driver.connect(key, &addr) {
            self.fail(slot, connect_cause(e), Some(os_error(e)), now);
        }
    }

    fn send(&mut self, key: Key) {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation != key.generation || !slot.exchange.active() {
            return;
        }
        let record = slot.exchange.record();
        let entry = &core.shared.workload.entries[record.entry as usize];
        core.scratch.clear();
        core.shared.heads[slot.target as usize].write(
            &mut core.scratch,
            record.request_id,
            &entry.session_id,
            &entry.body,
        );
        slot.state = State::Busy;
        slot.exchange
            .handle_sending(self.driver.now(), core.scratch.len(), slot.served > 0);
        slot.served += 1;
        match self.driver.send(key, &core.scratch) {
            Sending::Done => slot.exchange.handle_sent(self.driver.now()),
            Sending::Pending => {}
            Sending::Failed(e) => {
                let now = self.driver.now();
                self.lost(key, Cause::SendFailed, Some(os_error(e)), now);
            }
        }
    }

    /// The connection ended under a request. On a kept connection that the server had closed while idle, nothing of the request was
    /// begun: it moves, once. Else it fails.
    fn lost(&mut self, key: Key, cause: Cause, detail: Option<String>, at: Nanos) {
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation || !slot.exchange.active() {
            return;
        }
        let sent = slot.exchange.record().bytes_sent as usize;
        if slot.exchange.may_move()
            && (cause == Cause::SendFailed
                || self.driver.unacknowledged(key).is_some_and(|n| n >= sent))
        {
            slot.exchange.handle_move();
            self.driver.close(key);
            self.connect(key.slot);
            return;
        }
        self.fail(key.slot, cause, detail, at);
    }

    fn fail(&mut self, slot: u32, cause: Cause, detail: Option<String>, at: Nanos) {
        self.core.slots[slot as usize]
            .exchange
            .fail(cause, detail, at);
        self.core.finish(slot, false, at);
        let key = Key {
            slot,
            generation: self.core.slots[slot as usize].generation,
        };
        self.close(key);
        // What `finish` noted for later has just been done.
        self.core
            .todo
            .retain(|t| !matches!(t, Todo::Close(k) if *k == key));
    }

    fn close(&mut self, key: Key) {
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation || !matches!(slot.state, State::Idle | State::Closing)
        {
            return;
        }
        slot.state = State::Free;
        // The slot past the capacity only ever holds a request that found no connection.
        if (key.slot as usize) < self.core.capacity {
            self.driver.close(key);
            self.core.free.push(key.slot);
        }
    }

    fn time_out(&mut self, now: Nanos) {
        while let Some(&(at, key, id)) = self.core.connect_deadlines.front() {
            let slot = &self.core.slots[key.slot as usize];
            let waiting = slot.generation == key.generation
                && slot.state == State::Connecting
                && slot.exchange.request_id() == id;
            if at > now && waiting {
                break;
            }
            self.core.connect_deadlines.pop_front();
            if waiting {
                self.fail(
                    key.slot,
                    Cause::ConnectTimeout,
                    Some("no connection in time (--connect-timeout-seconds)".into()),
                    now,
                );
            }
        }
        self.core.forget_ended();
        while let Some(&(at, slot, id)) = self.core.request_deadlines.front() {
            let state = &self.core.slots[slot as usize];
            let waiting = state.exchange.active() && state.exchange.request_id() == id;
            if at > now && waiting {
                break;
            }
            self.core.request_deadlines.pop_front();
            if waiting {
                self.fail(
                    slot,
                    Cause::Timeout,
                    Some("no complete answer in time (--request-timeout-seconds)".into()),
                    now,
                );
            }
        }
    }

    /// The run is over: what is still in flight is recorded as such.
    fn abandon(&mut self, now: Nanos) {
        for slot in 0..self.core.slots.len() as u32 {
            if self.core.slots[slot as usize].exchange.active() {
                self.core.slots[slot as usize].exchange.abandon(now);
                self.core.finish(slot, false, now);
                let key = Key {
                    slot,
                    generation: self.core.slots[slot as usize].generation,
                };
                self.close(key);
            }
        }
        self.core.todo.clear();
    }
}

impl Core<'_> {
    fn handle(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        let Some(slot) = self
            .slots
            .get_mut(key.slot as usize)
            .filter(|s| s.generation == key.generation)
        else {
            return;
        };
        let active = slot.exchange.active();
        match event {
            Event::Connected if active => {
                slot.exchange.handle_connected(seen);
                self.todo.push(Todo::Send(key));
            }
            Event::Connected => self.todo.push(Todo::Close(key)),
            Event::ConnectFailed(e) if active => {
                self.todo
                    .push(Todo::Lost(key, connect_cause(e), Some(os_error(e)), seen))
            }
            Event::Sent if active => slot.exchange.handle_sent(seen),
            Event::SendFailed(e) if active => {
                self.todo
                    .push(Todo::Lost(key, Cause::SendFailed, Some(os_error(e)), seen))
            }
            Event::Received {
                bytes,
                arrived,
                stamped,
            } if active => {
                let before = slot.exchange.record().events;
                let progress = slot.exchange.handle_received(bytes, arrived);
                self.live_events += u64::from(slot.exchange.record().events - before);
                if self.phase == PhaseKind::Profiling && self.shared.plan.stamps == Stamps::Kernel {
                    if stamped {
                        self.shard.read_lag(seen.saturating_sub(arrived));
                    } else {
                        self.shard.counters.stamp_fallbacks += 1;
                    }
                }
                if let Progress::Done { reusable } = progress {
                    self.finish(key.slot, reusable, seen);
                }
            }
            Event::Closed if active => {
                if slot.exchange.may_move() {
                    let what =
                        "the server closed the kept connection before any byte of a response";
                    self.todo.push(Todo::Lost(
                        key,
                        Cause::ClosedBeforeResponse,
                        Some(what.into()),
                        seen,
                    ));
                } else if let Progress::Done { .. } = slot.exchange.handle_closed(seen) {
                    self.finish(key.slot, false, seen);
                }
            }
            Event::ReadFailed(e) if active => {
                self.todo
                    .push(Todo::Lost(key, Cause::Reset, Some(os_error(e)), seen));
            }
            Event::Received { .. }
            | Event::Closed
            | Event::ReadFailed(_)
            | Event::ConnectFailed(_) => self.todo.push(Todo::Close(key)),
            Event::Sent | Event::SendFailed(_) => {}
        }
    }

    /// The request of a slot has ended: its record goes out, the slot is free for the next.
    fn finish(&mut self, slot: u32, reusable: bool, seen: Nanos) {
        let state = &mut self.slots[slot as usize];
        let key = Key {
            slot,
            generation: state.generation,
        };
        let record = state.exchange.take_record();
        let text_lost = state.exchange.text_lost();
        let connected = state.state == State::Busy;
        let refused = !connected && matches!(record.outcome, Outcome::Failed(_));
        if connected && reusable && self.shared.plan.reuse == Reuse::Pooled {
            state.state = State::Idle;
            self.idle[state.target as usize].push(key);
        } else {
            state.state = State::Closing;
            self.todo.push(Todo::Close(key));
        }
        self.in_flight -= 1;
        if self.capped {
            self.shared.permits[self.phase as usize].fetch_add(1, Ordering::AcqRel);
        }
        if self.closed_loop {
            if refused {
                self.resting.push_back(seen + REST_AFTER_REFUSAL);
            } else {
                self.freed.push_back(record.instants.end.min(seen));
            }
        }
        self.shard.record(&record);
        self.shard.phase_mut(record.phase).text_over_limit += u64::from(text_lost);
        if self.records.push(record).is_err() {
            self.shard.counters.records_lost += 1;
        }
    }

    /// One request that hangs must not keep the deadlines of all that ended after it.
    fn forget_ended(&mut self) {
        if self.request_deadlines.len() > 2 * self.slots.len() + 1024 {
            let slots = &self.slots;
            self.request_deadlines.retain(|(_, slot, id)| {
                let exchange = &slots[*slot as usize].exchange;
                exchange.active() && exchange.request_id() == *id
            });
        }
    }

    fn take_idle(&mut self, target: u16) -> Option<Key> {
        while let Some(key) = self.idle[target as usize].pop() {
            let slot = &self.slots[key.slot as usize];
            if slot.generation == key.generation && slot.state == State::Idle {
                return Some(key);
            }
        }
        None
    }

    /// A slot without a connection: a free one, a new one, or that of an idle connection, whose key is then to be closed. Where none is
    /// left, a slot past the driver's capacity, good only to record the failure.
    fn take_slot(&mut self) -> std::result::Result<(u32, Option<Key>), u32> {
        if let Some(slot) = self.free.pop() {
            return Ok((slot, None));
        }
        if self.slots.len() < self.capacity {
            return Ok((self.new_slot(), None));
        }
        for target in 0..self.idle.len() {
            if let Some(key) = self.take_idle(target as u16) {
                return Ok((key.slot, Some(key)));
            }
        }
        if self.slots.len() == self.capacity {
            self.new_slot();
        }
        Err(self.capacity as u32)
    }

    fn new_slot(&mut self) -> u32 {
        let plan = self.shared.plan;
        let keep_text = match plan.prompts.tokenizer {
            _ if plan.use_server_token_count => KeepText::Never,
            // The built-in vocabulary is nobody's model: its count is of no use beside the server's.
            TokenizerSource::Builtin => KeepText::WithoutUsage,
            TokenizerSource::Named { .. } => KeepText::Always,
        };
        let exchange = Exchange::new(plan.endpoint, plan.streaming, keep_text, plan.limits);
        self.slots.push(Slot {
            exchange,
            generation: 0,
            state: State::Free,
            target: 0,
            served: 0,
        });
        (self.slots.len() - 1) as u32
    }

    fn publish_progress(&self) {
        let Some(progress) = self.shared.control.progress.get(self.index) else {
            return;
        };
        let counts = self.shard.phase(self.phase);
        let failed = counts.failures();
        let done = counts.succeeded + failed;
        progress
            .in_flight
            .store(self.in_flight as u64, Ordering::Relaxed);
        progress.events.store(self.live_events, Ordering::Relaxed);
        match self.phase {
            PhaseKind::Warmup => progress.warmup_done.store(done, Ordering::Relaxed),
            PhaseKind::Profiling => {
                progress
                    .issued
                    .store(done + self.in_flight as u64, Ordering::Relaxed);
                progress.done.store(done, Ordering::Relaxed);
                progress.failed.store(failed, Ordering::Relaxed);
            }
        }
    }
}

/// A request that is due.
struct Due {
    k: u64,
    scheduled: Nanos,
    /// It waited for a slot: its lateness is the policy's, not the loop's.
    waited: bool,
}

/// Where a phase's requests come from.
enum Source {
    Closed {
        mine: usize,
        opened: usize,
        limit: u64,
        ended: bool,
    },
    Open(Box<Open>),
}

struct Open {
    arrivals: schedule::Arrivals,
    start: Nanos,
    limit: u64,
    /// Index and instant of the next arrival of this worker, if the schedule has one.
    next: Option<(u64, Nanos)>,
    k: u64,
    worker: u64,
    workers: u64,
    cap: Option<CapPolicy>,
    waiting: VecDeque<(u64, Nanos)>,
}

impl Source {
    fn new(phase: &Phase, core: &Core<'_>, start: Nanos) -> Self {
        let shared = core.shared;
        let limit = phase.requests.unwrap_or(u64::MAX);
        match phase.load {
            Load::Closed { concurrency } => {
                let mine = schedule::closed_split(concurrency, shared.workers)
                    .get(core.index)
                    .copied()
                    .unwrap_or(0) as usize;
                Self::Closed {
                    mine,
                    opened: 0,
                    limit,
                    ended: mine == 0,
                }
            }
            Load::Open { rate, pattern, cap } => {
                let seed = shared.plan.seed ^ ((core.phase as u64) << 63);
                let mut open = Open {
                    arrivals: schedule::arrivals(rate, pattern, seed),
                    start,
                    limit,
                    next: None,
                    k: 0,
                    worker: core.index as u64,
                    workers: shared.workers as u64,
                    cap: cap.map(|c| c.policy),
                    waiting: VecDeque::new(),
                };
                open.advance();
                Self::Open(Box::new(open))
            }
        }
    }

    /// The next request that is due, if a slot is free for it.
    fn next(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        match self {
            Self::Closed {
                mine,
                opened,
                limit,
                ended,
            } => {
                if *ended || core.in_flight >= *mine {
                    return None;
                }
                let scheduled = if *opened < *mine {
                    // A closed loop has no schedule: a slot that was never used is free when it is opened.
                    *opened += 1;
                    now
                } else if let Some(at) = core.freed.pop_front() {
                    at
                } else if core.resting.front().is_some_and(|at| *at <= now) {
                    core.resting.pop_front().unwrap_or(now)
                } else {
                    return None;
                };
                let k = core.shared.next[core.phase as usize].fetch_add(1, Ordering::Relaxed);
                if k >= *limit {
                    *ended = true;
                    return None;
                }
                Some(Due {
                    k,
                    scheduled,
                    waited: false,
                })
            }
            Self::Open(open) => open.next(core, now, facts),
        }
    }

    /// Whether nothing more will come due.
    fn exhausted(&self) -> bool {
        match self {
            Self::Closed { ended, .. } => *ended,
            Self::Open(open) => open.next.is_none() && open.waiting.is_empty(),
        }
    }

    /// When to look again, if a time is known.
    fn next_due(&self, core: &Core<'_>, now: Nanos) -> Option<Nanos> {
        match self {
            Self::Closed { .. } => core.resting.front().copied(),
            Self::Open(open) => {
                let poll = (!open.waiting.is_empty()).then_some(now + PERMIT_POLL);
                [open.next.map(|(_, at)| at), poll]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// Nothing is issued any more: what waited for a slot, or came due without one, is dropped by the policy.
    fn end(&mut self, core: &mut Core<'_>, facts: &mut PhaseTally, at: Nanos) {
        match self {
            Self::Closed { ended, .. } => *ended = true,
            Self::Open(open) => {
                while let Some((_, due)) = open.next.filter(|(_, due)| *due < at) {
                    // Due, but the loop came too late for it: offered, not achieved.
                    facts.arrived(due);
                    open.advance();
                }
                core.shard.phase_mut(core.phase).dropped += open.waiting.len() as u64;
                open.waiting.clear();
                open.next = None;
            }
        }
    }
}

impl Open {
    /// Moves on to this worker's next arrival.
    fn advance(&mut self) {
        self.next = None;
        while self.k < self.limit {
            let Some(offset) = self.arrivals.next() else {
                return;
            };
            let k = self.k;
            self.k += 1;
            if k % self.workers == self.worker {
                self.next = Some((k, self.start.saturating_add(offset)));
                return;
            }
        }
    }

    fn next(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        let permits = &core.shared.permits[core.phase as usize];
        if let Some(&(k, scheduled)) = self.waiting.front()
            && take_permit(permits)
        {
            self.waiting.pop_front();
            return Some(Due {
                k,
                scheduled,
                waited: true,
            });
        }
        while let Some((k, scheduled)) = self.next.filter(|(_, at)| *at <= now) {
            self.advance();
            facts.arrived(scheduled);
            let Some(policy) = self.cap else {
                return Some(Due {
                    k,
                    scheduled,
                    waited: false,
                });
            };
            if self.waiting.is_empty() && take_permit(permits) {
                return Some(Due {
                    k,
                    scheduled,
                    waited: false,
                });
            }
            match policy {
                CapPolicy::Queue => {
                    core.shard.phase_mut(core.phase).queued += 1;
                    self.waiting.push_back((k, scheduled));
                }
                CapPolicy::Drop => core.shard.phase_mut(core.phase).dropped += 1,
            }
        }
        None
    }
}

fn take_permit(permits: &AtomicI64) -> bool {
    permits
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
            (n > 0).then(|| n - 1)
        })
        .is_ok()
}

/// An id in the shape of a random UUID (RFC 9562, version 4), different for every request of every run.
fn request_id(nonce: u64, phase: PhaseKind, k: u64) -> u128 {
    let high = mix(nonce ^ mix(k.wrapping_add((phase as u64) << 63)));
    let low = mix(high ^ nonce.rotate_left(32));
    let raw = u128::from(high) << 64 | u128::from(low);
    raw & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | 0x4000_u128 << 64 | 0x8000_u128 << 48
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn connect_cause(errno: i32) -> Cause {
    match errno {
        libc::ECONNREFUSED => Cause::ConnectRefused,
        libc::ETIMEDOUT => Cause::ConnectTimeout,
        libc::EADDRNOTAVAIL => Cause::PortsExhausted,
        libc::EMFILE | libc::ENFILE => Cause::DescriptorsExhausted,
        _ => Cause::ConnectFailed,
    }
}

fn os_error(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
