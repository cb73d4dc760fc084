//! Counts of requests, and whether they are conserved.

use crate::clock::Nanos;
use crate::record::{Cause, FinishReason, Retry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Requests of one phase, conserved: `issued = succeeded + failed + cancelled + in_flight_at_end`,
/// `planned = issued + never_due + dropped + lost_with_member` (where `planned` is known).
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Counts {
    /// Requests the plan asked for, where it says a number.
    pub planned: Option<u64>,
    /// Requests taken up.
    pub issued: u64,
    /// Complete answers with output.
    pub succeeded: u64,
    /// Failures by cause.
    pub failed: BTreeMap<Cause, u64>,
    /// Those of `failed` by a status outside 2xx, by that status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub http_status: BTreeMap<u16, u64>,
    /// Those of `succeeded` whose response is made of tokens, by why it stopped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub finish_reasons: BTreeMap<FinishReason, u64>,
    /// Broken off by the client, as planned: neither a success nor a failure.
    pub cancelled: u64,
    /// Still in flight when the run ended.
    pub in_flight_at_end: u64,
    /// Planned, but the run ended before they were due.
    pub never_due: u64,
    /// Those of a member of a fleet that was lost: nothing is known of them.
    #[serde(default, skip_serializing_if = "super::fleet::is_none")]
    pub lost_with_member: u64,
    /// Arrivals dropped by the cap policy `drop`, or still waiting for a slot under `queue` when the run ended.
    pub dropped: u64,
    /// Arrivals that waited: for a slot under the cap policy `queue` or of the bound on prefills, or for their user's
    /// last answer.
    pub queued: u64,
    /// Requests that were retried: sent again, on another connection.
    #[serde(rename = "reconnects")]
    pub retried: u64,
    /// The same by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retries: BTreeMap<Retry, u64>,
    /// Requests whose output text was over the limit and not counted by the client's tokenizer.
    pub text_over_limit: u64,
    /// Complete answers of which the server gave token counts that are none or cannot be true: those counts are in no
    /// figure.
    pub usage_refused: u64,
    /// Conversations, where they have several turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionCounts>,
}

impl Counts {
    /// All failures.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Requests that reached an end of their own: successes and failures.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.succeeded + self.failures()
    }
}

/// One core's requests of one phase. Plain numbers, so that counting never allocates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PhaseCounts {
    /// Requests taken up.
    pub issued: u64,
    /// Complete answers with output.
    pub succeeded: u64,
    /// Failures, by `Cause as usize`.
    #[serde(with = "by_cause")]
    pub failed: [u64; Cause::ALL.len()],
    /// Broken off by the client, as planned.
    pub cancelled: u64,
    /// Abandoned in flight when the run ended.
    pub in_flight_at_end: u64,
    /// Arrivals dropped by the cap policy.
    pub dropped: u64,
    /// Arrivals that waited: for a slot under the cap policy `queue` or of the bound on prefills, or for their user's
    /// last answer.
    pub queued: u64,
    /// Requests that were retried, by reason in the order of [`Retry::ALL`].
    pub retries: [u64; Retry::ALL.len()],
    /// Requests whose output text was over the limit and not kept.
    pub text_over_limit: u64,
    /// Complete answers of which the server gave token counts that cannot be true.
    pub usage_refused: u64,
    /// Conversations of several turns.
    pub sessions: SessionCounts,
}

/// Conversations of several turns, of one phase. Where each has one turn, none is counted. Those that were neither
/// completed nor broken were under way when the phase ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SessionCounts {
    /// Conversations whose first turn was taken up.
    pub begun: u64,
    /// Those of which every turn was answered.
    pub completed: u64,
    /// Those that ended early: a turn was not answered, or its answer could not be kept to be sent back.
    pub broken: u64,
    /// Of them those whose answer could not be kept: it was too long, or there was no room for it in the run's memory.
    pub unkept: u64,
}

/// Counts by `Cause as usize`, as a map of those that are not 0.
mod by_cause {
    use super::Cause;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    type Counts = [u64; Cause::ALL.len()];

    pub(super) fn serialize<S: Serializer>(counts: &Counts, s: S) -> Result<S::Ok, S::Error> {
        let counted = Cause::ALL.into_iter().zip(counts);
        let counted: BTreeMap<Cause, u64> = counted.filter(|(_, n)| **n > 0).map(|(cause, n)| (cause, *n)).collect();
        counted.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Counts, D::Error> {
        let mut counts = [0; Cause::ALL.len()];
        for (cause, n) in BTreeMap::<Cause, u64>::deserialize(d)? {
            counts[cause as usize] = n;
        }
        Ok(counts)
    }
}

impl SessionCounts {
    /// Adds another core's.
    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.completed += other.completed;
        self.broken += other.broken;
        self.unkept += other.unkept;
    }
}

/// One core's counts beside those of the requests. `reads`, `events`, `coalesced`, `merged`, `wide_events` and
/// `widest_interval` are added by `Shard::record`; the worker adds to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Counters {
    /// Reads with bytes, of the measured phase.
    pub reads: u64,
    /// Output events of the measured phase.
    pub events: u64,
    /// Of them those that shared their read with a later one.
    pub coalesced: u64,
    /// Of these those whose read was in time: they arrived together.
    pub merged: u64,
    /// Of the events those of which the arrival is not known to [`NARROW`](crate::arrival::NARROW).
    pub wide_events: u64,
    /// The longest time before its stamp in which an event can have arrived.
    pub widest_interval: Nanos,
    /// Reads whose kernel stamp was missing or implausible.
    pub stamp_fallbacks: u64,
    /// With packet stamps: parts of reads of which no packet was seen.
    pub packets_missed: u64,
    /// With packet stamps: packets that the kernel had no place for.
    pub packets_dropped: u64,
    /// With packet stamps: reads of whose last byte packet and socket have stamps that are over 0.1 ms apart.
    pub packets_apart: u64,
    /// With packet stamps: packets that have the network card's own stamp.
    pub packets_by_card: u64,
    /// Receives that ended because no buffer was free.
    pub buffer_starved: u64,
    /// Completions that the kernel could not queue.
    pub completions_lost: u64,
    /// Records that could not be handed to the writer.
    pub records_lost: u64,
}

/// One core's connections, over the whole run. The worker adds to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ConnectionCounts {
    /// Connects that were begun.
    pub tried: u64,
    /// Connects that came to a connection.
    pub made: u64,
    /// Full TLS handshakes.
    pub handshakes_full: u64,
    /// TLS handshakes from a ticket or session of an earlier connection.
    pub handshakes_resumed: u64,
    /// Handshakes that came to TLS 1.2.
    pub tls12: u64,
    /// Handshakes that came to TLS 1.3.
    pub tls13: u64,
    /// HTTP/2 connections on which the server sent GOAWAY.
    pub goaways: u64,
    /// The least number of streams at a time that an HTTP/2 connection's server allowed
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`); absent where none named a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_streams_least: Option<u32>,
    /// The largest such number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_streams_most: Option<u32>,
    /// Time in which at least one request body waited for the server's HTTP/2 window, in nanoseconds, summed over
    /// connections.
    pub window_zero_ns: Nanos,
    /// Time in which the server may have waited for an HTTP/2 window of ours, in nanoseconds, summed over windows: an
    /// upper bound, and 0 proves that flow control of ours held nothing up.
    pub receive_window_zero_ns: Nanos,
    /// TCP connections of which the kernel was asked at their end.
    pub asked: u64,
    /// Segments that this side sent again on them.
    pub retransmits: u64,
    /// Connections of them with any.
    pub with_retransmits: u64,
}

impl ConnectionCounts {
    /// A server allows so many streams at a time on an HTTP/2 connection; `u32::MAX` is no limit.
    pub fn allows(&mut self, streams: u32) {
        let told = Some(streams).filter(|n| *n != u32::MAX);
        self.widen(told, told);
    }

    fn widen(&mut self, least: Option<u32>, most: Option<u32>) {
        self.max_streams_least = [self.max_streams_least, least].into_iter().flatten().min();
        self.max_streams_most = self.max_streams_most.max(most);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.tried += other.tried;
        self.made += other.made;
        self.handshakes_full += other.handshakes_full;
        self.handshakes_resumed += other.handshakes_resumed;
        self.tls12 += other.tls12;
        self.tls13 += other.tls13;
        self.goaways += other.goaways;
        self.widen(other.max_streams_least, other.max_streams_most);
        self.window_zero_ns += other.window_zero_ns;
        self.receive_window_zero_ns += other.receive_window_zero_ns;
        self.asked += other.asked;
        self.retransmits += other.retransmits;
        self.with_retransmits += other.with_retransmits;
    }
}

impl Default for PhaseCounts {
    fn default() -> Self {
        Self {
            failed: [0; Cause::ALL.len()],
            issued: 0,
            succeeded: 0,
            cancelled: 0,
            in_flight_at_end: 0,
            dropped: 0,
            queued: 0,
            retries: [0; Retry::ALL.len()],
            text_over_limit: 0,
            usage_refused: 0,
            sessions: SessionCounts::default(),
        }
    }
}

impl PhaseCounts {
    /// All failures.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Requests for which there should be a record: ended, broken off or abandoned.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.succeeded + self.failures() + self.cancelled + self.in_flight_at_end
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.issued += other.issued;
        self.succeeded += other.succeeded;
        for (mine, theirs) in self.failed.iter_mut().zip(&other.failed) {
            *mine += theirs;
        }
        self.cancelled += other.cancelled;
        self.in_flight_at_end += other.in_flight_at_end;
        self.dropped += other.dropped;
        self.queued += other.queued;
        for (mine, theirs) in self.retries.iter_mut().zip(&other.retries) {
            *mine += theirs;
        }
        self.text_over_limit += other.text_over_limit;
        self.usage_refused += other.usage_refused;
        self.sessions.add(&other.sessions);
    }

    /// As in a [`Counts`], with what the plan knows.
    #[must_use]
    pub fn to_counts(&self, planned: Option<u64>, never_due: u64) -> Counts {
        Counts {
            planned,
            issued: self.issued,
            succeeded: self.succeeded,
            failed: by_kind(Cause::ALL, &self.failed),
            http_status: BTreeMap::new(),
            finish_reasons: BTreeMap::new(),
            cancelled: self.cancelled,
            in_flight_at_end: self.in_flight_at_end,
            never_due,
            lost_with_member: 0,
            dropped: self.dropped,
            queued: self.queued,
            retried: self.retries.iter().sum(),
            retries: by_kind(Retry::ALL, &self.retries),
            text_over_limit: self.text_over_limit,
            usage_refused: self.usage_refused,
            sessions: (self.sessions.begun > 0).then_some(self.sessions),
        }
    }
}

impl Counters {
    pub(super) fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.events += other.events;
        self.coalesced += other.coalesced;
        self.merged += other.merged;
        self.wide_events += other.wide_events;
        self.widest_interval = self.widest_interval.max(other.widest_interval);
        self.stamp_fallbacks += other.stamp_fallbacks;
        self.packets_missed += other.packets_missed;
        self.packets_dropped += other.packets_dropped;
        self.packets_apart += other.packets_apart;
        self.packets_by_card += other.packets_by_card;
        self.buffer_starved += other.buffer_starved;
        self.completions_lost += other.completions_lost;
        self.records_lost += other.records_lost;
    }
}

impl Counts {
    /// Whether no request was made up and none went missing: the equations of [`Counts`].
    ///
    /// # Errors
    /// The equation that does not hold, with its numbers.
    pub fn check(&self) -> Result<(), String> {
        let accounted = self.finished() + self.cancelled + self.in_flight_at_end;
        if self.issued != accounted {
            return Err(format!(
                "{} requests were issued, but {} succeeded + {} failed + {} cancelled + {} in flight at the end = {accounted}",
                self.issued,
                self.succeeded,
                self.failures(),
                self.cancelled,
                self.in_flight_at_end
            ));
        }
        let met = self.issued + self.never_due + self.dropped + self.lost_with_member;
        let planned = self.planned.unwrap_or(met);
        if planned != met {
            let lost = match self.lost_with_member {
                0 => String::new(),
                lost => format!(" + {lost} lost with a member"),
            };
            return Err(format!(
                "{planned} requests were planned, but {} issued + {} never due + {} dropped{lost} = {met}",
                self.issued, self.never_due, self.dropped
            ));
        }
        Ok(())
    }
}

/// Those that there are, by kind.
fn by_kind<K: Ord, const N: usize>(all: [K; N], counts: &[u64; N]) -> BTreeMap<K, u64> {
    all.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests;
