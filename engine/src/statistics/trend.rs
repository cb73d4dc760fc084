//! Whether a series rises or falls, and how fast: without a model of its noise.

use super::{Interval, two_sided, z_quantile};
use std::collections::BTreeMap;

/// Mann and Kendall's test for a trend (Mann 1945, Kendall 1975).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannKendall {
    /// Pairs that rise minus pairs that fall.
    pub s: i64,
    /// Variance of `s` without a trend, corrected for ties.
    pub variance: f64,
    /// How likely an `s` at least this far from 0 is without a trend (two-sided).
    pub p: f64,
}

/// Theil and Sen's slope (Theil 1950, Sen 1968): the median of the slopes of all pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Change from one value to the next.
    pub per_step: f64,
    /// The interval of the slope, in the same unit.
    pub interval: Interval,
}

/// The test over values that follow each other in equal steps. Up to ten values without ties `p` is exact (Mann's
/// recursion); beyond that it is of the normal approximation with the correction for continuity. `None` under four
/// values, and where one is not finite. Takes time in the square of their number.
#[must_use]
pub fn mann_kendall(values: &[f64]) -> Option<MannKendall> {
    let n = values.len();
    if n < LEAST || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let s: i64 = pairs(values).map(|(_, a, b)| i64::from(b > a) - i64::from(b < a)).sum();
    let ties = ties(values);
    let variance = variance(n, &ties);
    let p = if variance == 0.0 || s == 0 {
        1.0
    } else if n <= MOST_EXACT && ties.is_empty() {
        exact_p(n, s)
    } else {
        two_sided((s.unsigned_abs() - 1) as f64 / variance.sqrt())
    };
    Some(MannKendall { s, variance, p })
}

/// The slope, with the interval that inverts the test at `level` (Sen 1968, section 6). `None` where [`mann_kendall`]
/// is. Takes time and memory in the square of the number of values.
#[must_use]
pub fn theil_sen(values: &[f64], level: f64) -> Option<Slope> {
    let places: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
    theil_sen_at(&places, values, level)
}

/// The slope of values at places that rise, where some are left out; the change is from one place to the next whole
/// one. As [`theil_sen`] in all else. `None` where places and values are not equally many.
#[must_use]
pub fn theil_sen_at(places: &[f64], values: &[f64], level: f64) -> Option<Slope> {
    let test = mann_kendall(values).filter(|_| places.len() == values.len())?;
    let mut slopes: Vec<f64> =
        pairs(values).zip(pairs(places)).map(|((_, a, b), (_, from, to))| (b - a) / (to - from)).collect();
    slopes.sort_unstable_by(f64::total_cmp);
    let count = slopes.len();
    let median = (slopes[(count - 1) / 2] + slopes[count / 2]) / 2.0;
    // So many of the slopes are outside of the interval, half of them on each side.
    let reach = z_quantile(level)? * test.variance.sqrt();
    let below = ((count as f64 - reach) / 2.0).round_ties_even().max(1.0) as usize - 1;
    let above = ((count as f64 + reach) / 2.0).round_ties_even() as usize;
    Some(Slope { per_step: median, interval: Interval { low: slopes[below], high: slopes[above.min(count - 1)] } })
}

/// Every pair: how many steps lie between, the earlier value, the later.
fn pairs(values: &[f64]) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
    values
        .iter()
        .enumerate()
        .flat_map(move |(i, a)| values[i + 1..].iter().enumerate().map(move |(step, b)| ((step + 1) as f64, *a, *b)))
}

/// Sizes of the groups of equal values.
fn ties(values: &[f64]) -> Vec<u64> {
    let mut groups: BTreeMap<u64, u64> = BTreeMap::new();
    for value in values {
        // Both zeros are equal.
        *groups.entry((value + 0.0).to_bits()).or_default() += 1;
    }
    groups.into_values().filter(|size| *size > 1).collect()
}

fn variance(n: usize, ties: &[u64]) -> f64 {
    let term = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let tied: f64 = ties.iter().map(|t| term(*t as f64)).sum();
    (term(n as f64) - tied) / 18.0
}

/// How many orders of n values have so many falling pairs, for all numbers; the two tails of it from `s` on.
fn exact_p(n: usize, s: i64) -> f64 {
    let mut orders = vec![1.0f64];
    for size in 2..=n {
        let mut next = vec![0.0; orders.len() + size - 1];
        for (falling, count) in orders.iter().enumerate() {
            for more in 0..size {
                next[falling + more] += count;
            }
        }
        orders = next;
    }
    let pairs = n * (n - 1) / 2;
    let falling = (pairs - s.unsigned_abs() as usize) / 2;
    let tail: f64 = orders[..=falling].iter().sum();
    (2.0 * tail / orders.iter().sum::<f64>()).min(1.0)
}

const LEAST: usize = 4;
const MOST_EXACT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{ItemRng, Stream};

    const RISING: [f64; 12] = [10.2, 10.9, 11.4, 10.8, 12.1, 12.9, 12.4, 13.3, 13.0, 14.2, 14.2, 15.1];
    const LEVEL: [f64; 12] = [5.0, 3.0, 4.0, 4.0, 6.0, 4.0, 5.0, 3.0, 4.0, 5.0, 6.0, 4.0];

    /// Expected: pymannkendall 1.4 `original_test`, scipy 1.17 `stats.theilslopes(y, range(12), 0.95)`.
    #[test]
    fn a_trend_with_ties_has_the_reference_figures() {
        let test = mann_kendall(&RISING).unwrap();
        assert_eq!(test.s, 57);
        assert!((test.variance - 211.666_666_666_666_66).abs() < 1e-9);
        assert!((test.p - 0.000_118_541_465_414_789_83).abs() < 1e-9);
        let slope = theil_sen(&RISING, 0.95).unwrap();
        assert!((slope.per_step - 0.416_25).abs() < 1e-12);
        assert!((slope.interval.low - 0.35).abs() < 1e-9, "{slope:?}");
        assert!((slope.interval.high - 0.5).abs() < 1e-9, "{slope:?}");
    }

    #[test]
    fn noise_without_a_trend_has_the_reference_figures() {
        let test = mann_kendall(&LEVEL).unwrap();
        assert_eq!(test.s, 9);
        assert!((test.p - 0.562_000_559_477_681_6).abs() < 1e-9);
        let slope = theil_sen(&LEVEL, 0.95).unwrap();
        assert_eq!(slope.per_step, 0.0);
        assert!((slope.interval.low + 0.2).abs() < 1e-12);
        assert!((slope.interval.high - 0.25).abs() < 1e-12);
    }

    /// Expected: scipy 1.17 `stats.kendalltau(range(n), y, method='exact')`.
    #[test]
    fn few_values_have_exact_probabilities() {
        for (values, p) in [
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..], 0.002_777_777_777_777_778),
            (&[1.0, 2.0, 4.0, 3.0, 5.0, 7.0, 6.0], 0.010_714_285_714_285_714),
            (&[2.0, 1.0, 3.0, 5.0, 4.0, 6.0, 8.0, 7.0], 0.005_505_952_380_952_381),
        ] {
            assert!((mann_kendall(values).unwrap().p - p).abs() < 1e-12);
        }
    }

    #[test]
    fn a_constant_series_has_no_trend() {
        let test = mann_kendall(&[7.0; 20]).unwrap();
        assert_eq!((test.s, test.p), (0, 1.0));
        assert_eq!(theil_sen(&[7.0; 20], 0.95).unwrap().per_step, 0.0);
        assert_eq!(mann_kendall(&[1.0, 2.0, 3.0]), None);
        assert_eq!(mann_kendall(&[1.0, 2.0, f64::NAN, 3.0]), None);
    }

    #[test]
    fn noise_alone_is_called_a_trend_about_as_often_as_the_level_says() {
        let called = (0..2_000)
            .filter(|k| {
                let mut rng = ItemRng::new(11, Stream::Bootstrap, *k);
                let values: Vec<f64> = (0..20).map(|_| rng.below(1 << 30) as f64).collect();
                mann_kendall(&values).unwrap().p < 0.05
            })
            .count();
        // 100 expected; five standard deviations are 49.
        assert!((51..149).contains(&called), "{called}");
    }
}
