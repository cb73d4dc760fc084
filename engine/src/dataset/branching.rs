//! Conversations that turns of others begin: what a row says of them, and which conversations begin by themselves.

use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};

/// A conversation that a turn begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branching {
    /// Its id.
    pub child: String,
    /// It goes on with what was said until then, the response of the turn included; else it begins anew.
    pub forked: bool,
    /// The later turn of the same conversation, from 0, that waits for its end.
    pub join_at: Option<u32>,
    /// It begins with the turn, and not with its response.
    pub with_first: bool,
}

/// Which conversations begin by themselves: of each, by its number, whether it does.
///
/// `branches` are those of all turns, each with the number of its conversation.
///
/// # Errors
/// [`crate::Blame::Usage`] where a branch names no conversation, two turns fork one, conversations begin each other in
/// a circle, or one that nothing begins has another begun twice.
pub fn roots(ids: &[String], branches: &[(u32, &Branching)]) -> Result<Vec<bool>> {
    let numbers: HashMap<&str, u32> = ids.iter().enumerate().map(|(n, id)| (id.as_str(), n as u32)).collect();
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let (mut root, mut forked) = (vec![true; ids.len()], HashSet::new());
    for (parent, branch) in branches {
        let Some(child) = numbers.get(branch.child.as_str()) else {
            return Err(Error::usage(
                format!(
                    "`{}` begins the conversation `{}`, which the file does not have",
                    ids[*parent as usize], branch.child
                ),
                "write a line for it, or correct its name",
            ));
        };
        if branch.forked && !forked.insert(*child) {
            return Err(Error::usage(
                format!("the conversation `{}` is forked twice, so that two histories stand before it", branch.child),
                "write a conversation of its own for each fork, or spawn it",
            ));
        }
        root[*child as usize] = false;
        children.entry(*parent).or_default().push(*child);
    }
    if let Some(at) = circle(ids.len(), &children) {
        return Err(Error::usage(
            format!("the conversation `{}` begins itself, through those that it begins", ids[at]),
            "leave out one of the branches",
        ));
    }
    match begun_twice(&root, &children) {
        None => Ok(root),
        Some((child, by)) => Err(Error::usage(
            format!(
                "`{}` begins the conversation `{}` twice, itself or through others",
                ids[by as usize], ids[child as usize]
            ),
            "write a conversation of its own, with another id, for each time",
        )),
    }
}

/// A conversation that one root begins twice, and that root: the two could not be told apart. So those that are under
/// way together are never more than there are in the file.
fn begun_twice(roots: &[bool], children: &HashMap<u32, Vec<u32>>) -> Option<(u32, u32)> {
    let mut last_root = vec![u32::MAX; roots.len()];
    for by in (0..roots.len() as u32).filter(|c| roots[*c as usize] && children.contains_key(c)) {
        let mut open = vec![by];
        while let Some(at) = open.pop() {
            for child in children.get(&at).into_iter().flatten().copied() {
                if std::mem::replace(&mut last_root[child as usize], by) == by {
                    return Some((child, by));
                }
                open.push(child);
            }
        }
    }
    None
}

/// A conversation of a circle, or one that a circle begins: what is left when all that nothing begins is taken away,
/// again and again (A. B. Kahn, 1962).
fn circle(conversations: usize, children: &HashMap<u32, Vec<u32>>) -> Option<usize> {
    let mut begun_by = vec![0_usize; conversations];
    children.values().flatten().for_each(|child| begun_by[*child as usize] += 1);
    let mut open: Vec<usize> = (0..conversations).filter(|c| begun_by[*c] == 0).collect();
    let mut left = conversations;
    while let Some(at) = open.pop() {
        left -= 1;
        for child in children.get(&(at as u32)).into_iter().flatten() {
            begun_by[*child as usize] -= 1;
            if begun_by[*child as usize] == 0 {
                open.push(*child as usize);
            }
        }
    }
    (left > 0).then(|| begun_by.iter().position(|n| *n > 0)).flatten()
}
