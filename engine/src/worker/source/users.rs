//! Users: requests fall due at each user's own pace.

use super::Due;
use crate::clock::Nanos;
use crate::schedule::Turns;
use crate::worker::{Core, PhaseTally};

/// This core's users.
pub(super) struct Users {
    turns: Turns,
    start: Nanos,
}

impl Users {
    pub(super) fn new(rate: f64, users: u32, limit: u64, core: &Core<'_>, start: Nanos) -> Self {
        Self {
            turns: Turns::new(rate, users, limit, core.index, core.shared.workers),
            start,
        }
    }

    pub(super) fn next(
        &mut self,
        core: &mut Core<'_>,
        now: Nanos,
        facts: &mut PhaseTally,
    ) -> Option<Due> {
        while let Some((k, at)) = core.returned.pop() {
            self.turns.handle_end(k, at.saturating_sub(self.start));
        }
        let turn = self.turns.next(now.saturating_sub(self.start))?;
        let scheduled = self.start + turn.wanted;
        facts.arrived(scheduled);
        // Its user was busy: that is what users do, and no fault of the loop.
        core.shard.phase_mut(core.phase).queued += u64::from(turn.waited);
        Some(Due {
            k: turn.k,
            scheduled,
            waited: turn.waited,
        })
    }

    pub(super) fn exhausted(&self) -> bool {
        self.turns.exhausted()
    }

    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.turns.next_at().map(|at| self.start + at)
    }

    /// Turns that were wanted before `at` and not taken; how many of them because their users were busy.
    pub(super) fn end(&mut self, facts: &mut PhaseTally, at: Nanos) -> u64 {
        let mut busy = 0;
        for (wanted, waited) in self.turns.end(at.saturating_sub(self.start)) {
            facts.arrived(self.start + wanted);
            busy += u64::from(waited);
        }
        busy
    }
}
