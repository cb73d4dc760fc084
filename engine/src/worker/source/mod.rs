//! Where the requests of a phase come from: free slots in a closed loop, a schedule in an open one, users; and what
//! holds them back.

mod closed;
mod limiter;
mod scheduled;
mod sessions;
mod users;

use super::{Core, PhaseTally};
use crate::clock::{Nanos, earlier};
use crate::plan::{Load, Phase};
use crate::schedule;
use closed::Slots;
use limiter::Gate;
use scheduled::Timed;
pub(super) use sessions::Sessions;
pub(crate) use sessions::first_of;
use users::Users;

/// A request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Number of its session in the phase; where conversations have one turn, its own.
    pub(super) k: u64,
    /// Its own number in the phase.
    pub(super) index: u64,
    /// What of the dataset it sends.
    pub(super) entry: u32,
    /// Its conversation, where that has several turns.
    pub(super) session: Option<usize>,
    /// By which its source knows it again when it has ended.
    pub(super) ticket: u64,
    pub(super) scheduled: Nanos,
    /// It waited for a slot: its lateness is the policy's, not the loop's.
    pub(super) waited: bool,
}

/// Where a phase's requests come from: what falls due, and the gate that it has to pass.
pub(super) struct Source {
    feed: Feed,
    gate: Gate,
}

enum Feed {
    Slots(Slots),
    Timed(Box<Timed>),
    Users(Box<Users>),
}

impl Source {
    pub(super) fn new(phase: &Phase, core: &Core<'_>, start: Nanos) -> Self {
        let context = &core.context;
        // Where each conversation is one request, both bounds count the same; else requests are claimed as they fall
        // due.
        let sessions = phase.sessions.unwrap_or(u64::MAX);
        let requests = phase.requests.unwrap_or(u64::MAX);
        let limit = if context.workload.has_turns() { sessions } else { sessions.min(requests) };
        let timed = |instants: Box<dyn Iterator<Item = Nanos>>| {
            let paced = !matches!(phase.load, Load::Fixed { .. });
            Feed::Timed(Box::new(Timed::new(instants, limit, paced, core, start)))
        };
        let feed = match &phase.load {
            Load::Closed { concurrency, ramp } => Feed::Slots(Slots::new(*concurrency, *ramp, limit, core, start)),
            Load::Open { rate, pattern, .. } => {
                let seed = context.plan.seed ^ ((context.phase as u64) << 63);
                let arrivals = schedule::arrivals(rate.clone(), *pattern, seed);
                timed(Box::new(arrivals))
            }
            Load::Fixed { trace, .. } => {
                let instants = trace.0.clone();
                timed(Box::new((0..instants.len()).map_while(move |k| instants.get(k).copied())))
            }
            Load::Users { rate, users } => {
                let bounds = (requests, sessions);
                Feed::Users(Box::new(Users::new(*rate, *users, bounds, core, start)))
            }
        };
        Self { feed, gate: Gate::new(phase, core, start) }
    }

    /// The next request that is due, if a slot is free for it.
    pub(super) fn next(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        if let Some(due) = self.gate.next(core, now) {
            return Some(due);
        }
        loop {
            let due = match &mut self.feed {
                Feed::Slots(slots) => slots.next(core, now, self.gate.waiting()),
                Feed::Timed(timed) => timed.next(core, now, facts),
                Feed::Users(users) => users.next(core, now, facts),
            }?;
            facts.fell_due += 1;
            if let Some(due) = self.gate.admit(due, core, now) {
                return Some(due);
            }
        }
    }

    /// What [`Self::next`] gave has been issued in a slot.
    pub(super) fn issued(&mut self, slot: u32, core: &Core<'_>) {
        self.gate.issued(slot, core);
    }

    /// Whether nothing more will come due.
    pub(super) fn exhausted(&self, core: &Core<'_>) -> bool {
        if self.gate.waiting() == 0 && core.all_taken() {
            return true;
        }
        let begins_none = core.sessions.closed()
            || match &self.feed {
                Feed::Slots(slots) => slots.exhausted(),
                Feed::Timed(timed) => timed.exhausted(),
                Feed::Users(users) => users.exhausted(),
            };
        self.gate.waiting() == 0 && begins_none && core.sessions.over()
    }

    /// When to look again, if a time is known.
    pub(super) fn next_due(&self, core: &Core<'_>, now: Nanos) -> Option<Nanos> {
        let feed = match &self.feed {
            Feed::Slots(slots) => slots.next_due(core),
            Feed::Timed(timed) => timed.next_due(core),
            Feed::Users(users) => users.next_due(),
        };
        earlier(feed, self.gate.next_due(now))
    }

    /// Nothing is issued any more: what waited for a slot, or came due without one, is dropped by the policy.
    pub(super) fn end(&mut self, core: &mut Core<'_>, facts: &mut PhaseTally, at: Nanos) {
        let waiting = self.gate.end();
        core.sessions.close();
        let dropped = match &mut self.feed {
            // Its requests fall due when they can be sent: what never was is not missed.
            Feed::Slots(slots) => {
                slots.end();
                facts.fell_due -= waiting;
                0
            }
            Feed::Timed(timed) => {
                timed.end(facts, at);
                waiting
            }
            Feed::Users(users) => {
                let busy = users.end(facts, at);
                facts.fell_due += busy;
                waiting + busy
            }
        };
        core.recorder.handle_dropped(core.context.phase, dropped);
    }
}
