//! Gates on the workload: whether what was measured is what was asked for.
//!
//! A run whose workload was another is suspect at most: its figures are right, and of another load.

mod cache;
mod dataset;
mod input;
mod output;
mod unseen;

use super::case::Case;
use super::finding::Finding;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [
        dataset::findings(case),
        output::findings(case),
        input::findings(case),
        cache::findings(case),
        unseen::findings(case),
    ]
    .concat()
}

/// A part of a whole; 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
