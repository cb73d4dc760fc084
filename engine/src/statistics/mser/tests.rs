use super::*;
use crate::random::{ItemRng, Stream};
use proptest::prelude::*;

/// Between 0 and 1, without order.
fn noise(i: usize) -> f64 {
    ((i * 7_919) % 101) as f64 / 101.0
}

/// Random numbers of one series.
struct Draws(ItemRng);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0.below(1 << 30) as f64 / f64::from(1 << 30)
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }
}

/// What became of many series of `n` values: settled from the start, cut, never settled.
fn shares(n: usize, series: impl Fn(&mut Draws, usize) -> Vec<f64>) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for seed in 0..SERIES {
        let mut draws = Draws(ItemRng::new(11, Stream::Bootstrap, seed));
        match settled(series(&mut draws, n)) {
            Settled::After(0) => counts[0] += 1.0,
            Settled::After(_) => counts[1] += 1.0,
            Settled::Never => counts[2] += 1.0,
            Settled::TooShort => {}
        }
    }
    counts.map(|count| count / SERIES as f64)
}

/// 50 to 60, and more where `more` says so.
fn around(draws: &mut Draws, n: usize, more: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..n).map(|i| 50.0 + 10.0 * draws.uniform() + more(i as f64 / n as f64)).collect()
}

/// Each value is `alike` of the one before it, and noise.
fn dependent(draws: &mut Draws, n: usize, alike: f64) -> Vec<f64> {
    let mut value = 0.0;
    let mut next = || {
        value = alike * value + draws.uniform() - 0.5;
        50.0 + 10.0 * value
    };
    (0..n + 200).map(|_| next()).skip(200).collect()
}

/// Times in a queue with one server that is busy for a share `load` of the time, past its own start.
fn queue(draws: &mut Draws, n: usize, load: f64) -> Vec<f64> {
    let mut wait: f64 = 0.0;
    let mut next = || {
        wait = (wait + load * draws.exponential() - draws.exponential()).max(0.0);
        1.0 + wait
    };
    (0..n + 3_000).map(|_| next()).skip(3_000).collect()
}

#[test]
fn a_start_that_falls_is_cut_where_it_ends() {
    let series: Vec<f64> = (0..200)
        .map(|i| {
            let bias = if i < 40 { 8.0 - 8.0 * i as f64 / 39.0 } else { 0.0 };
            5.0 + noise(i) + bias
        })
        .collect();
    assert_eq!(settled(series), Settled::After(40));
}

#[test]
fn a_series_that_keeps_rising_never_settles() {
    let series: Vec<f64> = (0..300).map(|i| i as f64 + noise(i)).collect();
    assert_eq!(settled(series), Settled::Never);
    let step: Vec<f64> = (0..400).map(|i| noise(i) + if i < 240 { 5.0 } else { 10.0 }).collect();
    assert_eq!(settled(step), Settled::Never);
}

#[test]
fn a_constant_series_is_settled_from_its_start() {
    assert_eq!(settled(vec![4.0; 100]), Settled::After(0));
    assert_eq!(settled(vec![0.0; 100]), Settled::After(0));
    assert_eq!(settled(vec![4.0; 49]), Settled::TooShort);
    assert_eq!(settled(Vec::new()), Settled::TooShort);
}

#[test]
fn one_stall_is_no_change_wherever_it_happens() {
    // 36 of 117 256 requests met it.
    let n = 117_256;
    for place in [0.0, 0.01, 0.3, 0.49, 0.51, 0.75, 0.95, 0.999] {
        let first = (n as f64 * place) as usize;
        let mut series: Vec<f64> = (0..n).map(|i| 10.0 + noise(i)).collect();
        series.iter_mut().skip(first).take(36).for_each(|v| *v += 1_000.0);
        assert_eq!(settled(series), Settled::After(0), "at {place}");
    }
}

#[test]
fn a_stationary_series_is_seldom_cut_and_hardly_ever_called_unsettled() {
    type Make = fn(&mut Draws, usize) -> Vec<f64>;
    let stationary: [(&str, Make, f64, f64); 8] = [
        ("even", |d, n| around(d, n, |_| 0.0), 0.01, 0.01),
        ("exponential", |d, n| (0..n).map(|_| d.exponential()).collect(), 0.03, 0.01),
        ("two kinds", |d, n| (0..n).map(|_| if d.uniform() < 0.3 { 500.0 } else { 50.0 }).collect(), 0.03, 0.01),
        ("dependent", |d, n| dependent(d, n, 0.9), 0.03, 0.01),
        ("queue at 70 %", |d, n| queue(d, n, 0.7), 0.06, 0.01),
        ("period", |d, n| around(d, n, |at| 20.0 * (std::f64::consts::TAU * 8.0 * at).sin()), 0.01, 0.01),
        ("bursts", |d, n| around(d, n, |at| if (10.0 * at + 0.4).fract() < 0.3 { 200.0 } else { 0.0 }), 0.01, 0.01),
        (
            "a stall of a tenth",
            |d, n| {
                let from = 0.1 + 0.7 * d.uniform();
                around(d, n, |at| if at >= from && at < from + 0.1 { 1_000.0 } else { 0.0 })
            },
            0.01,
            0.01,
        ),
    ];
    for (name, series, most_cut, most_never) in stationary {
        let [_, cut, never] = shares(1_000, series);
        assert!(cut <= most_cut && never <= most_never, "{name}: {cut} cut, {never} never");
    }
}

#[test]
fn a_change_is_found() {
    let warm = |share: f64, more: f64| {
        move |d: &mut Draws, n: usize| around(d, n, |at| if at < share { more * (1.0 - at / share) } else { 0.0 })
    };
    assert!(shares(1_000, warm(0.05, 450.0))[1] > 0.95);
    assert!(shares(1_000, warm(0.1, 50.0))[1] > 0.95);
    assert!(shares(1_000, |d, n| around(d, n, |at| if at < 0.3 { 10.0 } else { 0.0 }))[1] > 0.95);
    assert!(shares(1_000, |d, n| around(d, n, |at| 50.0 * at))[2] > 0.95);
    assert!(shares(1_000, |d, n| queue(d, n, 1.3))[2] > 0.8);
}

const SERIES: u64 = if cfg!(debug_assertions) { 200 } else { 1_000 };

proptest! {
    #[test]
    fn values_beyond_the_percentiles_of_the_sorted_values_count_as_these(values in prop::collection::vec(-1e6..1e6f64, 1..500)) {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let beyond = sorted.len() / 100;
        let (low, high) = (sorted[beyond], sorted[sorted.len() - 1 - beyond]);
        let expected: Vec<f64> = values.iter().map(|v| v.clamp(low, high)).collect();
        let mut values = values;
        winsorize(&mut values);
        prop_assert_eq!(values, expected);
    }
}
