//! What the run knows of itself beside its records and shards.

use super::network::Spoken;
use super::summary::{Aborted, CoreFigures};
use crate::clock::Nanos;
use crate::plan::Stamps;
use serde::{Deserialize, Serialize};

/// What the run knows of itself beside its records and shards: handed to `Summarizer::finish`.
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
    /// What was spoken with each target, in the order of the plan.
    pub targets: Vec<Spoken>,
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
}

/// One phase on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PhaseFacts {
    /// Its start.
    pub start: Nanos,
    /// When its last request had ended or was abandoned.
    pub end: Nanos,
    /// Requests the plan asked for, where it says a number.
    pub planned: Option<u64>,
    /// Of them those that were not due, or not looked at, when the phase ended: what the sources counted is taken from
    /// `planned`, so that a request that they handed on and that was neither issued nor dropped does not balance.
    pub never_due: u64,
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
