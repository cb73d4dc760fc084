//! The record of a request: its instants, what came of it, and the gaps between its output events.

mod cause;
mod log;
#[cfg(test)]
pub(crate) mod testing;

pub use cause::Cause;
pub use log::{LogReader, LogWriter};

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// One finished (or abandoned) request.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Record {
    /// Index of the request in its phase: decides its instant, its prompt and its target.
    pub k: u64,
    /// Which phase.
    pub phase: PhaseKind,
    /// Index of the worker that drove it.
    pub worker: u16,
    /// Index into [`crate::plan::Plan::targets`].
    pub target: u16,
    /// Index of the dataset entry.
    pub entry: u32,
    /// Input length in tokens, by the client's tokenizer.
    pub isl: u32,
    /// Output length asked for, in tokens.
    pub requested_osl: Option<u32>,
    /// `X-Request-ID` of the request.
    pub request_id: u128,
    /// When what happened.
    pub instants: Instants,
    /// What came of it.
    pub outcome: Outcome,
    /// HTTP status, 0 when no head was read.
    pub status: u16,
    /// Usage as the server counted it.
    pub usage: Option<Usage>,
    /// Whether a finish reason was seen.
    pub finished: bool,
    /// Output events: the number of arrivals; `gaps.len() + 1` unless none.
    pub events: u32,
    /// Output events that shared their read with a later one.
    pub coalesced: u32,
    /// Reads that carried bytes of this response.
    pub reads: u32,
    /// Bytes of the request.
    pub bytes_sent: u64,
    /// Bytes of the response, head and framing included.
    pub bytes_received: u64,
    /// Whether the connection had served an earlier request.
    pub connection_reused: bool,
    /// Times the request moved to a fresh connection because the kept one had been closed by the server while idle.
    pub reconnects: u8,
    /// Gaps between consecutive output events, in nanoseconds.
    pub gaps: Vec<u64>,
    /// Output text, joined, for the client's tokenizer; absent when it was not kept.
    pub text: Option<String>,
    /// Reasoning text, joined; absent when it was not kept or there was none.
    pub reasoning_text: Option<String>,
    /// What the server or the engine said of a failure.
    pub detail: Option<String>,
}

/// Which phase a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Excluded from the results.
    Warmup,
    /// Measured.
    Profiling,
}

/// When what happened, on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instants {
    /// When the plan wanted it; in closed loop, when the slot became free.
    pub scheduled: Nanos,
    /// When a worker took it up, before any connection wait.
    pub issued: Nanos,
    /// TCP connect begun; only on the request that paid for it.
    pub tcp_start: Option<Nanos>,
    /// TCP connect done.
    pub tcp_end: Option<Nanos>,
    /// When it owned a usable connection.
    pub connection_ready: Option<Nanos>,
    /// First byte handed to the kernel.
    pub send_start: Option<Nanos>,
    /// Last byte accepted by the kernel.
    pub send_end: Option<Nanos>,
    /// First response byte arrived.
    pub first_byte: Option<Nanos>,
    /// Response head complete.
    pub head_end: Option<Nanos>,
    /// First output event arrived (content, reasoning or tool-call text).
    pub first_token: Option<Nanos>,
    /// First output event that is not reasoning.
    pub first_visible_token: Option<Nanos>,
    /// Last output event arrived.
    pub last_token: Option<Nanos>,
    /// The stream ended: terminator, end of body, close, failure, or abandonment.
    pub end: Nanos,
}

/// Where the time of a request went. The parts never overlap, and add up to `end - issued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Waiting for a connection to be begun or to come free, and for the send to begin.
    pub queue: Nanos,
    /// TCP connect.
    pub tcp: Nanos,
    /// First byte handed to the kernel → last byte accepted.
    pub send: Nanos,
    /// Last byte accepted → first response byte.
    pub wait: Nanos,
    /// First response byte → end.
    pub receive: Nanos,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete answer with output.
    Succeeded,
    /// It failed, and why.
    Failed(Cause),
    /// It was still in flight when the run ended.
    InFlight,
}

/// Token counts as the server gave them; absent fields were absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// `prompt_tokens`
    pub prompt: Option<u32>,
    /// `completion_tokens` (reasoning included)
    pub completion: Option<u32>,
    /// `total_tokens`
    pub total: Option<u32>,
    /// `completion_tokens_details.reasoning_tokens`
    pub reasoning: Option<u32>,
    /// `prompt_tokens_details.cached_tokens`
    pub cached: Option<u32>,
}

impl Instants {
    /// The phases of the request: a chain of cuts from `issued` to `end`, so that they add up by construction.
    ///
    /// A cut that is absent, or out of order, takes the place of its predecessor: the phase it would open has no length.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let mut at = self.issued;
        let end = self.end.max(at);
        let mut step = |cut: Option<Nanos>| {
            let next = cut.unwrap_or(at).clamp(at, end);
            let length = next - at;
            at = next;
            length
        };
        let before_connect = step(self.tcp_start);
        let tcp = step(self.tcp_end);
        let after_connect = step(self.send_start);
        let send = step(self.send_end);
        let wait = step(self.first_byte);
        // What is left belongs to the last phase that was begun.
        let rest = end - at;
        let mut phases = Phases {
            queue: before_connect + after_connect,
            tcp,
            send,
            wait,
            receive: 0,
        };
        if self.first_byte.is_some() {
            phases.receive = rest;
        } else if self.send_end.is_some() {
            phases.wait += rest;
        } else if self.send_start.is_some() {
            phases.send += rest;
        } else if self.tcp_start.is_some() && self.tcp_end.is_none() {
            phases.tcp += rest;
        } else {
            phases.queue += rest;
        }
        phases
    }
}

impl Phases {
    /// The sum of the parts: `end - issued`.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.queue + self.tcp + self.send + self.wait + self.receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_phases_of_a_request_that_paid_for_its_connection() {
        let instants = Instants {
            scheduled: 90,
            issued: 100,
            tcp_start: Some(110),
            tcp_end: Some(150),
            connection_ready: Some(150),
            send_start: Some(155),
            send_end: Some(170),
            first_byte: Some(400),
            head_end: Some(400),
            first_token: Some(420),
            first_visible_token: Some(420),
            last_token: Some(900),
            end: 910,
        };
        let phases = instants.phases();
        let expected = Phases {
            queue: 10 + 5,
            tcp: 40,
            send: 15,
            wait: 230,
            receive: 510,
        };
        assert_eq!(phases, expected);
        assert_eq!(phases.total(), 810);
    }

    #[test]
    fn what_is_left_belongs_to_the_last_phase_that_was_begun() {
        let connecting = Instants {
            issued: 100,
            tcp_start: Some(110),
            end: 200,
            ..Instants::default()
        };
        assert_eq!(
            (connecting.phases().queue, connecting.phases().tcp),
            (10, 90)
        );
        let queued = Instants {
            issued: 100,
            end: 200,
            ..Instants::default()
        };
        assert_eq!(queued.phases().queue, 100);
    }

    proptest! {
        #[test]
        fn phases_always_add_up(instants in testing::any_instants()) {
            prop_assert_eq!(instants.phases().total(), instants.end.max(instants.issued) - instants.issued);
        }
    }
}
