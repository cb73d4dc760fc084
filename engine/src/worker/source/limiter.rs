//! What holds back a request that is due: a cap on requests in flight, and a bound on those without a first token.

use super::Due;
use crate::clock::{MICRO, Nanos, earlier};
use crate::control::permits::{give, open, take};
use crate::plan::{CapPolicy, Phase, Ramp};
use crate::schedule;
use crate::worker::Core;
use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;

/// The bounds of a phase, and what waits for them on this core, first come first served.
pub(super) struct Gate {
    /// There is a cap, and what comes over it is queued or dropped.
    cap: Option<CapPolicy>,
    /// There is a bound on requests without a first token.
    prefill: bool,
    /// When the permits of the two open that this core looks after, where they open over time.
    cap_openings: VecDeque<Nanos>,
    prefill_openings: VecDeque<Nanos>,
    waiting: VecDeque<Waiting>,
    /// Issued requests of this core that hold a permit for their prefill: slot and request id.
    prefilling: Vec<(u32, u128)>,
}

struct Waiting {
    due: Due,
    /// It holds a permit of the cap already, and waits for the other.
    seated: bool,
}

impl Gate {
    pub(super) fn new(phase: &Phase, core: &Core<'_>, start: Nanos) -> Self {
        let openings = |bound: Option<(u32, Option<Ramp>)>| -> VecDeque<Nanos> {
            // Without a ramp, all permits are there from the start.
            let ramped = bound.filter(|(_, ramp)| ramp.is_some());
            ramped
                .map(|(slots, ramp)| schedule::openings(slots, ramp, core.context.index, core.context.shared.workers))
                .into_iter()
                .flatten()
                .map(|at| start.saturating_add(at))
                .collect()
        };
        let cap = phase.load.cap();
        Self {
            cap: cap.map(|c| c.policy),
            prefill: phase.prefill.is_some(),
            cap_openings: openings(cap.map(|c| (c.concurrency, c.ramp))),
            prefill_openings: openings(phase.prefill.map(|p| (p.concurrency, p.ramp))),
            waiting: VecDeque::new(),
            prefilling: Vec::new(),
        }
    }

    /// How many requests are held back.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first of those that were held back, if it may go now.
    pub(super) fn next(&mut self, core: &Core<'_>, now: Nanos) -> Option<Due> {
        open(&mut self.cap_openings, cap(core), now);
        open(&mut self.prefill_openings, prefill(core), now);
        self.collect(core);
        let front = self.waiting.front_mut()?;
        front.seated = front.seated || take(cap(core));
        if !front.seated || self.prefill && !take(prefill(core)) {
            return None;
        }
        let due = self.waiting.pop_front()?.due;
        Some(Due { waited: true, ..due })
    }

    /// Lets a request pass that has fallen due, or keeps it, or drops it. How late the loop was to look at one that
    /// does not pass is the loop's own doing, as with those that do: only the time from here on is the policy's.
    pub(super) fn admit(&mut self, due: Due, core: &mut Core<'_>, now: Nanos) -> Option<Due> {
        let first = self.waiting.is_empty();
        // A conversation keeps its slot from its first turn to its last.
        let goes_on = core.context.workload.entries[due.entry as usize].turn > 0;
        let seated = match self.cap {
            _ if goes_on => true,
            None => true,
            Some(CapPolicy::Queue) => first && take(cap(core)),
            Some(CapPolicy::Drop) => take(cap(core)),
        };
        if !seated && self.cap == Some(CapPolicy::Drop) {
            looked_at(&due, core, now);
            core.recorder.handle_dropped(core.context.phase, 1);
            if let Some(session) = due.session {
                core.sessions.forget(session);
            }
            return None;
        }
        if seated && (first || goes_on) && (!self.prefill || take(prefill(core))) {
            return Some(due);
        }
        looked_at(&due, core, now);
        core.recorder.handle_queued(core.context.phase, u64::from(!due.waited));
        self.waiting.push_back(Waiting { due, seated });
        None
    }

    /// The request of a slot has been issued: its prefill is over with its first token, or with itself.
    pub(super) fn issued(&mut self, slot: u32, core: &Core<'_>) {
        if !self.prefill {
            return;
        }
        let exchange = &core.slots[slot as usize].exchange;
        match exchange.active() {
            true => self.prefilling.push((slot, exchange.request_id())),
            false => give(prefill(core), 1),
        }
    }

    /// Takes the permits of prefills that are over.
    fn collect(&mut self, core: &Core<'_>) {
        let before = self.prefilling.len();
        self.prefilling.retain(|(slot, id)| {
            let exchange = &core.slots[*slot as usize].exchange;
            exchange.active() && exchange.request_id() == *id && exchange.record().instants.first_token.is_none()
        });
        give(prefill(core), (before - self.prefilling.len()) as i64);
    }

    /// When to look again, if a time is known.
    pub(super) fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let poll = (!self.waiting.is_empty()).then_some(now + PERMIT_POLL);
        let [cap, prefill] = [&self.cap_openings, &self.prefill_openings].map(|o| o.front().copied());
        earlier(earlier(cap, prefill), poll)
    }

    /// Nothing passes any more: how many were held back.
    pub(super) fn end(&mut self) -> u64 {
        let waiting = self.waiting.len() as u64;
        self.waiting.clear();
        self.cap_openings.clear();
        self.prefill_openings.clear();
        waiting
    }
}

fn looked_at(due: &Due, core: &mut Core<'_>, now: Nanos) {
    if !due.waited {
        core.recorder.handle_dispatch_lag(core.context.phase, now.saturating_sub(due.scheduled));
    }
}

fn cap<'a>(core: &Core<'a>) -> &'a AtomicI64 {
    &core.context.shared.permits[core.context.phase as usize]
}

fn prefill<'a>(core: &Core<'a>) -> &'a AtomicI64 {
    &core.context.shared.prefill_permits[core.context.phase as usize]
}

/// How soon a core with waiting requests looks again whether another core has freed a slot.
const PERMIT_POLL: Nanos = 200 * MICRO;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_permits_are_out_than_there_are_and_all_come_back() {
        const PERMITS: usize = 2;
        let (rounds, permits) = (if cfg!(miri) { 20 } else { 20_000 }, AtomicI64::new(0));
        let (held, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            // One core opens them over time, as a ramp does, while others want them.
            scope.spawn(|| {
                let mut openings: VecDeque<Nanos> = (0..PERMITS as Nanos).collect();
                (0..PERMITS as Nanos).for_each(|now| open(&mut openings, &permits, now));
            });
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut taken = 0;
                    while taken < rounds {
                        if !take(&permits) {
                            refused.fetch_add(1, Ordering::Relaxed);
                            std::thread::yield_now();
                            continue;
                        }
                        let before = held.fetch_add(1, Ordering::Relaxed);
                        assert!(before < PERMITS, "{before} were out before this one");
                        held.fetch_sub(1, Ordering::Relaxed);
                        give(&permits, 1);
                        taken += 1;
                    }
                });
            }
        });
        assert_eq!(permits.into_inner(), PERMITS as i64);
    }
}
