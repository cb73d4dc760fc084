//! Conversations under way on this core: what was said in each, and when its next turn is due.
//!
//! A conversation stays on the core that began it. Its next turn falls due when the turn before has been answered and
//! its user has thought for as long as the workload says; the answers are sent back with it where the dialect has
//! conversations. A turn that fails ends its conversation: what was to be said after it has no context any more.

use super::Due;
use crate::clock::Nanos;
use crate::control::{Allowance, Budget};
use crate::driver::Key;
use crate::endpoint;
use crate::measure::SessionCounts;
use crate::plan::{Plan, first_session};
use crate::record::PhaseKind;
use crate::record::{Outcome, Record};
use crate::worker::Core;
use crate::workload::Workload;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// The conversations of this core in this phase; where each has one turn, none.
#[derive(Default)]
pub(in crate::worker) struct Sessions {
    live: Slab<Session>,
    /// Those whose user thinks: when their next turn is due, in which order they came, who they are, and when the turn
    /// was wanted.
    resting: BinaryHeap<Reverse<(Nanos, u64, usize, Nanos)>>,
    rested: u64,
    /// When the phase began: what a trace's instants count from.
    start: Nanos,
    /// No turn is sent any more.
    closed: bool,
    /// Most requests of the phase, in the whole run.
    most: u64,
    tally: SessionCounts,
}

/// A conversation under way.
struct Session {
    /// Its number in the phase.
    k: u64,
    /// The entry of its next turn, or of the one under way; and the one after its last.
    entry: u32,
    end: u32,
    /// The messages before that turn, as [`endpoint::thread`] joins them.
    history: Vec<u8>,
    /// What they may hold.
    allowance: Allowance,
    /// A connection of its own, between two turns.
    connection: Option<Key>,
}

/// A turn that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) struct Turn {
    pub(in crate::worker) session: usize,
    pub(in crate::worker) k: u64,
    pub(in crate::worker) entry: u32,
    /// When it was wanted: at its own timestamp, where a trace gives it one, however long the answer before it took.
    pub(in crate::worker) wanted: Nanos,
    /// When it fell due.
    pub(in crate::worker) due: Nanos,
}

impl Sessions {
    /// A new phase begins: nobody speaks. The connections of those who did are handed back.
    pub(in crate::worker) fn begin_phase(&mut self, start: Nanos, most: u64, budget: &Budget) -> Vec<Key> {
        let mut kept = Vec::new();
        for session in self.live.drain() {
            budget.give_up(session.allowance);
            kept.extend(session.connection);
        }
        *self = Self { start, most, ..Self::default() };
        kept
    }

    /// Conversation number `k` begins with the first of `turns`.
    pub(in crate::worker) fn begin(&mut self, k: u64, turns: Range<u32>) -> usize {
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

    /// The first of the next turns that were due by `now`; the session no longer rests.
    pub(in crate::worker) fn next(&mut self, now: Nanos) -> Option<Turn> {
        self.resting.peek().filter(|r| r.0.0 <= now)?;
        let Reverse((due, _, session, wanted)) = self.resting.pop()?;
        let turn = self.turn(session, due)?;
        Some(Turn { wanted, ..turn })
    }

    /// The next turn of one session that rests, of whom a source of its own knows when it is due.
    pub(in crate::worker) fn turn(&self, session: usize, due: Nanos) -> Option<Turn> {
        let state = self.live.get(session)?;
        Some(Turn { session, k: state.k, entry: state.entry, wanted: due, due })
    }

    /// When the first of the next turns is due.
    pub(in crate::worker) fn next_due(&self) -> Option<Nanos> {
        self.resting.peek().map(|r| r.0.0)
    }

    /// How many think.
    pub(in crate::worker) fn resting(&self) -> usize {
        self.resting.len()
    }

    /// Whether the phase has come to its end, or to the last of its requests.
    pub(in crate::worker) fn closed(&self) -> bool {
        self.closed
    }

    /// Whether no turn is to come after those under way.
    pub(in crate::worker) fn over(&self) -> bool {
        self.closed || self.live.is_empty()
    }

    /// What was said before the turn that is under way.
    pub(in crate::worker) fn history(&self, session: Option<usize>) -> &[u8] {
        session.and_then(|id| self.live.get(id)).map_or(&[], |s| &s.history)
    }

    /// Keeps a connection for the session's next turn, or gives it back.
    pub(in crate::worker) fn connection(&mut self, session: usize) -> Option<&mut Option<Key>> {
        self.live.get_mut(session).map(|s| &mut s.connection)
    }

    /// A turn has ended. `answer` is its text, still escaped, unless that was too long to keep. When its next turn is
    /// due, if there is one: the session rests until then from the instant at which its connection was `freed`; without
    /// one, its source says when.
    pub(in crate::worker) fn ended(
        &mut self,
        session: usize,
        record: &Record,
        answer: Option<&[u8]>,
        workload: &Workload,
        budget: &Budget,
        freed: Option<Nanos>,
    ) -> Option<Nanos> {
        let state = self.live.get_mut(session)?;
        let entry = &workload.entries[state.entry as usize];
        let answered = record.outcome == Outcome::Succeeded;
        let last = state.entry + 1 == state.end;
        let threads = entry.body.own.is_some();
        if !answered || last || threads && answer.is_none() || self.closed {
            match (answered, last) {
                (true, true) => self.tally.completed += 1,
                (true, false) if self.closed => {}
                _ if record.outcome == Outcome::InFlight => {}
                _ => {
                    self.tally.broken += 1;
                    self.tally.unkept += u64::from(answered);
                }
            }
            self.remove(session, budget);
            return None;
        }
        if let (true, Some(answer)) = (threads, answer) {
            if workload.own_messages(state.entry, &mut state.history).is_err() {
                self.tally.broken += 1;
                self.remove(session, budget);
                return None;
            }
            endpoint::thread(&mut state.history, b"", answer);
            // Twice: it may lie in the kernel's way once more, when a server does not read it.
            if !budget.allows(&mut state.allowance, 2 * state.history.capacity()) {
                self.tally.broken += 1;
                self.tally.unkept += 1;
                self.remove(session, budget);
                return None;
            }
        }
        state.entry += 1;
        let next = &workload.entries[state.entry as usize];
        let from = freed.unwrap_or(record.instants.end);
        let thought = from.saturating_add(next.delay);
        let wanted = next.at.map_or(thought, |at| self.start.saturating_add(at));
        let due = thought.max(wanted);
        if freed.is_some() {
            self.rested += 1;
            self.resting.push(Reverse((due, self.rested, session, wanted)));
        }
        Some(due)
    }

    fn remove(&mut self, session: usize, budget: &Budget) {
        budget.give_up(self.live.remove(session).allowance);
    }

    /// A session whose first turn was not sent after all.
    pub(in crate::worker) fn forget(&mut self, session: usize) {
        if self.live.try_remove(session).is_some() {
            self.tally.begun -= 1;
        }
    }

    /// No turn is sent any more, those that rest included.
    pub(in crate::worker) fn close(&mut self) {
        self.closed = true;
        self.resting.clear();
    }

    pub(in crate::worker) fn tally(&self) -> SessionCounts {
        self.tally
    }
}

impl Core<'_> {
    /// The first request of session `k`; `None` where the phase may take up no more.
    pub(in crate::worker) fn first_turn(&mut self, k: u64, scheduled: Nanos) -> Option<Due> {
        let workload = self.context.workload;
        let turns = self.turns_of(k);
        let entry = turns.start;
        let (index, session) =
            if workload.has_turns() { (self.claim()?, Some(self.sessions.begin(k, turns))) } else { (k, None) };
        Some(Due { k, index, entry, session, ticket: k, scheduled, waited: false })
    }

    /// The next request of a session; `None` where the phase may take up no more.
    pub(in crate::worker) fn next_turn(&mut self, turn: Turn, scheduled: Nanos) -> Option<Due> {
        self.claim().map(|index| Due {
            k: turn.k,
            index,
            entry: turn.entry,
            session: Some(turn.session),
            ticket: turn.k,
            scheduled,
            waited: false,
        })
    }

    /// Whether the phase has taken up all of its requests, on whatever core: users who think would think for nothing.
    pub(in crate::worker) fn all_taken(&self) -> bool {
        let taken = &self.context.shared.taken[self.context.phase as usize];
        taken.load(Ordering::Relaxed) >= self.sessions.most
    }

    /// Takes one of the requests that the phase may take up, in the whole run: its number. When there is none left, no
    /// conversation goes on.
    fn claim(&mut self) -> Option<u64> {
        if self.sessions.closed {
            return None;
        }
        let index = self.context.shared.taken[self.context.phase as usize].fetch_add(1, Ordering::Relaxed);
        if index >= self.sessions.most {
            self.sessions.close();
            return None;
        }
        Some(index)
    }

    /// The turns of session `k`: the measured phase goes on in the dataset where the warm-up ended, but a trace's
    /// requests are its own.
    fn turns_of(&self, k: u64) -> Range<u32> {
        let first = first_of(self.context.plan, self.context.phase);
        let workload = self.context.workload;
        workload.conversations[workload.pick(first + k)].turns.clone()
    }
}

/// The number, among all sessions, of the first of a phase.
pub(crate) fn first_of(plan: &Plan, phase: PhaseKind) -> u64 {
    match phase {
        PhaseKind::Warmup => 0,
        PhaseKind::Profiling => first_session(plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::plan::{Length, Phase, Plan, Target, Turns};
    use crate::record::{Cause, testing};

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

    fn record(outcome: Outcome, end: Nanos) -> Record {
        let mut record = testing::streamed(0, 0, 1, &[]);
        record.outcome = outcome;
        record.instants.end = end;
        record
    }

    #[test]
    fn each_turn_follows_its_answer_and_carries_it() {
        let workload = workload(3.0);
        let mut sessions = Sessions::default();
        sessions.begin_phase(0, u64::MAX, &budget());
        let id = sessions.begin(7, 3..6);
        for turn in 1..3 {
            let end = turn * 1_000 * MILLI;
            let record = record(Outcome::Succeeded, end);
            let due = sessions.ended(id, &record, Some(b"yes"), &workload, &budget(), Some(record.instants.end));
            assert_eq!(due, Some(end + 10 * MILLI));
            assert_eq!(sessions.next(end + 10 * MILLI - 1), None);
            let next = sessions.next(end + 10 * MILLI).expect("due");
            assert_eq!((next.k, next.entry), (7, 3 + turn as u32));
            let said = String::from_utf8(sessions.history(Some(id)).to_vec()).expect("UTF-8");
            assert_eq!(said.matches(r#"{"role":"assistant","content":"yes"},"#).count(), turn as usize);
        }
        let last = record(Outcome::Succeeded, 0);
        assert_eq!(sessions.ended(id, &last, None, &workload, &budget(), Some(last.instants.end)), None);
        assert!(sessions.over());
        let tally = sessions.tally();
        assert_eq!((tally.begun, tally.completed, tally.broken), (1, 1, 0));
    }

    #[test]
    fn a_turn_that_fails_or_whose_answer_is_lost_ends_its_session() {
        let workload = workload(2.0);
        let mut sessions = Sessions::default();
        let failed = record(Outcome::Failed(Cause::Timeout), 5);
        let lost = record(Outcome::Succeeded, 5);
        for (record, answer) in [(failed, Some(&b"x"[..])), (lost, None)] {
            let id = sessions.begin(0, 0..2);
            assert_eq!(sessions.ended(id, &record, answer, &workload, &budget(), Some(record.instants.end)), None);
        }
        let tally = sessions.tally();
        assert_eq!((tally.broken, tally.unkept), (2, 1));
        assert!(sessions.over());
    }

    #[test]
    fn what_is_kept_of_conversations_is_bounded_and_given_back_with_each() {
        let workload = workload(3.0);
        let budget = Budget::new(1200 << 10, 1);
        let mut sessions = Sessions::default();
        let answer = vec![b'x'; 30 << 10];
        let answered = record(Outcome::Succeeded, 5);
        for round in 0..2 {
            let went_on: Vec<bool> = (0..4)
                .map(|k| {
                    let id = sessions.begin(k, 0..3);
                    let due =
                        sessions.ended(id, &answered, Some(&answer), &workload, &budget, Some(answered.instants.end));
                    due.is_some()
                })
                .collect();
            assert_eq!(went_on, [true, true, false, false], "round {round}");
            sessions.begin_phase(0, u64::MAX, &budget);
        }
    }

    #[test]
    fn a_turn_with_a_timestamp_was_wanted_then_however_late_the_answer_before_it_came() {
        let mut workload = workload(2.0);
        workload.entries[1].at = Some(100 * MILLI);
        for (answered, due) in [(20, 100), (400, 410)] {
            let mut sessions = Sessions::default();
            sessions.begin_phase(1_000 * MILLI, u64::MAX, &budget());
            let id = sessions.begin(0, 0..2);
            let end = (1_000 + answered) * MILLI;
            let record = record(Outcome::Succeeded, end);
            sessions.ended(id, &record, Some(b""), &workload, &budget(), Some(record.instants.end));
            let turn = sessions.next(Nanos::MAX).expect("a turn");
            let since = |at: Nanos| at / MILLI - 1_000;
            assert_eq!((since(turn.wanted), since(turn.due)), (100, due));
        }
    }

    #[test]
    fn after_the_close_nobody_goes_on() {
        let workload = workload(2.0);
        let mut sessions = Sessions::default();
        let resting = sessions.begin(0, 0..2);
        let answered = record(Outcome::Succeeded, 5);
        sessions.ended(resting, &answered, Some(b""), &workload, &budget(), Some(answered.instants.end));
        let speaking = sessions.begin(1, 2..4);
        sessions.close();
        assert!(sessions.over() && sessions.next(Nanos::MAX).is_none());
        assert_eq!(
            sessions.ended(speaking, &answered, Some(b""), &workload, &budget(), Some(answered.instants.end)),
            None
        );
        let tally = sessions.tally();
        assert_eq!((tally.begun, tally.completed, tally.broken), (2, 0, 0));
    }
}
