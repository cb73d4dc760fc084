//! What the run knows of itself beside its records and shards.

use super::fleet::FleetFigures;
use super::network::TargetFacts;
use crate::clock::Nanos;
use crate::plan::Stamps;
use crate::setting::Setting::{FailedShare, MaxErrors};
use serde::{Deserialize, Serialize};
use std::fmt;

/// More requests had failed than the plan allows, by their share or by their number: the run ended early, as after one
/// signal.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Aborted {
    /// Whether it was in the warm-up.
    pub warmup: bool,
    /// Requests of the phase that had failed by then.
    pub failed: u64,
    /// Requests of the phase that had finished by then; cancelled ones have not.
    pub finished: u64,
    /// The share of failures that was passed, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The number of failures that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<u64>,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = if self.warmup { " of the warm-up" } else { "" };
        let (failed, finished) = (self.failed, self.finished);
        write!(f, "{failed} of the first {finished} requests{phase} that finished had failed")?;
        match (self.max_errors, self.threshold) {
            (Some(most), _) => write!(f, ", which is {MaxErrors} {most}"),
            (None, Some(share)) => write!(f, ", over {FailedShare} {share}"),
            (None, None) => Ok(()),
        }
    }
}

/// One worker's core.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CoreFigures {
    /// The core it was pinned to; `None` when pinning failed.
    pub core: Option<usize>,
    /// Share of the measured phase in which it was not waiting.
    pub busy_share: f64,
    /// CPU time in user mode, seconds.
    pub user_s: f64,
    /// CPU time in the kernel, seconds.
    pub system_s: f64,
    /// Times the loop woke.
    pub wakes: u64,
    /// Involuntary context switches.
    pub involuntary_switches: u64,
    /// Share of the measured phase in which the core was not idle, whoever had it; from the kernel's ticks.
    pub core_busy_share: Option<f64>,
    /// How long the worker was ready to run and waited for a core, in seconds.
    pub run_delay_s: Option<f64>,
    /// The core's memory node.
    pub numa_node: Option<usize>,
}

/// Facts of a run beside its records and shards: handed to `Summarizer::finish`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RunFacts {
    /// Wall clock at the start of the measured phase, nanoseconds since the Unix epoch.
    pub wall_start_ns: u64,
    /// Wall clock when its last request ended.
    pub wall_end_ns: u64,
    /// The warm-up, where there was one.
    pub warmup: Option<PhaseFacts>,
    /// The measured phase.
    pub profiling: PhaseFacts,
    /// The protocol that was used with each target, in the order of the plan.
    pub targets: Vec<TargetFacts>,
    /// The driver in use: `io_uring` or `epoll`.
    pub driver: String,
    /// Why it is not the preferred one, if it is not.
    pub driver_note: Option<String>,
    /// Who stamped arrivals in the end.
    pub stamps: Stamps,
    /// Per worker, over the measured phase.
    pub cores: Vec<CoreFigures>,
    /// Records that were lost after the workers: by the ring to the writer or the writer itself. Added to the shards'
    /// `records_lost`.
    pub records_lost: u64,
    /// Whether a signal ended the run early.
    pub was_cancelled: bool,
    /// What the run ended early over of its own accord, if it did.
    pub aborted: Option<Aborted>,
    /// Why the record log's file took no more, where that ended the run.
    pub log_failure: Option<String>,
    /// The run did not end: these are the facts and the records that it had left by then.
    pub unfinished: bool,
    /// Highest resident set of the process, in bytes.
    pub peak_rss_bytes: u64,
    /// Bytes that the answers of the run could hold together.
    pub buffered_limit_bytes: u64,
    /// Name of the client's tokenizer.
    pub tokenizer: String,
    /// Whether it is the built-in vocabulary, so that client-side lengths are approximate.
    pub tokenizer_approximate: bool,
    /// The processes that shared the load, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetFigures>,
    /// Characters of the prompts for each of their tokens by the client's tokenizer; `None` where it is not known.
    #[serde(default)]
    pub characters_per_token: Option<f64>,
}

/// One phase on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PhaseFacts {
    /// Its start, in nanoseconds on the monotonic clock.
    pub start: Nanos,
    /// When its last request had ended or was abandoned.
    pub end: Nanos,
    /// Requests the plan asked for, where it says a number.
    pub planned: Option<u64>,
    /// Of them those that were not due, or not looked at, when the phase ended: what the sources counted is taken from
    /// `planned`, so that a request that they handed on and that was neither issued nor dropped does not balance.
    pub never_due: u64,
    /// Of them those of a member of a fleet that was lost, of which nothing is known.
    #[serde(default)]
    pub lost_with_member: u64,
    /// The arrivals that were due (open loop); `None` takes them from the records and the dropped ones.
    pub offered: Option<Offered>,
}

/// The arrivals of a schedule that were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Offered {
    /// How many, those dropped or still queued at the end included.
    pub arrivals: u64,
    /// Instant of the first.
    pub first: Nanos,
    /// Instant of the last.
    pub last: Nanos,
}
