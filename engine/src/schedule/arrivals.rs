//! The instants of an open loop.

use super::constant::Period;
use crate::clock::{Nanos, SECOND};
use crate::plan::Arrival;
use crate::random::{ItemRng, Stream, stream_key};
use rand_distr::{Distribution, Exp1, Gamma};

/// The arrivals of a phase: absolute offsets from its start, in order, without end.
///
/// `rate` is the mean in arrivals per second. With equal gaps arrival k is at k/rate, the first at 0; otherwise the first arrival
/// comes after the first gap. A rate or smoothness that is not a positive finite number makes every arrival [`Nanos::MAX`] (never):
/// the plan is validated before it comes here.
#[must_use]
pub fn arrivals(rate: f64, pattern: Arrival, seed: u64) -> Arrivals {
    let usable = |x: f64| x.is_finite() && x > 0.0;
    let mean_gap = SECOND as f64 / rate;
    let gaps = match pattern {
        _ if !usable(rate) => Gaps::Never,
        Arrival::Constant => Gaps::Constant(Period::of_rate(rate)),
        Arrival::Poisson => Gaps::Exponential { mean_gap },
        Arrival::Gamma { smoothness } if usable(smoothness) => {
            Gamma::new(smoothness, mean_gap / smoothness).map_or(Gaps::Never, Gaps::Gamma)
        }
        Arrival::Gamma { .. } => Gaps::Never,
    };
    Arrivals {
        gaps,
        key: stream_key(seed, Stream::Arrivals),
        k: 0,
        at: 0,
        fraction: 0.0,
    }
}

/// The arrivals of a phase; see [`arrivals`].
#[derive(Clone, Debug)]
pub struct Arrivals {
    gaps: Gaps,
    key: u64,
    k: u64,
    at: Nanos,
    /// What the last sum left below one nanosecond, in [0, 1): sums neither drift nor lose precision as they grow.
    fraction: f64,
}

impl Arrivals {
    /// The arrivals that core `core` of `cores` sends, with their index k: those where k modulo `cores` is `core`.
    pub fn share(self, core: usize, cores: usize) -> impl Iterator<Item = (u64, Nanos)> + use<> {
        let (core, cores) = (core as u64, cores.max(1) as u64);
        (0..).zip(self).filter(move |(k, _)| k % cores == core)
    }

    /// Adds a gap, in nanoseconds, to the last instant.
    #[inline]
    fn after(&mut self, gap: f64) -> Nanos {
        let sum = gap + self.fraction;
        let whole = sum as u64;
        self.fraction = sum - whole as f64;
        self.at = self.at.saturating_add(whole);
        self.at
    }
}

impl Iterator for Arrivals {
    type Item = Nanos;

    #[inline]
    fn next(&mut self) -> Option<Nanos> {
        let k = self.k;
        self.k += 1;
        Some(match &self.gaps {
            Gaps::Never => Nanos::MAX,
            Gaps::Constant(period) => period.times(k),
            Gaps::Exponential { mean_gap } => {
                let unit: f64 = Exp1.sample(&mut ItemRng::at(self.key, k));
                let gap = unit * mean_gap;
                self.after(gap)
            }
            Gaps::Gamma(gamma) => {
                let gap = gamma.sample(&mut ItemRng::at(self.key, k));
                self.after(gap)
            }
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Gaps {
    Never,
    Constant(Period),
    /// Mean in nanoseconds.
    Exponential {
        mean_gap: f64,
    },
    /// In nanoseconds.
    Gamma(Gamma<f64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [Arrival; 4] = [
        Arrival::Constant,
        Arrival::Poisson,
        Arrival::Gamma { smoothness: 0.3 },
        Arrival::Gamma { smoothness: 5.0 },
    ];

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
                    .flat_map(|core| {
                        arrivals(999.0, pattern, 11)
                            .share(core, cores)
                            .take_while(|(k, _)| *k < 600)
                    })
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
            (
                1.0,
                Arrival::Gamma {
                    smoothness: f64::NAN,
                },
            ),
        ] {
            let mut never = arrivals(rate, pattern, 0);
            assert_eq!(never.next(), Some(Nanos::MAX), "{rate} {pattern:?}");
            assert_eq!(never.next(), Some(Nanos::MAX), "{rate} {pattern:?}");
        }
    }
}
