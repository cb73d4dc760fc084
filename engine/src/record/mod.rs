//! The record of a request: its instants, what came of it, and the gaps between its output events.

mod cause;
mod intervals;
mod lags;
mod log;
mod observed;
mod retry;
#[cfg(test)]
pub(crate) mod testing;
mod timings;
mod usage;

pub use cause::Cause;
pub use intervals::Intervals;
pub use lags::Lags;
pub use log::{Entry, LogReader, LogWriter, Note, RecordLog, Skimmed};
pub use observed::{FinishReason, Observed};
pub use retry::Retry;
pub use timings::{Timing, Timings};
pub use usage::{Sizes, Usage};

use crate::clock::{Nanos, shifted};
use serde::{Deserialize, Serialize};

/// One finished (or abandoned) request.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Record {
    /// Number of the session in its phase: decides its conversation and its target, and where each has one turn, its
    /// instant.
    pub k: u64,
    /// Place of the request in its session, from 0.
    pub turn: u32,
    /// Number of the request in its phase, in the order in which requests fell due; where sessions have one turn, that
    /// of its session.
    pub index: u64,
    /// The phase that it belongs to.
    pub phase: PhaseKind,
    /// Index of the worker that drove it.
    pub worker: u16,
    /// Index into [`crate::plan::Plan::targets`].
    pub target: u16,
    /// Index of the dataset entry.
    pub entry: u32,
    /// Input length in tokens, by the client's tokenizer; in the log without the responses of earlier turns that were
    /// sent back with it.
    pub isl: u32,
    /// Output length asked for, in tokens.
    pub requested_osl: Option<u32>,
    /// `X-Request-ID` of the request.
    pub request_id: u128,
    /// Its instants, on the monotonic clock.
    pub instants: Instants,
    /// What came of it.
    pub outcome: Outcome,
    /// HTTP status, 0 when no head was read.
    pub status: u16,
    /// Usage as the server counted it.
    pub usage: Option<Usage>,
    /// Whether the server gave counts that are none or cannot be true: those are not in `usage`.
    pub usage_refused: bool,
    /// Whether a finish reason was seen.
    pub finished: bool,
    /// What else the response shows of its tokens.
    pub observed: Observed,
    /// Output events: the number of arrivals; `gaps.len() + 1` unless none.
    pub events: u32,
    /// Output events that shared their read with a later one.
    pub coalesced: u32,
    /// Of them those whose read was in time: they arrived together.
    pub merged: u32,
    /// How much earlier than their stamps its output events can have arrived.
    pub intervals: Intervals,
    /// How long it waited for the client itself.
    pub lags: Lags,
    /// Reads that carried bytes of this response.
    pub reads: u32,
    /// Bytes of the request.
    pub bytes_sent: u64,
    /// Bytes of the response, head and framing included.
    pub bytes_received: u64,
    /// How the TLS handshake went; only on the request that paid for it.
    pub handshake: Option<Handshake>,
    /// Whether the connection had served an earlier request.
    pub connection_reused: bool,
    /// The least round-trip time of its connection, as the kernel knew it when the request was sent or within
    /// [`ROUND_TRIP_AGE`] before, in nanoseconds; `None` where it knew none.
    pub round_trip: Option<Nanos>,
    /// What the kernel said of its last byte, where that was stamped: of long requests.
    pub transmission: Option<Transmission>,
    /// Why the request was sent again on another connection, once; `None` where it was not.
    pub retry: Option<Retry>,
    /// Gaps between consecutive output events, in nanoseconds.
    pub gaps: Vec<u64>,
    /// Output text, joined, for the client's tokenizer; absent when it was not kept.
    pub text: Option<String>,
    /// Reasoning text, joined; absent when it was not kept or there was none.
    pub reasoning_text: Option<String>,
    /// What the server or the engine said of a failure.
    pub detail: Option<String>,
    /// What the server says of the time that it took; absent where it says nothing.
    pub timings: Option<Box<Timings>>,
}

/// How old the round-trip time of a connection is at most when a request is sent: 1 s.
pub const ROUND_TRIP_AGE: Nanos = crate::clock::SECOND;

/// The transmission of a request's last byte, by the kernel's stamps. Its send ended when it left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmission {
    /// How long the kernel held it, in nanoseconds: from when it had taken it until it handed it to the network card; 0
    /// where that was while it was taken.
    pub held: Nanos,
    /// From then until the peer's kernel had acknowledged it, in nanoseconds; `None` where no stamp tells it, or the
    /// response began before.
    pub acknowledged: Option<Nanos>,
}

/// The kind of a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handshake {
    /// With certificates.
    Full,
    /// From a ticket or session of an earlier connection.
    Resumed,
}

/// The phase that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Excluded from the results.
    Warmup,
    /// Measured.
    Profiling,
}

/// The instants of a request, on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instants {
    /// When the plan wanted it; in closed loop, when the slot became free.
    pub scheduled: Nanos,
    /// When a worker took it up, before any connection wait.
    pub issued: Nanos,
    /// Name lookup begun; only on the request that paid for it.
    pub dns_start: Option<Nanos>,
    /// Name lookup done.
    pub dns_end: Option<Nanos>,
    /// TCP connect begun; only on the request that paid for it.
    pub tcp_start: Option<Nanos>,
    /// TCP connect done.
    pub tcp_end: Option<Nanos>,
    /// TLS handshake begun; only on the request that paid for it.
    pub tls_start: Option<Nanos>,
    /// TLS handshake done, cryptography included.
    pub tls_end: Option<Nanos>,
    /// When it owned a usable connection.
    pub connection_ready: Option<Nanos>,
    /// First byte handed to the kernel.
    pub send_start: Option<Nanos>,
    /// Last byte accepted by the kernel; of a long request when it left, by the kernel's stamp.
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

/// The parts of a request's time. They never overlap, and add up to `end - issued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Waiting for a connection to be begun or to come free, and for the send to begin.
    pub queue: Nanos,
    /// Name lookup, in nanoseconds.
    pub dns: Nanos,
    /// TCP connect, in nanoseconds.
    pub tcp: Nanos,
    /// TLS handshake, in nanoseconds.
    pub tls: Nanos,
    /// First byte handed to the kernel → last byte accepted, or of a long request on its way.
    pub send: Nanos,
    /// From there → first response byte.
    pub wait: Nanos,
    /// First response byte → end.
    pub receive: Nanos,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete response with output.
    Succeeded,
    /// It failed, and why.
    Failed(Cause),
    /// It was still in flight when the run ended.
    InFlight,
    /// The client broke it off because the plan said so: no failure of the server.
    Cancelled,
}

impl Record {
    /// Bytes of memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = [&self.text, &self.reasoning_text, &self.detail];
        let texts = texts.into_iter().flatten().map(String::capacity);
        let timings = self.timings.as_ref().map_or(0, |_| size_of::<Timings>());
        size_of::<Self>() + self.gaps.capacity() * size_of::<Nanos>() + texts.sum::<usize>() + timings
    }

    /// The same on a clock that stands so many nanoseconds ahead (above 0) or behind.
    #[must_use]
    pub fn shifted(mut self, by: i64) -> Self {
        self.instants.shift(by);
        self
    }
}

impl Outcome {
    /// Whether the request came to an end of its own, a success or a failure, so that it may be judged.
    #[must_use]
    pub fn finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed(_))
    }
}

impl Instants {
    /// Moves all by so many nanoseconds.
    fn shift(&mut self, by: i64) {
        let Self {
            scheduled,
            issued,
            dns_start,
            dns_end,
            tcp_start,
            tcp_end,
            tls_start,
            tls_end,
            connection_ready,
            send_start,
            send_end,
            first_byte,
            head_end,
            first_token,
            first_visible_token,
            last_token,
            end,
        } = self;
        let known = [
            dns_start,
            dns_end,
            tcp_start,
            tcp_end,
            tls_start,
            tls_end,
            connection_ready,
            send_start,
            send_end,
            first_byte,
            head_end,
            first_token,
            first_visible_token,
            last_token,
        ];
        for at in [scheduled, issued, end].into_iter().chain(known.into_iter().flatten()) {
            *at = shifted(*at, by);
        }
    }

    /// A byte of the response arrived: where it is the first, the request had been taken by then.
    pub fn answered(&mut self, arrived: Nanos) {
        if self.first_byte.is_none() {
            self.first_byte = Some(arrived);
            self.send_end = self.send_end.map(|sent| sent.min(arrived));
        }
    }

    /// The phases of the request: a chain of cuts from `issued` to `end`, so that they add up by construction.
    ///
    /// A cut that is absent, or out of order, takes the place of its predecessor: the phase it would open has no
    /// length.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let end = self.end.max(self.issued);
        let mut phases = Phases::default();
        let mut at = self.issued;
        // The phase that lasts until each cut, and the cut.
        let chain: [(Option<Nanos>, Part); 9] = [
            (self.dns_start, |p| &mut p.queue),
            (self.dns_end, |p| &mut p.dns),
            (self.tcp_start, |p| &mut p.queue),
            (self.tcp_end, |p| &mut p.tcp),
            (self.tls_start, |p| &mut p.queue),
            (self.tls_end, |p| &mut p.tls),
            (self.send_start, |p| &mut p.queue),
            (self.send_end, |p| &mut p.send),
            (self.first_byte, |p| &mut p.wait),
        ];
        let last = chain.iter().rposition(|(cut, _)| cut.is_some());
        for (cut, phase) in chain {
            let next = cut.unwrap_or(at).clamp(at, end);
            *phase(&mut phases) += next - at;
            at = next;
        }
        // What is left belongs to the phase that the last cut opened.
        let open: Part = match last {
            Some(8) => |p| &mut p.receive,
            Some(7) => |p| &mut p.wait,
            Some(6) => |p| &mut p.send,
            Some(4) => |p| &mut p.tls,
            Some(2) => |p| &mut p.tcp,
            Some(0) => |p| &mut p.dns,
            _ => |p| &mut p.queue,
        };
        *open(&mut phases) += end - at;
        phases
    }
}

/// Picks one of the phases.
type Part = fn(&mut Phases) -> &mut Nanos;

impl Phases {
    /// The sum of the parts: `end - issued`.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.queue + self.dns + self.tcp + self.tls + self.send + self.wait + self.receive
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
            dns_start: Some(102),
            dns_end: Some(105),
            tcp_start: Some(110),
            tcp_end: Some(130),
            tls_start: Some(130),
            tls_end: Some(150),
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
        let expected = Phases { queue: 2 + 5 + 5, dns: 3, tcp: 20, tls: 20, send: 15, wait: 230, receive: 510 };
        assert_eq!(phases, expected);
        assert_eq!(phases.total(), 810);
    }

    #[test]
    fn what_is_left_belongs_to_the_last_phase_that_was_begun() {
        let connecting = Instants { issued: 100, tcp_start: Some(110), end: 200, ..Instants::default() };
        assert_eq!((connecting.phases().queue, connecting.phases().tcp), (10, 90));
        let securing = Instants { tcp_end: Some(150), tls_start: Some(150), ..connecting };
        assert_eq!((securing.phases().tcp, securing.phases().tls), (40, 50));
        assert_eq!(Instants { issued: 100, end: 200, ..Instants::default() }.phases().queue, 100);
    }

    proptest! {
        #[test]
        fn phases_always_add_up(instants in testing::any_instants()) {
            prop_assert_eq!(instants.phases().total(), instants.end.max(instants.issued) - instants.issued);
        }
    }
}
