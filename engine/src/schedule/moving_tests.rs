//! Do schedules whose rate moves keep their pattern? Seen through Λ, the gaps of a ramp, a series or of stages must
//! have the distribution, the mean and the dispersion of the pattern at unit rate (time-rescaling theorem).

use super::distribution_tests::{CRITICAL, N, SEEDS, assert_fits, assert_moments, ks_distance};
use super::{arrivals, expected_arrivals};
use crate::clock::{Nanos, SECOND};
use crate::plan::{Arrival, Piece, Ramp, Rate, Shape};
use statrs::distribution::{ContinuousCDF, Exp, Gamma};

#[test]
fn poisson_gaps_are_exponential_in_the_time_of_the_rate() {
    let distribution = Exp::new(1.0).unwrap();
    for (name, rate) in rates() {
        for seed in SEEDS {
            let what = format!("{name}, seed {seed}");
            let gaps = rescaled(&rate, Arrival::Poisson, seed);
            assert_fits(&gaps, |x| distribution.cdf(x), &what);
            assert_moments(&gaps, 1.0, 1.0, &what);
        }
    }
}

#[test]
fn gamma_gaps_keep_their_shape_in_the_time_of_the_rate() {
    for smoothness in [0.5, 2.0, 5.0] {
        let distribution = Gamma::new(smoothness, smoothness).unwrap();
        for (name, rate) in rates() {
            for seed in SEEDS {
                let what = format!("{name}, smoothness {smoothness}, seed {seed}");
                let gaps = rescaled(&rate, Arrival::Gamma { smoothness }, seed);
                assert_fits(&gaps, |x| distribution.cdf(x), &what);
                assert_moments(&gaps, 1.0, smoothness.sqrt().recip(), &what);
            }
        }
    }
}

#[test]
fn constant_gaps_are_one_in_the_time_of_the_rate() {
    for (name, rate) in rates() {
        for gap in rescaled(&rate, Arrival::Constant, 1).split_off(1) {
            assert!((gap - 1.0).abs() < 1e-5, "{name}: {gap}");
        }
    }
}

/// The test itself must be able to fail: without the rescaling, none of the rates has exponential gaps.
#[test]
fn the_same_gaps_are_told_apart_without_the_rescaling() {
    let distribution = Exp::new(1.0).unwrap();
    for (name, rate) in rates() {
        let all: Vec<Nanos> = arrivals(rate, Arrival::Poisson, 1).take(N).collect();
        let mean = *all.last().unwrap() as f64 / N as f64;
        let gaps: Vec<f64> = all.windows(2).map(|w| (w[1] - w[0]) as f64 / mean).collect();
        let distance = ks_distance(&gaps, |x| distribution.cdf(x));
        assert!(distance > 2.0 * CRITICAL / (N as f64).sqrt(), "{name}");
    }
}

/// Index of dispersion of counts, var/mean: 1 for Poisson, near 1/smoothness for gamma over windows of many gaps.
#[test]
fn counts_are_dispersed_as_the_pattern_says() {
    const WINDOW: f64 = 40.0;
    for (name, rate) in rates() {
        for (pattern, expected) in
            [(Arrival::Constant, 0.0), (Arrival::Poisson, 1.0), (Arrival::Gamma { smoothness: 4.0 }, 0.25)]
        {
            let mut counts = vec![0.0; N / WINDOW as usize];
            let mut sum = 0.0;
            for gap in rescaled(&rate, pattern, 42) {
                sum += gap;
                if let Some(count) = counts.get_mut((sum / WINDOW) as usize) {
                    *count += 1.0;
                }
            }
            // The last windows may have been cut off.
            counts.truncate(counts.len() * 9 / 10);
            let n = counts.len() as f64;
            let mean = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (n - 1.0);
            // Five standard errors of a variance of n windows.
            let bound = 5.0 * (expected + 0.02) * (2.0 / n).sqrt() + 0.02;
            let index = variance / mean;
            assert!((index - expected).abs() < bound, "{name}, {pattern:?}: {index}");
        }
    }
}

#[test]
fn each_stage_has_the_arrivals_that_its_rate_wants() {
    let rate = stages();
    let all: Vec<Nanos> = arrivals(rate.clone(), Arrival::Poisson, 3).take(N).collect();
    let mut begin = 0;
    for piece in rate.pieces() {
        let end = begin + piece.lasting;
        let wanted = expected_arrivals(&rate, end) - expected_arrivals(&rate, begin);
        let came = all.iter().filter(|at| (begin..end).contains(at)).count() as f64;
        assert!((came - wanted).abs() <= 5.0 * wanted.sqrt(), "{came} for {wanted} in {piece:?}");
        begin = end;
    }
}

#[test]
fn the_shares_of_any_number_of_cores_add_up_to_the_same_moving_schedule() {
    for (name, rate) in rates() {
        for pattern in [Arrival::Constant, Arrival::Poisson] {
            let all: Vec<_> = (0..).zip(arrivals(rate.clone(), pattern, 11)).take(900).collect();
            assert!(all.is_sorted(), "{name}");
            for cores in [2, 3, 7] {
                let mut merged: Vec<_> = (0..cores)
                    .flat_map(|core| {
                        arrivals(rate.clone(), pattern, 11).share(core, cores).take_while(|(k, _)| *k < 900)
                    })
                    .collect();
                merged.sort_unstable();
                assert_eq!(merged, all, "{name} on {cores} cores");
            }
        }
    }
}

#[test]
fn a_schedule_that_ends_has_no_more_arrivals() {
    let rate = Rate::new(vec![Piece::steady(10.0, 3 * SECOND)], 0.0);
    let all: Vec<_> = arrivals(rate.clone(), Arrival::Constant, 1).collect();
    assert_eq!(all.len(), 30);
    assert_eq!(all.last(), Some(&(29 * SECOND / 10)));
    let poisson: Vec<_> = arrivals(rate, Arrival::Poisson, 1).collect();
    assert!(!poisson.is_empty() && poisson.iter().all(|at| *at < 3 * SECOND));
}

/// The gaps of the first `N` arrivals, counted in arrivals wanted: Λ(tₖ) − Λ(tₖ₋₁).
fn rescaled(rate: &Rate, pattern: Arrival, seed: u64) -> Vec<f64> {
    let mut last = 0.0;
    arrivals(rate.clone(), pattern, seed)
        .take(N)
        .map(|at| {
            let sum = expected_arrivals(rate, at);
            let gap = sum - last;
            last = sum;
            gap
        })
        .collect()
}

fn rates() -> Vec<(&'static str, Rate)> {
    let ramp = |shape| Ramp { lasting: 60 * SECOND, shape };
    let saw = |i: u64| Piece::linear(20.0, 300.0, (5 + i % 3) * SECOND);
    vec![
        ("linear ramp", Rate::ramped(250.0, ramp(Shape::Linear))),
        ("exponential ramp", Rate::ramped(600.0, ramp(Shape::Exponential))),
        ("stages", stages()),
        ("series", Rate::new((0..9).map(saw).collect(), 150.0)),
    ]
}

/// Wants more than [`N`] arrivals.
fn stages() -> Rate {
    let stage = |rate, s| Piece::steady(rate, s * SECOND);
    Rate::new(vec![stage(20.0, 30), stage(400.0, 10), stage(0.0, 5), stage(3.0, 40)], 200.0)
}
