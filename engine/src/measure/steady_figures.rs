//! What is said of the steady part of a run, and of how sure its figures are.

use crate::interned::Name;
use crate::statistics::{Interval, Method};
use serde::{Deserialize, Serialize};

/// The part of a run between its warming up and its end, by MSER-5.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Steady {
    /// Whether there is one: the run had settled before half of it was over, and its figures are below.
    pub settled: bool,
    /// Requests of it.
    pub requests: u64,
    /// Requests before it, in the order of their start.
    pub trimmed_start: u64,
    /// Requests after it.
    pub trimmed_end: u64,
    /// Its start: seconds after the first request.
    pub from_s: f64,
    /// Its end: the start of its last request, in seconds after the first.
    pub to_s: f64,
    /// Figures of the whole run and of its steady part.
    pub figures: Vec<Compared>,
    /// The same in a sentence.
    pub words: String,
}

/// A figure of the whole run and of its steady part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Compared {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// `p50`, `p99`; absent for a rate.
    #[serde(default, deserialize_with = "crate::interned::optional")]
    pub statistic: Option<Name>,
    /// Unit of both.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// Of the whole run.
    pub whole: f64,
    /// Of the steady part.
    pub steady: f64,
}

/// Intervals of figures within the run, at 95 %.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Confidence {
    /// Confidence of the intervals: 0.95.
    pub level: f64,
    /// What they are of: `steady` part, or `whole` run where none was found.
    #[serde(deserialize_with = "crate::interned::name")]
    pub of: Name,
    /// Requests behind them.
    pub requests: u64,
    /// Rates, by batch means.
    pub rates: Vec<RateInterval>,
    /// Why there are no rates, in words.
    pub no_rates: Option<String>,
    /// Percentiles, by block bootstrap.
    pub percentiles: Vec<PercentileFigures>,
}

/// A rate and its interval.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RateInterval {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Display unit of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// The rate while requests were being issued; a request counts as its output arrives.
    pub value: f64,
    /// The interval, in `unit`.
    pub interval: Interval,
    /// Batches of time.
    pub batches: u64,
    /// Correlation of neighbouring batches.
    pub lag1: f64,
    /// Whether they pass as independent; where not, the interval is too short.
    pub independent: bool,
}

/// A percentile and its interval.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PercentileFigures {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// `p50` or `p99`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub statistic: Name,
    /// Display unit of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// The percentile, in `unit`.
    pub value: f64,
    /// The interval, in `unit`.
    pub interval: Interval,
    /// How it was found.
    pub method: Method,
}
