//! What came of `--fail-if`.

use super::layout::{heading, line};
use crate::result::run::Outcome;

/// A line for each condition.
pub(super) fn section(outcome: &Outcome) -> String {
    let thresholds = &outcome.summary.thresholds;
    if thresholds.is_empty() {
        return String::new();
    }
    let mut out = heading("FAIL IF");
    for threshold in thresholds {
        let label = if threshold.failed { "FAILED" } else { "passed" };
        out += &line(label, &threshold.words);
    }
    out
}
