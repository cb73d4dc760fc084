//! The only place, beside the drivers, that reads a clock.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds on `CLOCK_MONOTONIC` (an instant) or between two such instants (a length).
pub type Nanos = u64;

/// One microsecond.
pub const MICRO: Nanos = 1_000;
/// One millisecond.
pub const MILLI: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// The earlier of two instants, of those that are known.
#[inline]
pub fn earlier(a: Option<Nanos>, b: Option<Nanos>) -> Option<Nanos> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// An instant on another clock that stands so many nanoseconds ahead (above 0) or behind.
#[must_use]
pub fn shifted(at: Nanos, by: i64) -> Nanos {
    at.saturating_add_signed(by)
}

/// `CLOCK_MONOTONIC` now, in nanoseconds.
#[must_use]
#[inline]
pub fn monotonic() -> Nanos {
    read(ClockId::Monotonic)
}

/// `CLOCK_REALTIME` now, in nanoseconds since the Unix epoch. Read to print dates and to convert kernel stamps, never
/// to subtract.
#[must_use]
#[inline]
pub fn realtime() -> Nanos {
    read(ClockId::Realtime)
}

#[inline]
fn read(clock: ClockId) -> Nanos {
    let ts = clock_gettime(clock);
    ts.tv_sec as Nanos * SECOND + ts.tv_nsec as Nanos
}

/// Converts `CLOCK_REALTIME` stamps of the kernel to `CLOCK_MONOTONIC`.
///
/// The offset is sampled between two monotonic reads; of several samples the one with the smallest gap wins.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct RealtimeOffset {
    offset: i128,
    sampled_at: Nanos,
    gap: Nanos,
}

impl RealtimeOffset {
    /// Samples the offset now: the best of five tries.
    #[must_use]
    pub fn sample() -> Self {
        (0..5).map(|_| Self::once()).min_by_key(|s| s.gap).unwrap_or_else(Self::once)
    }

    fn once() -> Self {
        let before = monotonic();
        let wall = realtime();
        let after = monotonic();
        let middle = before + (after - before) / 2;
        Self { offset: i128::from(wall) - i128::from(middle), sampled_at: after, gap: after - before }
    }

    /// An offset that was sampled at `at`, when the wall clock stood at `wall`.
    #[cfg(test)]
    pub fn at(at: Nanos, wall: Nanos) -> Self {
        Self { offset: i128::from(wall) - i128::from(at), sampled_at: at, gap: 0 }
    }

    /// When the offset was sampled.
    #[must_use]
    pub fn sampled_at(&self) -> Nanos {
        self.sampled_at
    }

    /// How far apart the two monotonic reads around the sample were: the bound of its error.
    #[must_use]
    pub fn gap(&self) -> Nanos {
        self.gap
    }

    /// A wall-clock instant on the monotonic clock; 0 when it lies before the boot.
    #[must_use]
    pub fn to_monotonic(&self, wall: Nanos) -> Nanos {
        Nanos::try_from(i128::from(wall) - self.offset).unwrap_or(0)
    }

    /// A monotonic instant on the wall clock, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn to_realtime(&self, at: Nanos) -> Nanos {
        Nanos::try_from(i128::from(at) + self.offset).unwrap_or(0)
    }
}
