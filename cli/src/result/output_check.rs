//! How responses under load compare with those of one request at a time.

use serde::Serialize;
use std::collections::BTreeSet;

/// How many responses differ.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OutputCheck {
    /// Prompts that had a response one at a time.
    pub(crate) prompts: usize,
    /// Of them those that had a second one.
    pub(crate) prompts_sent_twice: usize,
    /// Of these those whose two responses differ: without any load.
    pub(crate) unstable_prompts: usize,
    /// Responses under load that were compared.
    pub(crate) compared: u64,
    /// Of them those that differ from the first response to their prompt.
    pub(crate) different: u64,
    /// Prompts with any that differs.
    pub(crate) different_prompts: usize,
    /// Some of the responses that differ.
    pub(crate) examples: Vec<Difference>,
    #[serde(skip)]
    pub(crate) prompts_that_differed: BTreeSet<u32>,
}

/// A response that differs.
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
            return "output check: no response could be compared with one to the same prompt alone".to_owned();
        }
        format!(
            "output check: {different} of {compared} responses differ from those one at a time ({different_prompts} of {prompts} prompts); \
             one at a time {unstable_prompts} of {prompts_sent_twice} differ"
        )
    }
}
