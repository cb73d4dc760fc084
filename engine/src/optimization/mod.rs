//! Pure: which settings to try next, so that a figure of a run becomes as large as it can be within bounds on others.
//!
//! ```text
//!   figures of a run ──► Trial ──► Optimizer ──► values of the next run
//! ```
//!
//! The first values spread over the space (a Halton sequence: J. H. Halton, "On the efficiency of certain quasi-random
//! sequences of points", 1960). Then a Gaussian process is fitted to what was seen, and the values come next of which
//! the most is expected: expected improvement over the best so far (J. Mockus, 1978; D. R. Jones et al., 1998), times
//! the probability that every bound is kept (M. Schonlau et al., 1998).

mod gaussian;
mod normal;
mod space;
#[cfg(test)]
mod tests;

pub use space::Dimension;

use gaussian::Process;
use serde::Serialize;
use space::{candidates, spread_out};
use std::collections::BTreeSet;

/// What is searched, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What is varied.
    pub dimensions: Vec<Dimension>,
    /// Trials that are made at most.
    pub most_trials: usize,
    /// Trials that spread over the space before a model is fitted.
    pub initial_trials: usize,
    /// Trials without a better one after which the search ends.
    pub patience: usize,
    /// Where the first trials lie.
    pub seed: u64,
}

/// Values that were tried, and what came of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// A value of each dimension.
    pub values: Vec<f64>,
    /// What is to become large; none where the run had no such figure.
    pub objective: Option<f64>,
    /// By how much each bound is broken, as a share of it: positive is broken, negative is room; none where the run had
    /// no such figure.
    pub violations: Vec<Option<f64>>,
}

impl Trial {
    /// Whether it has an objective and breaks no bound.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.objective.is_some() && self.violations.iter().all(|v| v.is_some_and(|v| v <= 0.0))
    }
}

/// Why a search has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All trials were made that may be.
    MaxIterations,
    /// So many trials in a row were no better than the best before them.
    ImprovementPatience,
    /// The last trials differ by less than a hundredth.
    PlateauCv,
    /// Of no values more than a five-hundredth of the best objective is expected.
    NothingExpected,
    /// Every value of the space was tried.
    Exhausted,
}

/// The state of a search. Call [`propose`](Self::propose), run, [`record`](Self::record), until there is no next.
#[derive(Clone, Debug)]
pub struct Optimizer {
    settings: Settings,
    trials: Vec<Trial>,
    ended: Option<Ended>,
}

impl Optimizer {
    /// Nothing is known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, trials: Vec::new(), ended: None }
    }

    /// Why there is no next.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// What was tried, in order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The place of the trial with the largest objective, of those that keep every bound; the first of equals.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        best_of(&self.trials)
    }

    /// What came of the values that were asked for last.
    pub fn record(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// The values to try next; `None` once the search has ended.
    pub fn propose(&mut self) -> Option<Vec<f64>> {
        if self.ended.is_none() {
            self.ended = self.reason();
        }
        if self.ended.is_some() {
            return None;
        }
        let tried: BTreeSet<Vec<u64>> = self.trials.iter().map(|t| bits(&t.values)).collect();
        let dimensions = &self.settings.dimensions;
        let first = || {
            let fresh =
                |n: usize| Some(spread_out(dimensions, self.settings.seed, n)).filter(|v| !tried.contains(&bits(v)));
            // Whole numbers of a small space come again.
            (self.trials.len()..self.trials.len() + MOST_REPEATED).find_map(fresh)
        };
        if self.trials.len() < self.settings.initial_trials
            && let Some(values) = first()
        {
            return Some(values);
        }
        let best = self.best().map(|i| self.trials[i].values.as_slice());
        let open: Vec<Vec<f64>> =
            candidates(dimensions, best).into_iter().filter(|values| !tried.contains(&bits(values))).collect();
        if open.is_empty() {
            self.ended = Some(Ended::Exhausted);
            return None;
        }
        match self.most_promising(open) {
            Some(values) => Some(values),
            None => {
                self.ended = Some(Ended::NothingExpected);
                None
            }
        }
    }

    /// Why the trials end the search, if they do.
    fn reason(&self) -> Option<Ended> {
        let n = self.trials.len();
        if n >= self.settings.most_trials {
            return Some(Ended::MaxIterations);
        }
        if n <= self.settings.initial_trials {
            return None;
        }
        if self.best().is_some_and(|best| n - 1 - best >= self.settings.patience) {
            return Some(Ended::ImprovementPatience);
        }
        let recent: Vec<f64> = self.trials.iter().rev().filter_map(|t| t.objective).take(PLATEAU).collect();
        (recent.len() == PLATEAU && variation(&recent).is_some_and(|cv| cv < FLAT)).then_some(Ended::PlateauCv)
    }

    /// The values of which the most is expected; none where that is next to nothing.
    fn most_promising(&self, open: Vec<Vec<f64>>) -> Option<Vec<f64>> {
        let place = |values: &[f64]| -> Vec<f64> {
            self.settings.dimensions.iter().zip(values).map(|(d, v)| d.place(*v)).collect()
        };
        let model = |figure: &dyn Fn(&Trial) -> Option<f64>| {
            let known = self.trials.iter().filter_map(|t| Some((place(&t.values), figure(t)?)));
            let (places, figures): (Vec<_>, Vec<_>) = known.unzip();
            Process::fit(places, &figures)
        };
        let objective = model(&|t| t.objective);
        let bounds: Vec<_> =
            (0..self.violations()).map(|i| model(&|t| t.violations.get(i).copied().flatten())).collect();
        // What the model takes the best to be: one lucky run is not to be beaten.
        let best = objective.as_ref().and_then(|model| {
            let holding = self.trials.iter().filter(|t| t.holds());
            holding.map(|t| model.at(&place(&t.values)).0).reduce(f64::max)
        });
        let promise = |values: &Vec<f64>| {
            let at = place(values);
            let kept: f64 = bounds.iter().flatten().map(|model| model.probability_below(&at, 0.0)).product();
            match (&objective, best) {
                (Some(model), Some(best)) => kept * model.expected_above(&at, best),
                _ => kept,
            }
        };
        let (promise, values) =
            open.into_iter().map(|values| (promise(&values), values)).reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        let little = best.is_some_and(|best| promise <= LITTLE * best.abs());
        (!little).then_some(values)
    }

    /// How many bounds there are.
    fn violations(&self) -> usize {
        self.trials.iter().map(|t| t.violations.len()).max().unwrap_or(0)
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Sample deviation over the magnitude of the mean; none where the mean is 0.
fn variation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean != 0.0 && n > 1.0).then(|| (squares / (n - 1.0)).sqrt() / mean.abs())
}

/// The place of the trial with the largest objective, of those that keep every bound; the first of equals.
#[must_use]
pub fn best_of<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Option<usize> {
    let holding = trials.into_iter().enumerate().filter(|(_, trial)| trial.holds());
    let objective = |trial: &Trial| trial.objective.unwrap_or(f64::NEG_INFINITY);
    let best = holding.reduce(|best, next| if objective(next.1) > objective(best.1) { next } else { best });
    best.map(|(place, _)| place)
}

/// Trials that are compared for a plateau.
pub const PLATEAU: usize = 8;
/// Coefficient of variation under which they are one.
pub const FLAT: f64 = 0.01;
/// Share of the best objective under which nothing is expected any more.
const LITTLE: f64 = 0.002;
/// Values of the spreading sequence that are passed over where they came before.
const MOST_REPEATED: usize = 64;
