//! Percentiles of values that depend on their neighbours.

use super::select::percentile;
use super::{Interval, Sample, autocorrelation, interpolated, percentile_of_sorted, t_quantile};
use crate::random::ItemRng;
use serde::{Deserialize, Serialize};

/// A percentile with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentileInterval {
    /// The percentile of the values.
    pub value: f64,
    /// The interval, in the unit of the values.
    pub interval: Interval,
}

/// The method by which an interval of a percentile was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From resampled blocks of neighbours.
    BlockBootstrap,
    /// From the same percentile of long batches; for very many values.
    BatchPercentiles,
}

/// Intervals at `level` of percentiles (`shares` from 0 to 1) of values in the order in which they were observed.
///
/// Up to 20 000 values: the circular block bootstrap (Politis and Romano 1992) with blocks of [`block_length`], 1 000
/// resamples, and the percentile interval (Efron). Beyond: Student's t interval over the same percentile of 32 batches
/// of neighbours. `None` under 100 values, and where one is not finite. The same generator gives the same intervals.
#[must_use]
pub fn percentile_intervals(
    values: &[f64],
    shares: &[f64],
    level: f64,
    rng: &mut ItemRng,
) -> Option<(Method, Vec<PercentileInterval>)> {
    if values.len() < LEAST || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    if values.len() > MOST_RESAMPLED {
        let found = shares.iter().map(|share| batched(values, *share, level)).collect::<Option<_>>()?;
        return Some((Method::BatchPercentiles, found));
    }
    let (sorted, ranks) = ranked(values);
    let draws = resampled(&ranks, &sorted, shares, block_length(values), rng);
    let tail = (1.0 - level) / 2.0;
    let found = shares
        .iter()
        .zip(draws)
        .map(|(share, mut drawn)| {
            drawn.sort_unstable_by(f64::total_cmp);
            PercentileInterval {
                value: percentile_of_sorted(&sorted, *share),
                interval: Interval {
                    low: percentile_of_sorted(&drawn, tail),
                    high: percentile_of_sorted(&drawn, 1.0 - tail),
                },
            }
        })
        .collect();
    Some((Method::BlockBootstrap, found))
}

/// The values in order, and the rank of each.
fn ranked(values: &[f64]) -> (Vec<f64>, Vec<u32>) {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|a, b| values[*a as usize].total_cmp(&values[*b as usize]));
    let sorted: Vec<f64> = order.iter().map(|i| values[*i as usize]).collect();
    let mut ranks = vec![0u32; values.len()];
    for (rank, i) in order.iter().enumerate() {
        ranks[*i as usize] = rank as u32;
    }
    (sorted, ranks)
}

/// How many neighbours stay together: twice the last lag before the autocorrelation is under 2/√n (the rule with which
/// Politis and White 2004 begin), at least ∛n and at most a tenth of the values.
#[must_use]
pub fn block_length(values: &[f64]) -> usize {
    let n = values.len();
    let most = (n / 10).max(1);
    let bound = 2.0 / (n as f64).sqrt();
    let dead = (1..=most.div_ceil(2)).find(|lag| autocorrelation(values, *lag).abs() < bound).unwrap_or(most);
    let least = (n as f64).cbrt().ceil() as usize;
    // One lag of no correlation says that neighbours do not depend on each other.
    (2 * (dead - 1)).max(least).min(most)
}

/// Per share: its percentile in each resample. A resample is a count of each rank, so that its percentiles take one
/// walk.
fn resampled(ranks: &[u32], sorted: &[f64], shares: &[f64], block: usize, rng: &mut ItemRng) -> Vec<Vec<f64>> {
    let n = ranks.len();
    let mut drawn = vec![Vec::with_capacity(RESAMPLES); shares.len()];
    let mut resample = vec![0u32; n];
    let mut counts = vec![0u32; n];
    for _ in 0..RESAMPLES {
        counts.fill(0);
        let mut taken = 0;
        while taken < n {
            let start = rng.below(n);
            for i in start..start + block.min(n - taken) {
                counts[ranks[i % n] as usize] += 1;
            }
            taken += block.min(n - taken);
        }
        let mut at = 0;
        for (rank, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                resample[at] = rank as u32;
                at += 1;
            }
        }
        for (share, drawn) in shares.iter().zip(&mut drawn) {
            drawn.push(interpolated(n, *share, |i| sorted[resample[i] as usize]));
        }
    }
    drawn
}

fn batched(values: &[f64], share: f64, level: f64) -> Option<PercentileInterval> {
    let half = t_quantile(BATCHES - 1, level)? * Sample::of(&of_batches(values, share))?.se();
    let value = percentile(values, share);
    Some(PercentileInterval { value, interval: Interval::around(value, half) })
}

/// The same percentile of each batch of neighbours.
fn of_batches(values: &[f64], share: f64) -> Vec<f64> {
    (0..BATCHES)
        .map(|i| {
            let (from, to) = (i * values.len() / BATCHES, (i + 1) * values.len() / BATCHES);
            let mut batch = values[from..to].to_vec();
            batch.sort_unstable_by(f64::total_cmp);
            percentile_of_sorted(&batch, share)
        })
        .collect()
}

const LEAST: usize = 100;
const RESAMPLES: usize = 1_000;
const MOST_RESAMPLED: usize = 20_000;
const BATCHES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn rng(k: u64) -> ItemRng {
        ItemRng::new(9, Stream::Bootstrap, k)
    }

    fn uniform(k: u64, n: usize) -> Vec<f64> {
        let mut rng = ItemRng::new(3, Stream::Bootstrap, k);
        (0..n).map(|_| rng.below(1_000_000) as f64 / 1e6).collect()
    }

    /// The median of 400 uniform values: its standard error is 1 / (2 · √400) = 0.025, so that its interval is 0.098
    /// long.
    #[test]
    fn the_interval_of_a_median_is_as_long_as_theory_says() {
        let length: f64 = (0..20)
            .map(|k| {
                let (method, found) = percentile_intervals(&uniform(k, 400), &[0.5], 0.95, &mut rng(k)).unwrap();
                assert_eq!(method, Method::BlockBootstrap);
                2.0 * found[0].interval.half()
            })
            .sum::<f64>()
            / 20.0;
        assert!((length - 0.098).abs() < 0.02, "{length}");
    }

    #[test]
    fn the_interval_holds_the_true_percentile_about_as_often_as_it_says() {
        let held = (0..200)
            .filter(|k| {
                let (_, found) = percentile_intervals(&uniform(*k, 200), &[0.9], 0.95, &mut rng(*k)).unwrap();
                (found[0].interval.low..=found[0].interval.high).contains(&0.9)
            })
            .count();
        assert!(held >= 176, "{held} of 200");
    }

    #[test]
    fn one_seed_gives_one_interval_and_the_value_is_exact() {
        let values = uniform(1, 300);
        let of = |k| percentile_intervals(&values, &[0.5, 0.99], 0.95, &mut rng(k)).unwrap();
        assert_eq!(of(4), of(4));
        assert_ne!(of(4), of(5));
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(of(4).1[1].value, percentile_of_sorted(&sorted, 0.99));
    }

    #[test]
    fn values_that_stay_for_long_make_long_blocks_and_long_intervals() {
        let steps: Vec<f64> = (0..1_000).map(|i| uniform(7, 50)[i / 20] + i as f64 * 1e-9).collect();
        assert!(block_length(&steps) >= 20, "{}", block_length(&steps));
        assert_eq!(block_length(&uniform(2, 1_000)), 10);
        let half =
            |values: &[f64]| percentile_intervals(values, &[0.5], 0.95, &mut rng(0)).unwrap().1[0].interval.half();
        assert!(half(&steps) > 2.0 * half(&uniform(2, 1_000)));
    }

    #[test]
    fn very_many_values_are_batched() {
        let (method, found) = percentile_intervals(&uniform(0, 40_000), &[0.5], 0.95, &mut rng(0)).unwrap();
        assert_eq!(method, Method::BatchPercentiles);
        // 1 / (2 · √40000) · 2.04
        assert!((found[0].interval.half() - 0.0051).abs() < 0.0025, "{found:?}");
        assert!((found[0].value - 0.5).abs() < 0.02);
    }

    #[test]
    fn under_a_hundred_values_there_is_none() {
        assert_eq!(percentile_intervals(&uniform(0, 99), &[0.5], 0.95, &mut rng(0)), None);
    }
}
