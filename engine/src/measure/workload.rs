//! What was sent and what came back, against what was asked for: lengths, tokens that no event showed, cached and
//! repeated prompts.

mod lengths;
mod repeats;
mod unseen;

pub use lengths::{CacheFigures, InputFigures, OutputFigures};
pub use repeats::{RepeatFigures, Sending};
pub use unseen::UnseenFigures;

use super::tokens::TokenCounts;
use crate::plan::Plan;
use crate::record::{FinishReason, Outcome, PhaseKind, Record};
use lengths::Lengths;
use repeats::Repeats;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unseen::Unseen;

/// Requests and responses compared with what was asked for. Of the successful requests of the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct WorkloadFigures {
    /// Prompts, by the client's tokenizer and by the server.
    pub input: InputFigures,
    /// Responses, against the length asked for.
    pub output: OutputFigures,
    /// Tokens that are counted and were in no event of their own.
    pub unseen: UnseenFigures,
    /// Prompt tokens that the server read from a cache.
    pub cache: CacheFigures,
    /// Prompts that were sent more than once; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RepeatFigures>,
}

/// What can be added up of several processes: all but which prompts were sent more than once.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct WorkloadSums {
    lengths: Lengths,
    unseen: Unseen,
    reasons: BTreeMap<FinishReason, u64>,
}

impl WorkloadSums {
    /// Adds those of other requests.
    pub(super) fn add(&mut self, other: &Self) {
        self.lengths.merge(&other.lengths);
        self.unseen.merge(&other.unseen);
        for (reason, count) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
    }
}

/// Adds requests one by one, in the order in which they ended.
#[derive(Debug)]
pub(super) struct Workload {
    makes_tokens: bool,
    lengths: Lengths,
    unseen: Unseen,
    repeats: Repeats,
    reasons: BTreeMap<FinishReason, u64>,
}

impl Workload {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            makes_tokens: plan.endpoint.produces_tokens(),
            lengths: Lengths::default(),
            unseen: Unseen::new(plan.streaming),
            repeats: Repeats::new(plan.streaming),
            reasons: BTreeMap::new(),
        }
    }

    /// Of requests that are summed up.
    pub(super) fn of_sums(plan: &Plan, sums: WorkloadSums) -> Self {
        let WorkloadSums { lengths, unseen, reasons } = sums;
        let mut workload = Self::new(plan);
        workload.unseen.merge(&unseen);
        Self { lengths, reasons, ..workload }
    }

    /// What was added by now.
    pub(super) fn sums(&self) -> WorkloadSums {
        WorkloadSums { lengths: self.lengths, unseen: self.unseen, reasons: self.reasons.clone() }
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        self.repeats.add(record);
        if record.phase != PhaseKind::Profiling || record.outcome != Outcome::Succeeded {
            return;
        }
        self.lengths.add_input(record);
        if !self.makes_tokens {
            return;
        }
        *self.reasons.entry(record.observed.reason.unwrap_or(FinishReason::Unsaid)).or_default() += 1;
        self.lengths.add_output(record, tokens);
        self.unseen.add(record, tokens);
    }

    /// Successful responses by the reason for which they stopped.
    pub(super) fn finish_reasons(&mut self) -> BTreeMap<FinishReason, u64> {
        std::mem::take(&mut self.reasons)
    }

    pub(super) fn finish(self, characters_per_token: Option<f64>) -> WorkloadFigures {
        let (input, output, cache) = self.lengths.finish(characters_per_token);
        WorkloadFigures { input, output, unseen: self.unseen.finish(), cache, repeats: self.repeats.finish() }
    }
}
