//! The limits that may hold back a request: a cap on requests in flight, and a bound on those without a first token.

use super::sessions::Sessions;
use super::{Context, Recorder, ScheduledRequest, insert_by_time};
use crate::clock::{MICRO, Nanos, earlier};
use crate::control::permits::{give, open, take};
use crate::plan::{CapPolicy, Phase, Ramp};
use crate::schedule;
use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;

/// The bounds of a phase, and what waits for them on this core, first come first served.
pub(super) struct Limiter {
    /// There is a cap, and what comes over it is queued or dropped.
    cap: Option<CapPolicy>,
    /// There is a bound on requests without a first token.
    prefill: bool,
    /// When the permits of the two open that this core looks after, where they open over time.
    cap_openings: VecDeque<Nanos>,
    prefill_openings: VecDeque<Nanos>,
    waiting: VecDeque<Waiting>,
    freed: FreedSlots,
    /// Issued requests of this core that hold a permit for their prefill: slot and request id.
    prefilling: Vec<(u32, u128)>,
}

struct Waiting {
    request: ScheduledRequest,
    /// It holds a permit of the cap already, and waits for the other.
    has_cap_permit: bool,
}

/// Since when the slots of the cap have been free that a request may take.
///
/// Other cores free slots and take them too, without a word: what is known here is held against the instant at which
/// no slot was free.
#[derive(Default)]
struct FreedSlots {
    /// When slots were freed on this core, the oldest first, and what the client had added to the requests that had
    /// them. It holds no more than there are slots on one core; on several, no more than [`MOST_FREED`].
    slots: VecDeque<(Nanos, Nanos)>,
    /// Then no request could pass.
    none_at: Nanos,
}

impl FreedSlots {
    fn handle_freed(&mut self, at: Nanos, lag: Nanos) {
        if self.slots.len() == MOST_FREED {
            self.slots.pop_front();
        }
        insert_by_time(&mut self.slots, (at, lag), |(at, _)| *at);
    }

    /// A request could not pass; `full`: since no slot was free.
    fn handle_refused(&mut self, now: Nanos, full: bool) {
        self.none_at = now;
        if full {
            self.slots.clear();
        }
    }

    /// A slot is taken.
    fn take(&mut self) -> (Nanos, Nanos) {
        self.slots.pop_front().unwrap_or_default()
    }
}

impl Limiter {
    pub(super) fn new(phase: &Phase, context: &Context<'_>, start: Nanos) -> Self {
        let openings = |bound: Option<(u32, Option<Ramp>)>| -> VecDeque<Nanos> {
            // Without a ramp, all permits are there from the start.
            let ramped = bound.filter(|(_, ramp)| ramp.is_some());
            ramped
                .map(|(slots, ramp)| schedule::openings(slots, ramp, context.core, context.shared.cores.of))
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
            freed: FreedSlots::default(),
            prefilling: Vec::new(),
        }
    }

    /// How many requests are held back.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first of those that were held back, if it may go now.
    pub(super) fn poll(&mut self, context: &Context<'_>, now: Nanos) -> Option<ScheduledRequest> {
        open(&mut self.cap_openings, cap(context), now);
        open(&mut self.prefill_openings, prefill(context), now);
        let front = self.waiting.front_mut()?;
        if !front.has_cap_permit && take(cap(context)) {
            front.has_cap_permit = true;
            let (freed_at, lag) = self.freed.take();
            let request = &mut front.request;
            (request.ready, request.carried) = (request.ready.max(freed_at), lag);
        }
        if !front.has_cap_permit || self.prefill && !take(prefill(context)) {
            self.freed.handle_refused(now, !front.has_cap_permit);
            return None;
        }
        let request = self.waiting.pop_front()?.request;
        let ready = request.ready.max(self.freed.none_at);
        Some(ScheduledRequest { waited: true, ready, ..request })
    }

    /// Lets a request pass that has become ready, or keeps it, or drops it. How late the loop was to look at one that
    /// does not pass is the loop's own doing, as with those that do: only the time from here on is the policy's.
    pub(super) fn admit(
        &mut self,
        request: ScheduledRequest,
        sessions: &mut Sessions,
        context: &Context<'_>,
        recorder: &mut Recorder,
        now: Nanos,
    ) -> Option<ScheduledRequest> {
        let first = self.waiting.is_empty();
        // A session keeps its slot from its first turn to its last.
        let goes_on =
            context.workload.entries[request.entry as usize].turn > 0 || context.workload.is_begun(request.entry);
        let has_cap_permit = match self.cap {
            _ if goes_on => true,
            None => true,
            Some(CapPolicy::Queue) => first && take(cap(context)),
            Some(CapPolicy::Drop) => take(cap(context)),
        };
        let passes = has_cap_permit && (first || goes_on) && (!self.prefill || take(prefill(context)));
        if passes {
            if self.cap.is_some() && !goes_on {
                self.freed.take();
            }
            return Some(request);
        }
        self.freed.handle_refused(now, first && !has_cap_permit);
        if !request.waited {
            recorder.handle_dispatch_lag(context.phase, now.saturating_sub(request.scheduled));
        }
        if !has_cap_permit && self.cap == Some(CapPolicy::Drop) {
            recorder.handle_dropped(context.phase, 1);
            if let Some(session) = request.session {
                sessions.forget(session);
            }
            return None;
        }
        recorder.handle_queued(context.phase, u64::from(!request.waited));
        self.waiting.push_back(Waiting { request, has_cap_permit });
        None
    }

    /// A request has been issued: its prefill is over with its first token, or with itself.
    pub(super) fn handle_issued(&mut self, request: Option<(u32, u128)>, context: &Context<'_>) {
        if !self.prefill {
            return;
        }
        match request {
            Some(request) => self.prefilling.push(request),
            None => give(prefill(context), 1),
        }
    }

    /// Takes the permits of prefills that are over.
    pub(super) fn handle_first_tokens(&mut self, context: &Context<'_>, waits: impl Fn(u32, u128) -> bool) {
        if self.prefilling.is_empty() {
            return;
        }
        let before = self.prefilling.len();
        self.prefilling.retain(|(slot, id)| waits(*slot, *id));
        give(prefill(context), (before - self.prefilling.len()) as i64);
    }

    /// A request has ended, and no turn of its session follows: its place under the cap has been free since `freed_at`.
    /// `lag` is what the client had added to it.
    pub(super) fn handle_end(&mut self, context: &Context<'_>, freed_at: Nanos, lag: Nanos) {
        if self.cap.is_some() {
            self.freed.handle_freed(freed_at, lag);
            give(cap(context), 1);
        }
    }

    /// When to look again, if a time is known.
    pub(super) fn next_at(&self, now: Nanos) -> Option<Nanos> {
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

fn cap<'a>(context: &Context<'a>) -> &'a AtomicI64 {
    &context.shared.permits[context.phase as usize]
}

fn prefill<'a>(context: &Context<'a>) -> &'a AtomicI64 {
    &context.shared.prefill_permits[context.phase as usize]
}

/// How soon a core with waiting requests looks again whether another core has freed a slot.
const PERMIT_POLL: Nanos = 200 * MICRO;
/// Freed slots that are remembered: those that other cores have taken stay among them.
const MOST_FREED: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_slot_that_was_freed_first_is_taken_first() {
        let mut freed = FreedSlots::default();
        for slot in [(20, 2), (30, 3), (10, 1), (20, 4)] {
            freed.handle_freed(slot.0, slot.1);
        }
        let taken: Vec<_> = std::iter::repeat_with(|| freed.take()).take(5).collect();
        assert_eq!(taken, [(10, 1), (20, 2), (20, 4), (30, 3), (0, 0)]);
    }

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
