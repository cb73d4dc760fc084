//! Prompts and tokenizers → request bodies, prepared before the clock starts.
//!
//! Entry i depends on (seed, i) and the plan's lengths alone: not on the number of entries, not on the number of threads.

mod hub;
mod inputs;
mod lengths;
pub mod media;
mod parallel;
mod payload;
mod pool;
mod prompt;
#[cfg(test)]
mod tests;
mod tokenizer;
mod turns;

pub use hub::Hub;
pub use tokenizer::Tokenizer;

use crate::clock::Nanos;
use crate::endpoint::{Ask, Body, request_body};
use crate::error::{Error, Result};
use crate::plan::Plan;
use lengths::Lengths;
use prompt::Prompts;
use std::io;
use std::ops::Range;

/// What will be sent: session k of a phase is a conversation by its index, and each of its requests a turn of it.
pub struct Workload {
    /// Prepared turns, conversation after conversation.
    pub entries: Vec<Entry>,
    /// The conversations: one turn each, unless the plan says otherwise.
    pub conversations: Vec<Conversation>,
    /// Prompts whose length in tokens is not the one drawn for them, because no text of that length was found.
    pub inexact_prompts: usize,
    tokenizer: Tokenizer,
}

/// A conversation: requests that are sent one after the other, each when the one before has been answered.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// `session_000000` …
    pub id: String,
    /// Its turns, among [`Workload::entries`].
    pub turns: Range<u32>,
}

/// One prepared request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its conversation, among [`Workload::conversations`].
    pub conversation: u32,
    /// Its place in the conversation, from 0.
    pub turn: u32,
    /// The JSON body; where it has messages of its own, the earlier turns and their answers go before them.
    pub body: Body,
    /// Input length in tokens, by the client's tokenizer: what the client says in this turn and in those before it. The answers that
    /// are sent back with it are not known yet.
    pub isl: u32,
    /// Output length asked for, in tokens.
    pub osl: Option<u32>,
    /// Time between the answer of the turn before and this turn.
    pub delay: Nanos,
    /// When it is due at the earliest, from the start of the phase, where a trace says so.
    pub at: Option<Nanos>,
}

impl Workload {
    /// Prepares the prompts of a plan, on all cores that the process may use.
    ///
    /// # Errors
    /// When the tokenizer cannot be loaded, or the lengths are nonsense or over a limit.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let tokenizer = Tokenizer::load(&plan.prompts.tokenizer, &Hub::from_env())?;
        Self::with_tokenizer(plan, tokenizer)
    }

    /// As [`Self::prepare`], with a tokenizer that is loaded already.
    ///
    /// # Errors
    /// When the lengths are nonsense or over a limit, or the vocabulary has nothing to make a prompt from.
    pub fn with_tokenizer(plan: &Plan, tokenizer: Tokenizer) -> Result<Self> {
        if plan.models.is_empty() {
            return Err(Error::usage(
                "no model is named",
                "pass --model with the name that the server lists under /v1/models",
            ));
        }
        let lengths = Lengths::of_plan(plan)?;
        let prompts = Prompts::new(&tokenizer, plan.seed)?;
        let items = turns::items(&plan.prompts.turns, plan.seed, lengths.entries);
        payload::check(plan)?;
        let made = prompts.make_all(&items, &lengths, |item, prompt| {
            let osl = lengths.osl(item);
            let inexact = prompt.tokens != lengths.isl(item);
            let (message, isl) = payload::message(plan, &prompts, item, prompt);
            let messages = [message];
            let ask = Ask {
                model: payload::model(plan, item.conversation()),
                system: None,
                messages: &messages,
                osl,
                extra: None,
            };
            let entry = Entry {
                conversation: item.conversation() as u32,
                turn: item.turn(),
                body: request_body(plan, &ask)?,
                isl,
                osl,
                delay: turns::delay(&plan.prompts.turns, plan.seed, item),
                at: None,
            };
            Ok((entry, inexact))
        });
        let made: Vec<(Entry, bool)> = made.into_iter().collect::<Result<_>>()?;
        let inexact_prompts = made.iter().filter(|(_, inexact)| *inexact).count();
        let mut entries: Vec<Entry> = made.into_iter().map(|(entry, _)| entry).collect();
        Ok(Self {
            inexact_prompts,
            conversations: conversations(&mut entries),
            entries,
            tokenizer,
        })
    }

    /// The conversation of session `k` of all, warm-up included.
    #[must_use]
    pub fn pick(&self, k: u64) -> usize {
        (k % self.conversations.len() as u64) as usize
    }

    /// Whether any conversation has more than one turn.
    #[must_use]
    pub fn has_turns(&self) -> bool {
        self.conversations.len() < self.entries.len()
    }

    /// The id of the conversation that an entry belongs to; empty for an index past the last.
    #[must_use]
    pub fn session_id(&self, entry: u32) -> &str {
        self.entries
            .get(entry as usize)
            .and_then(|entry| self.conversations.get(entry.conversation as usize))
            .map_or("", |conversation| &conversation.id)
    }

    /// Bytes of the body of an entry after these earlier messages.
    #[must_use]
    pub fn body_len(&self, entry: u32, history: &[u8]) -> usize {
        self.entries[entry as usize].body.bytes.len() + history.len()
    }

    /// Appends the body of an entry, with `history`, the earlier messages of its conversation as [`crate::endpoint::thread`] joins them,
    /// before its own.
    pub fn write_body(&self, entry: u32, history: &[u8], out: &mut Vec<u8>) {
        let body = &self.entries[entry as usize].body;
        let (before, after) = body
            .bytes
            .split_at(body.own.as_ref().map_or(0, |own| own.start));
        if history.is_empty() {
            out.extend_from_slice(&body.bytes);
            return;
        }
        out.extend_from_slice(before);
        out.extend_from_slice(history);
        out.extend_from_slice(after);
    }

    /// Tokens of a text by the client's tokenizer, special tokens not added.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> u32 {
        self.tokenizer.count(text)
    }

    /// Name of the tokenizer, and whether it is the built-in vocabulary (lengths are approximate).
    #[must_use]
    pub fn tokenizer(&self) -> (&str, bool) {
        (self.tokenizer.name(), self.tokenizer.is_builtin())
    }

    /// Writes AIPerf's `inputs.json`: every session's request bodies, two spaces of indentation.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_inputs(&self, out: &mut dyn io::Write) -> io::Result<()> {
        inputs::write(self, out)
    }
}

/// Gathers the turns of each conversation, and counts with each what was said before it where that is sent with it.
fn conversations(entries: &mut [Entry]) -> Vec<Conversation> {
    let mut all: Vec<Conversation> = Vec::new();
    for i in 0..entries.len() {
        if entries[i].turn == 0 {
            all.push(Conversation {
                id: format!("session_{:06}", all.len()),
                turns: i as u32..i as u32,
            });
        } else if entries[i].body.own.is_some() {
            entries[i].isl += entries[i - 1].isl;
        }
        if let Some(last) = all.last_mut() {
            last.turns.end += 1;
        }
    }
    all
}
