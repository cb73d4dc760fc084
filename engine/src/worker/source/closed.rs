//! A closed loop: a request falls due when a slot is free.

use super::Due;
use crate::clock::{Nanos, earlier};
use crate::plan::Ramp;
use crate::schedule;
use crate::worker::Core;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// This core's slots of a closed loop.
pub(super) struct Slots {
    /// Slots that this core has, sooner or later.
    mine: usize,
    /// When those open that have not; `None` where there is no ramp, and each opens when it is looked at.
    openings: VecDeque<Option<Nanos>>,
    limit: u64,
    ended: bool,
}

impl Slots {
    pub(super) fn new(concurrency: u32, ramp: Option<Ramp>, limit: u64, core: &Core<'_>, start: Nanos) -> Self {
        let openings: VecDeque<_> =
            schedule::openings(concurrency, ramp, core.context.index, core.context.shared.workers)
                .map(|at| ramp.is_some().then(|| start.saturating_add(at)))
                .collect();
        Self { mine: openings.len(), ended: openings.is_empty(), openings, limit }
    }

    /// The request of the next free slot, while `waiting` more are held back.
    pub(super) fn next(&mut self, core: &mut Core<'_>, now: Nanos, waiting: usize) -> Option<Due> {
        if let Some(turn) = core.sessions.next(now) {
            return core.next_turn(turn, turn.due);
        }
        let taken = core.in_flight + core.sessions.resting() + waiting;
        if self.ended || core.sessions.closed() || taken >= self.mine {
            return None;
        }
        let scheduled = self.free(core, now)?;
        let k = core.context.shared.next[core.context.phase as usize].fetch_add(1, Ordering::Relaxed);
        if k >= self.limit {
            self.ended = true;
            return None;
        }
        core.first_turn(k, scheduled)
    }

    /// Takes a free slot: since when it is free.
    fn free(&mut self, core: &mut Core<'_>, now: Nanos) -> Option<Nanos> {
        if let Some(opens) = self.openings.front().copied()
            && opens.is_none_or(|at| at <= now)
        {
            self.openings.pop_front();
            // Without a ramp there is no schedule: a slot that was never used is free when it is opened.
            return Some(opens.unwrap_or(now));
        }
        if let Some(at) = core.freed.pop_front() {
            return Some(at);
        }
        let rested = core.resting.front().is_some_and(|at| *at <= now);
        rested.then(|| core.resting.pop_front().unwrap_or(now))
    }

    pub(super) fn exhausted(&self) -> bool {
        self.ended
    }

    pub(super) fn next_due(&self, core: &Core<'_>) -> Option<Nanos> {
        // Slots that are left over when all is issued wake nobody.
        let opening = self.openings.front().copied().flatten();
        let free = earlier(opening, core.resting.front().copied()).filter(|_| !self.ended);
        earlier(free, core.sessions.next_due())
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}
