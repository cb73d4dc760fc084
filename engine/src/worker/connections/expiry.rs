//! What becomes of a request or connection whose deadline has come.

use super::Connections;
use super::addresses::ATTEMPT;
use super::connect::format_address;
use super::pool::{Pool, send_cause};
use super::slot::State;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::driver::{Driver, Key};
use crate::exchange::Stage;
use crate::record::{Cause, PhaseKind};
use crate::setting::Setting::{ConnectTimeout, InterTokenTimeout, TtftTimeout};
use crate::worker::deadlines::{Deadline, DeadlineKind};
use crate::worker::os_error;

impl Pool<'_> {
    /// Sets the deadlines of the request that has just begun in a slot.
    pub(super) fn set_request_deadlines(&mut self, slot: u32) {
        let exchange = &self.slots[slot].exchange;
        let (id, issued) = (exchange.request_id(), exchange.record().instants.issued);
        let timeouts = &self.context.plan.timeouts;
        self.deadlines.set(issued.saturating_add(timeouts.request), DeadlineKind::Request, slot, id);
        for (timeout, kind) in
            [(timeouts.ttft, DeadlineKind::FirstToken), (timeouts.inter_token, DeadlineKind::NextToken)]
        {
            if let Some(timeout) = timeout {
                self.deadlines.set(issued.saturating_add(timeout), kind, slot, id);
            }
        }
    }

    /// The response in a slot is complete: the end of its body, which follows at once as a rule, is waited for a little
    /// while.
    pub(super) fn set_body_deadline(&mut self, slot: u32, now: Nanos) {
        let id = self.slots[slot].exchange.request_id();
        self.deadlines.set(now.saturating_add(BODY_END), DeadlineKind::BodyEnd, slot, id);
    }

    /// The body of a complete response ended with its connection. The kernel does not say when that closed, but its end
    /// is waited for so long and no longer.
    pub(super) fn handle_body_closed(&mut self, slot: u32, seen: Nanos) {
        let exchange = &mut self.slots[slot].exchange;
        let by = exchange.record().instants.end.saturating_add(BODY_END);
        if exchange.complete() && by < seen {
            exchange.let_go(by);
        }
    }

    /// The head of the response in a slot says that it is no answer: its words are waited for a while.
    pub(super) fn set_words_deadline(&mut self, slot: u32, now: Nanos) {
        let id = self.slots[slot].exchange.request_id();
        self.deadlines.set(now.saturating_add(WORDS), DeadlineKind::Words, slot, id);
    }

    /// Sets the deadline of a connection that is begun.
    pub(super) fn set_connect_deadline(&mut self, slot: u32, connect_by: Nanos) {
        self.deadlines.set(connect_by, DeadlineKind::Connect, slot, 0);
    }

    /// Sets the deadline of a connect that has another address to go to.
    pub(super) fn set_address_deadline(&mut self, key: Key, now: Nanos) {
        let slot = &self.slots[key.slot];
        if slot.connection.has_candidates() {
            let most = ATTEMPT.min(self.context.plan.timeouts.connect / 2);
            self.deadlines.set(now.saturating_add(most), DeadlineKind::Address, key.slot, slot.attempt_id());
        }
    }

    /// Keeps a connection without a request, or after a send that failed, for so long and no longer.
    pub(super) fn set_drain_deadline(&mut self, key: Key, now: Nanos) {
        let at = now.saturating_add(DRAIN);
        self.slots[key.slot].connection.set_drain_by(at);
        self.deadlines.set(at, DeadlineKind::Drain, key.slot, key.generation.into());
    }

    /// Sets the deadline of the part of a server's window that a connection withholds, if it does.
    pub(super) fn set_window_deadline(&mut self, key: Key, withheld_until: Option<Nanos>) {
        if let Some(at) = withheld_until {
            self.deadlines.set(at, DeadlineKind::WithheldWindow, key.slot, key.generation.into());
        }
    }

    /// Whether the deadline of a connection that drains, or whose send failed, is still the one that holds.
    fn drains(&self, deadline: &Deadline) -> bool {
        let slot = &self.slots[deadline.slot];
        u128::from(slot.generation()) == deadline.id
            && slot.connection.drain_by() == deadline.at
            && (slot.state() == State::Draining || slot.connection.send_error().is_some())
    }

    /// The kernel has taken the last byte of the request of a slot: from here on a planned cancellation counts.
    pub(super) fn handle_request_sent(&mut self, slot: u32, now: Nanos) {
        let exchange = &mut self.slots[slot].exchange;
        exchange.handle_sent(now);
        let plan = self.context.plan;
        let Some(cancellation) = &plan.cancellation else {
            return;
        };
        let record = exchange.record();
        if record.phase == PhaseKind::Profiling && cancellation.picks(plan.seed, record.k, record.turn) {
            let at = now.saturating_add(cancellation.delay);
            self.deadlines.set(at, DeadlineKind::Cancellation, slot, record.request_id);
        }
    }

    /// The instant of a deadline in the light of what has come since it was set; `None` where there is nothing left to
    /// end.
    fn holds_at(&self, deadline: &Deadline, now: Nanos) -> Option<Nanos> {
        let slot = &self.slots[deadline.slot];
        match deadline.kind {
            DeadlineKind::Connect => slot.connection.connect_by().filter(|at| *at == deadline.at),
            DeadlineKind::Address => {
                (slot.attempt_id() == deadline.id && slot.connection.has_candidates()).then_some(deadline.at)
            }
            DeadlineKind::Drain => self.drains(deadline).then_some(deadline.at),
            DeadlineKind::WithheldWindow => Some(deadline.at),
            _ if !slot.exchange.active() || slot.exchange.request_id() != deadline.id => None,
            DeadlineKind::Request | DeadlineKind::Job => Some(deadline.at),
            DeadlineKind::Words => slot.exchange.refused().then_some(deadline.at),
            DeadlineKind::FirstToken | DeadlineKind::NextToken | DeadlineKind::BodyEnd | DeadlineKind::Cancellation => {
                self.holds_within_request(deadline, now)
            }
        }
    }

    fn holds_within_request(&self, deadline: &Deadline, now: Nanos) -> Option<Nanos> {
        let exchange = &self.slots[deadline.slot].exchange;
        let plan = self.context.plan;
        let at = &exchange.record().instants;
        let (since, wait) = match deadline.kind {
            DeadlineKind::BodyEnd => (at.end, BODY_END),
            // The response is over but for the end of its body.
            _ if exchange.complete() => return None,
            DeadlineKind::FirstToken if at.first_token.is_some() => return None,
            DeadlineKind::FirstToken => (at.issued, plan.timeouts.ttft?),
            // Without a first token, none can be late sooner than this.
            DeadlineKind::NextToken => (at.last_token.unwrap_or(now), plan.timeouts.inter_token?),
            // A request that is retried is sent, and its deadline set, again.
            _ => (at.send_end?, plan.cancellation?.delay),
        };
        Some(since.saturating_add(wait))
    }

    /// Drops deadlines of what has ended.
    fn prune_deadlines(&mut self) {
        let slots = &self.slots;
        self.deadlines.prune(8 * slots.len() + 1024, |deadline| {
            let slot = &slots[deadline.slot];
            match deadline.kind {
                DeadlineKind::Connect => slot.connection.connect_by() == Some(deadline.at),
                DeadlineKind::Address => slot.attempt_id() == deadline.id,
                DeadlineKind::Drain | DeadlineKind::WithheldWindow => u128::from(slot.generation()) == deadline.id,
                _ => slot.exchange.active() && slot.exchange.request_id() == deadline.id,
            }
        });
    }

    /// The stream of a request is reset as planned, if it has one: its connection remembers, should the server mind.
    fn handle_planned_cancellation(&mut self, slot: u32) {
        if let Some(key) = self.slots[slot].h2_key()
            && let Some(h2) = &mut self.slots[key.slot].h2
        {
            h2.handle_planned_cancellation();
        }
    }
}

impl<D: Driver> Connections<'_, D> {
    /// Ends what is to end by `now`.
    pub(in crate::worker) fn handle_deadlines(&mut self, now: Nanos) {
        while let Some(deadline) = self.pool.deadlines.poll(now) {
            match self.pool.holds_at(&deadline, now) {
                None => {}
                Some(at) if at > now => self.pool.deadlines.set(at, deadline.kind, deadline.slot, deadline.id),
                Some(at) => self.expire(&deadline.moved_to(at), now),
            }
        }
        if self.pool.take_leaves_deadlines() {
            self.pool.prune_deadlines();
        }
        self.handle_waiting_streams(now);
    }

    fn expire(&mut self, deadline: &Deadline, now: Nanos) {
        let slot = deadline.slot;
        let key = self.pool.slots.key_of(slot);
        match deadline.kind {
            DeadlineKind::Connect => self.expire_connect(key, now),
            DeadlineKind::Address => {
                self.pool.handle_lag(slot, Stage::Connect, deadline.at, now);
                self.expire_address(key, now);
            }
            DeadlineKind::Request => {
                let (cause, what) = self.pool.late(slot);
                self.expire_request(deadline, cause, Some(what), now);
            }
            DeadlineKind::Drain => self.expire_drain(key, now),
            DeadlineKind::FirstToken => {
                let what = format!("no output in time ({TtftTimeout})");
                self.expire_request(deadline, Cause::TtftTimeout, Some(what), now);
            }
            DeadlineKind::NextToken => {
                let what = format!(
                    "the stream stalled after {} output events ({InterTokenTimeout})",
                    self.pool.slots[slot].exchange.record().events
                );
                self.expire_request(deadline, Cause::InterTokenTimeout, Some(what), now);
            }
            DeadlineKind::BodyEnd => self.end_without_body(slot, deadline.at, now),
            // It has failed of what its head says, with the words that have come.
            DeadlineKind::Words => self.expire_request(deadline, Cause::Truncated, None, now),
            DeadlineKind::Job => self.send(key),
            DeadlineKind::Cancellation => {
                self.pool.handle_planned_cancellation(slot);
                self.end_now(slot, now, |exchange| {
                    exchange.cancel(now);
                    exchange.let_go(deadline.at);
                });
            }
            DeadlineKind::WithheldWindow => {
                let generation = deadline.id as u32;
                self.send_withheld(Key { slot, generation }, now);
            }
        }
    }

    /// Fails a request whose time was over at its deadline: a client that comes to it later keeps its slot for so long.
    fn expire_request(&mut self, deadline: &Deadline, cause: Cause, detail: Option<String>, now: Nanos) {
        self.end_now(deadline.slot, now, |exchange| {
            exchange.fail(cause, detail, now);
            exchange.let_go(deadline.at);
        });
    }

    fn expire_connect(&mut self, key: Key, now: Nanos) {
        let slot = &self.pool.slots[key.slot];
        let stage = match (slot.connection.addr(), slot.connection.is_secure()) {
            (None, _) => {
                let target = &self.pool.context.plan.targets[slot.target() as usize];
                format!("while looking up {}", target.host)
            }
            (Some(addr), false) => format!("while connecting to {}", format_address(addr)),
            (Some(addr), true) => format!("in the TLS handshake with {}", format_address(addr)),
        };
        let what = format!("no connection in time, {stage} ({ConnectTimeout})");
        self.lost(key, Cause::ConnectTimeout, Some(what), now);
    }

    /// A connection was drained, or read after a send that failed, for long enough.
    fn expire_drain(&mut self, key: Key, now: Nanos) {
        let slot = &self.pool.slots[key.slot];
        match slot.connection.send_error() {
            _ if slot.state() == State::Draining => self.close(key),
            Some(e) => self.lost(key, send_cause(e), Some(os_error(e)), now),
            None => {}
        }
    }
}

/// How long a request keeps its place after its response is complete, for the end of the body to come: nearly always it
/// comes with the response, or at once. After that the next request is free to go, on another connection.
const BODY_END: Nanos = 20 * MILLI;
/// How long the body of a response whose head says that it is no answer may take: it decides nothing, and errors that
/// a server writes bit by bit are done by then.
const WORDS: Nanos = SECOND;
/// How long a connection that serves no request is kept for the rest of its last request to be taken, and for the end
/// of the body of a complete response. And how long the read of a connection may take to end after a send on it has
/// failed.
pub(super) const DRAIN: Nanos = SECOND;
