//! A closed loop: a request becomes ready when a slot is free.

use super::sessions::Sessions;
use super::{Context, RequestEnd, ScheduledRequest, insert_by_time};
use crate::clock::{MILLI, Nanos, earlier};
use crate::plan::Ramp;
use crate::schedule;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// This core's slots of a closed loop.
pub(super) struct ClosedLoop {
    /// When those open that have not; `None` where there is no ramp, and each opens when it is looked at.
    openings: VecDeque<Option<Nanos>>,
    /// When slots became free, the oldest first, and how much earlier that can have been.
    free: VecDeque<(Nanos, Nanos)>,
    /// Until when slots are not used after a connect that failed.
    paused: VecDeque<Nanos>,
    limit: u64,
    ended: bool,
}

impl ClosedLoop {
    pub(super) fn new(concurrency: u32, ramp: Option<Ramp>, limit: u64, context: &Context<'_>, start: Nanos) -> Self {
        let openings: VecDeque<_> = schedule::openings(concurrency, ramp, context.core, context.shared.cores.of)
            .map(|at| ramp.is_some().then(|| start.saturating_add(at)))
            .collect();
        Self { ended: openings.is_empty(), openings, free: VecDeque::new(), paused: VecDeque::new(), limit }
    }

    /// The request of the next free slot. A slot is one conversation's and of those that it begins, however many of
    /// their requests are in flight.
    pub(super) fn poll(
        &mut self,
        sessions: &mut Sessions,
        context: &Context<'_>,
        now: Nanos,
    ) -> Option<ScheduledRequest> {
        if let Some(turn) = sessions.poll(now) {
            return sessions.next_turn(turn, turn.ready, context);
        }
        if self.ended || sessions.is_closed() {
            return None;
        }
        let (scheduled, earlier) = self.take_free(now)?;
        let begun = context.shared.next[context.phase as usize].fetch_add(1, Ordering::Relaxed);
        let k = context.share().nth(begun);
        if k >= self.limit {
            self.ended = true;
            return None;
        }
        let request = sessions.first_turn(k, scheduled, context)?;
        Some(ScheduledRequest { ready: scheduled - earlier.min(scheduled), ..request })
    }

    /// Takes a free slot: since when it is free, and how much earlier that can have been.
    fn take_free(&mut self, now: Nanos) -> Option<(Nanos, Nanos)> {
        if let Some(opens) = self.openings.front().copied()
            && opens.is_none_or(|at| at <= now)
        {
            self.openings.pop_front();
            // Without a ramp there is no schedule: a slot that was never used is free when it is opened.
            return Some((opens.unwrap_or(now), 0));
        }
        if let Some(freed) = self.free.pop_front() {
            return Some(freed);
        }
        self.paused.pop_front_if(|at| *at <= now).map(|at| (at, 0))
    }

    /// A request has ended, and no turn of its session follows: its slot is free.
    pub(super) fn handle_end(&mut self, end: &RequestEnd) {
        if let Some(seen) = end.unconnected_at {
            self.paused.push_back(seen + PAUSE_AFTER_REFUSAL);
        } else {
            insert_by_time(&mut self.free, (end.freed_at, end.freed_earlier), |(at, _)| *at);
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.ended
    }

    pub(super) fn next_at(&self, sessions: &Sessions) -> Option<Nanos> {
        // Slots that are left over when all is issued wake nobody.
        let opening = self.openings.front().copied().flatten();
        let free = earlier(opening, self.paused.front().copied()).filter(|_| !self.ended);
        earlier(free, sessions.next_at())
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

/// How long a slot is not used after a connection could not be made, so that a dead server is not hammered.
const PAUSE_AFTER_REFUSAL: Nanos = 10 * MILLI;
