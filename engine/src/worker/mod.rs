//! One core's loop: due → send → complete → decode → record. The only place where schedule, exchange, driver and record meet.

mod carrier;
mod core;
mod ride;
mod secure;
mod source;

use self::core::{Core, State, Todo};
use crate::clock::{MILLI, Nanos, SECOND};
use crate::driver::{Driver, DriverStats, Key, Sending};
use crate::error::{Error, Result};
use crate::exchange::Request;
use crate::measure::Shard;
use crate::plan::{Load, Phase, Plan, Stamps};
use crate::record::{Cause, Handshake, PhaseKind, Record};
use crate::resolve::{self, Asker, Line};
use crate::run::Control;
use crate::schedule;
use crate::wire::http1::RequestHead;
use crate::wire::{http2, tls};
use crate::workload::Workload;
use socket2::SockAddr;
use source::{Due, Source};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64};

/// Requests taken up before the loop looks at completions again: a burst must not starve the reads.
const BURST: usize = 16;
/// Requests in flight from which on collecting completions is worth a wait: fewer hardly ever complete together.
const BATCHED: usize = 16;
/// Longest wait without a look at the stop flag.
const LOOK_UP: Nanos = 20 * MILLI;

/// What all workers of a run share. Read-only but for counters that are touched once per request.
pub struct Shared<'a> {
    /// What is asked.
    pub plan: &'a Plan,
    /// What is sent.
    pub workload: &'a Workload,
    /// Per target: the constant head of its requests.
    pub heads: &'a [RequestHead],
    /// Per target that speaks HTTP/2: the constant part of its header blocks.
    pub heads2: &'a [Option<http2::RequestHead>],
    /// Per target: where it is, resolved once before the clock started. Empty where the name service is asked for each connection.
    pub addrs: &'a [Vec<SockAddr>],
    /// Per target: its TLS, where it has one.
    pub tls: &'a [Option<tls::Client>],
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
    asker: Option<Asker>,
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
            sealed: Vec::new(),
            names: None,
            shard: Shard::new(),
            records,
            phase: PhaseKind::Profiling,
            closed_loop: true,
            capped: false,
            connections: 0,
            carriers: vec![Vec::new(); shared.addrs.len()],
            reads: 0,
            live_events: 0,
        };
        Self {
            driver,
            core,
            asker: None,
        }
    }

    /// Asks the name service where a target is whenever a connection is made. The driver needs a slot more than two past `capacity`.
    ///
    /// # Errors
    /// The error number when the driver cannot wait for the service's answers.
    pub fn ask_names(&mut self, line: Line) -> std::result::Result<(), i32> {
        let slot = self.core.capacity as u32 + 1;
        let key = Key {
            slot,
            generation: 0,
        };
        self.driver.adopt(key, line.answers.into())?;
        self.core.names = Some((slot, resolve::Decoder::default()));
        self.asker = Some(line.asker);
        Ok(())
    }

    /// Makes connections before any request asks for one, this worker's share of `Network::prewarm`, each target's in turn. Those that
    /// are not there after the connect time-out are given up.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn prewarm(&mut self) -> Result<()> {
        let plan = self.core.shared.plan;
        let share = schedule::closed_split(plan.network.prewarm, self.core.shared.workers);
        let mine = share.get(self.core.index).copied().unwrap_or(0) as usize;
        for i in 0..mine.min(self.core.capacity) {
            let slot = self.core.new_slot();
            let target = i % self.core.shared.tls.len();
            self.core.slots[slot as usize].target = target as u16;
            if self.core.shared.heads2[target].is_some() {
                self.carry(slot, None);
            } else {
                self.connect(slot, State::Warming);
            }
        }
        let until = self.driver.now().saturating_add(plan.timeouts.connect);
        let warming = |core: &Core<'_>| {
            core.slots.iter().any(|s| match &s.carrier {
                None => s.state == State::Warming,
                Some(carrier) => !carrier.there,
            })
        };
        while warming(&self.core) && self.driver.now() < until {
            let soon = self.driver.now() + LOOK_UP;
            self.turn(until.min(soon))?;
        }
        for slot in 0..self.core.slots.len() as u32 {
            let generation = self.core.slots[slot as usize].generation;
            if self.core.slots[slot as usize].state == State::Warming {
                self.close(Key { slot, generation });
            }
        }
        Ok(())
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
        let mut todo = std::mem::take(&mut self.core.todo);
        for item in todo.drain(..) {
            match item {
                Todo::Opened(key) => self.opened(key),
                Todo::Secured(key) => self.secured(key),
                Todo::Flush(key) => self.flush(key),
                Todo::Board(key) => self.board(key),
                Todo::Resolved(reply) => self.resolved(reply),
                Todo::Close(key) => self.close(key),
                Todo::Lost(key, cause, detail, at) => self.lost(key, cause, detail, at),
            }
        }
        self.core.todo = todo;
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
        if core.shared.heads2[target as usize].is_some() {
            self.ride(&request, deadline);
            return;
        }
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
                self.connect(slot, State::Connecting);
            }
            Err(slot) => {
                self.core.slots[slot as usize].exchange.begin(&request);
                self.no_room(slot, now);
            }
        }
    }

    fn no_room(&mut self, slot: u32, now: Nanos) {
        let what = format!(
            "all {} connections of this worker are in use",
            self.core.capacity
        );
        self.fail(slot, Cause::DescriptorsExhausted, Some(what), now);
    }

    /// Begins a connection for a slot, at its name if that has to be looked up.
    fn connect(&mut self, slot: u32, why: State) {
        let now = self.driver.now();
        let core = &mut self.core;
        let state = &mut core.slots[slot as usize];
        state.generation = (state.generation + 1) & 0x00ff_ffff;
        state.state = why;
        state.served = 0;
        state.tls = None;
        state.sending = false;
        state.rides = None;
        let key = Key {
            slot,
            generation: state.generation,
        };
        let id = state.exchange.request_id();
        core.connect_deadlines.push_back((
            now.saturating_add(core.shared.plan.timeouts.connect),
            key,
            id,
        ));
        let addrs = &core.shared.addrs[state.target as usize];
        if !addrs.is_empty() {
            let addr = &addrs[(core.connections % addrs.len() as u64) as usize];
            core.connections += 1;
            self.connect_to(key, addr);
            return;
        }
        let target = &core.shared.plan.targets[state.target as usize];
        let token = u64::from(slot) << 32 | u64::from(key.generation);
        let asked = |asker: &Asker| asker.ask(token, &target.host, target.port);
        if !self.asker.as_ref().is_some_and(asked) {
            let what = "the name service has ended".to_owned();
            self.lost(key, Cause::DnsFailed, Some(what), now);
        }
    }

    fn connect_to(&mut self, key: Key, addr: &SockAddr) {
        let now = self.driver.now();
        if let Some(exchange) = self.core.payer(key.slot) {
            exchange.handle_connecting(now);
        }
        if let Err(e) = self.driver.connect(key, addr) {
            self.lost(key, connect_cause(e), Some(os_error(e)), now);
        }
    }

    /// The name service has answered for a slot.
    fn resolved(&mut self, reply: resolve::Reply) {
        let key = Key {
            slot: (reply.token >> 32) as u32,
            generation: reply.token as u32,
        };
        let Some(()) = self
            .core
            .slots
            .get(key.slot as usize)
            .filter(|s| s.generation == key.generation)
            .filter(|s| {
                matches!(
                    s.state,
                    State::Connecting | State::Warming | State::Carrying
                )
            })
            .map(|_| ())
        else {
            return;
        };
        if let Some(exchange) = self.core.payer(key.slot) {
            exchange.handle_resolved(reply.started, reply.ended);
        }
        match reply.outcome {
            Ok(found) if !found.addrs.is_empty() => {
                let turn = (self.core.connections % found.addrs.len() as u64) as usize;
                self.core.connections += 1;
                self.connect_to(key, &found.addrs[turn].into());
            }
            Ok(_) => self.lost(key, Cause::DnsFailed, None, reply.ended),
            Err(text) => self.lost(key, Cause::DnsFailed, Some(text), reply.ended),
        }
    }

    /// The connection is there: it is secured, where its target wants that.
    fn opened(&mut self, key: Key) {
        let now = self.driver.now();
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        let Some(client) = &self.core.shared.tls[slot.target as usize] else {
            self.usable(key);
            return;
        };
        match client.session() {
            Ok(session) => {
                slot.tls = Some(Box::new(session));
                if let Some(exchange) = self.core.payer(key.slot) {
                    exchange.handle_securing(now);
                }
                self.flush(key);
            }
            Err(e) => self.lost(key, e.cause(), Some(e.to_string()), now),
        }
    }

    /// The TLS handshake is done, its cryptography included.
    fn secured(&mut self, key: Key) {
        let now = self.driver.now();
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        let resumed = slot
            .tls
            .as_ref()
            .and_then(|tls| tls.facts())
            .is_some_and(|facts| facts.resumed);
        let handshake = if resumed {
            Handshake::Resumed
        } else {
            Handshake::Full
        };
        if let Some(exchange) = self.core.payer(key.slot) {
            exchange.handle_secured(now, handshake);
        }
        self.usable(key);
    }

    /// A fresh connection may be used: by the request that waits for it, or later.
    fn usable(&mut self, key: Key) {
        let config = self.core.http2_config();
        let slot = &mut self.core.slots[key.slot as usize];
        if let Some(carrier) = &mut slot.carrier {
            carrier.begin(config);
            carrier.there = true;
            let board = carrier.greeted;
            // Until the server's settings say how many streams it takes, one is sure to be taken.
            if let Some(payer) = (!carrier.waiting.is_empty()).then(|| carrier.waiting.remove(0)) {
                self.depart(key, payer);
            } else {
                self.flush(key);
            }
            if board {
                self.board(key);
            }
        } else if slot.state == State::Warming {
            slot.state = State::Idle;
            self.core.idle[slot.target as usize].push(key);
        } else {
            self.send(key);
        }
    }

    /// Hands to the kernel what TLS wants to write, once it has taken what came before.
    fn flush(&mut self, key: Key) {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation == key.generation && slot.carrier.is_some() {
            self.flush_carrier(key);
            return;
        }
        let Some(tls) = slot
            .tls
            .as_mut()
            .filter(|_| slot.generation == key.generation && !slot.sending)
        else {
            return;
        };
        core.sealed.clear();
        tls.take_output(&mut core.sealed);
        if core.sealed.is_empty() {
            return;
        }
        match self.driver.send(key, &core.sealed) {
            Sending::Done => {}
            Sending::Pending => slot.sending = true,
            Sending::Failed(e) => {
                let now = self.driver.now();
                self.lost(key, Cause::SendFailed, Some(os_error(e)), now);
            }
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
        let bytes = match &mut slot.tls {
            None => &core.scratch,
            Some(tls) => {
                core.sealed.clear();
                if let Err(e) = tls.send(&core.scratch) {
                    let now = self.driver.now();
                    self.lost(key, e.cause(), Some(e.to_string()), now);
                    return;
                }
                // What the kernel has not taken of the handshake comes first: `Event::Sent` sends the rest.
                if !slot.sending {
                    tls.take_output(&mut core.sealed);
                }
                &core.sealed
            }
        };
        slot.state = State::Busy;
        slot.exchange
            .handle_sending(self.driver.now(), bytes.len(), slot.served > 0);
        slot.served += 1;
        if bytes.is_empty() {
            return;
        }
        match self.driver.send(key, bytes) {
            Sending::Done => slot.exchange.handle_sent(self.driver.now()),
            Sending::Pending => slot.sending = true,
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
        if slot.generation != key.generation {
            return;
        }
        if slot.state == State::Carrying {
            self.carrier_lost(key, cause, &detail, at);
            return;
        }
        if !slot.exchange.active() {
            self.close(key);
            return;
        }
        let sent = slot.exchange.record().bytes_sent as usize;
        if slot.exchange.may_move()
            && (cause == Cause::SendFailed
                || self.driver.unacknowledged(key).is_some_and(|n| n >= sent))
        {
            slot.exchange.handle_move();
            self.driver.close(key);
            self.connect(key.slot, State::Connecting);
            return;
        }
        self.fail(key.slot, cause, detail, at);
    }

    fn fail(&mut self, slot: u32, cause: Cause, detail: Option<String>, at: Nanos) {
        if self.core.slots[slot as usize].rides.is_some() {
            self.fail_rider(slot, cause, detail, at);
            return;
        }
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
        if slot.generation != key.generation
            || matches!(
                slot.state,
                State::Free | State::Connecting | State::Busy | State::Carrying
            )
        {
            return;
        }
        slot.state = State::Free;
        if let Some(mut tls) = slot.tls.take() {
            // The end of TLS, or the alert that says what was wrong; whether it arrives is no concern of ours.
            tls.close_notify();
            self.core.sealed.clear();
            tls.take_output(&mut self.core.sealed);
            if !slot.sending {
                let _ = self.driver.send(key, &self.core.sealed);
            }
        }
        // The slot past the capacity only ever holds a request that found no connection.
        if (key.slot as usize) < self.core.capacity {
            self.driver.close(key);
            self.core.free.push(key.slot);
        }
    }

    fn time_out(&mut self, now: Nanos) {
        while let Some(&(at, key, id)) = self.core.connect_deadlines.front() {
            let slot = &self.core.slots[key.slot as usize];
            let connecting = slot.rides.is_none() && slot.state == State::Connecting;
            let carrying = slot.carrier.as_ref().is_some_and(|c| !c.there);
            let waiting = slot.generation == key.generation
                && (connecting && slot.exchange.request_id() == id || carrying);
            if at > now && waiting {
                break;
            }
            self.core.connect_deadlines.pop_front();
            if waiting {
                let what = if slot.tls.is_some() {
                    "no TLS handshake in time (--connect-timeout-seconds)"
                } else {
                    "no connection in time (--connect-timeout-seconds)"
                };
                self.lost(key, Cause::ConnectTimeout, Some(what.into()), now);
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
                if let Some(carrier) = self.core.alight(slot) {
                    self.core.slots[slot as usize].rides = Some(carrier);
                    self.flush(carrier);
                }
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
