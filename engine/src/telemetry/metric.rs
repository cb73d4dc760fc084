//! Metrics as they are handed on: over the window of a run, and as a scrape had them.

use super::exposition::Kind;
use super::histogram::HistogramFigures;
use super::labels::Labels;
use super::scalar::{CounterFigures, GaugeStats};

/// A metric with its series, over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFigures {
    /// Its name, without the `_total` of a counter.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its `# HELP`.
    pub help: String,
    /// Its `# UNIT`, or what its name ends with.
    pub unit: Option<String>,
    /// One for each set of labels that the window has values of.
    pub series: Vec<SeriesFigures>,
}

/// A series over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesFigures {
    /// Its labels, in the order of their names.
    pub labels: Labels,
    /// Its figures.
    pub stats: SeriesStats,
}

/// Figures of a series, by its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum SeriesStats {
    /// Of a gauge, or a series of which no kind is known.
    Gauge(GaugeStats),
    /// Of a counter.
    Counter(CounterFigures),
    /// Of a histogram.
    Histogram(HistogramFigures),
}

/// A series as the last scrape had it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Current<'a> {
    /// Its value.
    Value(f64),
    /// Cumulative buckets by bound, sum and count.
    Histogram {
        /// Bounds as the server writes them, in its order.
        bounds: &'a [(String, f64)],
        /// Observations up to each.
        buckets: &'a [f64],
        /// Sum, where there is one.
        sum: Option<f64>,
        /// Count, where there is one.
        count: Option<f64>,
    },
}
