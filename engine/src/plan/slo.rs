//! Service level objectives of single requests.

use serde::Serialize;

/// One objective: `metric ≤ threshold`, or `≥` for metrics of which more is better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slo {
    /// Tag of a record metric, as in [`crate::measure::tags`].
    pub tag: &'static str,
    /// Threshold in the metric's display unit (ms for times).
    pub threshold: f64,
}
