//! Several runs of the same plan, taken for one.

use super::figures::{Estimate, Spread};
use crate::statistics::Sample;

/// Of each figure that all runs have the mean, with how far the runs lie apart.
#[must_use]
pub fn of_repeats(runs: &[Vec<Estimate>]) -> Vec<Estimate> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    first.iter().filter_map(|figure| mean(figure, others)).collect()
}

fn mean(figure: &Estimate, others: &[Vec<Estimate>]) -> Option<Estimate> {
    let same = |run: &Vec<Estimate>| {
        let mut of_run = run.iter();
        of_run.find(|one| (&one.tag, one.statistic) == (&figure.tag, figure.statistic)).cloned()
    };
    let all = std::iter::once(Some(figure.clone())).chain(others.iter().map(same)).collect::<Option<Vec<_>>>()?;
    let sample = Sample::of(&all.iter().map(|one| one.value).collect::<Vec<_>>())?;
    let squares: Option<f64> = all.iter().map(|one| one.error.map(|error| error * error)).sum();
    Some(Estimate {
        value: sample.mean,
        error: squares.map(|squares| squares.sqrt() / all.len() as f64),
        spread: (all.len() > 1).then_some(Spread { runs: all.len(), sd: sample.sd }),
        ..figure.clone()
    })
}

/// How far two sides are uncertain: what is seen between their runs, where there are several, and within them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    /// Of the base and of the new run; relative to the figure, but of shares.
    pub(super) both: (f64, f64),
    /// Degrees of freedom of them.
    pub(super) freedom: usize,
}

impl Errors {
    /// `None` where nothing is known of one side. `within` are the degrees of freedom of an error from within a run.
    ///
    /// Runs of both sides are taken to lie equally far apart: their spread is one estimate, that of the other side too
    /// where that is one run alone.
    pub(super) fn of(base: &Estimate, new: &Estimate, within: usize) -> Option<Self> {
        let relative = |of: &Estimate, figure: f64| if of.is_share { figure } else { figure / of.value.abs() };
        let spreads = || [base, new].into_iter().filter_map(|of| Some((of, of.spread?)));
        let freedom: usize = spreads().map(|(_, spread)| spread.runs - 1).sum();
        let squares: f64 = spreads().map(|(of, s)| (s.runs - 1) as f64 * relative(of, s.sd).powi(2)).sum();
        let between = (freedom > 0).then(|| (squares / freedom as f64).sqrt());
        let error = |of: &Estimate| {
            let runs = of.spread.map_or(1, |spread| spread.runs) as f64;
            let between = between.map(|sd| sd / runs.sqrt());
            let within = of.error.map(|error| relative(of, error));
            [between, within].into_iter().flatten().reduce(f64::max)
        };
        let freedom = if freedom > 0 { freedom.min(within) } else { within };
        Some(Self { both: (error(base)?, error(new)?), freedom })
    }
}
