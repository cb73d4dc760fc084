//! What a run came to.

use super::finished::{Log, read_all};
use super::summarize::sum_up;
use super::{Control, Finished, Gate, Watcher, cores, execute, prepare::Prepared};
use crate::error::{Error, Result};
use crate::host::{HostFacts, HostWatch};
use crate::measure::Summary;
use crate::plan::Plan;
use crate::record::{LogWriter, Record};
use crate::verdict::{Verdict, judge};
use crate::workload::Workload;
use std::sync::Arc;

/// One run of a plan, prepared: nothing has been sent yet.
/// [The crate](crate#a-run-in-five-lines) begins with an example.
pub struct Run {
    plan: Plan,
    workload: Arc<Workload>,
    control: Arc<Control>,
    prepared: Prepared,
    log: Option<LogWriter>,
    gate: Option<Gate>,
}

impl Run {
    /// Does all that precedes the clock: reads files and tokenizer, makes the request bodies, looks up names, asks for
    /// protocols, chooses the driver.
    ///
    /// # Errors
    /// What stands in the way of the run, with a remedy.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let workload = Workload::prepare(plan)?;
        let control = Control::new(cores(plan)?.len());
        Self::with(plan, Arc::new(workload), Arc::new(control))
    }

    /// As [`prepare`](Self::prepare), of a workload and a control that are there already: a workload serves several
    /// runs, and a control can stop the preparation. The control has a place for each of [`cores`].
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn with(plan: &Plan, workload: Arc<Workload>, control: Arc<Control>) -> Result<Self> {
        let prepared = Prepared::new(plan, &control)?;
        Ok(Self { plan: plan.clone(), workload, control, prepared, log: None, gate: None })
    }

    /// Writes the records to `log`; else they go to an unnamed temporary file.
    #[must_use]
    pub fn record_to(mut self, log: LogWriter) -> Self {
        self.log = Some(log);
        self
    }

    /// Begins each phase when `gate` says so.
    #[must_use]
    pub fn begin_by(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Stops the run and shows how far it is, from any thread.
    #[must_use]
    pub fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Drives the load, and sums nothing up.
    ///
    /// # Errors
    /// When a thread, a driver or the log fails.
    pub fn drive(self, watcher: Option<Watcher<'_>>) -> Result<Finished> {
        let log = match self.log {
            Some(log) => log,
            None => temporary_log()?,
        };
        execute::execute(&self.plan, &self.workload, &self.prepared, log, (&self.control, self.gate.as_ref()), watcher)
    }

    /// Drives the load, sums up and judges.
    ///
    /// # Errors
    /// As [`drive`](Self::drive), and when the log cannot be read back.
    pub fn execute(self) -> Result<RunResult> {
        let (plan, workload) = (self.plan.clone(), Arc::clone(&self.workload));
        let host: HostWatch = HostFacts::read_start();
        let mut finished = self.drive(None)?;
        let host = host.finish();
        let failure = finished.take_failure();
        let (summary, logs) = sum_up(&plan, &workload, finished, &mut |_, _| ())?;
        let verdict = judge(&plan, &summary, &host, None);
        Ok(RunResult { summary, verdict, host, failure, logs })
    }
}

fn temporary_log() -> Result<LogWriter> {
    let file = tempfile::tempfile().map_err(|e| {
        Error::environment(
            format!("no temporary file could be made ({e})"),
            "free space in the folder that TMPDIR names",
        )
    })?;
    LogWriter::new(file, "the record log".into())
}

/// What a run came to.
pub struct RunResult {
    /// Counts, metrics, goodput, slices: all figures.
    pub summary: Summary,
    /// Whether they can be trusted, with reasons.
    pub verdict: Verdict,
    /// The machine, before and after.
    pub host: HostFacts,
    /// The failure of a worker that ended the run before its time; the figures are of what was measured by then.
    pub failure: Option<Error>,
    logs: Vec<Log>,
}

impl RunResult {
    /// The record of each request, warm-up included, in the order in which they ended, read from the log.
    ///
    /// # Errors
    /// When the log cannot be read; each item, when it is damaged.
    pub fn records(&self) -> Result<impl Iterator<Item = Result<Record>> + '_> {
        read_all(&self.logs)
    }
}
