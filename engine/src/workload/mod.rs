//! Prompts and tokenizers → request bodies, prepared before the clock starts.

use crate::error::Result;
use crate::plan::Plan;

/// What will be sent: request k of a phase uses an entry by its index.
pub struct Workload {
    /// Prepared entries, in order.
    pub entries: Vec<Entry>,
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
    /// Prepares the prompts of a plan.
    ///
    /// # Errors
    /// When the tokenizer cannot be loaded.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let _ = plan;
        Ok(Self {
            entries: Vec::new(),
        })
    }

    /// Tokens of a text by the client's tokenizer, special tokens not added.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> u32 {
        let _ = text;
        0
    }

    /// Name of the tokenizer, and whether it is the built-in vocabulary (lengths are approximate).
    #[must_use]
    pub fn tokenizer(&self) -> (&str, bool) {
        ("builtin", true)
    }
}
