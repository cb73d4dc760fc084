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
}

impl Branches {
    /// Those of a workload.
    pub(super) fn new(mut all: Vec<Branch>, conversations: &[Conversation]) -> Self {
        // Sorting is stable: those of one turn stay in the file's order.
        all.sort_by_key(|branch| branch.after);
        let mut branches = Self { all, turns: Vec::new() };
        if !branches.all.is_empty() {
            branches.turns = branches.counted(conversations);
        }
        branches
    }

    /// Those of a run that is over, in their order; how many turns they make is not asked.
    pub(super) fn of_log(mut all: Vec<Branch>) -> Self {
        all.sort_by_key(|branch| branch.after);
        Self { all, turns: Vec::new() }
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

    /// Of each conversation, the turns of it and of all that it begins. No conversation begins itself.
    fn counted(&self, conversations: &[Conversation]) -> Vec<u64> {
        let mut turns: Vec<Option<u64>> = vec![None; conversations.len()];
        for start in 0..conversations.len() {
            let mut open = vec![start];
            while let Some(at) = open.last().copied() {
                let children = self.within(conversations[at].turns.clone());
                let unknown = children.iter().map(|b| b.child as usize).find(|child| turns[*child].is_none());
                match unknown {
                    Some(child) => open.push(child),
                    None => {
                        let own = conversations[at].turns.len() as u64;
                        let known = children.iter().filter_map(|b| turns[b.child as usize]);
                        turns[at] = Some(known.fold(own, u64::saturating_add));
                        open.pop();
                    }
                }
            }
        }
        turns.into_iter().map(|n| n.unwrap_or(0)).collect()
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

    /// How many conversations have begun each other before that of an entry; 0 where nothing begins it.
    #[must_use]
    pub fn depth(&self, entry: u32) -> u32 {
        let mut depth = 0;
        let mut place = self.entries.get(entry as usize).map_or(0, |e| e.conversation);
        while let Some(branch) = self.branches.all().iter().find(|branch| branch.child == place) {
            depth += 1;
            place = self.entries[branch.after as usize].conversation;
        }
        depth
    }

    /// Whether a turn of another conversation begins that of an entry.
    #[must_use]
    pub fn is_begun(&self, entry: u32) -> bool {
        let place = self.entries[entry as usize].conversation as usize;
        self.children > 0 && (self.measured()..self.measured() + self.children).contains(&place)
    }
}
