//! Conversations that turns of others begin.

use super::{Conversation, Entry, Workload};
use crate::dataset::Branching;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;

/// A conversation that a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Branch {
    /// The turn, among [`super::Workload::entries`].
    pub after: u32,
    /// The conversation, among [`super::Workload::conversations`].
    pub child: u32,
    /// It goes on with what was said until then; else it begins anew.
    pub forked: bool,
    /// It begins with the turn, and not with its response.
    pub with_first: bool,
    /// The turn that waits for its end, among the entries.
    pub join: Option<u32>,
}

/// All of them, by the turns that begin them.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    all: Vec<Branch>,
    /// Of each conversation, the turns of it and of all that it begins; empty where none begins others.
    turns: Vec<u64>,
    /// Of each conversation, how many have begun each other before it, at most; empty where none begins others.
    depths: Vec<u32>,
}

impl Branches {
    /// Those between conversations; `None` where conversations begin each other in a circle.
    pub(super) fn new(mut all: Vec<Branch>, conversations: &[Conversation]) -> Option<Self> {
        if all.is_empty() {
            return Some(Self::default());
        }
        // Sorting is stable: those of one turn stay in the file's order.
        all.sort_by_key(|branch| branch.after);
        let mut branches = Self { all, turns: Vec::new(), depths: vec![0; conversations.len()] };
        let order = branches.order(conversations)?;
        for at in &order {
            let depth = branches.depths[*at] + 1;
            for child in branches.children(&conversations[*at]).collect::<Vec<_>>() {
                branches.depths[child] = branches.depths[child].max(depth);
            }
        }
        let mut turns = vec![0_u64; conversations.len()];
        for at in order.into_iter().rev() {
            let begun = branches.children(&conversations[at]).map(|child| turns[child]);
            turns[at] = begun.fold(conversations[at].turns.len() as u64, u64::saturating_add);
        }
        branches.turns = turns;
        Some(branches)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that a turn begins.
    #[must_use]
    pub fn of(&self, entry: u32) -> &[Branch] {
        if self.all.is_empty() {
            return &[];
        }
        self.within(entry..entry + 1)
    }

    /// Those that turns of a conversation begin.
    fn within(&self, turns: Range<u32>) -> &[Branch] {
        let from = self.all.partition_point(|branch| branch.after < turns.start);
        let until = self.all.partition_point(|branch| branch.after < turns.end);
        &self.all[from..until.max(from)]
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Branch] {
        &self.all
    }

    /// The turns of a conversation and of all that it begins.
    #[must_use]
    pub fn turns(&self, conversation: usize, own: u64) -> u64 {
        self.turns.get(conversation).copied().unwrap_or(own)
    }

    /// The conversations that turns of one begin.
    fn children(&self, conversation: &Conversation) -> impl Iterator<Item = usize> + use<'_> {
        self.within(conversation.turns.clone()).iter().map(|branch| branch.child as usize)
    }

    /// All conversations, each behind those that begin it (A. B. Kahn, 1962); `None` where some form a circle.
    fn order(&self, conversations: &[Conversation]) -> Option<Vec<usize>> {
        let mut begun_by = vec![0_u32; conversations.len()];
        self.all.iter().for_each(|branch| begun_by[branch.child as usize] += 1);
        let mut order: Vec<usize> = (0..conversations.len()).filter(|at| begun_by[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            next += 1;
            for child in self.children(&conversations[at]) {
                begun_by[child] -= 1;
                if begun_by[child] == 0 {
                    order.push(child);
                }
            }
        }
        (order.len() == conversations.len()).then_some(order)
    }

    /// Adds to the input lengths of forked conversations what is sent before their own turns.
    pub(super) fn add_history(&self, conversations: &[Conversation], entries: &mut [Entry]) {
        // A fork stands behind one turn alone, whose own history has to be known first.
        let mut open: Vec<usize> = (0..conversations.len()).collect();
        for branch in self.all.iter().filter(|branch| branch.forked) {
            open.retain(|at| *at != branch.child as usize);
        }
        while let Some(at) = open.pop() {
            for branch in self.within(conversations[at].turns.clone()).iter().filter(|branch| branch.forked) {
                let before = entries[branch.after as usize].isl;
                for turn in conversations[branch.child as usize].turns.clone() {
                    let entry = &mut entries[turn as usize];
                    entry.isl += if entry.body.own.is_some() { before } else { 0 };
                }
                open.push(branch.child as usize);
            }
        }
    }
}

/// The branches of a file's turns, each with its entry, by their places.
pub(super) fn placed(begun: &[(u32, Branching)], entries: &[Entry], ids: &[String]) -> Vec<Branch> {
    let numbers: HashMap<&str, u32> = ids.iter().enumerate().map(|(n, id)| (id.as_str(), n as u32)).collect();
    let branch = |(after, branch): &(u32, Branching)| {
        let begins = *after - entries[*after as usize].turn;
        Some(Branch {
            after: *after,
            child: *numbers.get(branch.child.as_str())?,
            forked: branch.forked,
            with_first: branch.with_first,
            join: branch.join_at.map(|turn| begins + turn),
        })
    };
    begun.iter().filter_map(branch).collect()
}

impl Workload {
    /// How many conversations the measured phase begins: the first of all.
    pub(super) fn measured(&self) -> usize {
        self.conversations.len() - self.warmup - self.children
    }

    /// Whether any conversation has more than one turn, or begins another.
    #[must_use]
    pub fn has_turns(&self) -> bool {
        self.conversations.len() < self.entries.len() || self.children > 0
    }

    /// Turns of a conversation, and of all that it begins.
    #[must_use]
    pub fn turns_of(&self, conversation: usize) -> u64 {
        self.branches.turns(conversation, self.conversations[conversation].turns.len() as u64)
    }

    /// How many conversations have begun each other before that of an entry, at most; 0 where nothing begins it.
    #[must_use]
    pub fn depth(&self, entry: u32) -> u32 {
        let conversation = self.entries.get(entry as usize).map(|e| e.conversation as usize);
        conversation.and_then(|c| self.branches.depths.get(c)).copied().unwrap_or(0)
    }

    /// Whether a turn of another conversation begins that of an entry.
    #[must_use]
    pub fn is_begun(&self, entry: u32) -> bool {
        let place = self.entries[entry as usize].conversation as usize;
        self.children > 0 && (self.measured()..self.measured() + self.children).contains(&place)
    }
}
