//! Lengths of time, counted in buckets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::SECOND;

/// A histogram of lengths of time with fixed bounds.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    pub(crate) buckets: [AtomicU64; BOUNDS_NS.len() + 1],
    pub(crate) sum_ns: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, length_ns: u64) {
        let bucket = BOUNDS_NS.partition_point(|&bound| bound < length_ns);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(length_ns, Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.sum_ns.store(0, Relaxed);
        for bucket in &self.buckets {
            bucket.store(0, Relaxed);
        }
    }
}

const MILLI: u64 = 1_000_000;
pub(crate) const BOUNDS_NS: [u64; 14] = [
    MILLI,
    2 * MILLI,
    5 * MILLI,
    10 * MILLI,
    20 * MILLI,
    50 * MILLI,
    100 * MILLI,
    200 * MILLI,
    500 * MILLI,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    60 * SECOND,
];
