//! What the path to the server does to requests and responses, as far as records tell it.

use super::bursts::{BurstTally, Bursts};
use super::delayed_ack::{DelayedAckTally, DelayedAcks};
use super::first_token::{FirstTokenFigures, FirstTokenTally};
use super::long_sends::{LongSendTally, LongSends};
use super::tokens::TokenCounts;
use crate::arrival::NARROW;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// Connects that took as long as the kernel waits before it sends a SYN again (1 s; RFC 6298 §2.1), of all requests
/// that paid for one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct SlowConnects {
    /// Requests that paid for such a connect.
    pub requests: u64,
    /// Requests that paid for a connect.
    pub of: u64,
    /// How long such a connect took, in ms, on average.
    pub mean_ms: f64,
    /// The slowest, in ms.
    pub slowest_ms: f64,
}

/// Requests whose connection, or a flight of whose handshake, was there for over 0.1 ms before the client saw it, at
/// most.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct LateSetUps {
    /// How many.
    pub requests: u64,
    /// Requests that paid for a connection.
    pub of: u64,
    /// What the client can have added to one, in ms, on average.
    pub mean_ms: f64,
    /// The longest, in ms.
    pub longest_ms: f64,
}

/// What is summed of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct PathTally {
    bursts: BurstTally,
    delayed_acks: DelayedAckTally,
    first_token: FirstTokenTally,
    long_sends: LongSendTally,
    connects: u64,
    slow: u64,
    slow_time: Nanos,
    slowest: Nanos,
    late: u64,
    late_time: Nanos,
    latest: Nanos,
}

impl PathTally {
    /// Adds a request in any state.
    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, streaming: bool) {
        let at = &record.instants;
        if let Some((start, end)) = at.tcp_start.zip(at.tcp_end) {
            let took = end.saturating_sub(start);
            self.connects += 1;
            if took >= SYN_AGAIN {
                self.slow += 1;
                self.slow_time += took;
                self.slowest = self.slowest.max(took);
            }
        }
        let lag = record.lags.set_up();
        if lag > NARROW {
            self.late += 1;
            self.late_time = self.late_time.saturating_add(lag);
            self.latest = self.latest.max(lag);
        }
        if record.outcome == Outcome::Succeeded {
            self.long_sends.add(record);
        }
        if streaming && record.outcome == Outcome::Succeeded {
            self.first_token.add(record);
            self.bursts.add(record, tokens);
            self.delayed_acks.add(record, tokens.osl().unwrap_or(record.events).max(record.events));
        }
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.bursts.merge(&other.bursts);
        self.delayed_acks.merge(&other.delayed_acks);
        self.first_token.merge(&other.first_token);
        self.long_sends.merge(&other.long_sends);
        self.connects += other.connects;
        self.slow += other.slow;
        self.slow_time += other.slow_time;
        self.slowest = self.slowest.max(other.slowest);
        self.late += other.late;
        self.late_time = self.late_time.saturating_add(other.late_time);
        self.latest = self.latest.max(other.latest);
    }

    /// Output events that arrived together.
    pub(super) fn bursts(&self) -> Option<Bursts> {
        self.bursts.finish()
    }

    /// The parts of the time to first token.
    pub(super) fn first_token(&self) -> Option<FirstTokenFigures> {
        self.first_token.finish()
    }

    /// Responses that waited for acknowledgements.
    pub(super) fn delayed_acks(&self) -> Option<DelayedAcks> {
        self.delayed_acks.finish()
    }

    /// Requests whose last byte was stamped when it left.
    pub(super) fn long_sends(&self) -> Option<LongSends> {
        self.long_sends.finish()
    }

    /// Connections that the client was late to see.
    pub(super) fn late_set_ups(&self) -> Option<LateSetUps> {
        (self.late > 0).then(|| LateSetUps {
            requests: self.late,
            of: self.connects,
            mean_ms: self.late_time as f64 / 1e6 / self.late as f64,
            longest_ms: self.latest as f64 / 1e6,
        })
    }

    /// Connects whose SYN was sent again.
    pub(super) fn slow_connects(&self) -> Option<SlowConnects> {
        (self.slow > 0).then(|| SlowConnects {
            requests: self.slow,
            of: self.connects,
            mean_ms: self.slow_time as f64 / 1e6 / self.slow as f64,
            slowest_ms: self.slowest as f64 / 1e6,
        })
    }
}

/// The kernel's first time-out of a SYN, to a tick.
const SYN_AGAIN: Nanos = SECOND - 10 * MILLI;
