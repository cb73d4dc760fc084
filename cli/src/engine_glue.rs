//! The seam to the engine: everything that the binary asks of it beside `Plan`, `Summary` and `Record`.

use ringload_engine::Result;
use ringload_engine::host::{self, HostWatch};
use ringload_engine::measure::Summary;
use ringload_engine::plan::{Plan, Slo};
use ringload_engine::verdict::{self, Verdict};
use ringload_engine::workload::Workload;
use std::io::{self, Write};

/// Facts of the machine, watched over a run.
pub(crate) struct HostFacts(HostWatch);

/// What the watch saw.
pub(crate) struct Seen(host::HostFacts);

impl HostFacts {
    /// Reads what has to be known before the load starts.
    pub(crate) fn read_start() -> Self {
        Self(host::HostFacts::read_start())
    }

    /// Reads what changed during the run.
    pub(crate) fn finish(self) -> Seen {
        Seen(self.0.finish())
    }
}

impl Seen {
    /// For the report.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.0).unwrap_or_default()
    }
}

/// Judges a run.
pub(crate) fn judge(plan: &Plan, summary: &Summary, host: &Seen) -> Verdict {
    verdict::judge(plan, summary, &host.0)
}

/// `--goodput` → objectives.
pub(crate) fn parse_slos(items: &[String]) -> Result<Vec<Slo>> {
    Slo::parse_all(items)
}

/// Writes `inputs.json`.
pub(crate) fn write_inputs(workload: &Workload, to: &mut dyn Write) -> io::Result<()> {
    workload.write_inputs(to)
}
