//! What the network was like: connections, handshakes, round trips, windows, and the phases of requests on new and on
//! kept connections.

use super::bursts::Bursts;
use super::counts::ConnectionCounts;
use super::delayed_ack::DelayedAcks;
use super::distribution::Distribution;
use super::first_token::FirstTokenFigures;
use super::long_sends::LongSends;
use super::path::{LateSetUps, PathTally, SlowConnects};
use super::request::{NS_PER_MS, ms};
use super::shard::{HistogramId, Shard};
use super::stats::Stats;
use super::value_sums::ValueSums;
use crate::interned::Name;
use crate::record::{Handshake, Record};
use serde::{Deserialize, Serialize};

/// Figures of the network. Connections are those of the whole run, warm-up and prewarmed ones
/// (`plan.network.prewarm`) included; phases and handshake times are of the successful requests of the measured phase.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct NetworkFigures {
    /// Per target, in the order of the plan: the protocol that was used with it.
    pub targets: Vec<TargetFacts>,
    /// Connections, added up over the cores.
    pub connections: ConnectionCounts,
    /// Addresses that did not connect, so that others of their target were used; empty as a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_addresses: Vec<FailedAddress>,
    /// Where the time to first token went; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<FirstTokenFigures>,
    /// Output events that arrived together; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Bursts>,
    /// Responses that waited for acknowledgements; absent where there is no such pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed_acks: Option<DelayedAcks>,
    /// Connects whose SYN was sent again; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_connects: Option<SlowConnects>,
    /// Connections that the client was late to see; absent where it was late for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_set_ups: Option<LateSetUps>,
    /// Requests whose last byte the kernel stamped when it left; absent where none was long enough for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_sends: Option<LongSends>,
    /// The least round-trip time of each TCP connection, by the kernel (`TCP_INFO`'s `tcpi_min_rtt`, asked at its end).
    pub round_trip: Option<Distribution>,
    /// The time of full TLS handshakes, in ms, of requests that paid for one.
    pub full_handshake_ms: Option<Stats>,
    /// The same of resumed handshakes.
    pub resumed_handshake_ms: Option<Stats>,
    /// Each phase of a request, in the order in which they happen.
    pub phases: Vec<PhaseFigures>,
}

/// An address that did not connect while its target had others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FailedAddress {
    /// The address and its port.
    pub address: String,
    /// Connects to it that failed.
    pub times: u64,
    /// The error that was met last.
    pub error: String,
}

/// The protocol that was used with a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct TargetFacts {
    /// URL of the target.
    pub url: String,
    /// `1.1` or `2`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub http: Name,
    /// Whether under TLS.
    pub tls: bool,
    /// Whether the version of HTTP was asked for by ALPN before the run, not named by the plan.
    pub negotiated: bool,
    /// What is odd about that, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// `Server` of its first response: the software of the server, or of a proxy that puts its own name there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// `Via` of its first response: the proxies that name themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// The congestion control of the connections to it (`TCP_CONGESTION`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub congestion_control: String,
}

/// One phase of requests, apart by whether they paid for a connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PhaseFigures {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Of requests that made their connection, in ms: lookup, connect and handshake are in their time.
    pub new: Option<Stats>,
    /// Of requests whose connection was there or in the making when they came, in ms: one that was kept, made ahead, or
    /// shared.
    pub reused: Option<Stats>,
}

/// Times of TLS handshakes by kind, in ms.
#[derive(Clone, Debug, Default)]
pub(super) struct Handshakes {
    full: Vec<f64>,
    resumed: Vec<f64>,
}

impl Handshakes {
    pub(super) fn add(&mut self, record: &Record) {
        let length = ms(record.instants.phases().tls);
        match record.handshake {
            Some(Handshake::Full) => self.full.push(length),
            Some(Handshake::Resumed) => self.resumed.push(length),
            None => {}
        }
    }

    /// Those of full handshakes and of resumed ones.
    pub(super) fn stats(mut self) -> [Option<Stats>; 2] {
        [Stats::of(&mut self.full), Stats::of(&mut self.resumed)]
    }

    /// The same, summed up.
    pub(super) fn sums(&self) -> HandshakeSums {
        let of = |lengths: &[f64]| {
            let mut sums = ValueSums::default();
            lengths.iter().for_each(|length| sums.put(*length, 1, NS_PER_MS));
            sums
        };
        HandshakeSums { full: of(&self.full), resumed: of(&self.resumed) }
    }
}

/// Times of TLS handshakes by kind, in ms, summed up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct HandshakeSums {
    full: ValueSums,
    resumed: ValueSums,
}

impl HandshakeSums {
    /// Adds those of other requests.
    pub(super) fn add(&mut self, other: &Self) {
        self.full.add(&other.full);
        self.resumed.add(&other.resumed);
    }

    /// Those of full handshakes and of resumed ones; their percentiles are those of histograms.
    pub(super) fn stats(&self) -> [Option<Stats>; 2] {
        [&self.full, &self.resumed].map(|sums| sums.stats(NS_PER_MS, &[]).map(|(stats, ..)| stats))
    }
}

impl NetworkFigures {
    /// From the summed shards, the times of full and resumed handshakes, and the phases.
    pub(super) fn of(
        mut targets: Vec<TargetFacts>,
        shard: &Shard,
        [full_handshake_ms, resumed_handshake_ms]: [Option<Stats>; 2],
        phases: Vec<PhaseFigures>,
        path: &PathTally,
    ) -> Self {
        for (target, [server, via]) in &shard.software {
            if let Some(spoken) = targets.get_mut(usize::from(*target)) {
                (spoken.server, spoken.via) = (server.clone(), via.clone());
            }
        }
        for (target, name) in &shard.congestion_control {
            if let Some(spoken) = targets.get_mut(usize::from(*target)) {
                spoken.congestion_control.clone_from(name);
            }
        }
        Self {
            targets,
            first_token: path.first_token(),
            bursts: path.bursts(),
            delayed_acks: path.delayed_acks(),
            slow_connects: path.slow_connects(),
            late_set_ups: path.late_set_ups(),
            long_sends: path.long_sends(),
            connections: shard.connections,
            failed_addresses: failed_addresses(shard),
            round_trip: Distribution::of(
                HistogramId::RoundTripTime.tag(),
                &shard.histogram(HistogramId::RoundTripTime),
            ),
            full_handshake_ms,
            resumed_handshake_ms,
            phases,
        }
    }
}

fn failed_addresses(shard: &Shard) -> Vec<FailedAddress> {
    let entry = |(address, (times, error)): (&String, &(u64, String))| FailedAddress {
        address: address.clone(),
        times: *times,
        error: error.clone(),
    };
    shard.failed_addresses.iter().map(entry).collect()
}
