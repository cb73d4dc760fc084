//! Pure: two runs against each other. By how much a figure differs, how sure that is, and how large a difference would
//! have to be to be seen.
//!
//! ```text
//!   Observed (requests of a run) ──► figures with their errors ──► compare ──► Difference of each figure
//! ```
//!
//! Requests depend on their neighbours, so that errors come from blocks of neighbours ([`figures`]); of runs that were
//! repeated from how far these lie apart ([`of_repeats`]), where that is more. The intervals of
//! one comparison hold together: where nothing has changed, all of them hold no change in 95 of 100 comparisons
//! (Bonferroni).

mod figures;
mod limit;
mod repeats;

pub use figures::{Estimate, Observed, Spread, curve, figures};
pub use limit::{Held, Limit};
pub use repeats::of_repeats;

use crate::plan::Statistic;
use crate::statistics::{Interval, t_quantile};
use repeats::Errors;
use serde::Serialize;

/// The difference of a figure between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Tag of the metric.
    pub tag: String,
    /// Which figure of it.
    pub statistic: Statistic,
    /// Display unit of the figure.
    pub unit: String,
    /// In the base.
    pub base: f64,
    /// In the new run.
    pub new: f64,
    /// `new / base - 1`; for shares `new - base`.
    pub change: f64,
    /// The interval of the change; `None` where a run has too few requests.
    pub interval: Option<Interval>,
    /// Whether the change is one that these runs show: its interval leaves 0 out.
    pub shown: bool,
    /// The least change that these runs would have shown; `None` where they show none at all.
    pub least_shown: Option<f64>,
}

/// Compares the figures that both have, at a confidence of `level` for all of them together.
#[must_use]
pub fn compare(base: &[Estimate], new: &[Estimate], level: f64) -> Vec<Difference> {
    let pairs: Vec<(&Estimate, &Estimate)> = base
        .iter()
        .filter_map(|one| {
            let other = new.iter().find(|other| (&other.tag, other.statistic) == (&one.tag, one.statistic))?;
            Some((one, other))
        })
        .collect();
    // An error is an estimate itself: within a run from some thirty blocks of requests that depend little on each
    // other.
    let errors: Vec<Option<Errors>> = pairs.iter().map(|(base, new)| Errors::of(base, new, BLOCKS - 1)).collect();
    let tested = errors.iter().flatten().count().max(1);
    let level = 1.0 - (1.0 - level) / tested as f64;
    pairs.into_iter().zip(errors).map(|((base, new), errors)| difference(base, new, errors, level)).collect()
}

fn difference(base: &Estimate, new: &Estimate, errors: Option<Errors>, level: f64) -> Difference {
    let half = errors.and_then(|Errors { both: (a, b), freedom }| Some(t_quantile(freedom, level)? * a.hypot(b)));
    let (change, interval) = if base.is_share {
        let change = new.value - base.value;
        (change, half.map(|half| Interval::around(change, half)))
    } else {
        let ratio = new.value / base.value;
        // Around the logarithm of the ratio: an increase by a half and a decrease by a third are as far from none.
        let interval = half.map(|half| Interval { low: ratio * (-half).exp() - 1.0, high: ratio * half.exp() - 1.0 });
        (ratio - 1.0, interval)
    };
    let interval = interval.filter(|i| i.low.is_finite() && i.high.is_finite());
    Difference {
        tag: base.tag.clone(),
        statistic: base.statistic,
        unit: base.unit.clone(),
        base: base.value,
        new: new.value,
        change,
        shown: interval.is_some_and(|i| i.low > 0.0 || i.high < 0.0),
        least_shown: interval.map(|i| i.half()),
        interval,
    }
}

const BLOCKS: usize = 32;

#[cfg(test)]
mod tests;
