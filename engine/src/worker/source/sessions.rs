//! Sessions under way on this core: the messages of each so far, and when its next turn is ready.
//!
//! A session stays on the core that began it. Its next turn is ready when the turn before has a response and the
//! session's think time has passed; where the dialect has conversations, the responses are sent back with it. A turn
//! that fails ends its session: what was to be said after it has no context any more.

use super::{Context, RequestEnd, ScheduledRequest, first_of};
use crate::api;
use crate::clock::Nanos;
use crate::control::{Allowance, Budget};
use crate::driver::Key;
use crate::measure::SessionCounts;
use crate::record::{Outcome, PhaseKind};
use crate::workload::Workload;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// The sessions of this core in one phase; where each has one turn, none.
#[derive(Default)]
pub(super) struct Sessions {
    live: Slab<Session>,
    /// Those in their think time: when their next turn is ready, in which order they came, which they are, and when the
    /// turn was wanted.
    thinking: BinaryHeap<Reverse<(Nanos, u64, usize, Nanos)>>,
    have_thought: u64,
    /// When the phase began: what a trace's instants count from.
    start: Nanos,
    /// No turn is sent any more.
    closed: bool,
    /// Most requests of the phase, in the whole run.
    most_requests: u64,
    tally: SessionCounts,
}

/// A session under way.
struct Session {
    /// Its number in the phase.
    k: u64,
    /// The entry of its next turn, or of the one under way; and the one after its last.
    entry: u32,
    end: u32,
    /// The messages before its next turn, as [`api::append_turn`] joins them; with the request while one is under way.
    history: Vec<u8>,
    /// What they may hold.
    allowance: Allowance,
    /// A connection of its own, between two turns.
    connection: Option<Key>,
}

/// A turn that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    session: usize,
    pub(super) k: u64,
    entry: u32,
    /// When it was wanted: at its own timestamp, where a trace gives it one, however long the response before it took.
    pub(super) wanted: Nanos,
    /// When it became ready.
    pub(super) ready: Nanos,
}

impl Sessions {
    /// The sessions of a phase that begins at `start` and has so many requests at most.
    pub(super) fn new(start: Nanos, most_requests: u64) -> Self {
        Self { start, most_requests, ..Self::default() }
    }

    /// The phase is over: its sessions, and the connections that they have kept.
    pub(super) fn finish(mut self, budget: &Budget) -> (SessionCounts, Vec<Key>) {
        let mut kept = Vec::new();
        for session in self.live.drain() {
            budget.give_up(session.allowance);
            kept.extend(session.connection);
        }
        (self.tally, kept)
    }

    /// Session number `k` begins with the first of `turns`.
    fn begin(&mut self, k: u64, turns: Range<u32>) -> usize {
        self.tally.begun += 1;
        self.live.insert(Session {
            k,
            entry: turns.start,
            end: turns.end,
            history: Vec::new(),
            allowance: Allowance::default(),
            connection: None,
        })
    }

    /// The first of the next turns that were ready by `now`; its session's think time is over.
    pub(super) fn poll(&mut self, now: Nanos) -> Option<Turn> {
        self.thinking.peek().filter(|r| r.0.0 <= now)?;
        let Reverse((ready, _, session, wanted)) = self.thinking.pop()?;
        let turn = self.turn(session, ready)?;
        Some(Turn { wanted, ..turn })
    }

    /// The next turn of one session, of which a source of its own knows when it is ready.
    pub(super) fn turn(&self, session: usize, ready: Nanos) -> Option<Turn> {
        let state = self.live.get(session)?;
        Some(Turn { session, k: state.k, entry: state.entry, wanted: ready, ready })
    }

    /// When the first of the next turns is ready.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.thinking.peek().map(|r| r.0.0)
    }

    /// How many are in their think time.
    pub(super) fn thinking(&self) -> usize {
        self.thinking.len()
    }

    /// Whether the phase has come to its end, or to the last of its requests.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether no turn is to come after those under way.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.live.is_empty()
    }

    /// A turn has ended. When the session's next turn is ready, if there is one; it keeps the connection then, and its
    /// think time begins at `thinks_from`; without that, its source says when the turn is ready.
    pub(super) fn handle_end(
        &mut self,
        session: usize,
        turn: &mut RequestEnd,
        workload: &Workload,
        budget: &Budget,
        thinks_from: Option<Nanos>,
    ) -> Option<Nanos> {
        let state = self.live.get_mut(session)?;
        state.history = std::mem::take(&mut turn.history);
        let entry = &workload.entries[state.entry as usize];
        let succeeded = turn.outcome == Outcome::Succeeded;
        let last = state.entry + 1 == state.end;
        let threads = entry.body.own.is_some();
        if !succeeded || last || threads && turn.text.is_none() || self.closed {
            match (succeeded, last) {
                (true, true) => self.tally.completed += 1,
                (true, false) if self.closed => {}
                _ if turn.outcome == Outcome::InFlight => {}
                _ => {
                    self.tally.broken += 1;
                    self.tally.unkept += u64::from(succeeded);
                }
            }
            self.remove(session, budget);
            return None;
        }
        if let (true, Some(text)) = (threads, &turn.text) {
            if workload.own_messages(state.entry, &mut state.history).is_err() {
                self.tally.broken += 1;
                self.remove(session, budget);
                return None;
            }
            api::append_turn(&mut state.history, b"", text);
            // Twice: it may lie in the kernel's way once more, when a server does not read it.
            if !budget.allows(&mut state.allowance, 2 * state.history.capacity()) {
                self.tally.broken += 1;
                self.tally.unkept += 1;
                self.remove(session, budget);
                return None;
            }
        }
        state.entry += 1;
        state.connection = turn.connection.take();
        let next = &workload.entries[state.entry as usize];
        let from = thinks_from.unwrap_or(turn.at);
        let thought = from.saturating_add(next.delay);
        let wanted = next.at.map_or(thought, |at| self.start.saturating_add(at));
        let ready = thought.max(wanted);
        if thinks_from.is_some() {
            self.have_thought += 1;
            self.thinking.push(Reverse((ready, self.have_thought, session, wanted)));
        }
        Some(ready)
    }

    fn remove(&mut self, session: usize, budget: &Budget) {
        budget.give_up(self.live.remove(session).allowance);
    }

    /// A session whose first turn was not sent after all.
    pub(super) fn forget(&mut self, session: usize) {
        if self.live.try_remove(session).is_some() {
            self.tally.begun -= 1;
        }
    }

    /// No turn is sent any more, those of sessions in their think time included.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.thinking.clear();
    }

    /// The first request of session `k`; `None` where the phase may take up no more.
    pub(super) fn first_turn(&mut self, k: u64, scheduled: Nanos, context: &Context<'_>) -> Option<ScheduledRequest> {
        let workload = context.workload;
        let conversation = match context.phase {
            PhaseKind::Warmup => workload.pick_for_warmup(k),
            PhaseKind::Profiling => workload.pick(first_of(context.plan, context.phase) + k),
        };
        let turns = workload.conversations[conversation].turns.clone();
        let entry = turns.start;
        let (index, session) =
            if workload.has_turns() { (self.claim(context)?, Some(self.begin(k, turns))) } else { (k, None) };
        Some(ScheduledRequest {
            k,
            index,
            entry,
            session,
            history: Vec::new(),
            connection: None,
            user_turn: k,
            scheduled,
            waited: false,
        })
    }

    /// The next request of a session; `None` where the phase may take up no more.
    pub(super) fn next_turn(
        &mut self,
        turn: Turn,
        scheduled: Nanos,
        context: &Context<'_>,
    ) -> Option<ScheduledRequest> {
        let index = self.claim(context)?;
        let session = self.live.get_mut(turn.session)?;
        Some(ScheduledRequest {
            k: turn.k,
            index,
            entry: turn.entry,
            session: Some(turn.session),
            history: std::mem::take(&mut session.history),
            connection: session.connection.take(),
            user_turn: turn.k,
            scheduled,
            waited: false,
        })
    }

    /// Whether the phase has taken up all of its requests, on whatever core: think times would pass for nothing.
    pub(super) fn all_taken(&self, context: &Context<'_>) -> bool {
        let taken = &context.shared.taken[context.phase as usize];
        context.share().nth(taken.load(Ordering::Relaxed)) >= self.most_requests
    }

    /// Takes one of the requests that the phase may take up, of the share of this process: its number. When there is
    /// none left, no session goes on.
    fn claim(&mut self, context: &Context<'_>) -> Option<u64> {
        if self.closed {
            return None;
        }
        let taken = context.shared.taken[context.phase as usize].fetch_add(1, Ordering::Relaxed);
        let index = context.share().nth(taken);
        if index >= self.most_requests {
            self.close();
            return None;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::plan::{Length, Phase, Plan, Target, Turns};
    use crate::record::Cause;

    fn workload(turns: f64) -> Workload {
        let target = Target::parse("http://localhost:1").expect("a URL");
        let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
        plan.prompts.entries = 2;
        plan.prompts.isl.mean = 3.0;
        plan.prompts.turns = Turns { count: Length { mean: turns, stddev: 0.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
        Workload::prepare(&plan).expect("a workload")
    }

    fn budget() -> Budget {
        Budget::new(1 << 20, 1)
    }

    fn end(outcome: Outcome, at: Nanos, text: Option<&[u8]>) -> RequestEnd {
        RequestEnd {
            session: None,
            user_turn: 0,
            outcome,
            history: Vec::new(),
            text: text.map(<[u8]>::to_vec),
            connection: None,
            unconnected: false,
            at,
            freed_at: at,
            seen_at: at,
        }
    }

    impl Sessions {
        /// A turn of session `id` ends: when the next one is ready.
        fn ends(&mut self, id: usize, mut turn: RequestEnd, workload: &Workload, budget: &Budget) -> Option<Nanos> {
            turn.history = self.live.get_mut(id).map(|s| std::mem::take(&mut s.history)).unwrap_or_default();
            let at = turn.at;
            self.handle_end(id, &mut turn, workload, budget, Some(at))
        }
    }

    #[test]
    fn each_turn_follows_its_response_and_carries_it() {
        let workload = workload(3.0);
        let mut sessions = Sessions::new(0, u64::MAX);
        let id = sessions.begin(7, 3..6);
        for turn in 1..3 {
            let at = turn * 1_000 * MILLI;
            let ready = sessions.ends(id, end(Outcome::Succeeded, at, Some(b"yes")), &workload, &budget());
            assert_eq!(ready, Some(at + 10 * MILLI));
            assert_eq!(sessions.poll(at + 10 * MILLI - 1), None);
            let next = sessions.poll(at + 10 * MILLI).expect("a turn");
            assert_eq!((next.k, next.entry), (7, 3 + turn as u32));
            let history = String::from_utf8(sessions.live[id].history.clone()).expect("UTF-8");
            assert_eq!(history.matches(r#"{"role":"assistant","content":"yes"},"#).count(), turn as usize);
        }
        assert_eq!(sessions.ends(id, end(Outcome::Succeeded, 0, None), &workload, &budget()), None);
        assert!(sessions.is_over());
        let (tally, _) = sessions.finish(&budget());
        assert_eq!((tally.begun, tally.completed, tally.broken), (1, 1, 0));
    }

    #[test]
    fn a_turn_that_fails_or_whose_text_is_lost_ends_its_session() {
        let workload = workload(2.0);
        let mut sessions = Sessions::default();
        let failed = end(Outcome::Failed(Cause::Timeout), 5, Some(b"x"));
        let lost = end(Outcome::Succeeded, 5, None);
        for turn in [failed, lost] {
            let id = sessions.begin(0, 0..2);
            assert_eq!(sessions.ends(id, turn, &workload, &budget()), None);
        }
        assert!(sessions.is_over());
        let (tally, _) = sessions.finish(&budget());
        assert_eq!((tally.broken, tally.unkept), (2, 1));
    }

    #[test]
    fn what_is_kept_of_sessions_is_bounded_and_given_back() {
        let workload = workload(3.0);
        let budget = Budget::new(1200 << 10, 1);
        let text = vec![b'x'; 30 << 10];
        for round in 0..2 {
            let mut sessions = Sessions::default();
            let went_on: Vec<bool> = (0..4)
                .map(|k| {
                    let id = sessions.begin(k, 0..3);
                    sessions.ends(id, end(Outcome::Succeeded, 5, Some(&text)), &workload, &budget).is_some()
                })
                .collect();
            assert_eq!(went_on, [true, true, false, false], "round {round}");
            sessions.finish(&budget);
        }
    }

    #[test]
    fn a_turn_with_a_timestamp_was_wanted_then_however_late() {
        let mut workload = workload(2.0);
        workload.entries[1].at = Some(100 * MILLI);
        for (ended, ready) in [(20, 100), (400, 410)] {
            let mut sessions = Sessions::new(1_000 * MILLI, u64::MAX);
            let id = sessions.begin(0, 0..2);
            let at = (1_000 + ended) * MILLI;
            sessions.ends(id, end(Outcome::Succeeded, at, Some(b"")), &workload, &budget());
            let turn = sessions.poll(Nanos::MAX).expect("a turn");
            let since = |at: Nanos| at / MILLI - 1_000;
            assert_eq!((since(turn.wanted), since(turn.ready)), (100, ready));
        }
    }

    #[test]
    fn after_the_close_no_session_goes_on() {
        let workload = workload(2.0);
        let mut sessions = Sessions::default();
        let thinking = sessions.begin(0, 0..2);
        sessions.ends(thinking, end(Outcome::Succeeded, 5, Some(b"")), &workload, &budget());
        let under_way = sessions.begin(1, 2..4);
        sessions.close();
        assert!(sessions.is_over() && sessions.poll(Nanos::MAX).is_none());
        assert_eq!(sessions.ends(under_way, end(Outcome::Succeeded, 5, Some(b"")), &workload, &budget()), None);
        let (tally, _) = sessions.finish(&budget());
        assert_eq!((tally.begun, tally.completed, tally.broken), (2, 0, 0));
    }
}
