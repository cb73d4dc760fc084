//! Values by their rank, without a copy of them.

use super::interpolated;

/// A percentile of values in any order: that of [`super::percentile_of_sorted`] over the sorted values, without a copy
/// of them. `share` is from 0 to 1.
///
/// # Panics
///
/// Without values.
#[must_use]
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    interpolated(values.len(), share, |rank| nth(values, rank))
}

/// The value at a rank, from 0, in the order of [`f64::total_cmp`].
///
/// Counts values by the leading 16 bits of their place in that order, then those in the bucket of the rank by the next
/// 16, until those left fit into [`FEW`] (most significant digit first, as a radix sort). Memory: 512 KiB and as much
/// as those take; each pass reads all values once.
///
/// # Panics
///
/// Without a value of that rank.
pub(crate) fn nth(values: &[f64], mut rank: usize) -> f64 {
    assert!(rank < values.len(), "rank {rank} of {} values", values.len());
    let mut known = 0;
    let mut prefix = 0;
    let mut left = values.len();
    while left > FEW && known < u64::BITS {
        let shift = u64::BITS - known - DIGIT;
        let mut counts = vec![0usize; BUCKETS];
        for place in values.iter().map(|value| place_of(*value)).filter(|place| starts_with(*place, prefix, known)) {
            counts[(place >> shift) as usize % BUCKETS] += 1;
        }
        let mut bucket = 0;
        while counts[bucket] <= rank {
            rank -= counts[bucket];
            bucket += 1;
        }
        (prefix, known, left) = (prefix << DIGIT | bucket as u64, known + DIGIT, counts[bucket]);
    }
    if known == u64::BITS {
        return value_of(prefix);
    }
    let among = |value: &&f64| starts_with(place_of(**value), prefix, known);
    let mut few: Vec<f64> = values.iter().filter(among).copied().collect();
    *few.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// Whether the leading `known` bits of a place are these.
fn starts_with(place: u64, prefix: u64, known: u32) -> bool {
    known == 0 || place >> (u64::BITS - known) == prefix
}

/// The bits of a value, such that they are in the order of [`f64::total_cmp`].
fn place_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | SIGN } else { !bits }
}

fn value_of(place: u64) -> f64 {
    f64::from_bits(if place & SIGN == 0 { !place } else { place & !SIGN })
}

const SIGN: u64 = 1 << 63;
/// Bits that one pass tells apart.
const DIGIT: u32 = 16;
const BUCKETS: usize = 1 << DIGIT;
/// So many values are copied.
const FEW: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::super::percentile_of_sorted;
    use super::*;
    use proptest::prelude::*;

    /// Each rank asked for, against a sort.
    fn check(values: &[f64], ranks: impl Iterator<Item = usize>) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        for rank in ranks {
            assert_eq!(nth(values, rank).to_bits(), sorted[rank].to_bits(), "rank {rank} of {}", values.len());
        }
        for share in [0.0, 0.01, 0.5, 0.99, 0.999, 1.0] {
            assert_eq!(percentile(values, share).to_bits(), percentile_of_sorted(&sorted, share).to_bits(), "{share}");
        }
    }

    proptest! {
        #[test]
        fn few_values(values in prop::collection::vec(any::<f64>(), 1..100)) {
            // Sums of infinities in an interpolation are not compared.
            let finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
            check(&finite, 0..finite.len());
        }
    }

    #[test]
    fn many_values() {
        let n = 3 * FEW;
        let mixed = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let ranks = || [0, 1, n / 3, n / 2, n - 2, n - 1].into_iter();
        // Spread over all powers and both signs; of one power; equal; equal but for the last bits; negative zeros.
        let spread: Vec<f64> =
            (0..n).map(|i| f64::from_bits(mixed(i))).map(|v| if v.is_finite() { v } else { 1.0 }).collect();
        check(&spread, ranks());
        let close: Vec<f64> = (0..n).map(|i| 1.0 + (mixed(i) >> 12) as f64 / (1u64 << 52) as f64).collect();
        check(&close, ranks());
        check(&vec![0.25; n], ranks());
        let last_bits: Vec<f64> = (0..n).map(|i| f64::from_bits(1.5f64.to_bits() | mixed(i) >> 46)).collect();
        check(&last_bits, ranks());
        let zeros: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }).collect();
        check(&zeros, ranks());
    }
}
