//! Users: requests begin at each user's own pace.

use super::sessions::Sessions;
use super::{Context, PhaseTally, Recorder, RequestEnd, ScheduledRequest};
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::schedule::Turns;
use std::collections::HashMap;

/// This core's users.
pub(super) struct Users {
    turns: Turns,
    start: Nanos,
    users: u64,
    /// Most sessions to begin.
    most_sessions: u64,
    /// The last session of each user, and its number.
    sessions: HashMap<u64, (usize, u64)>,
    /// Turns that have ended since the last look, and when.
    ended: Vec<(u64, Nanos)>,
    /// Of users to whose last turn the client had added something that counts: how much, and how much it had handed on
    /// to the turn under way. Of later turns it is no part: they move with those before.
    late: HashMap<u64, (Nanos, Nanos)>,
}

impl Users {
    /// `bounds` are those of requests and of sessions.
    pub(super) fn new(rate: f64, users: u32, bounds: (u64, u64), context: &Context<'_>, start: Nanos) -> Self {
        let (most_requests, most_sessions) = bounds;
        let limit = if context.workload.has_turns() { most_requests } else { most_requests.min(most_sessions) };
        Self {
            turns: Turns::new(rate, users, limit, context.core, context.shared.cores.of),
            start,
            users: u64::from(users.max(1)),
            most_sessions,
            sessions: HashMap::new(),
            ended: Vec::new(),
            late: HashMap::new(),
        }
    }

    pub(super) fn poll(
        &mut self,
        sessions: &mut Sessions,
        context: &Context<'_>,
        now: Nanos,
        tally: &mut PhaseTally,
        recorder: &mut Recorder,
    ) -> Option<ScheduledRequest> {
        while let Some((k, at)) = self.ended.pop() {
            self.turns.handle_end(k, at.saturating_sub(self.start));
        }
        while let Some(turn) = self.turns.next(now.saturating_sub(self.start)) {
            let scheduled = self.start + turn.wanted;
            let Some(request) = self.turn_of(sessions, context, turn.k, scheduled) else {
                self.turns.retire(turn.k);
                continue;
            };
            tally.handle_arrival(scheduled);
            // Its user was busy: that is what users do, and no fault of the loop.
            recorder.handle_queued(context.phase, u64::from(turn.waited));
            let user = turn.k % self.users;
            let carried = self.late.get_mut(&user).map_or(0, |(own, carried)| {
                *carried = if turn.waited { *own } else { 0 };
                *carried
            });
            let ready = self.start + turn.ready;
            return Some(ScheduledRequest { user_turn: turn.k, waited: turn.waited, ready, carried, ..request });
        }
        None
    }

    /// The next turn of the user's session, else the first of a new one: a user has one after the other, at an even
    /// pace.
    fn turn_of(
        &mut self,
        sessions: &mut Sessions,
        context: &Context<'_>,
        k: u64,
        scheduled: Nanos,
    ) -> Option<ScheduledRequest> {
        if !context.workload.has_turns() {
            return sessions.first_turn(k, scheduled, context);
        }
        let user = k % self.users;
        let last = self.sessions.get(&user).copied();
        if let Some((session, number)) = last
            && let Some(turn) = sessions.turn(session, scheduled)
            && turn.k == number
        {
            return sessions.next_turn(turn, scheduled, context);
        }
        let number = last.map_or(user, |(_, number)| number + self.users);
        if number >= self.most_sessions {
            return None;
        }
        let request = sessions.first_turn(number, scheduled, context)?;
        if let Some(session) = request.session {
            self.sessions.insert(user, (session, number));
        }
        Some(request)
    }

    pub(super) fn handle_end(&mut self, end: &RequestEnd) {
        self.ended.push((end.user_turn, end.freed_at));
        let user = end.user_turn % self.users;
        let carried = self.late.remove(&user).map_or(0, |(_, carried)| carried);
        let own = end.lag.saturating_sub(carried);
        if own > NARROW {
            self.late.insert(user, (own, 0));
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.turns.exhausted()
    }

    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.turns.next_at().map(|at| self.start + at)
    }

    /// Turns that were wanted before `at` and not taken; how many of them because their users were busy.
    pub(super) fn end(&mut self, tally: &mut PhaseTally, at: Nanos) -> u64 {
        let mut busy = 0;
        for (wanted, waited) in self.turns.end(at.saturating_sub(self.start)) {
            tally.handle_arrival(self.start + wanted);
            busy += u64::from(waited);
        }
        busy
    }
}
