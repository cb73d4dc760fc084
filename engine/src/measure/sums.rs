//! Requests of several processes without their records: counts, sums and extremes as they are, and a histogram of each
//! metric.
//!
//! What is told of single requests, or of when they came (slices, the steady part, intervals, seconds that were missed,
//! stretches without output, parts of latencies that the client can have made), is not in it.

use super::errors::Errors;
use super::goodput::JudgeSums;
use super::population::PopulationSums;
use super::summary::TokenFigures;
use super::usage_totals::UsageTotals;
use super::workload::WorkloadSums;
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// The requests of one process or of several, summed up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Sums {
    pub(super) warmup: PopulationSums,
    pub(super) profiling: PopulationSums,
    /// By tier of the plan.
    pub(super) tiers: Vec<JudgeSums>,
    pub(super) errors: Errors,
    pub(super) tokens: TokenFigures,
    pub(super) usage: UsageTotals,
    pub(super) workload: WorkloadSums,
}

impl Sums {
    /// The sums that were left as these bytes.
    ///
    /// # Errors
    /// In why they are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }

    /// The sums as bytes.
    ///
    /// # Errors
    /// In why they cannot be written.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|e| e.to_string())
    }

    /// Adds those of other requests of the same plan.
    pub fn add(&mut self, other: &Self) {
        self.warmup.add(&other.warmup);
        self.profiling.add(&other.profiling);
        self.tiers.resize(self.tiers.len().max(other.tiers.len()), JudgeSums::default());
        self.tiers.iter_mut().zip(&other.tiers).for_each(|(mine, theirs)| mine.add(theirs));
        self.errors.merge(&other.errors);
        self.tokens.add(&other.tokens);
        self.usage.merge(&other.usage);
        self.workload.add(&other.workload);
    }

    /// Moves their instants to another clock: `by` says what is added to an instant.
    pub fn shift(&mut self, by: &dyn Fn(Nanos) -> Nanos) {
        self.warmup.shift(by);
        self.profiling.shift(by);
    }
}
