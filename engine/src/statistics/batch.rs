//! The mean of values that depend on their neighbours.

use super::{Interval, Sample};

/// The mean of a series with an interval that bears with dependence between neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    /// Mean of all values.
    pub mean: f64,
    /// Student's t interval over the means of the batches.
    pub interval: Interval,
    /// How many batches.
    pub batches: usize,
    /// Correlation of neighbouring batches.
    pub lag1: f64,
    /// Whether they pass as independent; where not, the interval is too short.
    pub independent: bool,
    /// How many independent values would tell as much of the mean: the variance of the values over that of the mean; at
    /// most as many as there are.
    pub effective: f64,
}

/// The interval at `level` by non-overlapping batch means (Conway 1963; Law and Kelton, section 9.5.3). The series is
/// cut into 32 batches of neighbours, which grow to 16 and 8 until the correlation of neighbouring batches is no longer
/// significantly positive (one-sided at 5 %: over 1.645/√batches). `None` under eight values, and where one is not
/// finite.
#[must_use]
pub fn batch_means(values: &[f64], level: f64) -> Option<BatchMeans> {
    let whole = Sample::of(values)?;
    let mut last = None;
    for batches in COUNTS.into_iter().filter(|n| *n <= values.len()) {
        let means: Vec<f64> = (0..batches)
            .map(|i| {
                let (from, to) = (i * values.len() / batches, (i + 1) * values.len() / batches);
                values[from..to].iter().sum::<f64>() / (to - from) as f64
            })
            .collect();
        let lag1 = autocorrelation(&means, 1);
        let independent = lag1 <= ONE_SIDED / (batches as f64).sqrt();
        let sample = Sample::of(&means)?;
        let half = sample.interval(level)?.half();
        let count = values.len() as f64;
        let effective = if sample.se() > f64::EPSILON * whole.mean.abs() {
            (whole.sd / sample.se()).powi(2).min(count)
        } else {
            count
        };
        last = Some(BatchMeans {
            mean: whole.mean,
            interval: Interval::around(whole.mean, half),
            batches,
            lag1,
            independent,
            effective,
        });
        if independent {
            break;
        }
    }
    last
}

/// The correlation of a series with itself `lag` places later; 0 for one that does not vary.
#[must_use]
pub fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let Some(sample) = Sample::of(values).filter(|_| lag < values.len()) else {
        return 0.0;
    };
    let apart = |v: &f64| v - sample.mean;
    let squares: f64 = values.iter().map(|v| apart(v).powi(2)).sum();
    if squares <= f64::EPSILON * sample.mean.powi(2) * values.len() as f64 {
        return 0.0;
    }
    let products: f64 = values.iter().zip(&values[lag..]).map(|(a, b)| apart(a) * apart(b)).sum();
    products / squares
}

/// Enough for a t quantile that is near its limit, and what is left when batches have to be long.
const COUNTS: [usize; 3] = [32, 16, 8];
/// The 95th percentile of the standard normal distribution.
const ONE_SIDED: f64 = 1.645;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{ItemRng, Stream};

    const COUNTED: [f64; 16] =
        [12.0, 15.0, 11.0, 14.0, 13.0, 16.0, 12.0, 14.0, 13.0, 15.0, 11.0, 14.0, 15.0, 13.0, 12.0, 16.0];

    /// Expected: scipy 1.17 `stats.t.interval(.95, 15, mean, sem)`, numpy for the correlation.
    #[test]
    fn batches_of_one_have_scipys_interval() {
        let b = batch_means(&COUNTED, 0.95).unwrap();
        assert_eq!((b.mean, b.batches, b.independent), (13.5, 16, true));
        assert!((b.lag1 + 0.556_25).abs() < 1e-12);
        assert!((b.interval.low - 12.629_839_366_815_244).abs() < 1e-7);
        assert!((b.interval.high - 14.370_160_633_184_756).abs() < 1e-7);
    }

    /// Each value is 0.9 of the one before and noise: the mean is 0, and neighbours are alike.
    fn dependent(k: u64, n: usize) -> Vec<f64> {
        let mut rng = ItemRng::new(5, Stream::Bootstrap, k);
        let mut value = 0.0;
        let mut next = || {
            value = 0.9 * value + rng.below(2_000_001) as f64 / 1e6 - 1.0;
            value
        };
        (0..200).for_each(|_| {
            next();
        });
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn the_interval_of_a_dependent_series_holds_its_mean_about_as_often_as_it_says() {
        let runs = 400;
        let mut naive = 0;
        let held = (0..runs)
            .filter(|k| {
                let series = dependent(*k, 2_000);
                let holds = |i: Interval| i.low <= 0.0 && 0.0 <= i.high;
                naive += usize::from(holds(Sample::of(&series).unwrap().interval(0.95).unwrap()));
                holds(batch_means(&series, 0.95).unwrap().interval)
            })
            .count();
        assert!(held as f64 > 0.88 * runs as f64, "{held} of {runs}");
        assert!((naive as f64) < 0.5 * runs as f64, "{naive} of {runs}");
    }

    #[test]
    fn values_that_are_like_their_neighbours_tell_as_much_as_fewer_independent_ones() {
        // (1 - 0.9) / (1 + 0.9) of them, the sum of the correlations of an autoregressive series.
        let mean = |of: fn(u64) -> Vec<f64>| {
            let each = (0..100).map(|k| batch_means(&of(k), 0.95).unwrap().effective);
            each.sum::<f64>() / 100.0
        };
        let alike = mean(|k| dependent(k, 4_000));
        assert!((150.0..350.0).contains(&alike), "{alike}");
        let apart = mean(|k| {
            let mut rng = ItemRng::new(6, Stream::Bootstrap, k);
            (0..4_000).map(|_| rng.below(1_000) as f64).collect()
        });
        assert!(apart > 3_000.0, "{apart}");
    }

    #[test]
    fn a_series_that_drifts_is_not_passed_as_independent() {
        let drift: Vec<f64> = (0..1_000).map(f64::from).collect();
        let b = batch_means(&drift, 0.95).unwrap();
        assert_eq!((b.batches, b.independent), (8, false));
    }

    #[test]
    fn a_constant_has_no_correlation_and_few_values_no_interval() {
        let b = batch_means(&[0.1; 64], 0.95).unwrap();
        assert!(b.independent && b.interval.half() < 1e-12, "{b:?}");
        assert_eq!(batch_means(&[1.0; 7], 0.95), None);
    }
}
