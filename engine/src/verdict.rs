//! Pure: a summary and host facts → findings → VALID | SUSPECT | INVALID.

use serde::Serialize;

/// Whether the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// No gate was touched.
    Valid,
    /// A gate was touched: read the finding before using the figures.
    Suspect,
    /// The figures are partly the client's own.
    Invalid,
}

/// The verdict with its reasons.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The worst of the findings.
    pub status: Status,
    /// Each with evidence and remedy, worst first.
    pub findings: Vec<Finding>,
}

/// One reason.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Stable name: `dispatch_lag`, `receive_lag`, `busy_core` …
    pub gate: &'static str,
    /// What it makes of the run; [`Status::Valid`] is a remark.
    pub status: Status,
    /// Whose doing it is: `client`, `policy`, `peer` or `host`.
    pub blame: &'static str,
    /// The figure and the bound that it crossed.
    pub evidence: String,
    /// What to do next.
    pub remedy: String,
}
