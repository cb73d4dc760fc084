//! The instants of an open loop.

use super::constant::Period;
use super::cumulative::Inverse;
use crate::clock::{Nanos, SECOND};
use crate::plan::{Arrival, Rate};
use crate::random::{ItemRng, Stream, stream_key};
use rand_distr::{Distribution, Exp1, Gamma};

/// The arrivals of a phase: absolute offsets from its start, in order; they end only where the rate does.
///
/// At a rate that never changes, equal gaps put arrival k at k/rate, the first at 0; the other patterns begin with a
/// gap. A rate that moves rescales time: arrival k is where the cumulative rate reaches what k is at unit rate. A rate
/// or smoothness that is not a positive finite number makes every arrival [`Nanos::MAX`] (never): the plan is validated
/// before it comes here.
#[must_use]
pub fn arrivals(rate: impl Into<Rate>, pattern: Arrival, seed: u64) -> Arrivals {
    let rate = rate.into();
    let usable = |x: f64| x.is_finite() && x > 0.0;
    let gaps = match pattern {
        Arrival::Constant => Gaps::Equal,
        Arrival::Poisson => Gaps::Exponential,
        // Mean 1.
        Arrival::Gamma { smoothness } if usable(smoothness) => {
            Gamma::new(smoothness, smoothness.recip()).map_or(Gaps::Never, Gaps::Gamma)
        }
        Arrival::Gamma { .. } => Gaps::Never,
    };
    let time = match rate.constant() {
        Some(rate) if !usable(rate) => Time::Never,
        Some(rate) if matches!(gaps, Gaps::Equal) => Time::Periodic(Period::of_rate(rate)),
        Some(rate) => Time::Steady(Sum { mean_gap: SECOND as f64 / rate, at: 0, fraction: 0.0 }),
        None => Time::Moving(Inverse::of(&rate)),
    };
    Arrivals { gaps, time, key: stream_key(seed, Stream::Arrivals), k: 0 }
}

/// The arrivals of a phase; see [`arrivals`].
#[derive(Clone, Debug)]
pub struct Arrivals {
    gaps: Gaps,
    time: Time,
    key: u64,
    k: u64,
}

impl Arrivals {
    /// The arrivals that core `core` of `cores` sends, with their index k: those where k modulo `cores` is `core`.
    pub fn share(self, core: usize, cores: usize) -> impl Iterator<Item = (u64, Nanos)> + use<> {
        let (core, cores) = (core as u64, cores.max(1) as u64);
        (0..).zip(self).filter(move |(k, _)| k % cores == core)
    }
}

impl Iterator for Arrivals {
    type Item = Nanos;

    #[inline]
    fn next(&mut self) -> Option<Nanos> {
        let k = self.k;
        self.k += 1;
        let gap = match &self.gaps {
            Gaps::Never => return Some(Nanos::MAX),
            Gaps::Equal => f64::from(u8::from(k > 0)),
            Gaps::Exponential => Exp1.sample(&mut ItemRng::at(self.key, k)),
            Gaps::Gamma(gamma) => gamma.sample(&mut ItemRng::at(self.key, k)),
        };
        match &mut self.time {
            Time::Never => Some(Nanos::MAX),
            Time::Periodic(period) => Some(period.times(k)),
            Time::Steady(sum) => Some(sum.after(gap)),
            Time::Moving(inverse) => inverse.after(gap),
        }
    }
}

/// Gaps of unit rate.
#[derive(Clone, Copy, Debug)]
enum Gaps {
    Never,
    Equal,
    Exponential,
    Gamma(Gamma<f64>),
}

/// From sums of gaps to instants.
#[derive(Clone, Debug)]
enum Time {
    Never,
    /// Equal gaps at one rate: instants are multiples.
    Periodic(Period),
    /// One rate.
    Steady(Sum),
    /// A rate that moves.
    Moving(Inverse),
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    /// In nanoseconds.
    mean_gap: f64,
    at: Nanos,
    /// What the last sum left below one nanosecond, in [0, 1): sums neither drift nor lose precision as they grow.
    fraction: f64,
}

impl Sum {
    #[inline]
    fn after(&mut self, gap: f64) -> Nanos {
        let sum = gap * self.mean_gap + self.fraction;
        let whole = sum as u64;
        self.fraction = sum - whole as f64;
        self.at = self.at.saturating_add(whole);
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [Arrival; 4] =
        [Arrival::Constant, Arrival::Poisson, Arrival::Gamma { smoothness: 0.3 }, Arrival::Gamma { smoothness: 5.0 }];

    #[test]
    fn a_constant_schedule_is_k_over_rate() {
        let first: Vec<_> = arrivals(4.0, Arrival::Constant, 1).take(4).collect();
        assert_eq!(first, [0, 250_000_000, 500_000_000, 750_000_000]);
        let late = arrivals(3.0, Arrival::Constant, 1).nth(30_000_000);
        assert_eq!(late, Some(10_000_000 * SECOND));
    }

    #[test]
    fn random_patterns_begin_with_a_gap() {
        for pattern in &PATTERNS[1..] {
            assert_ne!(arrivals(10.0, *pattern, 7).next(), Some(0), "{pattern:?}");
        }
    }

    #[test]
    fn instants_never_go_back() {
        for pattern in PATTERNS {
            let all: Vec<_> = arrivals(50_000.0, pattern, 3).take(50_000).collect();
            assert!(all.is_sorted(), "{pattern:?}");
        }
    }

    #[test]
    fn the_shares_of_any_number_of_cores_add_up_to_the_same_schedule() {
        for pattern in PATTERNS {
            let all: Vec<_> = (0..).zip(arrivals(999.0, pattern, 11)).take(600).collect();
            for cores in [1, 2, 3, 7] {
                let mut merged: Vec<_> = (0..cores)
                    .flat_map(|core| arrivals(999.0, pattern, 11).share(core, cores).take_while(|(k, _)| *k < 600))
                    .collect();
                merged.sort_unstable();
                assert_eq!(merged, all, "{pattern:?} on {cores} cores");
            }
        }
    }

    #[test]
    fn seeds_make_different_schedules_and_nothing_else_does() {
        for pattern in &PATTERNS[1..] {
            let first = |seed| arrivals(100.0, *pattern, seed).take(50).collect::<Vec<_>>();
            assert_eq!(first(5), first(5), "{pattern:?}");
            assert_ne!(first(5), first(6), "{pattern:?}");
        }
    }

    #[test]
    fn a_rate_scales_the_schedule_of_a_seed() {
        let slow = arrivals(1.0, Arrival::Poisson, 9).take(100);
        let fast = arrivals(1_000.0, Arrival::Poisson, 9).take(100);
        for (slow, fast) in slow.zip(fast) {
            assert!((slow / 1_000).abs_diff(fast) <= 1);
        }
    }

    /// A sum of 10⁷ gaps by the iterator equals the same sum in integers of 2⁻³² ns to one nanosecond.
    #[test]
    fn sums_do_not_drift() {
        const N: u64 = 10_000_000;
        let mean_gap = SECOND as f64 / 777.0;
        let key = stream_key(21, Stream::Arrivals);
        let exact: u128 = (0..N)
            .map(|k| {
                let unit: f64 = Exp1.sample(&mut ItemRng::at(key, k));
                (unit * mean_gap * 4_294_967_296.0) as u128
            })
            .sum();
        let last = arrivals(777.0, Arrival::Poisson, 21).nth(N as usize - 1);
        assert!(last.unwrap().abs_diff((exact >> 32) as u64) <= 1);
    }

    #[test]
    fn nonsense_is_never_due() {
        for (rate, pattern) in [
            (0.0, Arrival::Constant),
            (-1.0, Arrival::Poisson),
            (f64::NAN, Arrival::Poisson),
            (f64::INFINITY, Arrival::Constant),
            (1.0, Arrival::Gamma { smoothness: 0.0 }),
            (1.0, Arrival::Gamma { smoothness: f64::NAN }),
        ] {
            let mut never = arrivals(rate, pattern, 0);
            assert_eq!(never.next(), Some(Nanos::MAX), "{rate} {pattern:?}");
            assert_eq!(never.next(), Some(Nanos::MAX), "{rate} {pattern:?}");
        }
    }
}
