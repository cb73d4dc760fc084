//! The seam to the engine: everything that the binary asks of it beside `Plan`, `Summary` and `Record`.

use ringload_engine::Result;
use ringload_engine::measure::Summary;
use ringload_engine::plan::{Plan, Slo};
use ringload_engine::verdict::{Status, Verdict};
use ringload_engine::workload::Workload;
use std::io::{self, Write};

/// Facts of the machine, read before and after a run.
pub(crate) struct HostFacts(serde_json::Value);

impl HostFacts {
    /// Reads what has to be known before the load starts.
    pub(crate) fn read_start() -> Self {
        Self(serde_json::json!({}))
    }

    /// Reads what changed during the run.
    pub(crate) fn finish(self) -> Self {
        self
    }

    /// For the report.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        self.0.clone()
    }
}

/// Judges a run.
pub(crate) fn judge(_plan: &Plan, _summary: &Summary, _host: &HostFacts) -> Verdict {
    Verdict {
        status: Status::Valid,
        findings: Vec::new(),
    }
}

/// `--goodput` → objectives.
pub(crate) fn parse_slos(items: &[String]) -> Result<Vec<Slo>> {
    stand_in::parse_all(items)
}

/// Writes `inputs.json`.
pub(crate) fn write_inputs(workload: &Workload, to: &mut dyn Write) -> io::Result<()> {
    stand_in::write_inputs(workload, to)
}

/// Until the engine has them.
mod stand_in {
    use super::{Slo, Workload};
    use ringload_engine::{Error, Result};
    use std::io::{self, Write};

    pub(super) fn parse_all(items: &[String]) -> Result<Vec<Slo>> {
        items
            .iter()
            .flat_map(|i| i.split_whitespace())
            .map(|item| {
                let bad = || {
                    Error::usage(
                        format!("--goodput: `{item}` is not METRIC:VALUE"),
                        "write time_to_first_token:200",
                    )
                };
                let (tag, value) = item.split_once(':').ok_or_else(bad)?;
                let tag = TAGS.iter().copied().find(|t| *t == tag).ok_or_else(bad)?;
                Ok(Slo {
                    tag,
                    threshold: value.parse().map_err(|_| bad())?,
                })
            })
            .collect()
    }

    pub(super) fn write_inputs(workload: &Workload, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(b"{\"data\":[")?;
        for (i, entry) in workload.entries.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(
                to,
                "{comma}{{\"session_id\":\"{}\",\"payloads\":[",
                entry.session_id
            )?;
            to.write_all(&entry.body)?;
            to.write_all(b"]}")?;
        }
        to.write_all(b"]}\n")
    }

    const TAGS: &[&str] = &[
        "time_to_first_token",
        "inter_token_latency",
        "request_latency",
        "output_token_throughput_per_user",
    ];
}
