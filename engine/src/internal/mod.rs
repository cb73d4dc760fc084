//! Parts that the project's own tests and benches share: runs under virtual time. Not part of the API; they may change
//! in any release. Always compiled, and dropped by the linker where nothing uses them: a feature would have the engine
//! compiled once with it for tests and once without.

mod simulated_run;
mod worker_inputs;

pub use simulated_run::{SimulatedResult, SimulatedRun};
pub use worker_inputs::WorkerInputs;

use crate::clock::Nanos;
use crate::measure::{PhaseFacts, RunFacts};
use crate::plan::Stamps;

/// The facts of a run that nothing disturbed: its measured phase lasts from `start` to `end`, its wall clock begins at
/// `wall_start`.
#[must_use]
pub fn run_facts(start: Nanos, end: Nanos, wall_start: u64) -> RunFacts {
    RunFacts {
        wall_start_ns: wall_start,
        wall_end_ns: wall_start + (end - start),
        targets: Vec::new(),
        warmup: None,
        profiling: PhaseFacts { start, end, ..PhaseFacts::default() },
        driver: "epoll".into(),
        driver_note: None,
        stamps: Stamps::Kernel,
        cores: Vec::new(),
        records_lost: 0,
        was_cancelled: false,
        aborted: None,
        log_failure: None,
        unfinished: false,
        peak_rss_bytes: 0,
        buffered_limit_bytes: 0,
        tokenizer: "exact".into(),
        tokenizer_approximate: false,
        characters_per_token: None,
        fleet: None,
    }
}
