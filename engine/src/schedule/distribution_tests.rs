//! Are the gaps distributed as the pattern says? Kolmogorov–Smirnov against the closed forms, mean, and coefficient of
//! variation.

use super::arrivals;
use crate::clock::SECOND;
use crate::plan::Arrival;
use statrs::distribution::{ContinuousCDF, Exp, Gamma};

pub(super) const N: usize = 10_000;
const RATE: f64 = 123.0;
pub(super) const SEEDS: [u64; 4] = [0, 1, 42, 0xdead_beef];

#[test]
fn poisson_gaps_are_exponential() {
    let distribution = Exp::new(RATE).unwrap();
    for seed in SEEDS {
        let gaps = gaps(Arrival::Poisson, seed);
        assert_fits(&gaps, |x| distribution.cdf(x), &format!("seed {seed}"));
        assert_moments(&gaps, RATE, 1.0, &format!("seed {seed}"));
    }
}

#[test]
fn gamma_gaps_follow_their_shape() {
    for smoothness in [0.25, 0.5, 1.0, 2.0, 5.0, 40.0] {
        let distribution = Gamma::new(smoothness, RATE * smoothness).unwrap();
        for seed in SEEDS {
            let what = format!("smoothness {smoothness}, seed {seed}");
            let gaps = gaps(Arrival::Gamma { smoothness }, seed);
            assert_fits(&gaps, |x| distribution.cdf(x), &what);
            assert_moments(&gaps, RATE, smoothness.sqrt().recip(), &what);
        }
    }
}

/// The test itself must be able to fail.
#[test]
fn a_neighbouring_shape_is_told_apart() {
    let distribution = Gamma::new(1.15, RATE * 1.15).unwrap();
    let distance = ks_distance(&gaps(Arrival::Poisson, 1), |x| distribution.cdf(x));
    assert!(distance > CRITICAL / (N as f64).sqrt());
}

#[test]
fn gaps_are_not_correlated_with_their_neighbours() {
    for seed in SEEDS {
        let gaps = gaps(Arrival::Poisson, seed);
        let mean = gaps.iter().sum::<f64>() / N as f64;
        let covariance = |lag: usize| {
            let pairs = gaps.iter().zip(&gaps[lag..]);
            pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>()
        };
        for lag in [1, 2, 3, 8] {
            let correlation = covariance(lag) / covariance(0);
            assert!(correlation.abs() < 4.5 / (N as f64).sqrt(), "seed {seed}, lag {lag}");
        }
    }
}

/// Seconds between arrivals, as a schedule's reader sees them: from whole nanoseconds.
fn gaps(pattern: Arrival, seed: u64) -> Vec<f64> {
    let mut last = 0;
    arrivals(RATE, pattern, seed)
        .take(N)
        .map(|at| {
            let gap = at - last;
            last = at;
            gap as f64 / SECOND as f64
        })
        .collect()
}

pub(super) fn assert_fits(gaps: &[f64], cdf: impl Fn(f64) -> f64, what: &str) {
    let distance = ks_distance(gaps, cdf);
    let bound = CRITICAL / (gaps.len() as f64).sqrt();
    assert!(distance < bound, "{what}: KS distance {distance:.5} over {bound:.5}");
}

pub(super) fn ks_distance(gaps: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let p = cdf(*x);
            (p - i as f64 / n).max((i + 1) as f64 / n - p)
        })
        .fold(0.0, f64::max)
}

/// Mean 1/rate and the given coefficient of variation, each to five standard errors or so.
pub(super) fn assert_moments(gaps: &[f64], rate: f64, cv: f64, what: &str) {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let relative = mean * rate - 1.0;
    assert!(relative.abs() < 5.0 * cv / n.sqrt(), "{what}: mean off by {relative:.4}");
    let got = variance.sqrt() / mean;
    assert!((got / cv - 1.0).abs() < 0.02 + 0.05 * cv, "{what}: CV {got:.4}, not {cv:.4}");
}

/// Kolmogorov's critical value at a significance of 0.001.
pub(super) const CRITICAL: f64 = 1.949;
