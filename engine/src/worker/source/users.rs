//! Users: requests fall due at each user's own pace.

use super::Due;
use crate::clock::Nanos;
use crate::schedule::Turns;
use crate::worker::{Core, PhaseTally};
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// This core's users.
pub(super) struct Users {
    turns: Turns,
    start: Nanos,
    users: u64,
    /// Most conversations to begin.
    sessions: u64,
    /// What each user talks of: the session and its number.
    talks: HashMap<u64, (usize, u64)>,
}

impl Users {
    /// `bounds` are those of requests and of conversations.
    pub(super) fn new(rate: f64, users: u32, bounds: (u64, u64), core: &Core<'_>, start: Nanos) -> Self {
        let (requests, sessions) = bounds;
        let limit = if core.context.workload.has_turns() { requests } else { requests.min(sessions) };
        Self {
            turns: Turns::new(rate, users, limit, core.context.index, core.context.shared.workers),
            start,
            users: u64::from(users.max(1)),
            sessions,
            talks: HashMap::new(),
        }
    }

    pub(super) fn next(&mut self, core: &mut Core<'_>, now: Nanos, facts: &mut PhaseTally) -> Option<Due> {
        while let Some((k, at)) = core.returned.pop() {
            self.turns.handle_end(k, at.saturating_sub(self.start));
        }
        while let Some(turn) = self.turns.next(now.saturating_sub(self.start)) {
            let scheduled = self.start + turn.wanted;
            let Some(due) = self.turn_of(core, turn.k, scheduled) else {
                self.turns.retire(turn.k);
                continue;
            };
            facts.arrived(scheduled);
            // Its user was busy: that is what users do, and no fault of the loop.
            core.recorder.handle_queued(core.context.phase, u64::from(turn.waited));
            return Some(Due { ticket: turn.k, waited: turn.waited, ..due });
        }
        None
    }

    /// The next turn of the user's conversation, else the first of a new one: a user has one after the other, at an
    /// even pace.
    fn turn_of(&mut self, core: &mut Core<'_>, k: u64, scheduled: Nanos) -> Option<Due> {
        if !core.context.workload.has_turns() {
            return core.first_turn(k, scheduled);
        }
        let user = k % self.users;
        if let Some((session, number)) = self.talks.get(&user)
            && let Some(turn) = core.sessions.turn(*session, scheduled)
            && turn.k == *number
        {
            return core.next_turn(turn, scheduled);
        }
        let number = core.context.shared.next[core.context.phase as usize].fetch_add(1, Ordering::Relaxed);
        if number >= self.sessions {
            return None;
        }
        let due = core.first_turn(number, scheduled)?;
        if let Some(session) = due.session {
            self.talks.insert(user, (session, number));
        }
        Some(due)
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
