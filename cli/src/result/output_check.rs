//! What comes of holding answers under load against those of one request at a time.

use serde::Serialize;
use std::collections::BTreeSet;

/// How many answers differ.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OutputCheck {
    /// Prompts that were answered one at a time.
    pub(crate) prompts: usize,
    /// Of them those that were sent twice then.
    pub(crate) prompts_sent_twice: usize,
    /// Of these those whose two answers differ: without any load.
    pub(crate) unstable_prompts: usize,
    /// Answers under load that were compared.
    pub(crate) compared: u64,
    /// Of them those that differ from the first answer to their prompt.
    pub(crate) different: u64,
    /// Prompts with any that differs.
    pub(crate) different_prompts: usize,
    /// Some of the answers that differ.
    pub(crate) examples: Vec<Difference>,
    #[serde(skip)]
    pub(crate) prompts_that_differed: BTreeSet<u32>,
}

/// An answer that differs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Difference {
    /// The request under load.
    pub(crate) x_request_id: String,
    /// Characters that are alike, from the beginning.
    pub(crate) first_different_character: usize,
    /// What follows one at a time.
    pub(crate) alone: String,
    /// What follows under load.
    pub(crate) under_load: String,
}

impl OutputCheck {
    /// One sentence.
    pub(crate) fn in_words(&self) -> String {
        let Self { prompts, unstable_prompts, compared, different, different_prompts, prompts_sent_twice, .. } = self;
        if *compared == 0 {
            return "output check: no answer could be compared with one of the same prompt alone".to_owned();
        }
        format!(
            "output check: {different} of {compared} answers differ from those one at a time ({different_prompts} of {prompts} prompts); \
             one at a time {unstable_prompts} of {prompts_sent_twice} differ"
        )
    }
}
