//! When enough runs have been made.

use crate::statistics::Sample;

/// The condition under which repeats end early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convergence {
    /// The criterion of convergence.
    pub criterion: Criterion,
    /// The bound of the criterion, a share (0.05 is 5 %).
    pub threshold: f64,
    /// Confidence of the interval, 0.95 for 95 %.
    pub level: f64,
}

/// The quantity that has to be small (or likely) for repeats to end. The same three as AIPerf's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// The whole length of Student's interval over the mean; by default under 0.10.
    IntervalWidth,
    /// The coefficient of variation; by default under 0.05.
    Variation,
    /// The latest run's requests have the distribution of the earlier ones' (Kolmogorov–Smirnov, two samples); by
    /// default p over 0.05.
    Distribution,
}

impl Criterion {
    /// Its bound when none is given.
    #[must_use]
    pub fn default_threshold(self) -> f64 {
        match self {
            Self::IntervalWidth => 0.10,
            Self::Variation | Self::Distribution => 0.05,
        }
    }
}

/// Whether more runs would tell no more: [`current_value`] is on the right side of the threshold.
#[must_use]
pub fn settled(rule: &Convergence, figures: &[f64], requests: &[Vec<f64>]) -> bool {
    current_value(rule, figures, requests).is_some_and(|value| match rule.criterion {
        Criterion::IntervalWidth | Criterion::Variation => value < rule.threshold,
        Criterion::Distribution => value > rule.threshold,
    })
}

/// What is compared with the threshold: the length of the interval over the mean, the coefficient of variation, or the
/// probability p. `figures` has one value a run, `requests` the values of each run's requests (looked at by
/// [`Criterion::Distribution`] only). `None` under [`LEAST_RUNS`] runs, and where it does not exist: around a mean of
/// 0, or without a request.
#[must_use]
pub fn current_value(rule: &Convergence, figures: &[f64], requests: &[Vec<f64>]) -> Option<f64> {
    let runs = match rule.criterion {
        Criterion::IntervalWidth | Criterion::Variation => figures.len(),
        Criterion::Distribution => requests.len(),
    };
    if runs < LEAST_RUNS {
        return None;
    }
    match rule.criterion {
        Criterion::IntervalWidth => {
            let sample = Sample::of(figures)?;
            let share = 2.0 * sample.interval(rule.level)?.half() / sample.mean.abs();
            Some(share).filter(|share| share.is_finite())
        }
        Criterion::Variation => Sample::of(figures)?.cv(),
        Criterion::Distribution => {
            let (latest, earlier) = requests.split_last()?;
            let earlier: Vec<f64> = earlier.iter().flatten().copied().collect();
            ks_two_sample(&earlier, latest)
        }
    }
}

/// The probability that two samples of one distribution are as far apart as these: the two-sample Kolmogorov–Smirnov
/// test with the asymptotic distribution and Stephens's correction (Stephens 1970; as in Numerical Recipes §14.3).
/// `None` where a sample is empty.
#[must_use]
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut apart) = (0, 0, 0f64);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        while a.get(i).is_some_and(|v| *v <= at) {
            i += 1;
        }
        while b.get(j).is_some_and(|v| *v <= at) {
            j += 1;
        }
        apart = apart.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let n = (a.len() as f64 * b.len() as f64 / (a.len() + b.len()) as f64).sqrt();
    Some(kolmogorov((n + 0.12 + 0.11 / n) * apart))
}

/// `Q(λ) = 2 Σ (−1)^{j−1} exp(−2 j² λ²)`.
fn kolmogorov(lambda: f64) -> f64 {
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |j: i32| {
        let sign = if j % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(j * j) * lambda * lambda).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// Runs without which nothing can be said.
pub const LEAST_RUNS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(criterion: Criterion) -> Convergence {
        Convergence { criterion, threshold: criterion.default_threshold(), level: 0.95 }
    }

    #[test]
    fn two_runs_settle_nothing() {
        for criterion in [Criterion::IntervalWidth, Criterion::Variation, Criterion::Distribution] {
            let same = vec![vec![1.0, 2.0]; 2];
            assert!(!settled(&rule(criterion), &[5.0, 5.0], &same));
        }
    }

    /// Mean 100, sd √(2/3), n = 4: the interval is 2 · 3.182446 · 0.408248 = 2.60 long, 2.6 % of the mean.
    #[test]
    fn a_narrow_interval_settles_and_a_wide_one_does_not() {
        let narrow = [99.0, 100.0, 100.0, 101.0];
        let wide = [80.0, 100.0, 100.0, 120.0];
        assert!(settled(&rule(Criterion::IntervalWidth), &narrow, &[]));
        assert!(!settled(&rule(Criterion::IntervalWidth), &wide, &[]));
        assert!(settled(&rule(Criterion::Variation), &narrow, &[]));
        assert!(!settled(&rule(Criterion::Variation), &wide, &[]));
        let tight = Convergence { threshold: 0.025, ..rule(Criterion::IntervalWidth) };
        assert!(!settled(&tight, &narrow, &[]));
        let width = current_value(&tight, &narrow, &[]).unwrap();
        assert!((width - 2.0 * 3.182_446 * 0.408_248 / 100.0).abs() < 1e-6, "{width}");
        assert_eq!(current_value(&tight, &[0.0; 4], &[]), None, "no share of 0");
        assert_eq!(current_value(&tight, &narrow[..2], &[vec![], vec![], vec![]]), None);
    }

    #[test]
    fn equal_distributions_settle_and_moved_ones_do_not() {
        let spread = |from: f64| (0..200).map(|i| from + f64::from(i) / 200.0).collect::<Vec<_>>();
        let same = [spread(0.0), spread(0.001), spread(0.002)];
        assert!(settled(&rule(Criterion::Distribution), &[], &same));
        let moved = [spread(0.0), spread(0.001), spread(0.5)];
        assert!(!settled(&rule(Criterion::Distribution), &[], &moved));
    }

    /// λ at the usual levels: Q(1.358) = 0.05, Q(1.628) = 0.01 (tables of Smirnov 1948).
    #[test]
    fn the_distribution_of_kolmogorov_has_its_published_quantiles() {
        assert!((kolmogorov(1.358_1) - 0.05).abs() < 1e-4);
        assert!((kolmogorov(1.627_6) - 0.01).abs() < 1e-4);
        assert_eq!(ks_two_sample(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), Some(1.0));
        assert_eq!(ks_two_sample(&[], &[1.0]), None);
    }
}
