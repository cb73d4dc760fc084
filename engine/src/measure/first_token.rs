//! Where the time to first token went: before the send, on the network, and at the server.
//!
//! ```text
//!   issued ─ queue ─ dns ─ tcp ─ tls ─ send ─┬─ round trip ─┬─ head ─┬─ output ─ first token
//!                                            └── send end → first byte ──┘
//! ```
//!
//! The parts of a request add up to its time to first token, to the nanosecond. The round trip is the least one the
//! kernel knows of the connection (`TCP_INFO`, `tcpi_min_rtt`): half of it the request was under way to the server, and
//! half of it the first byte was under way back. No clock but the client's is read.

use super::server_parts::{ServerParts, ServerTally};
use crate::clock::Nanos;
use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// The parts of the time to first token.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct FirstTokenFigures {
    /// Of all requests.
    pub all: FirstTokenParts,
    /// Of requests that made their connection, where others did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<FirstTokenParts>,
    /// Of requests whose connection was there or in the making, where others made theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<FirstTokenParts>,
    /// Per target, in the order of the plan, where there are several; absent for one without a first token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Option<FirstTokenParts>>,
    /// By what servers say in their answers; absent where none tells of the time to its first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerParts>,
}

/// The parts of the time to first token, in ms: averages over the successful requests of the measured phase. They add
/// up to `ttft_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct FirstTokenParts {
    /// How many requests.
    pub requests: u64,
    /// Of them those of whose connection a round trip is known: of the others it is in `head_ms`.
    pub with_round_trip: u64,
    /// Requests whose first byte came sooner after their send than a round trip takes: their `head_ms` is negative, and
    /// counts as it is.
    pub sooner_than_round_trip: u64,
    /// The time to first token.
    pub ttft_ms: f64,
    /// Waiting for a connection to be begun or to come free.
    pub queue_ms: f64,
    /// Name lookup, in ms.
    pub dns_ms: f64,
    /// TCP connect, in ms.
    pub tcp_ms: f64,
    /// TLS handshake, in ms.
    pub tls_ms: f64,
    /// First byte handed to the kernel → last byte accepted.
    pub send_ms: f64,
    /// There and back.
    pub round_trip_ms: f64,
    /// Last byte accepted → first byte of the response, less the round trip: the server until it begins to answer.
    pub head_ms: f64,
    /// First byte of the response → first output event: the server from its first byte to its first token.
    pub output_ms: f64,
}

impl FirstTokenParts {
    /// What the network takes, in ms: name lookup, connect, handshake, send and round trip.
    #[must_use]
    pub fn network_ms(&self) -> f64 {
        self.dns_ms + self.tcp_ms + self.tls_ms + self.send_ms + self.round_trip_ms
    }

    /// What the server takes, in ms.
    #[must_use]
    pub fn server_ms(&self) -> f64 {
        self.head_ms + self.output_ms
    }
}

/// What is summed of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct FirstTokenTally {
    new: Sums,
    reused: Sums,
    targets: Vec<Sums>,
    server: ServerTally,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Sums {
    requests: u64,
    with_round_trip: u64,
    sooner: u64,
    /// In the order of [`FirstTokenParts`], from `queue_ms` on, in nanoseconds.
    parts: [i128; PARTS],
}

impl FirstTokenTally {
    /// Adds a successful request of a stream.
    pub(super) fn add(&mut self, record: &Record) {
        let Some(parts) = parts(record) else {
            return;
        };
        self.server.add(record);
        let known = record.round_trip.is_some();
        let made = record.instants.tcp_start.is_some();
        let target = usize::from(record.target);
        if self.targets.len() <= target {
            self.targets.resize(target + 1, Sums::default());
        }
        let side = if made { &mut self.new } else { &mut self.reused };
        for sums in [side, &mut self.targets[target]] {
            sums.requests += 1;
            sums.with_round_trip += u64::from(known);
            sums.sooner += u64::from(parts[HEAD] < 0);
            sums.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.new = self.new.plus(&other.new);
        self.reused = self.reused.plus(&other.reused);
        self.targets.resize(self.targets.len().max(other.targets.len()), Sums::default());
        self.targets.iter_mut().zip(&other.targets).for_each(|(sums, more)| *sums = sums.plus(more));
        self.server.merge(&other.server);
    }

    /// The averages; `None` without a first token.
    pub(super) fn finish(&self) -> Option<FirstTokenFigures> {
        let all = self.new.plus(&self.reused).average()?;
        let apart = self.new.requests > 0 && self.reused.requests > 0;
        let side = |sums: &Sums| sums.average().filter(|_| apart);
        Some(FirstTokenFigures {
            all,
            new: side(&self.new),
            reused: side(&self.reused),
            targets: match self.targets.len() {
                0 | 1 => Vec::new(),
                _ => self.targets.iter().map(Sums::average).collect(),
            },
            server: self.server.finish(),
        })
    }
}

impl Sums {
    fn plus(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        self.with_round_trip += other.with_round_trip;
        self.sooner += other.sooner;
        self.parts.iter_mut().zip(other.parts).for_each(|(sum, part)| *sum += part);
        self
    }

    fn average(&self) -> Option<FirstTokenParts> {
        let of = |sum: i128| sum as f64 / 1e6 / self.requests as f64;
        let [queue_ms, dns_ms, tcp_ms, tls_ms, send_ms, round_trip_ms, head_ms, output_ms] = self.parts.map(of);
        (self.requests > 0).then(|| FirstTokenParts {
            requests: self.requests,
            with_round_trip: self.with_round_trip,
            sooner_than_round_trip: self.sooner,
            ttft_ms: of(self.parts.iter().sum()),
            queue_ms,
            dns_ms,
            tcp_ms,
            tls_ms,
            send_ms,
            round_trip_ms,
            head_ms,
            output_ms,
        })
    }
}

/// The parts of a request that succeeded, in nanoseconds; `None` where it has no first token.
pub(super) fn parts(record: &Record) -> Option<[i128; PARTS]> {
    let at = &record.instants;
    let first = at.first_token.filter(|_| record.outcome == Outcome::Succeeded)?;
    let signed = |length: Nanos| i128::from(length);
    let p = at.phases();
    let round_trip = signed(record.round_trip.unwrap_or(0));
    let before = [p.queue, p.dns, p.tcp, p.tls, p.send].map(signed);
    let total = signed(first.saturating_sub(at.issued));
    // What was not over by the first byte is the server's: a first byte that is absent is the token's.
    let wait = signed(p.wait).min(total - before.iter().sum::<i128>());
    let output = total - before.iter().sum::<i128>() - wait;
    let [queue, dns, tcp, tls, send] = before;
    Some([queue, dns, tcp, tls, send, round_trip, wait - round_trip, output])
}

pub(super) const PARTS: usize = 8;
/// The place of `head_ms`: what is before it is not the server's.
pub(super) const HEAD: usize = 6;

/// The share of the time to first token that is the network's, from which on a screen tells it.
pub const NETWORK_TOLD_OVER: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::record::Instants;
    use crate::record::testing::{any_record, streamed};
    use proptest::prelude::*;

    fn sums(records: &[Record]) -> FirstTokenFigures {
        let mut tally = FirstTokenTally::default();
        records.iter().for_each(|record| tally.add(record));
        tally.finish().expect("there is a first token")
    }

    /// A request that paid for its connection; its parts are 1, 2, 3, 4, 5, 6, 7 and 8 ms.
    fn new() -> Record {
        let at = |ms: u64| Some(ms * MILLI);
        let instants = Instants {
            issued: 100 * MILLI,
            dns_start: at(101),
            dns_end: at(103),
            tcp_start: at(103),
            tcp_end: at(106),
            tls_start: at(106),
            tls_end: at(110),
            connection_ready: at(110),
            send_start: at(110),
            send_end: at(115),
            first_byte: at(128),
            head_end: at(128),
            first_token: at(136),
            ..streamed(0, 100 * MILLI, 36 * MILLI, &[MILLI]).instants
        };
        let record = streamed(0, 100 * MILLI, 36 * MILLI, &[MILLI]);
        Record { instants, round_trip: Some(6 * MILLI), connection_reused: false, ..record }
    }

    #[test]
    fn the_parts_of_a_request_that_paid_for_its_connection() {
        let all = sums(&[new()]).all;
        let parts = [all.queue_ms, all.dns_ms, all.tcp_ms, all.tls_ms, all.send_ms];
        assert_eq!(parts, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((all.round_trip_ms, all.head_ms, all.output_ms, all.ttft_ms), (6.0, 7.0, 8.0, 36.0));
        assert_eq!((all.network_ms(), all.server_ms()), (20.0, 15.0));
        assert_eq!((all.requests, all.with_round_trip, all.sooner_than_round_trip), (1, 1, 0));
    }

    #[test]
    fn a_first_byte_before_a_round_trip_is_flagged_and_counts_as_it_is() {
        let all = sums(&[Record { round_trip: Some(20 * MILLI), ..new() }]).all;
        assert_eq!((all.round_trip_ms, all.head_ms, all.sooner_than_round_trip), (20.0, -7.0, 1));
        assert_eq!(all.ttft_ms, 36.0);
    }

    #[test]
    fn new_and_reused_connections_and_targets_are_apart() {
        let kept = Record { target: 1, round_trip: None, ..streamed(1, 100 * MILLI, 10 * MILLI, &[MILLI]) };
        let failed = Record { outcome: Outcome::InFlight, ..new() };
        let found = sums(&[new(), kept.clone(), failed]);
        assert_eq!((found.all.requests, found.all.with_round_trip), (2, 1));
        assert_eq!(found.all.ttft_ms, 23.0);
        let (of_new, of_reused) = found.new.zip(found.reused).expect("both kinds");
        assert_eq!((of_new.ttft_ms, of_reused.ttft_ms), (36.0, 10.0));
        assert_eq!(found.targets.iter().flatten().map(|parts| parts.ttft_ms).collect::<Vec<_>>(), [36.0, 10.0]);
        assert_eq!(sums(&[kept]).new, None, "all of one kind");
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_time_to_first_token(record in any_record()) {
            if let Some(parts) = parts(&record) {
                let first = record.instants.first_token.unwrap().saturating_sub(record.instants.issued);
                prop_assert_eq!(parts.iter().sum::<i128>(), i128::from(first));
            }
        }
    }
}
