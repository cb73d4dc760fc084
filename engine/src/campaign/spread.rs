//! The figures of several runs of one plan: their mean, their spread, and how sure the mean is.

use crate::measure::{Metric, Stats, Summary, tags};
use crate::statistics::Sample;
use serde::Serialize;

/// One figure over several runs. In the display unit of its metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Tag of the metric.
    #[serde(skip)]
    pub tag: &'static str,
    /// Which of its statistics: `avg`, `p99` ….
    #[serde(skip)]
    pub stat: &'static str,
    /// Mean over the runs.
    pub mean: f64,
    /// Standard deviation of the runs (ddof 1); 0 for one run.
    pub std: f64,
    /// Smallest value of a run, in the metric's display unit.
    pub min: f64,
    /// Largest value of a run, in the display unit.
    pub max: f64,
    /// `std / |mean|`; `None` around 0.
    pub cv: Option<f64>,
    /// Standard error of the mean.
    pub se: f64,
    /// Lower end of Student's t interval of the mean; the mean itself for one run.
    pub ci_low: f64,
    /// Its upper end.
    pub ci_high: f64,
    /// The quantile of t behind it; `None` for one run.
    pub t_critical: Option<f64>,
    /// Display unit of the metric: ms, tokens, requests/sec ….
    pub unit: &'static str,
    /// Runs that have the figure.
    pub runs: usize,
}

/// Every figure of the runs, in table order; those that no run has are absent. `level` is the confidence of the
/// intervals, 0.95 for 95 %.
#[must_use]
pub fn spreads(runs: &[&Summary], level: f64) -> Vec<Spread> {
    let mut found = Vec::new();
    for info in tags::TABLE {
        for stat in STATISTICS {
            let values: Vec<f64> = runs.iter().filter_map(|run| figure(run, info.tag, stat)).collect();
            let Some(sample) = Sample::of(&values) else {
                continue;
            };
            let interval = sample.interval(level);
            found.push(Spread {
                tag: info.tag,
                stat,
                mean: sample.mean,
                std: sample.sd,
                min: values.iter().copied().fold(f64::INFINITY, f64::min),
                max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                cv: sample.cv(),
                se: sample.se(),
                ci_low: interval.map_or(sample.mean, |i| i.low),
                ci_high: interval.map_or(sample.mean, |i| i.high),
                t_critical: sample.t_critical(level),
                unit: info.unit,
                runs: values.len(),
            });
        }
    }
    found
}

/// One figure of one run: statistic `stat` of metric `tag`. A metric with one value a run has only `avg`.
#[must_use]
pub fn figure(run: &Summary, tag: &str, stat: &str) -> Option<f64> {
    let metric = run.metric(tag)?;
    of_metric(metric, stat).filter(|v| v.is_finite())
}

fn of_metric(metric: &Metric, stat: &str) -> Option<f64> {
    if stat == "avg" {
        return Some(metric.avg);
    }
    let Stats { min, max, std, p1, p5, p10, p25, p50, p75, p90, p95, p99, .. } = metric.stats?;
    Some(match stat {
        "min" => min,
        "max" => max,
        "std" => std,
        "p1" => p1,
        "p5" => p5,
        "p10" => p10,
        "p25" => p25,
        "p50" => p50,
        "p75" => p75,
        "p90" => p90,
        "p95" => p95,
        "p99" => p99,
        _ => return None,
    })
}

/// The statistics of a metric, in the order of files.
pub const STATISTICS: [&str; 13] =
    ["avg", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "min", "max", "std"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::measure::testing::{plan, summary};
    use crate::record::testing::streamed;

    /// Three runs whose only request takes 10, 12 and 14 ms: the t interval of their mean by hand (t = 4.302653 for 2
    /// degrees).
    #[test]
    fn the_interval_of_three_runs_is_students() {
        let runs: Vec<Summary> = [10, 12, 14].map(|ms| summary(&plan(), &[streamed(0, 0, ms * MILLI, &[])])).into();
        let runs: Vec<&Summary> = runs.iter().collect();
        let all = spreads(&runs, 0.95);
        let ttft = all.iter().find(|s| (s.tag, s.stat) == ("time_to_first_token", "p99")).unwrap();
        assert_eq!((ttft.mean, ttft.std, ttft.min, ttft.max), (12.0, 2.0, 10.0, 14.0));
        assert_eq!((ttft.unit, ttft.runs), ("ms", 3));
        let half = 4.302_652_729_911_275 * 2.0 / 3f64.sqrt();
        assert!((ttft.ci_high - (12.0 + half)).abs() < 1e-6, "{ttft:?}");
        assert!((ttft.ci_low - (12.0 - half)).abs() < 1e-6);
        assert!((ttft.cv.unwrap() - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn one_run_has_an_interval_without_length() {
        let run = summary(&plan(), &[streamed(0, 0, 10 * MILLI, &[])]);
        for spread in spreads(&[&run], 0.95) {
            assert_eq!((spread.ci_low, spread.ci_high), (spread.mean, spread.mean));
            assert_eq!(spread.t_critical, None);
        }
    }

    #[test]
    fn a_rate_of_the_run_has_an_average_and_nothing_else() {
        let run = summary(&plan(), &[streamed(0, 0, 10 * MILLI, &[])]);
        assert!(figure(&run, "request_count", "avg").is_some());
        assert_eq!(figure(&run, "request_count", "p99"), None);
        assert_eq!(figure(&run, "no_such_metric", "avg"), None);
    }
}
