//! Values of one metric: their number, sum, spread and extremes as they are, and their histogram.

use super::stats::{Stats, TAILS};
use super::tally::SparseTally;
use crate::statistics::lerp;
use serde::{Deserialize, Serialize};

/// Values of one metric, in its display unit. Percentiles are those of a histogram of 3 significant digits, of whose
/// buckets the middle stands for each value; the rest is exact to the rounding of doubles.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct ValueSums {
    count: u64,
    sum: f64,
    /// The squares of the distances from the mean, summed up.
    squares: f64,
    least: f64,
    most: f64,
    /// Of the values from 0 on, in parts of [`Self::parts`].
    above: SparseTally,
    /// Of those below, without their sign.
    below: SparseTally,
}

impl ValueSums {
    /// Adds a value `times` times. `parts` is how many parts of the unit the histogram tells apart near 0, the same at
    /// each call.
    pub(super) fn put(&mut self, value: f64, times: u64, parts: f64) {
        let of_one = Self { count: times, sum: value * times as f64, least: value, most: value, ..Self::default() };
        self.merge(&of_one);
        let part = (value.abs() * parts).round() as u64;
        if value < 0.0 { self.below.record_n(part, times) } else { self.above.record_n(part, times) }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.merge(other);
        self.above.add(&other.above);
        self.below.add(&other.below);
    }

    /// All but the histograms.
    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            (self.least, self.most) = (other.least, other.most);
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let apart = if self.count == 0 { 0.0 } else { other.sum / theirs - self.sum / mine };
        self.squares += other.squares + apart * apart * mine * theirs / (mine + theirs);
        self.count += other.count;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// Statistics, p99.9 and p99.99, and the values at so many shares from 0 to 1; `None` without values.
    pub(super) fn stats(&self, parts: f64, shares: &[f64]) -> Option<(Stats, [f64; 2], Vec<f64>)> {
        if self.count == 0 {
            return None;
        }
        let below = self.below.values().map(|(middle, count)| (-middle / parts, count)).collect::<Vec<_>>();
        let above = self.above.values().map(|(middle, count)| (middle / parts, count));
        let sorted: Vec<(f64, u64)> = below.into_iter().rev().chain(above).collect();
        if sorted.is_empty() {
            return None;
        }
        let mut ends = Vec::with_capacity(sorted.len());
        let mut end = 0;
        for (_, count) in &sorted {
            end += count;
            ends.push(end);
        }
        let value = |rank: u64| sorted[ends.partition_point(|end| *end <= rank).min(sorted.len() - 1)].0;
        let last = self.count - 1;
        let at = |share: f64| {
            if share <= 0.0 || share >= 1.0 {
                return if share <= 0.0 { self.least } else { self.most };
            }
            let rank = share * last as f64;
            let low = rank.floor();
            let (a, b) = (value(low as u64), value(last.min(low as u64 + 1)));
            lerp(a, b, rank - low).clamp(self.least, self.most)
        };
        let stats = Stats {
            count: self.count,
            sum: self.sum,
            min: self.least,
            max: self.most,
            std: (self.squares / self.count as f64).sqrt(),
            p1: at(0.01),
            p5: at(0.05),
            p10: at(0.1),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
        };
        Some((stats, TAILS.map(at), shares.iter().map(|share| at(*share)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of either sign, in four parts that are added up.
    #[test]
    fn sums_of_parts_are_those_of_all_and_percentiles_are_within_three_digits() {
        let mut values: Vec<f64> = (0..4_000).map(|i| f64::from(i * i % 7_919) * 0.37 - 400.0).collect();
        let mut parts = vec![ValueSums::default(); 4];
        for (i, value) in values.iter().enumerate() {
            parts[i % 4].put(*value, 1, 1e6);
        }
        let mut all = ValueSums::default();
        parts.iter().for_each(|part| all.add(part));
        let all: ValueSums = serde_json::from_slice(&serde_json::to_vec(&all).unwrap()).unwrap();
        let exact = Stats::of(&mut values).unwrap();
        let (found, _, curve) = all.stats(1e6, &[0.0, 0.5, 1.0]).unwrap();
        assert_eq!((found.count, found.min, found.max), (exact.count, exact.min, exact.max));
        for (a, b) in [(found.sum, exact.sum), (found.std, exact.std)] {
            assert!((a - b).abs() <= b.abs() * 1e-12, "{a} {b}");
        }
        for (a, b) in [
            (found.p1, exact.p1),
            (found.p10, exact.p10),
            (found.p25, exact.p25),
            (found.p50, exact.p50),
            (found.p90, exact.p90),
            (found.p99, exact.p99),
        ] {
            assert!((a - b).abs() <= b.abs() / 1_000.0 + 1e-6, "{a} {b}");
        }
        assert_eq!(curve, [exact.min, found.p50, exact.max]);
        assert!(ValueSums::default().stats(1.0, &[]).is_none());
    }

    #[test]
    fn whole_numbers_have_buckets_of_their_own() {
        let mut lengths = ValueSums::default();
        for n in 1..=100_u32 {
            lengths.put(f64::from(n), 3, 1.0);
        }
        let (stats, [_, tail], _) = lengths.stats(1.0, &[]).unwrap();
        assert_eq!((stats.count, stats.p50, tail), (300, 50.5, 100.0));
        assert!((stats.p99 - 99.01).abs() < 1e-9, "{stats:?}");
    }
}
