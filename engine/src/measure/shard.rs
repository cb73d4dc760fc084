//! One core's own sums: histograms and counters that are filled during the run, and added up exactly after it.

use super::counts::{ConnectionCounts, Counters, PhaseCounts};
use super::tally::Tally;
use crate::clock::Nanos;
use crate::plan::Secrets;
use crate::record::{Outcome, PhaseKind, Record};
use crate::wire::Product;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One core's own sums. Recording allocates nothing, takes no lock and never fails: values over an hour count as an
/// hour.
///
/// Who calls what: the worker calls [`Shard::issued`] when it takes a request up, [`Shard::record`] once when the
/// request ends or is abandoned, and adds to [`Shard::counters`] what no record tells. Latency histograms hold the
/// successful requests of the measured phase only.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Shard {
    tallies: [Tally; HistogramId::ALL.len()],
    /// Requests of the warm-up.
    pub warmup: PhaseCounts,
    /// Requests of the measured phase.
    pub profiling: PhaseCounts,
    /// Counts beside those of the requests.
    pub counters: Counters,
    /// Connections of the whole run.
    pub connections: ConnectionCounts,
    /// Addresses that did not connect, so that another of their target was tried: how often, and the error that was met
    /// last.
    #[serde(default)]
    pub(super) failed_addresses: BTreeMap<String, (u64, String)>,
    /// `Server` and `Via` of the first response of each target, by its index; absent where it has neither.
    #[serde(default)]
    pub(super) software: BTreeMap<u16, [String; 2]>,
    /// The congestion control of the first connection to each target that was closed, by the target's index.
    #[serde(default)]
    pub congestion_control: BTreeMap<u16, String>,
}

/// The quantity that a histogram of a shard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramId {
    /// `seen - arrived` of every read: the engine's own delay.
    ReceiveLag,
    /// `issued - scheduled` with a slot free; without one, until the loop saw that there was none.
    DispatchLag,
    /// Every gap between consecutive output events.
    InterChunkLatency,
    /// First output event − issued, of requests that failed after it: a population of its own.
    PartialTimeToFirstToken,
    /// The least round-trip time of each TCP connection, by the kernel.
    RoundTripTime,
}

impl HistogramId {
    /// Every histogram, in order: `ALL[of as usize] == of`.
    pub const ALL: [Self; 5] = [
        Self::ReceiveLag,
        Self::DispatchLag,
        Self::InterChunkLatency,
        Self::PartialTimeToFirstToken,
        Self::RoundTripTime,
    ];

    /// Its tag in files; a metric's tag where it is one.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::ReceiveLag => "receive_lag",
            Self::DispatchLag => "dispatch_lag",
            Self::InterChunkLatency => "inter_chunk_latency",
            Self::PartialTimeToFirstToken => "partial_time_to_first_token",
            Self::RoundTripTime => "round_trip_time",
        }
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    /// An empty shard: about 1.3 MiB, all of it allocated here.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tallies: std::array::from_fn(|_| Tally::new()),
            warmup: PhaseCounts::default(),
            profiling: PhaseCounts::default(),
            counters: Counters::default(),
            connections: ConnectionCounts::default(),
            failed_addresses: BTreeMap::new(),
            software: BTreeMap::new(),
            congestion_control: BTreeMap::new(),
        }
    }

    /// Takes the secrets of the run out of what servers named themselves; a name is cut, perhaps within one.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        let names = self.software.values_mut().flatten();
        names.for_each(|name| *name = secrets.scrub_cut(name));
    }

    /// A response of a target names software in its `Server` and `Via`.
    pub fn served_by(&mut self, target: u16, software: &[Product; 2]) {
        if software.iter().any(|product| !product.is_empty()) && !self.software.contains_key(&target) {
            self.software.insert(target, software.map(|product| product.to_string()));
        }
    }

    /// An address did not connect, though its target has others.
    pub fn address_failed(&mut self, address: &str, error: &str) {
        if self.failed_addresses.len() < MOST_ADDRESSES || self.failed_addresses.contains_key(address) {
            let entry = self.failed_addresses.entry(address.to_owned()).or_default();
            *entry = (entry.0 + 1, error.to_owned());
        }
    }

    /// A request was taken up. Called when it is issued, apart from [`Shard::record`], so that the one checks the
    /// other.
    pub fn issued(&mut self, phase: PhaseKind) {
        self.phase_mut(phase).issued += 1;
    }

    /// Counts of one phase.
    #[must_use]
    pub fn phase(&self, phase: PhaseKind) -> &PhaseCounts {
        match phase {
            PhaseKind::Warmup => &self.warmup,
            PhaseKind::Profiling => &self.profiling,
        }
    }

    /// Counts of one phase, to add to `dropped` and `queued`.
    pub fn phase_mut(&mut self, phase: PhaseKind) -> &mut PhaseCounts {
        match phase {
            PhaseKind::Warmup => &mut self.warmup,
            PhaseKind::Profiling => &mut self.profiling,
        }
    }

    /// A request ended, or was broken off or abandoned in flight. Counts it and its reads and events; in the measured
    /// phase, the gaps of a success enter a histogram, and so does the time to first token of a failure after output.
    pub fn record(&mut self, record: &Record) {
        let counts = self.phase_mut(record.phase);
        if let Some(reason) = record.retry {
            counts.retries[reason as usize] += 1;
        }
        match record.outcome {
            Outcome::Succeeded => counts.succeeded += 1,
            Outcome::Failed(cause) => counts.failed[cause as usize] += 1,
            Outcome::InFlight => counts.in_flight_at_end += 1,
            Outcome::Cancelled => counts.cancelled += 1,
        }
        if record.phase == PhaseKind::Warmup {
            return;
        }
        self.counters.reads += u64::from(record.reads);
        self.counters.events += u64::from(record.events);
        self.counters.coalesced += u64::from(record.coalesced);
        self.counters.merged += u64::from(record.merged);
        self.counters.wide_events += u64::from(record.intervals.wide);
        let widest = &mut self.counters.widest_interval;
        *widest = (*widest).max(record.intervals.widest);
        match record.outcome {
            Outcome::Succeeded => {
                for gap in &record.gaps {
                    self.put(HistogramId::InterChunkLatency, *gap);
                }
            }
            Outcome::Failed(_) => {
                if let Some(first) = record.instants.first_token {
                    let ttft = first.saturating_sub(record.instants.issued);
                    self.put(HistogramId::PartialTimeToFirstToken, ttft);
                }
            }
            Outcome::InFlight | Outcome::Cancelled => {}
        }
    }

    /// The engine's own delay on one read of the measured phase: `seen - arrived`. Not called with user stamps, where
    /// it is unknown.
    pub fn read_lag(&mut self, lag: Nanos) {
        self.put(HistogramId::ReceiveLag, lag);
    }

    /// How late a request of the measured phase was issued though a slot was free, `issued - scheduled`, or was found
    /// to have none.
    pub fn dispatch_lag(&mut self, lag: Nanos) {
        self.put(HistogramId::DispatchLag, lag);
    }

    /// A TCP connection is about to be closed, and the kernel was asked about it: its least round-trip time, if it has
    /// one, and the segments that were sent again.
    pub fn connection_ended(&mut self, round_trip: Option<Nanos>, retransmits: u32) {
        if let Some(round_trip) = round_trip {
            self.put(HistogramId::RoundTripTime, round_trip);
        }
        self.connections.asked += 1;
        self.connections.retransmits += u64::from(retransmits);
        self.connections.with_retransmits += u64::from(retransmits > 0);
    }

    /// Adds another core's sums: exact, bucket by bucket.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.add(theirs);
        }
        self.warmup.add(&other.warmup);
        self.profiling.add(&other.profiling);
        self.counters.add(&other.counters);
        self.connections.add(&other.connections);
        for (address, (times, error)) in &other.failed_addresses {
            let entry = self.failed_addresses.entry(address.clone()).or_default();
            *entry = (entry.0 + times, error.clone());
        }
        for (target, software) in &other.software {
            self.software.entry(*target).or_insert_with(|| software.clone());
        }
        for (target, name) in &other.congestion_control {
            self.congestion_control.entry(*target).or_insert_with(|| name.clone());
        }
    }

    /// One of the histograms, in nanoseconds; made anew by each call.
    #[must_use]
    pub fn histogram(&self, of: HistogramId) -> Histogram<u64> {
        self.tallies[of as usize].histogram()
    }

    #[inline]
    fn put(&mut self, of: HistogramId, value: Nanos) {
        self.tallies[of as usize].record(value);
    }
}

/// Most addresses of which a core remembers that they did not connect.
const MOST_ADDRESSES: usize = 256;

#[cfg(test)]
mod tests;
