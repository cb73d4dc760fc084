//! A summary of sums, and the sums of a summary.

use super::Summarizer;
use crate::measure::goodput::Judge;
use crate::measure::population::Population;
use crate::measure::sums::Sums;
use crate::measure::timeline::Timeline;
use crate::measure::workload::Workload;
use crate::plan::Plan;

impl Summarizer {
    /// A summary of requests that are summed up.
    #[must_use]
    pub fn of_sums(plan: &Plan, timeline: Timeline, sums: Sums) -> Self {
        let Sums { warmup, profiling, tiers, errors, tokens, usage, workload } = sums;
        let judges = plan.tiers.iter().zip(tiers);
        let judges = judges.map(|(tier, sums)| (tier.name.clone(), Judge::of_sums(tier.slos.clone(), &sums)));
        Self {
            warmup: Population::of_sums(warmup, Vec::new(), plan.streaming),
            profiling: Population::of_sums(profiling, plan.slos.clone(), plan.streaming),
            slicer: None,
            tiers: judges.collect(),
            errors,
            tokens,
            usage,
            workload: Workload::of_sums(plan, workload),
            summed: true,
            ..Self::new(plan, timeline)
        }
    }

    /// The requests that were added, summed up, so that they can be added to those of other processes.
    #[must_use]
    pub fn sums(&self) -> Sums {
        Sums {
            warmup: self.warmup.sums(),
            profiling: self.profiling.sums(),
            tiers: self.tiers.iter().map(|(_, judge)| judge.sums()).collect(),
            errors: self.errors.clone(),
            tokens: self.tokens.clone(),
            usage: self.usage,
            workload: self.workload.sums(),
        }
    }
}
