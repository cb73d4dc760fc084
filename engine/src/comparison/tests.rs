//! Simulated pairs of runs whose latencies depend on their neighbours.

use super::*;
use crate::random::{ItemRng, Stream};

/// Latencies of `n` requests: exponential tails around 100 ms, each like the one before it by `memory`.
fn run(k: u64, n: usize, memory: f64, factor: f64) -> Observed {
    let mut rng = ItemRng::new(77, Stream::Bootstrap, k);
    let mut uniform = move || (rng.below(1 << 24) as f64 + 0.5) / f64::from(1 << 24);
    let mut state = 0.0;
    let mut latencies = Vec::with_capacity(n);
    for _ in 0..n {
        // A normal value (Box and Muller), and the autoregressive series of it with unit variance.
        let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        state = memory * state + (1.0 - memory * memory).sqrt() * normal;
        latencies.push(factor * (100.0 + 20.0 * state + 5.0 * (state + 2.0_f64).max(0.0).powi(2)));
    }
    let ends = latencies.iter().enumerate().map(|(i, ms)| (i as f64 / 50.0 + ms / 1e3, 16.0)).collect();
    Observed { metrics: vec![("request_latency".into(), "ms".into(), latencies)], ends, start: 0.0, failed: 0 }
}

fn differences(k: u64, n: usize, memory: f64, factor: f64) -> Vec<Difference> {
    let [base, new] = [run(2 * k, n, memory, 1.0), run(2 * k + 1, n, memory, factor)];
    compare(&figures(&base, k), &figures(&new, k + 1), 0.95)
}

#[test]
fn two_runs_of_the_same_alarm_in_at_most_one_of_twenty_pairs() {
    for memory in [0.0, 0.8] {
        let alarms = (0..400).filter(|k| differences(*k, 2_000, memory, 1.0).iter().any(|d| d.shown)).count();
        assert!(alarms <= 20, "{alarms} of 400 at {memory}");
    }
}

#[test]
fn a_median_that_moved_by_a_twentieth_is_found_among_five_thousand() {
    let found = (0..40).filter(|k| {
        let all = differences(500 + k, 5_000, 0.3, 1.05);
        all.iter().any(|d| d.statistic == Statistic::P50 && d.shown && d.change > 0.0)
    });
    let found = found.count();
    assert!(found >= 36, "{found} of 40");
}

#[test]
fn what_is_not_shown_says_how_large_it_would_have_to_be() {
    let all = differences(3, 1_000, 0.5, 1.0);
    let median = all.iter().find(|d| d.statistic == Statistic::P50).unwrap();
    let least = median.least_shown.unwrap();
    assert!(!median.shown && (0.005..0.1).contains(&least), "{median:?}");
    // Twice that is shown.
    let moved = differences(3, 1_000, 0.5, 1.0 + 2.5 * least);
    assert!(moved.iter().any(|d| d.statistic == Statistic::P50 && d.shown));
    // Ten values behind a p99 are too few.
    let few = differences(4, 1_000, 0.5, 1.0);
    let p99 = few.iter().find(|d| d.statistic == Statistic::P99).unwrap();
    assert_eq!((p99.interval, p99.shown), (None, false));
}

#[test]
fn shares_are_compared_by_their_difference() {
    let mut new = run(1, 1_000, 0.0, 1.0);
    new.failed = 100;
    let all = compare(&figures(&run(0, 1_000, 0.0, 1.0), 0), &figures(&new, 1), 0.95);
    let failures = all.iter().find(|d| d.tag == "request_error_rate").unwrap();
    assert!(failures.shown && (failures.change - 0.0909).abs() < 0.001, "{failures:?}");
}

/// Runs of one plan that each lie a little higher or lower than the others, as real ones do.
fn repeats(k: u64, runs: u64, factor: f64) -> Vec<Estimate> {
    let each = |i: u64| {
        let mut rng = ItemRng::new(5, Stream::Bootstrap, 100 * k + i);
        // The sum of twelve uniform values has the variance of a normal one.
        let normal = (0..12).map(|_| rng.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0;
        figures(&run(1_000 * k + i, 400, 0.0, factor * (0.03 * normal).exp()), i)
    };
    of_repeats(&(0..runs).map(each).collect::<Vec<_>>())
}

#[test]
fn repeats_that_lie_apart_alarm_in_at_most_one_of_twenty_pairs() {
    let alarms = |base: u64, new: u64| {
        let pair = |k: u64| compare(&repeats(2 * k, base, 1.0), &repeats(2 * k + 1, new, 1.0), 0.95);
        (0..60).filter(|k| pair(*k).iter().any(|d| d.shown)).count()
    };
    assert!(alarms(4, 4) <= 5, "{}", alarms(4, 4));
    assert!(alarms(5, 1) <= 5, "{}", alarms(5, 1));
    // From within the runs alone many more would: that is what repeats are for.
    assert!(alarms(1, 1) >= 8, "{}", alarms(1, 1));
}

#[test]
fn figures_of_repeats_are_means_with_the_spread_between_them() {
    let figure = |value: f64, error: Option<f64>| Estimate {
        tag: "request_latency".into(),
        statistic: Statistic::P50,
        unit: "ms".into(),
        value,
        error,
        is_share: false,
        spread: None,
    };
    let three = [90.0, 100.0, 110.0].map(|value| vec![figure(value, Some(3.0))]);
    let found = of_repeats(&three);
    assert_eq!(found[0].value, 100.0);
    assert!((found[0].error.unwrap() - 3f64.sqrt()).abs() < 1e-12, "{found:?}");
    assert_eq!(found[0].spread, Some(Spread { runs: 3, sd: 10.0 }));
    // 2 + 2 degrees of freedom: t is 2.776, the error of each side 10/√3 of 100 and of 150.
    let other = of_repeats(&[135.0, 150.0, 165.0].map(|value| vec![figure(value, None)]));
    let half = 2.776_445 * (0.1f64 / 3f64.sqrt()).hypot(0.1 / 3f64.sqrt());
    let interval = compare(&found, &other, 0.95)[0].interval.unwrap();
    assert!((interval.low - (1.5 * (-half).exp() - 1.0)).abs() < 1e-6, "{interval:?} {half}");
    // A figure that one of them lacks is none of theirs.
    assert_eq!(of_repeats(&[vec![figure(1.0, None)], Vec::new()]), []);
}
