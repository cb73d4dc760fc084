//! An open loop: requests fall due at the instants of a schedule.

use super::Due;
use crate::clock::Nanos;
use crate::worker::{Core, PhaseTally};
use std::sync::atomic::Ordering;

/// This core's share of a schedule.
pub(super) struct Timed {
    /// Offsets from `start`, of all cores.
    instants: Box<dyn Iterator<Item = Nanos>>,
    start: Nanos,
    limit: u64,
    /// Index and instant of the next arrival of this worker, if the schedule has one.
    next: Option<(u64, Nanos)>,
    k: u64,
    worker: u64,
    workers: u64,
    /// Conversations go on at the schedule's instants; else at their own, and the schedule is of their beginnings.
    paced: bool,
    /// Where conversations are paced: no more are begun.
    begun: bool,
}

impl Timed {
    pub(super) fn new(
        instants: Box<dyn Iterator<Item = Nanos>>,
        limit: u64,
        paced: bool,
        core: &Core<'_>,
        start: Nanos,
    ) -> Self {
        let paced = paced && core.context.workload.has_turns();
        let mut timed = Self {
            instants,
            start,
            limit,
            next: None,
            k: 0,
            worker: core.context.index as u64,
            workers: core.context.shared.workers as u64,
            paced,
            begun: false,
        };
        timed.advance();
        timed
    }

    /// Moves on to this worker's next arrival.
    fn advance(&mut self) {
        self.next = None;
        while self.paced || self.k < self.limit {
            let Some(offset) = self.instants.next() else {
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

    pub(super) fn next(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        if self.paced {
            return self.next_paced(core, now, facts);
        }
        if let Some(turn) = core.sessions.next(now) {
            let due = core.next_turn(turn, turn.wanted)?;
            facts.arrived(due.scheduled);
            // Its answer was late: that is the server's doing, and no fault of the loop.
            let waited = turn.due > turn.wanted;
            core.recorder.handle_queued(core.context.phase, u64::from(waited));
            return Some(Due { waited, ..due });
        }
        let (k, scheduled) = self.next.filter(|(_, at)| *at <= now)?;
        self.advance();
        let due = core.first_turn(k, scheduled)?;
        facts.arrived(scheduled);
        Some(due)
    }

    /// An instant goes to the conversation whose next turn has waited for it longest, else to a new one, so that the
    /// rate is one of requests (as AIPerf's). One that neither wants passes.
    fn next_paced(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        while let Some((_, at)) = self.next.filter(|(_, at)| *at <= now) {
            self.advance();
            let due = if let Some(turn) = core.sessions.next(at) {
                core.next_turn(turn, at)
            } else if self.begun {
                None
            } else {
                let k = core.context.shared.next[core.context.phase as usize].fetch_add(1, Ordering::Relaxed);
                self.begun = k >= self.limit;
                (!self.begun).then(|| core.first_turn(k, at)).flatten()
            };
            if let Some(due) = due {
                facts.arrived(at);
                return Some(due);
            }
            if self.exhausted() && core.sessions.over() || core.sessions.closed() {
                self.next = None;
            }
        }
        None
    }

    /// Whether no conversation will begin.
    pub(super) fn exhausted(&self) -> bool {
        self.begun || self.next.is_none()
    }

    pub(super) fn next_due(&self, core: &Core<'_>) -> Option<Nanos> {
        let turn = core.sessions.next_due().filter(|_| !self.paced);
        [self.next.map(|(_, at)| at), turn].into_iter().flatten().min()
    }

    /// What was due before `at`, but the loop came too late for it, was offered and not achieved.
    pub(super) fn end(&mut self, facts: &mut PhaseTally, at: Nanos) {
        while let Some((_, due)) = self.next.filter(|(_, due)| *due < at && !self.begun) {
            facts.arrived(due);
            self.advance();
        }
        self.next = None;
    }
}
