//! Conversations that turns of others begin, in what is gathered of a file.

use super::gather::{Gathered, Survey};
use crate::dataset::{Branching, roots};
use crate::error::Result;
use std::collections::HashMap;

impl Survey {
    /// How many turns they have together, those of the conversations that they begin included.
    #[must_use]
    pub fn turns(&self) -> usize {
        if !self.branches() {
            return self.gathered.items.len();
        }
        let trees = self.gathered.trees();
        let all = trees[..self.gathered.roots].iter().fold(0_u64, |all, (turns, _)| all.saturating_add(*turns));
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// Most requests of a conversation and of those that it begins that can be in flight at a time.
    #[must_use]
    pub fn width(&self) -> u32 {
        if !self.branches() {
            return 1;
        }
        let widest = self.gathered.trees().iter().map(|(_, width)| *width).max().unwrap_or(1);
        u32::try_from(widest).unwrap_or(u32::MAX)
    }

    /// Whether conversations begin others.
    #[must_use]
    pub fn branches(&self) -> bool {
        self.gathered.items.iter().any(|item| item.branches.is_some())
    }
}

impl<T> Gathered<T> {
    /// Brings the conversations that begin by themselves before those that others begin.
    pub(super) fn roots_first(&mut self) -> Result<()> {
        let all = self.items.iter().flat_map(|item| item.branches.iter().flatten().map(|b| (item.conversation, b)));
        let all: Vec<(u32, &Branching)> = all.collect();
        self.roots = self.ids.len();
        if all.is_empty() {
            return Ok(());
        }
        let is_root = roots(&self.ids, &all)?;
        self.roots = is_root.iter().filter(|root| **root).count();
        let mut order: Vec<u32> = (0..self.ids.len() as u32).collect();
        order.sort_by_key(|c| !is_root[*c as usize]);
        self.renumber(&order);
        Ok(())
    }

    /// Of each conversation, the turns of it and of all that it begins, and how many of these can be under way at a
    /// time.
    fn trees(&self) -> Vec<(u64, u64)> {
        let numbers: HashMap<&str, usize> = self.ids.iter().enumerate().map(|(n, id)| (id.as_str(), n)).collect();
        let (mut turns, mut begun) = (vec![0_u64; self.ids.len()], vec![Vec::new(); self.ids.len()]);
        for item in &self.items {
            turns[item.conversation as usize] += 1;
            let children = item.branches.iter().flatten().filter_map(|b| numbers.get(b.child.as_str()));
            begun[item.conversation as usize].extend(children);
        }
        let mut begun_by = vec![0_usize; self.ids.len()];
        begun.iter().flatten().for_each(|child: &usize| begun_by[*child] += 1);
        // Each behind all that begin it; none begins itself.
        let mut order: Vec<usize> = (0..self.roots).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            next += 1;
            for child in &begun[at] {
                begun_by[*child] -= 1;
                if begun_by[*child] == 0 {
                    order.push(*child);
                }
            }
        }
        let mut trees = vec![(0_u64, 0_u64); self.ids.len()];
        for at in order.into_iter().rev() {
            let mut tree = (turns[at], 1_u64);
            for (turns, width) in begun[at].iter().map(|child| trees[*child]) {
                tree = (tree.0.saturating_add(turns), tree.1.saturating_add(width));
            }
            trees[at] = tree;
        }
        trees
    }
}
