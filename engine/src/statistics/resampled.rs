//! Standard errors of percentiles of values that depend on their neighbours.

use super::{Sample, block_length, percentile_of_sorted};
use crate::random::ItemRng;

/// Standard errors of percentiles (`shares` from 0 to 1) of values in the order in which they were observed, which
/// `sorted` has by size: the standard deviation over 1 000 resamples of blocks of neighbours, whose lengths are drawn
/// from a geometric distribution, the stationary bootstrap (Politis and Romano 1994). `None` under 100 values, and
/// where one is not finite.
///
/// Of a resample only the share of values at or below the percentile is counted, and its percentile taken for the value
/// at the share that it is short of (Woodruff 1952; Bahadur 1966 has the order of what that neglects). So a resample of
/// a million values costs one subtraction a block.
///
/// Blocks have a mean length of [`block_length`]; of over 20 000 values, of that of the means of as many groups of
/// neighbours.
#[must_use]
pub fn percentile_errors(values: &[f64], sorted: &[f64], shares: &[f64], rng: &mut ItemRng) -> Option<Vec<f64>> {
    let count = values.len();
    if count < LEAST || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let below: Vec<Vec<u32>> = shares.iter().map(|share| counted(values, bound(sorted, *share))).collect();
    let blocks = Blocks::of(values);
    let mut drawn = vec![Vec::with_capacity(RESAMPLES); shares.len()];
    for _ in 0..RESAMPLES {
        let mut found = vec![0i64; shares.len()];
        let mut left = count;
        while left > 0 {
            let (start, length) = (rng.below(count), blocks.length(rng).min(left));
            for (found, below) in found.iter_mut().zip(&below) {
                *found += i64::from(in_block(below, start, length));
            }
            left -= length;
        }
        for (((share, below), found), drawn) in shares.iter().zip(&below).zip(found).zip(&mut drawn) {
            let more = (found - i64::from(below[count])) as f64 / count as f64;
            drawn.push(percentile_of_sorted(sorted, share - more));
        }
    }
    drawn.iter().map(|drawn| Some(Sample::of(drawn)?.sd)).collect()
}

/// The value that is counted up to: the lower of the two that a percentile lies between.
fn bound(sorted: &[f64], share: f64) -> f64 {
    sorted[(share * (sorted.len() - 1) as f64) as usize]
}

/// How many of the first values are at or below a bound: of none, of one, … of all.
fn counted(values: &[f64], bound: f64) -> Vec<u32> {
    let mut below = Vec::with_capacity(values.len() + 1);
    let mut sum = 0u32;
    below.push(sum);
    below.extend(values.iter().map(|value| {
        sum += u32::from(*value <= bound);
        sum
    }));
    below
}

/// How many of a block are at or below the bound; behind the last value comes the first.
fn in_block(below: &[u32], start: usize, length: usize) -> u32 {
    let count = below.len() - 1;
    let end = start + length;
    match end.checked_sub(count) {
        None => below[end] - below[start],
        Some(over) => below[count] - below[start] + below[over],
    }
}

/// How many neighbours stay together.
struct Blocks {
    /// Logarithm of the chance that a block goes on after a value; none where a block is one value.
    goes_on_ln: Option<f64>,
}

impl Blocks {
    fn of(values: &[f64]) -> Self {
        let mean = mean_length(values);
        let goes_on_ln = (mean > 1).then(|| (-1.0 / mean as f64).ln_1p());
        Self { goes_on_ln }
    }

    /// The length of one, from a geometric distribution: at least 1.
    fn length(&self, rng: &mut ItemRng) -> usize {
        let Some(goes_on_ln) = self.goes_on_ln else { return 1 };
        let uniform = (rng.below(1 << 32) as f64 + 0.5) / (1u64 << 32) as f64;
        1 + (uniform.ln() / goes_on_ln) as usize
    }
}

fn mean_length(values: &[f64]) -> usize {
    let group = values.len().div_ceil(MOST_GROUPS);
    let length = match group {
        1 => block_length(values),
        _ => {
            let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
            group * block_length(&values.chunks(group).map(mean).collect::<Vec<_>>())
        }
    };
    length.min((values.len() / 10).max(1))
}

const LEAST: usize = 100;
const RESAMPLES: usize = 1_000;
/// The correlation of so many values is found in some tens of milliseconds, however far it reaches.
const MOST_GROUPS: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// `n` uniform values, each `repeated` so many times in a row.
    fn uniform(k: u64, n: usize, repeated: usize) -> Vec<f64> {
        let mut rng = ItemRng::new(3, Stream::Bootstrap, k);
        let one = |_| rng.below(1_000_000) as f64 / 1e6;
        let values: Vec<f64> = (0..n.div_ceil(repeated)).map(one).collect();
        (0..n).map(|i| values[i / repeated]).collect()
    }

    fn errors(values: &[f64], seed: u64) -> Option<Vec<f64>> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        percentile_errors(values, &sorted, &[0.5, 0.95], &mut ItemRng::new(9, Stream::Bootstrap, seed))
    }

    #[test]
    fn lengths_of_blocks_are_geometric_about_their_mean() {
        let blocks = Blocks { goes_on_ln: Some((-1.0f64 / 20.0).ln_1p()) };
        let mut rng = ItemRng::new(9, Stream::Bootstrap, 0);
        let lengths: Vec<usize> = (0..20_000).map(|_| blocks.length(&mut rng)).collect();
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        assert!((mean - 20.0).abs() < 0.6, "{mean}");
        // Half of them are over 13: 0.95 to the 13th is 0.51, to the 14th 0.49.
        let over = lengths.iter().filter(|length| **length > 13).count() as f64 / lengths.len() as f64;
        assert!((over - 0.95f64.powi(13)).abs() < 0.015, "{over}");
        assert!(lengths.contains(&1));
        assert_eq!(Blocks { goes_on_ln: None }.length(&mut rng), 1);
    }

    /// The standard error of a percentile of `n` uniform values is √(p (1 − p) / n).
    #[test]
    fn errors_of_independent_values_are_those_of_theory() {
        for (n, tries) in [(400, 40), (50_000, 4)] {
            let mut mean = [0.0; 2];
            for k in 0..tries {
                let found = errors(&uniform(k, n, 1), k).unwrap();
                mean.iter_mut().zip(found).for_each(|(mean, error)| *mean += error / tries as f64);
            }
            for (mean, share) in mean.into_iter().zip([0.5, 0.95f64]) {
                let theory = (share * (1.0 - share) / n as f64).sqrt();
                assert!((mean / theory - 1.0).abs() < 0.2, "{n} {share}: {mean}, {theory}");
            }
        }
    }

    /// Of values that come five times each there are a fifth as many.
    #[test]
    fn errors_of_values_that_stay_are_larger_by_what_they_stay() {
        for (n, tries) in [(2_000, 8), (60_000, 2)] {
            let mean = (0..tries).map(|k| errors(&uniform(k, n, 5), k).unwrap()[0]).sum::<f64>() / tries as f64;
            let theory = (0.25 * 5.0 / n as f64).sqrt();
            assert!((0.75..1.35).contains(&(mean / theory)), "{n}: {mean}, {theory}");
        }
    }

    #[test]
    fn a_seed_gives_one_error_and_few_values_none() {
        let values = uniform(1, 300, 1);
        assert_eq!(errors(&values, 4), errors(&values, 4));
        assert_ne!(errors(&values, 4), errors(&values, 5));
        assert_eq!(errors(&values[..99], 4), None);
        assert_eq!(errors(&[1.0; 200], 4), Some(vec![0.0, 0.0]));
        assert_eq!(errors(&[f64::NAN; 200], 4), None);
    }
}
