//! An open loop: requests fall due at the instants of a schedule.

use super::Due;
use crate::clock::Nanos;
use crate::worker::{Core, PhaseTally};

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
}

impl Timed {
    pub(super) fn new(
        instants: Box<dyn Iterator<Item = Nanos>>,
        limit: u64,
        core: &Core<'_>,
        start: Nanos,
    ) -> Self {
        let mut timed = Self {
            instants,
            start,
            limit,
            next: None,
            k: 0,
            worker: core.index as u64,
            workers: core.shared.workers as u64,
        };
        timed.advance();
        timed
    }

    /// Moves on to this worker's next arrival.
    fn advance(&mut self) {
        self.next = None;
        while self.k < self.limit {
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

    pub(super) fn next(&mut self, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        let (k, scheduled) = self.next.filter(|(_, at)| *at <= now)?;
        self.advance();
        facts.arrived(scheduled);
        Some(Due {
            k,
            scheduled,
            waited: false,
        })
    }

    pub(super) fn exhausted(&self) -> bool {
        self.next.is_none()
    }

    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.next.map(|(_, at)| at)
    }

    /// What was due before `at`, but the loop came too late for it, was offered and not achieved.
    pub(super) fn end(&mut self, facts: &mut PhaseTally, at: Nanos) {
        while let Some((_, due)) = self.next.filter(|(_, due)| *due < at) {
            facts.arrived(due);
            self.advance();
        }
        self.next = None;
    }
}
