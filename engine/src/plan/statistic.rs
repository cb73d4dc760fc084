//! The figures of a metric.

use serde::{Deserialize, Serialize};

/// A figure of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Statistic {
    /// The one value of a metric of the run.
    #[serde(rename = "value")]
    Value,
    /// Mean.
    #[serde(rename = "avg")]
    Avg,
    /// Smallest.
    #[serde(rename = "min")]
    Min,
    /// Largest.
    #[serde(rename = "max")]
    Max,
    /// Standard deviation.
    #[serde(rename = "std")]
    Std,
    /// 1st percentile.
    #[serde(rename = "p1")]
    P1,
    /// 5th percentile.
    #[serde(rename = "p5")]
    P5,
    /// 10th percentile.
    #[serde(rename = "p10")]
    P10,
    /// 25th percentile.
    #[serde(rename = "p25")]
    P25,
    /// Median.
    #[serde(rename = "p50")]
    P50,
    /// 75th percentile.
    #[serde(rename = "p75")]
    P75,
    /// 90th percentile.
    #[serde(rename = "p90")]
    P90,
    /// 95th percentile.
    #[serde(rename = "p95")]
    P95,
    /// 99th percentile.
    #[serde(rename = "p99")]
    P99,
    /// 99.9th percentile.
    #[serde(rename = "p99.9")]
    P999,
    /// 99.99th percentile.
    #[serde(rename = "p99.99")]
    P9999,
}

impl Statistic {
    /// The figure of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        STATISTICS.iter().find(|(known, _)| *known == name).map(|(_, statistic)| *statistic)
    }

    /// Its name, as in files; empty for the one value of a metric of the run.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "",
            other => STATISTICS.iter().find(|(_, s)| *s == other).map_or("", |(name, _)| name),
        }
    }
}

/// Every figure of a metric of requests, by its name.
pub(super) const STATISTICS: [(&str, Statistic); 15] = [
    ("avg", Statistic::Avg),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("std", Statistic::Std),
    ("p1", Statistic::P1),
    ("p5", Statistic::P5),
    ("p10", Statistic::P10),
    ("p25", Statistic::P25),
    ("p50", Statistic::P50),
    ("p75", Statistic::P75),
    ("p90", Statistic::P90),
    ("p95", Statistic::P95),
    ("p99", Statistic::P99),
    ("p99.9", Statistic::P999),
    ("p99.99", Statistic::P9999),
];
