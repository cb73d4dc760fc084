//! The figures of a run that are compared, each with its standard error.

use crate::plan::Statistic;
use crate::random::{ItemRng, Stream};
use crate::statistics::{Sample, batch_means, percentile_errors};

/// The requests of a run, in the order in which they were issued.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Tag, unit and the values of successful requests of each metric.
    pub metrics: Vec<(String, String, Vec<f64>)>,
    /// When each successful request ended, in seconds, and its output tokens.
    pub ends: Vec<(f64, f64)>,
    /// When the first request was issued, in seconds.
    pub start: f64,
    /// Requests that failed.
    pub failed: u64,
}

/// A figure with its standard error.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Tag of the metric.
    pub tag: String,
    /// Which figure of it.
    pub statistic: Statistic,
    /// Display unit of the figure.
    pub unit: String,
    /// The value, in `unit`.
    pub value: f64,
    /// Its standard error in the same unit; `None` where there are too few values.
    pub error: Option<f64>,
    /// It is a share from 0 to 1, of which differences are taken and not ratios.
    pub is_share: bool,
    /// How far runs of the same plan lie apart; of several.
    pub spread: Option<Spread>,
}

/// How far the same figure of several runs lies apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many runs.
    pub runs: usize,
    /// Standard deviation of the figure between them, in its unit.
    pub sd: f64,
}

/// The mean, p50, p95 and p99 of each metric, the rates of requests and tokens, and the share of failures. The same
/// `seed` gives the same errors.
#[must_use]
pub fn figures(run: &Observed, seed: u64) -> Vec<Estimate> {
    let mut found = Vec::new();
    for (k, (tag, unit, values)) in run.metrics.iter().enumerate() {
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            continue;
        }
        let mut put = |statistic, value, error| {
            let (tag, unit) = (tag.clone(), unit.clone());
            found.push(Estimate { tag, statistic, unit, value, error, is_share: false, spread: None });
        };
        let mean = Sample::of(values).map_or(values[0], |sample| sample.mean);
        put(Statistic::Avg, mean, mean_error(values));
        let mut rng = ItemRng::new(seed, Stream::Bootstrap, k as u64);
        let shares: Vec<f64> = PERCENTILES.iter().map(|(share, _)| *share).collect();
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let errors = percentile_errors(values, &sorted, &shares, &mut rng);
        for (i, (share, statistic)) in PERCENTILES.iter().enumerate() {
            // A percentile with fewer values behind it than twenty has no error that could be told.
            let enough = (1.0 - share) * values.len() as f64 >= LEAST_BEHIND;
            let error = errors.as_ref().filter(|_| enough).map(|errors| errors[i]);
            put(*statistic, crate::statistics::percentile_of_sorted(&sorted, *share), error);
        }
    }
    found.extend(rates(run));
    let ended = run.ends.len() as u64 + run.failed;
    if ended > 0 {
        let share = run.failed as f64 / ended as f64;
        // Wilson's centre keeps an error where nothing failed.
        let smoothed = (run.failed as f64 + 2.0) / (ended as f64 + 4.0);
        found.push(Estimate {
            tag: "request_error_rate".into(),
            statistic: Statistic::Value,
            unit: "ratio".into(),
            value: share,
            error: (ended >= LEAST_ENDED).then(|| (smoothed * (1.0 - smoothed) / ended as f64).sqrt()),
            is_share: true,
            spread: None,
        });
    }
    found
}

/// The values at 0 %, 1 % … 100 % of these, of which there is at least one.
#[must_use]
pub fn curve(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (0..=100).map(|i| crate::statistics::percentile_of_sorted(&sorted, f64::from(i) / 100.0)).collect()
}

/// Requests and tokens a second, over windows of equal length.
fn rates(run: &Observed) -> Vec<Estimate> {
    let end = run.ends.iter().map(|(at, _)| *at).fold(run.start, f64::max);
    let lasting = end - run.start;
    if run.ends.is_empty() || lasting <= 0.0 {
        return Vec::new();
    }
    let width = lasting / WINDOWS as f64;
    let (mut requests, mut tokens) = (vec![0.0; WINDOWS], vec![0.0; WINDOWS]);
    for (at, output) in &run.ends {
        let window = (((at - run.start) / width) as usize).min(WINDOWS - 1);
        requests[window] += 1.0 / width;
        tokens[window] += output / width;
    }
    // The first window holds what it takes to answer the first requests, and is none of a steady load.
    let steady = run.ends.len() >= WINDOWS * LEAST_A_WINDOW;
    let of = |tag: &str, unit: &str, windows: &[f64]| Estimate {
        tag: tag.into(),
        statistic: Statistic::Value,
        unit: unit.into(),
        value: windows.iter().sum::<f64>() / WINDOWS as f64,
        error: steady.then(|| mean_error(&windows[1..])).flatten(),
        is_share: false,
        spread: None,
    };
    let mut found = vec![of("request_throughput", "requests/sec", &requests)];
    if tokens.iter().any(|n| *n > 0.0) {
        found.push(of("output_token_throughput", "tokens/sec", &tokens));
    }
    found
}

/// The standard error of the mean of values that depend on their neighbours.
fn mean_error(values: &[f64]) -> Option<f64> {
    // The interval is Student's: its half over the quantile of a normal distribution keeps its caution.
    let half = batch_means(values, LEVEL)?.interval.half();
    Some(half / Z)
}

const PERCENTILES: [(f64, Statistic); 3] = [(0.5, Statistic::P50), (0.95, Statistic::P95), (0.99, Statistic::P99)];
/// Values beyond a percentile.
const LEAST_BEHIND: f64 = 20.0;
/// Requests that ended before a share of failures is told apart from another.
const LEAST_ENDED: u64 = 20;
/// Windows of a run over which its rates are taken.
const WINDOWS: usize = 40;
const LEAST_A_WINDOW: usize = 3;
const LEVEL: f64 = 0.95;
/// The quantile of a standard normal distribution at 95 %.
const Z: f64 = 1.959_963_984_540_054;
