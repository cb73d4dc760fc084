//! What the summary of a run asks of its prompts, without them: conversations, their turns, and who counts tokens.

use super::store::Spilled;
use super::{Branch, Branches, Conversation, Entry, Hub, Stored, Tokenizer, Workload};
use crate::api::Body;
use crate::error::{Error, Result};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// The conversations of a workload.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Shape {
    /// How many there are.
    conversations: usize,
    /// Their ids, where they are not made from their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    /// How many turns each has, where not all have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    turns: Vec<u32>,
    /// Whether the earlier turns are sent with a turn; for each of them where not all have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    threaded: Vec<bool>,
    /// Those of them that turns of others begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    branches: Vec<Branch>,
    /// How many those are.
    #[serde(default, skip_serializing_if = "is_zero")]
    children: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(children: &usize) -> bool {
    *children == 0
}

impl Workload {
    /// The conversations in figures.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let all = &self.conversations;
        let made = |(i, c): (usize, &Conversation)| c.id == made_id(i);
        let named = !all.iter().enumerate().all(made);
        let ids = all.iter().filter(|_| named).map(|c| c.id.clone());
        let turns = all.iter().filter(|_| self.has_turns());
        let threaded = self.entries.iter().filter(|_| self.has_turns());
        Shape {
            conversations: all.len(),
            ids: ids.collect(),
            turns: turns.map(|c| c.turns.len() as u32).collect(),
            threaded: threaded.map(|e| e.body.own.is_some()).collect(),
            branches: self.branches.all().to_vec(),
            children: self.children,
        }
    }

    /// A workload of this shape whose prompts are empty, for the summary of a run that is over, whose records name the
    /// first `named` of them.
    ///
    /// # Errors
    /// When it has fewer prompts than that, or more than it may have; when the plan's tokenizer cannot be loaded.
    pub fn of_shape(plan: &Plan, shape: Shape, named: u64) -> Result<Self> {
        let turns: u64 = shape.turns.iter().take(shape.conversations).map(|turns| u64::from(*turns)).sum();
        let single = shape.conversations.saturating_sub(shape.turns.len()) as u64;
        let prompts = single.saturating_add(turns);
        if prompts < named || prompts > MOST {
            return Err(Error::environment(
                format!(
                    "the head of the log is damaged: its run had {prompts} prompts, and its records name {named} (at most {MOST} are read)"
                ),
                "read the log as ringload wrote it",
            ));
        }
        let tokenizer = Tokenizer::load(&plan.prompts.tokenizer, &Hub::from_env())?;
        let mut ids = shape.ids.into_iter();
        let (mut entries, mut conversations) = (Vec::new(), Vec::new());
        for i in 0..shape.conversations {
            let start = entries.len() as u32;
            let turns = shape.turns.get(i).copied().unwrap_or(1);
            for turn in 0..turns {
                let threaded = shape.threaded.get(entries.len()) == Some(&true);
                entries.push(Entry {
                    conversation: i as u32,
                    turn,
                    body: Stored::new(Body { own: threaded.then_some(0..0), ..Body::default() }),
                    isl: 0,
                    osl: None,
                    delay: 0,
                    at: None,
                });
            }
            conversations
                .push(Conversation { id: ids.next().unwrap_or_else(|| made_id(i)), turns: start..start + turns });
        }
        let warmup = plan.warmup_conversations();
        let damaged = |what: &str| {
            Error::environment(format!("the head of the log is damaged: {what}"), "read the log as ringload wrote it")
        };
        let (all, prompts) = (conversations.len(), entries.len());
        if shape.children > all.saturating_sub(warmup) {
            return Err(damaged("more conversations are begun by others than there are"));
        }
        let known = |branch: &Branch| (branch.after as usize) < prompts && (branch.child as usize) < all;
        if !shape.branches.iter().all(known) {
            return Err(damaged("it names a conversation that there is not"));
        }
        let branches = Branches::new(shape.branches, &conversations)
            .ok_or_else(|| damaged("its conversations begin each other in a circle"))?;
        Ok(Self {
            entries,
            conversations,
            branches,
            children: shape.children,
            inexact_prompts: 0,
            warmup,
            characters_per_token: None,
            tokenizer,
            spilled: Spilled::default(),
            sampling: plan.prompts.sampling,
            seed: plan.seed,
        })
    }
}

/// Most prompts of a run whose log is read.
const MOST: u64 = 1 << 24;

fn made_id(number: usize) -> String {
    format!("session_{number:06}")
}
