//! Deadlines within a request: its first token, its next token, its planned cancellation.
//!
//! A watch is armed once and moves lazily: only when it falls due is it compared with what the request has come to, and
//! then it ends the request, is armed again for the instant that is due now, or is dropped. So a token costs nothing,
//! and a stream one look for each time-out that passes.

use super::Worker;
use super::core::Core;
use crate::clock::{MILLI, Nanos};
use crate::driver::Driver;
use crate::record::{Cause, PhaseKind};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The watches of a worker.
#[derive(Default)]
pub(super) struct Watches(BinaryHeap<Reverse<Watch>>);

/// When to look at the request of a slot, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Watch {
    at: Nanos,
    slot: u32,
    /// Tells the request from others that the slot had or will have.
    id: u128,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    FirstToken,
    NextToken,
    /// The end of the body of an answer that is complete.
    BodyEnd,
    Cancel,
}

impl Watches {
    /// When to look next.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.0.peek().map(|Reverse(watch)| watch.at)
    }

    fn push(&mut self, at: Nanos, slot: u32, id: u128, what: What) {
        self.0.push(Reverse(Watch { at, slot, id, what }));
    }
}

impl Core<'_> {
    /// Watches the request that has just begun in a slot; `deadline` is that of the whole request.
    pub(super) fn watch(&mut self, deadline: Nanos, slot: u32) {
        let exchange = &self.slots[slot as usize].exchange;
        let (id, issued) = (exchange.request_id(), exchange.record().instants.issued);
        self.request_deadlines.push_back((deadline, slot, id));
        let timeouts = &self.context.plan.timeouts;
        for (timeout, what) in [(timeouts.ttft, What::FirstToken), (timeouts.inter_token, What::NextToken)] {
            if let Some(timeout) = timeout {
                let at = issued.saturating_add(timeout);
                self.watches.push(at, slot, id, what);
            }
        }
    }

    /// The answer of a slot is complete: the end of its body, which follows at once as a rule, is waited for a little
    /// while.
    pub(super) fn watch_body(&mut self, slot: u32, now: Nanos) {
        let id = self.slots[slot as usize].exchange.request_id();
        let at = now.saturating_add(BODY_END);
        self.watches.push(at, slot, id, What::BodyEnd);
    }

    /// The kernel has taken the last byte of the request of a slot: from here on a planned cancellation counts.
    pub(super) fn all_sent(&mut self, slot: u32, now: Nanos) {
        let exchange = &mut self.slots[slot as usize].exchange;
        exchange.handle_sent(now);
        let plan = self.context.plan;
        let Some(cancellation) = &plan.cancellation else {
            return;
        };
        let record = exchange.record();
        if record.phase == PhaseKind::Profiling && cancellation.picks(plan.seed, record.k, record.turn) {
            let at = now.saturating_add(cancellation.delay);
            self.watches.push(at, slot, record.request_id, What::Cancel);
        }
    }

    /// When a watch is due in the light of what has happened since it was armed; `None` when there is nothing left to
    /// watch for.
    fn due(&self, watch: &Watch, now: Nanos) -> Option<Nanos> {
        let exchange = &self.slots[watch.slot as usize].exchange;
        if !exchange.active() || exchange.request_id() != watch.id {
            return None;
        }
        let plan = self.context.plan;
        let at = &exchange.record().instants;
        let (since, wait) = match watch.what {
            What::BodyEnd => (at.end, BODY_END),
            // The answer is over but for the end of its body.
            _ if exchange.complete() => return None,
            What::FirstToken if at.first_token.is_some() => return None,
            What::FirstToken => (at.issued, plan.timeouts.ttft?),
            // Without a first token, none can be late sooner than this.
            What::NextToken => (at.last_token.unwrap_or(now), plan.timeouts.inter_token?),
            // A request that has moved is sent, and its watch armed, again.
            What::Cancel => (at.send_end?, plan.cancellation?.delay),
        };
        Some(since.saturating_add(wait))
    }

    /// The stream of a request is reset as planned, if it has one: its connection remembers, should the server mind.
    fn note_cancelled(&mut self, slot: u32) {
        if let Some(key) = self.slots[slot as usize].h2_key
            && let Some(h2) = &mut self.slots[key.slot as usize].h2
        {
            h2.cancelled += 1;
        }
    }

    /// Requests that have ended must not leave watches behind without bound.
    pub(super) fn forget_watches(&mut self) {
        if self.watches.0.len() > 4 * self.slots.len() + 1024 {
            let slots = &self.slots;
            self.watches.0.retain(|Reverse(watch)| {
                let exchange = &slots[watch.slot as usize].exchange;
                exchange.active() && exchange.request_id() == watch.id
            });
        }
    }
}

impl<D: Driver> Worker<'_, D> {
    /// Ends the requests whose watches are due.
    pub(super) fn look_at_watches(&mut self, now: Nanos) {
        while let Some(Reverse(watch)) = self.core.watches.0.peek().copied()
            && watch.at <= now
        {
            self.core.watches.0.pop();
            match self.core.due(&watch, now) {
                None => {}
                Some(at) if at > now => self.core.watches.push(at, watch.slot, watch.id, watch.what),
                Some(_) => self.strike(&watch, now),
            }
        }
    }

    fn strike(&mut self, watch: &Watch, now: Nanos) {
        let slot = watch.slot;
        match watch.what {
            What::FirstToken => {
                let what = "no output in time (--ttft-timeout-seconds)";
                self.fail(slot, Cause::TtftTimeout, Some(what.to_owned()), now);
            }
            What::NextToken => {
                let what = format!(
                    "the stream stalled after {} output events (--inter-token-timeout-seconds)",
                    self.core.slots[slot as usize].exchange.record().events
                );
                self.fail(slot, Cause::InterTokenTimeout, Some(what), now);
            }
            What::BodyEnd => self.let_go(slot, now),
            What::Cancel => {
                self.core.note_cancelled(slot);
                self.end_now(slot, now, |exchange| exchange.cancel(now));
            }
        }
    }
}

/// How long a request keeps its place after its answer is complete, for the end of the body to come: nearly always it
/// comes with the answer, or at once. After that the next request is free to go, on another connection.
const BODY_END: Nanos = 20 * MILLI;
