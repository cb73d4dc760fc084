//! Equal gaps without drift.

use crate::clock::{Nanos, SECOND};

/// The period 1/rate as a fixed-point number: whole nanoseconds and 64 fractional bits, both exact for the given `f64`.
///
/// Instant k is k × period rounded to the nearest nanosecond; its error is under k·2⁻⁶⁴ ns, far under one nanosecond
/// for any run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    whole: Nanos,
    fraction: u64,
}

impl Period {
    /// The period of a rate in arrivals per second.
    ///
    /// `rate` is positive and finite; a period beyond 2⁶⁴ ns is cut to it.
    pub(super) fn of_rate(rate: f64) -> Self {
        let second = SECOND as f64;
        // A floating-point remainder is exact, and so is the difference of two numbers within a factor of two of each
        // other (Sterbenz): the loop is a long division without rounding.
        let mut rest = second % rate;
        let whole = ((second - rest) / rate).round() as u64;
        let mut fraction = 0;
        for _ in 0..64 {
            rest *= 2.0;
            fraction <<= 1;
            if rest >= rate {
                rest -= rate;
                fraction |= 1;
            }
        }
        Self { whole, fraction }
    }

    /// The instant of arrival `k`, from the start of the phase.
    #[inline]
    pub(super) fn times(self, k: u64) -> Nanos {
        let fractional = (u128::from(k) * u128::from(self.fraction) + HALF) >> 64;
        self.whole.saturating_mul(k).saturating_add(fractional as u64)
    }
}

/// One half, in units of 2⁻⁶⁴.
const HALF: u128 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_rates_fall_on_round_instants() {
        for (rate, k, expected) in [
            (1.0, 5, 5 * SECOND),
            (1_000.0, 1_000_000_000, 1_000_000 * SECOND),
            (3.0, 3, SECOND),
            (3.0, 300_000_000, 100_000_000 * SECOND),
            (7.0, 70_000_000_000, 10_000_000_000 * SECOND),
            (0.25, 2, 8 * SECOND),
            (1e6, 7, 7_000),
            (2e9, 100, 50),
        ] {
            assert_eq!(Period::of_rate(rate).times(k), expected, "rate {rate}, k {k}");
        }
    }

    #[test]
    fn thirds_are_rounded_to_the_nearest_nanosecond() {
        let third = Period::of_rate(3.0);
        assert_eq!([third.times(1), third.times(2)], [333_333_333, 666_666_667]);
    }

    #[test]
    fn a_very_slow_rate_saturates() {
        assert_eq!(Period::of_rate(1e-300).times(1), Nanos::MAX);
        assert_eq!(Period::of_rate(1e-300).times(0), 0);
        assert_eq!(Period::of_rate(1e-6).times(u64::MAX), Nanos::MAX);
    }
}
