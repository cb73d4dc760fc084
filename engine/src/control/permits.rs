//! Permits that the cores of a run share: a number of free ones.

use crate::clock::Nanos;
use crate::sync::atomic::{AtomicI64, Ordering};
use std::collections::VecDeque;

/// Hands out the permits that have opened by `now`.
pub(crate) fn open(openings: &mut VecDeque<Nanos>, permits: &AtomicI64, now: Nanos) {
    while openings.front().is_some_and(|at| *at <= now) {
        openings.pop_front();
        give(permits, 1);
    }
}

pub(crate) fn give(permits: &AtomicI64, n: i64) {
    if n > 0 {
        permits.fetch_add(n, Ordering::AcqRel);
    }
}

/// Whether there was one to take.
pub(crate) fn take(permits: &AtomicI64) -> bool {
    permits.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n > 0).then(|| n - 1)).is_ok()
}
