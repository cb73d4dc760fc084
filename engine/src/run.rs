//! A run from plan to summary: workers are started, watched and joined; records are read back, counted and summed.

use crate::error::Result;
use crate::measure::Summary;
use crate::plan::Plan;
use crate::record::Record;
use crate::workload::Workload;
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the control plane and the workers share: a stop request going in, snapshots coming out.
#[derive(Default)]
pub struct Control {
    stop: AtomicU8,
    /// Live figures, one set for each worker; read at ≤ 10 Hz.
    pub progress: Vec<Progress>,
}

/// Live figures of one worker, stored once per loop.
#[derive(Default)]
#[repr(align(128))]
pub struct Progress {
    /// Requests issued in the measured phase.
    pub issued: AtomicU64,
    /// Requests finished in the measured phase.
    pub done: AtomicU64,
    /// Of them failed.
    pub failed: AtomicU64,
    /// Output events in both phases.
    pub events: AtomicU64,
    /// Requests in flight.
    pub in_flight: AtomicU64,
    /// Requests finished in the warm-up.
    pub warmup_done: AtomicU64,
}

impl Control {
    /// Shared state for up to `workers` workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            stop: AtomicU8::new(0),
            progress: (0..workers).map(|_| Progress::default()).collect(),
        }
    }

    /// Asks the workers to stop: once = issue nothing more and drain within the grace; twice = abandon what is in flight.
    pub fn stop(&self) {
        self.stop.fetch_add(1, Ordering::Relaxed);
    }

    /// How often [`Control::stop`] was called.
    #[must_use]
    pub fn stops(&self) -> u8 {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What the workers left: the merged shard, the facts of the run, and the record log.
pub struct Finished {}

/// How many workers a plan gets on this machine, and on which cores.
///
/// # Errors
/// When the plan names cores that the process may not use.
pub fn cores(plan: &Plan) -> Result<Vec<usize>> {
    let _ = plan;
    Ok(vec![])
}

/// Drives the load. Records go to the log at `log_path`.
///
/// # Errors
/// When the environment forbids the run: no driver, no descriptors, an unwritable log, a name that does not resolve.
pub fn execute(
    plan: &Plan,
    workload: &Workload,
    log_path: &Path,
    control: &Control,
) -> Result<Finished> {
    let _ = (plan, workload, log_path, control);
    Ok(Finished {})
}

/// Reads the records back, counts tokens, sums. `on_record` sees each record of the measured phase with its metrics, in log order.
///
/// # Errors
/// When the log cannot be read, or `on_record` fails.
pub fn summarize(
    plan: &Plan,
    workload: &Workload,
    finished: Finished,
    on_record: &mut dyn FnMut(&Record, &crate::measure::RequestMetrics) -> std::io::Result<()>,
) -> Result<Summary> {
    let _ = (plan, workload, finished, on_record);
    Err(crate::Error::bug("not yet"))
}
