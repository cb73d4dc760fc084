//! Counts of values, filled for every token: the buckets of HdrHistogram at 3 significant digits, and nothing beside
//! them.
//!
//! Least and greatest value, sum and quantiles are read from the [`Histogram`] that it becomes. That one knows values
//! by their buckets alone, so that it is, bucket for bucket, the histogram that would have been recorded into.

use crate::clock::{Nanos, SECOND};
use hdrhistogram::Histogram;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Counts of values from 0 ns to an hour; greater ones count as an hour.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    counts: Box<[u64]>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice() }
    }

    #[inline]
    pub(super) fn record(&mut self, value: Nanos) {
        match self.counts.get_mut(bucket(value)) {
            Some(count) => *count += 1,
            None => self.counts[bucket(HIGHEST)] += 1,
        }
    }

    /// Adds another's counts.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    pub(super) fn histogram(&self) -> Histogram<u64> {
        histogram(self.counts.iter().copied().enumerate())
    }
}

/// The buckets that are not empty, each with its count.
impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let counted = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        s.collect_seq(counted)
    }
}

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut tally = Self::new();
        for (bucket, n) in Vec::<(usize, u64)>::deserialize(d)? {
            let count = tally.counts.get_mut(bucket);
            *count.ok_or_else(|| D::Error::custom("no such bucket"))? = n;
        }
        Ok(tally)
    }
}

/// The same counts, of which only those that are not 0 take memory: for many tallies of few values.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseTally {
    counts: BTreeMap<usize, u64>,
}

impl SparseTally {
    pub(super) fn record(&mut self, value: Nanos) {
        self.record_n(value, 1);
    }

    /// Counts a value `times` times.
    pub(super) fn record_n(&mut self, value: Nanos, times: u64) {
        let place = Some(bucket(value)).filter(|place| *place < BUCKETS);
        let place = place.unwrap_or_else(|| bucket(HIGHEST));
        *self.counts.entry(place).or_default() += times;
    }

    /// Adds another's counts.
    pub(super) fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
    }

    /// The middle of each bucket that is not empty, the least first, with its count.
    pub(super) fn values(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.counts.iter().map(|(bucket, count)| {
            let (first, next) = (least(*bucket), least(bucket + 1));
            (first as f64 + (next - first - 1) as f64 / 2.0, *count)
        })
    }

    pub(super) fn histogram(&self) -> Histogram<u64> {
        histogram(self.counts.iter().map(|(bucket, count)| (*bucket, *count)))
    }
}

/// The buckets that are not empty, each with its count.
impl Serialize for SparseTally {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(&self.counts)
    }
}

impl<'de> Deserialize<'de> for SparseTally {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let counts: BTreeMap<usize, u64> = Vec::<(usize, u64)>::deserialize(d)?.into_iter().collect();
        match counts.last_key_value() {
            Some((bucket, _)) if *bucket >= BUCKETS => Err(D::Error::custom("no such bucket")),
            _ => Ok(Self { counts }),
        }
    }
}

#[allow(clippy::expect_used)]
fn histogram(counts: impl Iterator<Item = (usize, u64)>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, SIGNIFICANT_DIGITS).expect("bounds are constants");
    for (bucket, count) in counts.filter(|(_, count)| *count > 0) {
        histogram.saturating_record_n(least(bucket), count);
    }
    histogram
}

/// The bucket of a value: one to each value below 2048, then 1024 to each power of two. (HdrHistogram's
/// `countsArrayIndex`.)
#[inline]
fn bucket(value: Nanos) -> usize {
    let shift = (value | (FIRST - 1)).ilog2() + 1 - FIRST.ilog2();
    ((u64::from(shift) << HALF.ilog2()) + (value >> shift)) as usize
}

/// The least value of a bucket.
fn least(bucket: usize) -> Nanos {
    let bucket = bucket as u64;
    match bucket >> HALF.ilog2() {
        0 | 1 => bucket,
        row => (HALF + bucket % HALF) << (row - 1),
    }
}

const LOWEST: Nanos = 1;
pub(super) const HIGHEST: Nanos = 3_600 * SECOND;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Values below it have buckets of their own: the least power of two that is 2 * 10^3 or more.
const FIRST: u64 = 2048;
const HALF: u64 = FIRST / 2;
/// As many as HdrHistogram has for these bounds: up to the first power of two above an hour.
const BUCKETS: usize = (HALF * (HIGHEST.ilog2() as u64 + 1 - FIRST.ilog2() as u64 + 2)) as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn empty() -> Histogram<u64> {
        Histogram::new_with_bounds(LOWEST, HIGHEST, SIGNIFICANT_DIGITS).unwrap()
    }

    #[test]
    fn it_has_the_buckets_of_the_histogram_that_it_becomes() {
        assert_eq!(empty().distinct_values(), BUCKETS);
        for i in 0..BUCKETS {
            assert_eq!(bucket(least(i)), i);
        }
    }

    #[track_caller]
    fn becomes_what_hdrhistogram_records(values: &[u64]) {
        let (mut tally, mut expected) = (Tally::new(), empty());
        for value in values {
            tally.record(*value);
            expected.saturating_record(*value);
        }
        let got = tally.histogram();
        assert_eq!(got, expected);
        let mut sparse = SparseTally::default();
        values.iter().for_each(|value| sparse.record(*value));
        assert_eq!(sparse.histogram(), expected);
        assert_eq!((got.min(), got.max()), (expected.min(), expected.max()));
        assert_eq!((got.mean(), got.stdev()), (expected.mean(), expected.stdev()));
        for quantile in [0.0, 0.1, 0.5, 0.99, 1.0] {
            assert_eq!(got.value_at_quantile(quantile), expected.value_at_quantile(quantile));
        }
    }

    #[test]
    fn bounds_and_powers_of_two_fall_where_hdrhistogram_puts_them() {
        for shift in 0..64 {
            let power = 1_u64 << shift;
            for value in [power - 1, power, power + 1] {
                becomes_what_hdrhistogram_records(&[value]);
            }
        }
        for value in [0, HIGHEST - 1, HIGHEST, HIGHEST + 1, u64::MAX] {
            becomes_what_hdrhistogram_records(&[value, 5]);
        }
        becomes_what_hdrhistogram_records(&[]);
    }

    proptest! {
        #[test]
        fn any_values_become_what_hdrhistogram_records(bits in prop::collection::vec((0..44_u32, any::<u64>()), 1..200)) {
            let values: Vec<u64> = bits.into_iter().map(|(bits, any)| any & ((1 << bits) - 1)).collect();
            becomes_what_hdrhistogram_records(&values);
        }
    }
}
