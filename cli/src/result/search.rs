//! What an adaptive search leaves for the report and the files.

use crate::flags::AdaptiveSearch;
use ringload_engine::optimization::{Trial, best_of};

/// An adaptive search, and what came of its points.
#[derive(Clone, Debug)]
pub(crate) struct SearchOutcome {
    /// What was searched for.
    pub(crate) search: AdaptiveSearch,
    /// Every point that was tried, in order.
    pub(crate) tried: Vec<Tried>,
    /// Why it ended, as AIPerf names it; none while it goes on, and where it was interrupted.
    pub(crate) ended: Option<&'static str>,
}

/// A point that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// Its values, and by how much it breaks each bound.
    pub(crate) trial: Trial,
    /// The figure, in its display unit.
    pub(crate) figure: Option<f64>,
    /// Whether a run of it counts: the client was not in the figures of all of them.
    pub(crate) judged: bool,
    /// What became of each bound.
    pub(crate) bounded: Vec<Held>,
    /// What became of each bound of each SLO tier.
    pub(crate) tiers: Vec<Vec<Held>>,
}

/// A figure held against a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// The figure, in its display unit.
    pub(crate) figure: Option<f64>,
    /// By what share it breaks the bound: at most 0 where it keeps it.
    pub(crate) violation: Option<f64>,
}

impl Tried {
    /// Whether it keeps every bound, and every one of the SLO tier at this place, if there are tiers.
    pub(crate) fn holds(&self, tier: usize) -> bool {
        let kept = |held: &Held| held.violation.is_some_and(|v| v <= 0.0);
        self.bounded.iter().all(kept) && self.tiers.get(tier).is_none_or(|bounds| bounds.iter().all(kept))
    }
}

/// What came of one SLO tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TierBoundary {
    /// The place of the largest value that keeps it, under each that does not.
    pub(crate) holds: Option<usize>,
    /// The place of the smallest value that does not.
    pub(crate) fails: Option<usize>,
}

impl SearchOutcome {
    /// The place of the best point that keeps every bound; the first of equals.
    pub(crate) fn best(&self) -> Option<usize> {
        best_of(self.tried.iter().map(|tried| &tried.trial))
    }

    /// Of one setting with bounds: the place of the largest value that keeps them all, and of the smallest that does
    /// not.
    pub(crate) fn boundary(&self) -> Option<(Option<usize>, Option<usize>)> {
        if self.search.space.len() != 1 || self.search.bounds.is_empty() {
            return None;
        }
        let value = |i: &usize| self.tried[*i].trial.values[0];
        let broken = |i: &usize| self.tried[*i].trial.violations.iter().any(|v| v.is_some_and(|v| v > 0.0));
        let places = 0..self.tried.len();
        let largest =
            places.clone().filter(|i| self.tried[*i].trial.holds()).max_by(|a, b| value(a).total_cmp(&value(b)));
        let smallest = places.filter(broken).min_by(|a, b| value(a).total_cmp(&value(b)));
        Some((largest, smallest))
    }

    /// Where each SLO tier ends: the largest value that keeps it under each that does not, and the smallest that does
    /// not.
    pub(crate) fn tier_boundaries(&self) -> Vec<TierBoundary> {
        let value = |i: &usize| self.tried[*i].trial.values[0];
        let by_value = |a: &usize, b: &usize| value(a).total_cmp(&value(b));
        let judged = || (0..self.tried.len()).filter(|i| self.tried[*i].judged);
        let of = |tier: usize| {
            let fails = judged().filter(|i| !self.tried[*i].holds(tier)).min_by(by_value);
            let under = |i: &usize| fails.is_none_or(|fails| value(i) < value(&fails));
            TierBoundary {
                fails,
                holds: judged().filter(|i| self.tried[*i].holds(tier)).filter(under).max_by(by_value),
            }
        };
        (0..self.search.tiers.len()).map(of).collect()
    }

    /// The values of a point, as `concurrency=118`.
    pub(crate) fn label(&self, place: usize) -> String {
        let values = &self.tried[place].trial.values;
        let pairs =
            self.search.space.iter().zip(values).map(|(varied, value)| format!("{}={value}", varied.axis.flag()));
        pairs.collect::<Vec<_>>().join(" ")
    }
}

/// Why a search over SLO tiers has ended, as AIPerf says it, where nothing is left to try.
pub(crate) const ALL_FOUND: &str = "multi_tier_all_converged";
