//! Sessions that turns of others have begun: which of them are under one slot, and which wait for which.

use super::{Sessions, TurnEnd};
use crate::clock::Nanos;
use crate::control::Budget;
use crate::workload::{Branch, Workload};
use slab::Slab;

/// The sessions under each slot, counted.
#[derive(Default)]
pub(super) struct Trees {
    live: Slab<u32>,
    /// How many sessions were ever among others: what tells one from another that has its place.
    serials: u64,
}

/// The place of a session among those of its slot.
pub(super) struct TreePlace {
    tree: usize,
    serial: u64,
    /// The session that has begun it, and its turn that waits for the end of this one: its entry.
    waiting: Option<(usize, u64, u32)>,
    /// Its own turns that wait, each with the number of sessions that have to end.
    waits: Vec<(u32, u32)>,
    /// Its next turn, where that is ready but waits: when it was ready and wanted.
    held: Option<(u32, Nanos, Nanos)>,
}

impl Trees {
    /// The place of a session that has a slot of its own.
    pub(super) fn root(&mut self) -> Box<TreePlace> {
        let tree = self.live.insert(1);
        self.place(tree, None)
    }

    /// The place of a session that `parent` begins, whose number is `session`; its turn `join` waits for the new one's
    /// end.
    pub(super) fn branch(&mut self, parent: &mut TreePlace, session: usize, join: Option<u32>) -> Box<TreePlace> {
        self.live[parent.tree] += 1;
        if let Some(entry) = join {
            match parent.waits.iter_mut().find(|(turn, _)| *turn == entry) {
                Some((_, sessions)) => *sessions += 1,
                None => parent.waits.push((entry, 1)),
            }
        }
        self.place(parent.tree, join.map(|entry| (session, parent.serial, entry)))
    }

    fn place(&mut self, tree: usize, waiting: Option<(usize, u64, u32)>) -> Box<TreePlace> {
        self.serials += 1;
        Box::new(TreePlace { tree, serial: self.serials, waiting, waits: Vec::new(), held: None })
    }

    /// A session has ended. Whether others are still under its slot.
    pub(super) fn leave(&mut self, begun: &TreePlace) -> bool {
        let left = &mut self.live[begun.tree];
        *left -= 1;
        if *left > 0 {
            return true;
        }
        self.live.remove(begun.tree);
        false
    }
}

impl TreePlace {
    /// The session that may wait for this one: its number, its serial, and its turn.
    pub(super) fn waiting_parent(&self) -> Option<(usize, u64, u32)> {
        self.waiting
    }

    /// Whether a turn has to wait for sessions that its own has begun; it is held then.
    pub(super) fn waits(&mut self, entry: u32, ready: Nanos, wanted: Nanos) -> bool {
        let waits = self.waits.iter().any(|(turn, sessions)| *turn == entry && *sessions > 0);
        if waits {
            self.held = Some((entry, ready, wanted));
        }
        waits
    }

    /// A session for which a turn of this one waits has ended: when the turn was ready and wanted, where it was the
    /// last and the turn is held.
    pub(super) fn release(&mut self, serial: u64, entry: u32) -> Option<(Nanos, Nanos)> {
        if serial != self.serial {
            return None;
        }
        let (_, sessions) = self.waits.iter_mut().find(|(turn, _)| *turn == entry)?;
        *sessions = sessions.saturating_sub(1);
        if *sessions > 0 {
            return None;
        }
        let (_, ready, wanted) = self.held.take_if(|(turn, ..)| *turn == entry)?;
        Some((ready, wanted))
    }
}

impl Sessions {
    /// Begins the conversations of a turn, each when its own delay has passed since `from`; with what the client had
    /// added to what they followed.
    pub(super) fn begin_branches<'a>(
        &mut self,
        session: usize,
        branches: impl Iterator<Item = &'a Branch>,
        (from, lag): (Nanos, Nanos),
        workload: &Workload,
        budget: &Budget,
    ) {
        for branch in branches {
            let (k, history) = (self.live[session].k, branch.forked.then(|| self.live[session].history.clone()));
            let turns = workload.conversations[branch.child as usize].turns.clone();
            let first = &workload.entries[turns.start as usize];
            let child = self.begin(k, turns);
            let state = &mut self.live[child];
            state.history = history.unwrap_or_default();
            state.lag = lag;
            if !budget.allows(&mut state.allowance, 2 * state.history.capacity()) {
                self.tally.broken += 1;
                self.tally.unkept += 1;
                budget.give_up(self.live.remove(child).allowance);
                continue;
            }
            let Self { live, trees, .. } = self;
            let parent = live[session].begun.get_or_insert_with(|| trees.root());
            let begun = trees.branch(parent, session, branch.join);
            live[child].begun = Some(begun);
            let thought = from.saturating_add(first.delay);
            let wanted = first.at.map_or(thought, |at| self.start.saturating_add(at));
            self.think(child, thought.max(wanted), wanted);
        }
    }

    /// A session has ended at `at`, and with it, where it is the last, all that are under its slot. One that waited for
    /// it goes on, with what the client had added to the last turn of this one.
    pub(super) fn remove(&mut self, session: usize, (at, lag): (Nanos, Nanos), budget: &Budget) -> TurnEnd {
        let state = self.live.remove(session);
        budget.give_up(state.allowance);
        let Some(begun) = state.begun else { return TurnEnd::default() };
        let holds = self.trees.leave(&begun);
        if let Some((parent, serial, entry)) = begun.waiting_parent()
            && let Some(waiting) = self.live.get_mut(parent)
            && let Some((ready, wanted)) = waiting.begun.as_mut().and_then(|begun| begun.release(serial, entry))
            && !self.closed
        {
            if at > ready {
                waiting.lag = lag;
            }
            self.think(parent, ready.max(at), wanted);
        }
        TurnEnd { ready: None, holds }
    }
}
