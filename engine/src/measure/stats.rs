//! Statistics of exact values: percentiles as numpy's default, `std` of the population.

use super::request::ms;
use crate::clock::Nanos;
use crate::statistics::{interpolated, lerp};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The percentiles of [`Metric::tails`], as shares.
pub(super) const TAILS: [f64; 2] = [0.999, 0.9999];

/// Statistics of exact values in the display unit; percentiles by linear interpolation, `std` of the population, as
/// numpy's defaults.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
pub struct Stats {
    /// Number of values.
    pub count: u64,
    /// Sum, in the metric's display unit.
    pub sum: f64,
    /// Smallest value, in the display unit.
    pub min: f64,
    /// Largest value, in the display unit.
    pub max: f64,
    /// Standard deviation of the values as a population (ddof 0), in the display unit.
    pub std: f64,
    /// 1st percentile, in the display unit.
    pub p1: f64,
    /// 5th percentile, in the display unit.
    pub p5: f64,
    /// 10th percentile, in the display unit.
    pub p10: f64,
    /// 25th percentile, in the display unit.
    pub p25: f64,
    /// Median, in the display unit.
    pub p50: f64,
    /// 75th percentile, in the display unit.
    pub p75: f64,
    /// 90th percentile, in the display unit.
    pub p90: f64,
    /// 95th percentile, in the display unit.
    pub p95: f64,
    /// 99th percentile, in the display unit.
    pub p99: f64,
}

impl Stats {
    /// Statistics of values in the display unit; sorts them. `None` without values.
    #[must_use]
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        Self::of_sorted(values.len(), |i| values[i])
    }

    /// Statistics in ms of lengths in nanoseconds; sorts them. `None` without values.
    #[must_use]
    pub fn of_nanos(values: &mut [Nanos]) -> Option<Self> {
        values.sort_unstable();
        Self::of_sorted_nanos(values.len(), |i| values[i])
    }

    /// The same of so many sorted lengths.
    pub(super) fn of_sorted_nanos(count: usize, value: impl Fn(usize) -> Nanos) -> Option<Self> {
        Self::of_sorted(count, |i| ms(value(i)))
    }

    fn of_sorted(count: usize, value: impl Fn(usize) -> f64) -> Option<Self> {
        let last = count.checked_sub(1)?;
        let sum = pairwise_sum(0, count, &value);
        let mean = sum / count as f64;
        let squares = pairwise_sum(0, count, &|i| (value(i) - mean).powi(2));
        let percentile = |p: f64| {
            let at = p / 100.0 * last as f64;
            let low = at.floor();
            let (a, b) = (value(low as usize), value(last.min(low as usize + 1)));
            lerp(a, b, at - low)
        };
        Some(Self {
            count: count as u64,
            sum,
            min: value(0),
            max: value(last),
            std: (squares / count as f64).sqrt(),
            p1: percentile(1.0),
            p5: percentile(5.0),
            p10: percentile(10.0),
            p25: percentile(25.0),
            p50: percentile(50.0),
            p75: percentile(75.0),
            p90: percentile(90.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
        })
    }

    /// Statistics in ms of a histogram of nanoseconds, to its 3 significant digits. `None` without values.
    #[must_use]
    pub fn of_histogram(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let at = |p: f64| ms(histogram.value_at_quantile(p / 100.0));
        Some(Self {
            count: histogram.len(),
            sum: histogram.mean() * histogram.len() as f64 / 1e6,
            min: ms(histogram.min()),
            max: ms(histogram.max()),
            std: histogram.stdev() / 1e6,
            p1: at(1.0),
            p5: at(5.0),
            p10: at(10.0),
            p25: at(25.0),
            p50: at(50.0),
            p75: at(75.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
        })
    }

    /// The mean of the values, in their unit.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// p99.9 and p99.99 in ms of so many sorted lengths in nanoseconds, of which there are some.
pub(super) fn tails_of_nanos(count: usize, sorted: impl Fn(usize) -> Nanos) -> [f64; 2] {
    TAILS.map(|share| interpolated(count, share, |i| ms(sorted(i))))
}

/// The sum with an error that grows with the logarithm of the number of values.
fn pairwise_sum(from: usize, to: usize, value: &impl Fn(usize) -> f64) -> f64 {
    if to - from <= 128 {
        return (from..to).map(value).sum();
    }
    let middle = from + (to - from) / 2;
    pairwise_sum(from, middle, value) + pairwise_sum(middle, to, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percentiles(s: &Stats) -> [f64; 9] {
        [s.p1, s.p5, s.p10, s.p25, s.p50, s.p75, s.p90, s.p95, s.p99]
    }

    /// Expected digits: `numpy.percentile(…)`, `numpy.std(…)` of numpy 2.
    #[test]
    fn percentiles_are_numpys_to_the_digit() {
        let s = Stats::of(&mut [3.5, 1.25, 9.0, 4.75, 100.0, 0.5, 7.125]).unwrap();
        let expected = [
            0.545,
            0.725_000_000_000_000_1,
            0.950_000_000_000_000_1,
            2.375,
            4.75,
            8.0625,
            45.400_000_000_000_034,
            72.699_999_999_999_93,
            94.539_999_999_999_95,
        ];
        assert_eq!(percentiles(&s), expected);
        assert_eq!((s.count, s.sum, s.min, s.max), (7, 126.125, 0.5, 100.0));
        assert!((s.std - 33.585_473_885_631_7).abs() < 1e-12);
        assert!((s.mean() - 18.017_857_142_857_142).abs() < 1e-12);
    }

    #[test]
    fn percentiles_of_a_hundred_squares_are_numpys() {
        let mut values: Vec<f64> = (1..=100).map(|i| 0.1 * f64::from(i) * f64::from(i)).collect();
        let s = Stats::of(&mut values).unwrap();
        let expected = [0.397, 3.545, 11.89, 66.325, 255.05, 566.275, 811.81, 903.455, 980.299];
        for (got, expected) in percentiles(&s).into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        }
        assert!((s.std - 300.919_608_035_102_95).abs() < 1e-9);
    }

    #[test]
    fn one_value_is_all_its_percentiles_and_none_has_no_statistics() {
        let s = Stats::of(&mut [42.0]).unwrap();
        assert_eq!(percentiles(&s), [42.0; 9]);
        assert_eq!(s.std, 0.0);
        assert_eq!(Stats::of(&mut []), None);
    }

    #[test]
    fn nanoseconds_come_out_in_milliseconds() {
        let s = Stats::of_nanos(&mut [20_000_000, 10_000_000]).unwrap();
        assert_eq!((s.min, s.p50, s.max, s.std), (10.0, 15.0, 20.0, 5.0));
    }

    proptest! {
        #[test]
        fn a_histogram_agrees_to_three_digits(values in prop::collection::vec(1_000..10_000_000_000u64, 1..200)) {
            let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
            for value in &values {
                histogram.record(*value).unwrap();
            }
            let rough = Stats::of_histogram(&histogram).unwrap();
            let exact = Stats::of_nanos(&mut values.clone()).unwrap();
            prop_assert_eq!(rough.count, exact.count);
            for (a, b) in [(rough.min, exact.min), (rough.max, exact.max), (rough.mean(), exact.mean())] {
                prop_assert!((a - b).abs() <= b / 1_000.0, "{} {}", a, b);
            }
        }

        #[test]
        fn percentiles_are_ordered_and_within_the_values(mut values in prop::collection::vec(-1e9..1e9f64, 1..300)) {
            let s = Stats::of(&mut values).unwrap();
            let all = percentiles(&s);
            prop_assert!(all.is_sorted());
            prop_assert!(s.min <= all[0] && all[8] <= s.max);
        }
    }
}
