//! The clock: `CLOCK_MONOTONIC` in nanoseconds, the one that a client on the same machine reads too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` now, in nanoseconds: the clock of `sent_ns` and of the arrivals.
#[must_use]
pub fn now_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// `CLOCK_REALTIME` now, in nanoseconds since the Unix epoch.
pub(crate) fn wall_ns() -> u64 {
    read(ClockId::Realtime)
}

/// Whole seconds since the Unix epoch, for `created`.
pub(crate) fn unix_seconds() -> u64 {
    read(ClockId::RealtimeCoarse) / SECOND
}

/// A length in nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

pub(crate) const SECOND: u64 = 1_000_000_000;
