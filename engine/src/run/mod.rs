//! A run from plan to summary: prepared, driven by its threads, recorded, read back, counted and summed.
//!
//! [`Run::prepare`] does all that precedes the clock, [`Run::execute`] the rest. Where a caller wants the parts apart
//! (to share a workload between runs, to write records into files of its own), [`Run::with`], [`Run::drive`] and
//! [`summarize`] are the same steps.

mod addresses;
mod barrier;
mod certificates;
mod drain;
mod error_limit;
mod execute;
mod facts;
mod finished;
mod merge;
#[cfg(test)]
mod merge_tests;
mod negotiate;
mod phase_barrier;
mod prepare;
mod recorder;
mod refusal;
mod reread;
mod resources;
mod result;
mod seen;
mod shift;
mod summarize;
#[cfg(test)]
mod tests;
mod worker_thread;

pub use crate::control::{Budget, Control, Progress};
pub use addresses::locate;
pub use certificates::{tls_certificates, tls_clients};
pub use error_limit::ErrorLimit;
pub use facts::planned_requests;
pub use finished::Finished;
pub use merge::{Member, Merge, condense};
pub use reread::{Reread, reread, reread_all};
pub use resources::cores;
pub use result::{Run, RunResult};
pub use shift::Shift;
pub use summarize::{metrics_of, summarize};

use crate::clock::Nanos;
use crate::error::Result;
use crate::plan::Plan;
use crate::record::{PhaseKind, Record};
use crate::workload::Workload;

/// Holds a plan against what is known before anything is made or asked of anyone: the limits of lengths and counts, and
/// the descriptors of this machine. What a server, a file or a tokenizer brings shows later.
///
/// # Errors
/// What [`Run::prepare`] would say of them.
pub fn check(plan: &Plan) -> Result<()> {
    Workload::check(plan)?;
    let range = plan.core_range.map(|range| range.count);
    let workers = range.map_or_else(|| cores(plan).map(|cores| cores.len()), Ok)?;
    resources::capacity(plan, workers, false).map(drop)
}

/// Observes each record as it is written, off the workers' cores; may end the run by [`Control::enough`].
pub type Watcher<'a> = &'a mut (dyn FnMut(&Record) + Send);

/// Says when a phase begins, on the monotonic clock. It is asked once a phase, when all workers of this process are
/// ready for it, and may wait for other processes that share the load; its error ends the run.
pub type Gate = Box<dyn Fn(PhaseKind) -> Result<Nanos> + Send + Sync>;

fn os_error(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
