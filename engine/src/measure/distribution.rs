//! Distributions: of a metric, or of a histogram of the cores.

use super::request::ms;
use super::summary::Metric;
use crate::interned::Name;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A distribution in milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Distribution {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Number of values.
    pub count: u64,
    /// Mean in ms.
    pub mean_ms: f64,
    /// p50 p75 p90 p95 p99 p99.9 p99.99 max, in this order.
    pub percentiles: Vec<Percentile>,
    /// Values in ms at 0 %, 1 % … 100 %, for charts; empty for the client's own lags and where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve_ms: Vec<f64>,
}

impl Distribution {
    /// A percentile by its name (`p99`, `max`), in ms.
    #[must_use]
    pub fn at(&self, name: &str) -> Option<f64> {
        self.percentile(name).map(|percentile| percentile.ms)
    }
}

/// One percentile of a [`Distribution`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Percentile {
    /// Its name: `p50` … `p99.99`, `max`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub name: Name,
    /// Value in ms.
    pub ms: f64,
    /// Whether enough samples stand behind it (p99 ≥ 100, p99.9 ≥ 1 000, p99.99 ≥ 10 000).
    pub enough_samples: bool,
}

impl Distribution {
    /// The distribution of a histogram of nanoseconds; `None` without values.
    #[must_use]
    pub fn of(tag: &'static str, histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let count = histogram.len();
        let mut percentiles: Vec<Percentile> = PERCENTILES
            .iter()
            .map(|(name, quantile, samples)| Percentile {
                name,
                ms: ms(histogram.value_at_quantile(*quantile)),
                enough_samples: count >= *samples,
            })
            .collect();
        percentiles.push(Percentile { name: "max", ms: ms(histogram.max()), enough_samples: true });
        Some(Self { tag, count, mean_ms: histogram.mean() / 1e6, percentiles, curve_ms: Vec::new() })
    }

    /// The distribution of a metric in ms: the same values by the same rule. `None` for one without values of requests.
    #[must_use]
    pub fn of_metric(metric: &Metric, curve_ms: Vec<f64>) -> Option<Self> {
        let (stats, [p999, p9999]) = metric.stats.zip(metric.tails)?;
        let values = [stats.p50, stats.p75, stats.p90, stats.p95, stats.p99, p999, p9999];
        let mut percentiles: Vec<Percentile> = PERCENTILES
            .iter()
            .zip(values)
            .map(|((name, _, samples), ms)| Percentile { name, ms, enough_samples: stats.count >= *samples })
            .collect();
        percentiles.push(Percentile { name: "max", ms: stats.max, enough_samples: true });
        Some(Self { tag: metric.info.tag, count: stats.count, mean_ms: metric.avg, percentiles, curve_ms })
    }

    /// The percentile of this name, in ms.
    #[must_use]
    pub fn percentile(&self, name: &str) -> Option<&Percentile> {
        self.percentiles.iter().find(|p| p.name == name)
    }
}

/// Name, quantile (whose product with a round count is exact, unlike a percentile's), and how many samples it takes.
const PERCENTILES: [(&str, f64, u64); 7] = [
    ("p50", 0.5, 1),
    ("p75", 0.75, 1),
    ("p90", 0.9, 1),
    ("p95", 0.95, 1),
    ("p99", 0.99, 100),
    ("p99.9", 0.999, 1_000),
    ("p99.99", 0.9999, 10_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;

    fn one_to(n: u64) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        (1..=n).for_each(|i| histogram.record(i * MILLI).unwrap());
        histogram
    }

    #[test]
    fn percentiles_are_within_three_digits() {
        let d = Distribution::of("request_latency", &one_to(1_000)).unwrap();
        for (name, expected) in [("p50", 500.0), ("p99", 990.0), ("p99.9", 999.0), ("max", 1_000.0)] {
            let got = d.percentile(name).unwrap().ms;
            assert!((got - expected).abs() <= expected / 1_000.0, "{name}: {got}");
        }
        assert!((d.mean_ms - 500.5).abs() < 0.5);
    }

    #[test]
    fn a_percentile_with_too_few_samples_says_so() {
        let enough = |n: u64| -> Vec<bool> {
            let d = Distribution::of("request_latency", &one_to(n)).unwrap();
            d.percentiles.iter().map(|p| p.enough_samples).collect()
        };
        assert_eq!(enough(99), [true, true, true, true, false, false, false, true]);
        assert_eq!(enough(100)[4..], [true, false, false, true]);
        assert_eq!(enough(1_000)[4..], [true, true, false, true]);
        assert_eq!(enough(10_000)[4..], [true, true, true, true]);
    }

    #[test]
    fn nothing_has_no_distribution() {
        assert!(Distribution::of("request_latency", &one_to(0)).is_none());
    }
}
