//! Prompts and tokenizers → request bodies, prepared before the clock starts.
//!
//! Entry i depends on (seed, i) and the plan's lengths alone: not on the number of entries, not on the number of threads.

mod hub;
mod inputs;
mod lengths;
mod parallel;
mod pool;
mod prompt;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use hub::Hub;
pub use tokenizer::Tokenizer;

use crate::endpoint::request_body;
use crate::error::{Error, Result};
use crate::plan::Plan;
use lengths::Lengths;
use prompt::Prompts;
use std::io;

/// What will be sent: request k of a phase uses an entry by its index.
pub struct Workload {
    /// Prepared entries, in order.
    pub entries: Vec<Entry>,
    /// Prompts whose length in tokens is not the one drawn for them, because no text of that length was found.
    pub inexact_prompts: usize,
    tokenizer: Tokenizer,
}

/// One prepared request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `session_000000` …
    pub session_id: String,
    /// The JSON body.
    pub body: Vec<u8>,
    /// Input length in tokens, by the client's tokenizer.
    pub isl: u32,
    /// Output length asked for, in tokens.
    pub osl: Option<u32>,
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
        let made = prompts.make_all(&lengths, |i, prompt| {
            let osl = lengths.osl(i);
            Entry {
                session_id: format!("session_{i:06}"),
                body: request_body(plan, &plan.models[i % plan.models.len()], &prompt.text, osl),
                isl: prompt.tokens,
                osl,
            }
        });
        let wrong = |(i, entry): (usize, &Entry)| entry.isl != lengths.isl(i);
        Ok(Self {
            inexact_prompts: made.iter().enumerate().filter(|e| wrong(*e)).count(),
            entries: made,
            tokenizer,
        })
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
        inputs::write(&self.entries, out)
    }
}
