//! Lengths of time, counted in bins that widen with them.

use crate::clock::Nanos;

/// How many lengths lie in each bin. Below 1.024 µs all share the first bin; above it each doubling has 16, so that a
/// bin is at most a sixteenth of its lower edge wide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bins {
    /// Up to the last bin that is not empty.
    counts: Vec<u32>,
    total: u64,
}

impl Bins {
    /// Counts a length.
    pub fn add(&mut self, length: Nanos) {
        let bin = bin(length);
        if self.counts.len() <= bin {
            self.counts.resize(bin + 1, 0);
        }
        self.counts[bin] = self.counts[bin].saturating_add(1);
        self.total += 1;
    }

    /// Counts those of another too.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (own, others) in self.counts.iter_mut().zip(&other.counts) {
            *own = own.saturating_add(*others);
        }
        self.total += other.total;
    }

    /// How many lengths were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The bins that are told apart, by their places: all but the first, which has what came together.
    #[must_use]
    pub fn apart(&self) -> impl DoubleEndedIterator<Item = (usize, u32)> {
        self.counts.iter().copied().enumerate().skip(1).filter(|(_, count)| *count > 0)
    }

    /// The count of each bin; bin `i` goes from [`Self::edge`] of `i` to that of `i + 1`.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The lower edge of a bin.
    #[must_use]
    pub fn edge(bin: usize) -> Nanos {
        let Some(bin) = bin.checked_sub(1) else { return 0 };
        let (doubling, part) = (bin / PARTS, bin % PARTS);
        let edge = ((PARTS + part) as u128) << ((LEAST_BITS - PARTS_BITS) as usize + doubling).min(u64::BITS as usize);
        Nanos::try_from(edge).unwrap_or(Nanos::MAX)
    }

    /// The length below which a share of them lies, by a line within its bin; `None` without any.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = share.clamp(0.0, 1.0) * self.total as f64;
        let mut below = 0.0;
        for (bin, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let here = f64::from(*count);
            if below + here >= wanted {
                let (low, high) = (Self::edge(bin) as f64, Self::edge(bin + 1) as f64);
                return Some(low + (high - low) * ((wanted - below) / here));
            }
            below += here;
        }
        None
    }
}

fn bin(length: Nanos) -> usize {
    if length < LEAST {
        return 0;
    }
    let bits = length.ilog2();
    let part = (length >> (bits - PARTS_BITS)) as usize - PARTS;
    1 + (bits - LEAST_BITS) as usize * PARTS + part
}

/// Shorter lengths are not told apart.
const LEAST: Nanos = 1 << LEAST_BITS;
const LEAST_BITS: u32 = 10;
/// Bins of a doubling.
const PARTS: usize = 1 << PARTS_BITS;
const PARTS_BITS: u32 = 4;
