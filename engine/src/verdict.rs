//! Pure: a summary and host facts → findings → VALID | SUSPECT | INVALID.
//!
//! Each gate compares one figure with two bounds and says whose doing a crossing is. The bounds are those of
//! `docs/MEASUREMENT.md`; what is said here of few samples and fast servers keeps a smoke test from failing for reasons
//! that are no reasons.

mod accounting;
mod answers;
mod ceiling;
mod lag;
mod load;
mod machine;

use crate::calibration::Used;
use crate::host::HostFacts;
use crate::interned::Name;
use crate::measure::Summary;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// Whether the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Verdict {
    /// The worst of the findings.
    pub status: Status,
    /// Each with evidence and remedy, worst first.
    pub findings: Vec<Finding>,
}

/// One reason.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Finding {
    /// Stable name: `dispatch_lag`, `receive_lag`, `busy_core` …
    #[serde(deserialize_with = "crate::interned::name")]
    pub gate: Name,
    /// What it makes of the run; [`Status::Valid`] is a remark.
    pub status: Status,
    /// Whose doing it is: `client`, `policy`, `peer` or `host`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub blame: Name,
    /// The figure and the bound that it crossed.
    pub evidence: String,
    /// What to do next.
    pub remedy: String,
}

/// Judges a run. `used` is what it used of its machine's ceiling, where that is known.
#[must_use]
pub fn judge(plan: &Plan, summary: &Summary, host: &HostFacts, used: Option<&Used>) -> Verdict {
    let mut findings: Vec<Finding> = [
        accounting::findings(summary),
        lag::findings(plan, summary),
        load::findings(plan, summary),
        ceiling::findings(summary, used),
        machine::findings(summary, host),
        answers::findings(plan, summary),
    ]
    .concat();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    Verdict { status: findings.first().map_or(Status::Valid, |worst| worst.status), findings }
}

impl Status {
    /// One step milder.
    fn milder(self) -> Self {
        match self {
            Self::Invalid => Self::Suspect,
            Self::Suspect | Self::Valid => Self::Valid,
        }
    }

    /// What a figure makes of the run: over `invalid`, over `suspect`, or neither.
    fn over(figure: f64, suspect: f64, invalid: f64) -> Self {
        if figure > invalid {
            Self::Invalid
        } else if figure > suspect {
            Self::Suspect
        } else {
            Self::Valid
        }
    }
}

const CLIENT: &str = "client";
const POLICY: &str = "policy";
const PEER: &str = "peer";
const HOST: &str = "host";

/// Milliseconds in a unit that suits them.
fn shown_ms(ms: f64) -> String {
    if ms >= 1_000.0 {
        format!("{:.2} s", ms / 1_000.0)
    } else if ms >= 1.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{:.1} µs", ms * 1_000.0)
    }
}

/// A share in percent.
fn shown_share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The exact median of a metric.
fn median(summary: &Summary, tag: &str) -> Option<f64> {
    let metric = summary.metrics.iter().find(|metric| metric.info.tag == tag)?;
    metric.stats.map(|stats| stats.p50)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
