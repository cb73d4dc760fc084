//! What a selftest found.

use ringload_engine::calibration::{Calibration, Drive};
use ringload_mock::comparison::Percentiles;
use serde::Serialize;

/// What ringload says of this machine, and how true it is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Selftest {
    /// Version of the document.
    pub(crate) schema_version: &'static str,
    /// Of the program.
    pub(crate) ringload_version: &'static str,
    /// What was said of streams, against what the server did.
    pub(crate) truth: Truthfulness,
    /// Arrivals of a schedule, against when they were wanted.
    pub(crate) schedule: ScheduleError,
    /// What one core can drive; absent where it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calibration: Option<Calibration>,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_calibrated: Option<String>,
    /// What this machine can drive of what was asked about; absent where it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drive: Option<Drive>,
}

impl Selftest {
    /// Whether this machine can drive what was asked, and what is said of it is true.
    pub(crate) fn passed(&self) -> bool {
        self.truth.holds() && self.drive.as_ref().is_some_and(Drive::can)
    }
}

/// How far what was said is from what the server did: the size of each difference, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Truthfulness {
    /// Requests that both sides know, with as many tokens on either.
    pub(crate) requests: usize,
    /// Their tokens.
    pub(crate) tokens: usize,
    /// Requests of which the two sides say different numbers of tokens, or that only one of them knows.
    pub(crate) mismatched: usize,
    /// Tokens with a stamp of their own that is more than 0.1 ms before, or 1 ms after, the write that carried them.
    pub(crate) off: usize,
    /// The stamp of a token against the beginning of its write.
    pub(crate) stamp_us: Percentiles,
    /// The gap between two tokens against that between their writes.
    pub(crate) gap_us: Percentiles,
    /// The time to the first token against the server's, in which the way of the request is not.
    pub(crate) first_token_us: Percentiles,
}

impl Truthfulness {
    /// Whether both sides know the same requests and tokens, and no more than one stamp in twenty is off: a busy
    /// machine puts some off that are not the client's.
    pub(crate) fn holds(&self) -> bool {
        self.mismatched == 0 && self.tokens > 0 && self.off * 20 <= self.tokens
    }
}

/// When the requests of a schedule left, and what a response that costs its server nothing takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScheduleError {
    /// Arrivals.
    pub(crate) arrivals: usize,
    /// Arrivals a second that were wanted.
    pub(crate) per_s: f64,
    /// From the wanted instant until the client took the request up, in microseconds.
    pub(crate) taken_up_us: Percentiles,
    /// From the wanted instant until the server had read it.
    pub(crate) received_us: Percentiles,
    /// From the issue to the first token of a server that answers at once: the floor of every time to first token here.
    pub(crate) floor_us: Percentiles,
}
