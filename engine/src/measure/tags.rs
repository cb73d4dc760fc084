//! The table of metrics: tag, header, unit, and which way is better. Names and units are AIPerf's where it has the metric.

/// What is known of a metric beside its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricInfo {
    /// Tag in files and in `--goodput`.
    pub tag: &'static str,
    /// Title in tables and in the CSV.
    pub header: &'static str,
    /// Display unit, as in the JSON (`ms`, `tokens`, `requests/sec` …).
    pub unit: &'static str,
    /// Whether each request has its own value (else one value a run).
    pub per_request: bool,
    /// Whether more is better.
    pub larger_is_better: bool,
}
