//! What a run leaves for the report and the files.

use crate::redact::Secrets;
use jiff::tz::TimeZone;
use ringload_engine::measure::{Metric, Summary};
use ringload_engine::plan::Plan;
use ringload_engine::verdict::Verdict;
use serde_json::Value;

/// Everything that is rendered. Renderers read it and compute nothing.
pub(crate) struct Outcome {
    /// What was asked.
    pub(crate) plan: Plan,
    /// What it came to.
    pub(crate) summary: Summary,
    /// Whether it may be believed.
    pub(crate) verdict: Verdict,
    /// Facts of the machine.
    pub(crate) host: Value,
    /// Who ran what.
    pub(crate) identity: Identity,
}

/// What tells this run from others.
pub(crate) struct Identity {
    /// 12 hexadecimal digits.
    pub(crate) benchmark_id: String,
    /// The command line, redacted.
    pub(crate) command: String,
    /// Where local times are.
    pub(crate) zone: TimeZone,
    /// What must not be shown.
    pub(crate) secrets: Secrets,
}

impl Outcome {
    /// A metric of the measured phase.
    pub(crate) fn metric(&self, tag: &str) -> Option<&Metric> {
        self.summary.metrics.iter().find(|m| m.info.tag == tag)
    }
}
