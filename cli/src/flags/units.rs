//! Units of the plan.

use ringload_engine::clock::{Nanos, SECOND};

/// Seconds as nanoseconds; the values have been bounded.
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds * SECOND as f64).round() as Nanos
}
