//! Sessions under way on this core: the messages of each so far, and when its next turn is ready.
//!
//! A session stays on the core that began it. Its next turn is ready when the turn before has a response and the
//! session's think time has passed; where the dialect has conversations, the responses are sent back with it. A turn
//! that fails ends its session: what was to be said after it has no context any more.
//!
//! A turn may begin other conversations, which are sessions of their own on the same core and under the same slot:
//! the slot is free when all of them have ended.

#[cfg(test)]
mod tests;
mod trees;

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
use trees::{TreePlace, Trees};

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
    /// Which sessions are under one slot, and wait for each other; empty where no conversation begins others.
    trees: Trees,
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
    /// What the client had added to its last turn.
    lag: Nanos,
    /// Where it is among sessions that others have begun; none where no conversation begins others.
    begun: Option<Box<TreePlace>>,
}

/// The end of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TurnEnd {
    /// When the session's next turn is ready, if there is one that waits for nothing else.
    pub(super) ready: Option<Nanos>,
    /// The slot goes on being taken: by this session, or by one that it has begun, or that has begun it.
    pub(super) holds: bool,
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
    /// What the client had added to the turn before it.
    pub(super) carried: Nanos,
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
            begun: None,
            lag: 0,
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
        Some(Turn { session, k: state.k, entry: state.entry, wanted: ready, ready, carried: state.lag })
    }

    /// When the first of the next turns is ready.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.thinking.peek().map(|r| r.0.0)
    }

    /// Whether the phase has come to its end, or to the last of its requests.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether no turn is to come after those under way.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.live.is_empty()
    }

    /// A turn has ended. Where the session has a next one, it keeps the connection, and its think time begins at
    /// `thinks_from`; without that, its source says when the turn is ready.
    pub(super) fn handle_end(
        &mut self,
        session: usize,
        turn: &mut RequestEnd,
        workload: &Workload,
        budget: &Budget,
        thinks_from: Option<Nanos>,
    ) -> TurnEnd {
        let Some(state) = self.live.get_mut(session) else { return TurnEnd::default() };
        state.history = std::mem::take(&mut turn.history);
        let entry = &workload.entries[state.entry as usize];
        let succeeded = turn.outcome == Outcome::Succeeded;
        let last = state.entry + 1 == state.end;
        let threads = entry.body.own.is_some();
        let begins = workload.branches.of(state.entry).iter().filter(|branch| !branch.with_first);
        let forks = begins.clone().any(|branch| branch.forked);
        let kept = !threads || turn.text.is_some();
        if !succeeded || last && !forks || !kept || self.closed {
            match (succeeded, last) {
                (true, true) => self.tally.completed += 1,
                (true, false) if self.closed => {}
                _ if turn.outcome == Outcome::InFlight => {}
                _ => {
                    self.tally.broken += 1;
                    self.tally.unkept += u64::from(succeeded);
                }
            }
            // What it spawns has a history of its own.
            if succeeded && !forks && !self.closed {
                self.begin_branches(session, begins, (turn.freed_at, turn.lag), workload, budget);
            }
            return self.remove(session, (turn.freed_at, turn.lag), budget);
        }
        if let (true, Some(text)) = (threads, &turn.text) {
            if workload.own_messages(state.entry, &mut state.history).is_err() {
                self.tally.broken += 1;
                return self.remove(session, (turn.freed_at, turn.lag), budget);
            }
            api::append_turn(&mut state.history, b"", text);
            // Twice: it may lie in the kernel's way once more, when a server does not read it.
            if !budget.allows(&mut state.allowance, 2 * state.history.capacity()) {
                self.tally.broken += 1;
                self.tally.unkept += 1;
                return self.remove(session, (turn.freed_at, turn.lag), budget);
            }
        }
        self.begin_branches(session, begins, (turn.freed_at, turn.lag), workload, budget);
        if last {
            self.tally.completed += 1;
            return self.remove(session, (turn.freed_at, turn.lag), budget);
        }
        self.go_on(session, turn, workload, thinks_from)
    }

    /// A session's next turn is to come.
    fn go_on(
        &mut self,
        session: usize,
        turn: &mut RequestEnd,
        workload: &Workload,
        thinks_from: Option<Nanos>,
    ) -> TurnEnd {
        let state = &mut self.live[session];
        state.entry += 1;
        state.connection = turn.connection.take();
        state.lag = turn.lag;
        let next = &workload.entries[state.entry as usize];
        let from = thinks_from.unwrap_or(turn.at);
        let thought = from.saturating_add(next.delay);
        let wanted = next.at.map_or(thought, |at| self.start.saturating_add(at));
        let ready = thought.max(wanted);
        if let Some(begun) = &mut state.begun
            && begun.waits(state.entry, ready, wanted)
        {
            return TurnEnd { ready: None, holds: true };
        }
        if thinks_from.is_some() {
            self.think(session, ready, wanted);
        }
        TurnEnd { ready: Some(ready), holds: true }
    }

    fn think(&mut self, session: usize, ready: Nanos, wanted: Nanos) {
        self.have_thought += 1;
        self.thinking.push(Reverse((ready, self.have_thought, session, wanted)));
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
        Some(ScheduledRequest { session, ..ScheduledRequest::new(k, index, entry, scheduled) })
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
            session: Some(turn.session),
            history: std::mem::take(&mut session.history),
            connection: session.connection.take(),
            ..ScheduledRequest::new(turn.k, index, turn.entry, scheduled)
        })
    }

    /// A request is sent. With the first turn of its session begin the conversations that do not wait for the response.
    pub(super) fn handle_sent(&mut self, request: &ScheduledRequest, now: Nanos, context: &Context<'_>) {
        let Some(session) = request.session.filter(|_| !context.workload.branches.is_empty()) else { return };
        let begins = context.workload.branches.of(request.entry).iter().filter(|branch| branch.with_first);
        let lag = now.saturating_sub(request.ready).saturating_add(request.carried);
        self.begin_branches(session, begins, (now, lag), context.workload, context.budget);
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
