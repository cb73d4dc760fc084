//! Tokens by the usage of all answers of a run, warm-up included.

use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// Tokens by the usage of all answers, of both phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct UsageTotals {
    /// Tokens of prompts.
    pub prompt: u64,
    /// Tokens of output.
    pub completion: u64,
    /// Requests that were issued.
    pub requests: u64,
    /// Of them those that did not end with a usage.
    pub unknown: u64,
}

impl UsageTotals {
    /// Adds those of other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.requests += other.requests;
        self.unknown += other.unknown;
    }

    /// Adds a request; `makes_tokens` where its answer has output tokens.
    pub(super) fn add(&mut self, record: &Record, makes_tokens: bool) {
        self.requests += 1;
        let usage = record.usage.filter(|_| record.outcome == Outcome::Succeeded);
        let prompt = usage.and_then(|usage| usage.prompt);
        let completion = usage.and_then(|usage| usage.completion);
        self.unknown += u64::from(prompt.is_none() || (makes_tokens && completion.is_none()));
        self.prompt += u64::from(prompt.unwrap_or(0));
        self.completion += u64::from(completion.unwrap_or(0));
    }
}
