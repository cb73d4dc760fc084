//! What a worker counts: its sums, the records on their way to the log, and the figures of the live view.

use super::Context;
use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::driver::{DriverStats, TcpFacts};
use crate::measure::{SessionCounts, Shard};
use crate::record::{PhaseKind, Record};
use crate::wire::Product;
use crate::wire::http2;
use crate::wire::tls::{Facts, Version};
use std::sync::atomic::Ordering;

/// The counters of a worker. Nothing else writes them, and nothing that a worker does depends on them.
pub(super) struct Recorder {
    shard: Shard,
    /// To the recorder thread; a full ring loses the record, and the loss is counted.
    records: rtrb::Producer<Box<Record>>,
    /// Output events so far, for the live view.
    events: u64,
    /// Reads count towards the receive lag: they have kernel stamps, and the phase is measured.
    stamped: bool,
}

impl Recorder {
    pub(super) fn new(records: rtrb::Producer<Box<Record>>, context: &Context<'_>) -> Self {
        let mut recorder = Self { shard: Shard::new(), records, events: 0, stamped: false };
        recorder.begin_phase(context);
        recorder
    }

    /// A phase begins.
    pub(super) fn begin_phase(&mut self, context: &Context<'_>) {
        self.stamped = context.phase == PhaseKind::Profiling && context.plan.stamps.by_kernel();
    }

    /// A phase is over: what its load counted.
    pub(super) fn end_phase(&mut self, phase: PhaseKind, sessions: &SessionCounts) {
        self.shard.phase_mut(phase).sessions.add(sessions);
    }

    /// A request is issued.
    pub(super) fn handle_issued(&mut self, phase: PhaseKind) {
        self.shard.issued(phase);
    }

    /// A request of the schedule found a free slot, or was found to have none, so long after its instant.
    pub(super) fn handle_dispatch_lag(&mut self, phase: PhaseKind, lag: Nanos) {
        if phase == PhaseKind::Profiling {
            self.shard.dispatch_lag(lag);
        }
    }

    /// Requests waited for a free slot.
    pub(super) fn handle_queued(&mut self, phase: PhaseKind, requests: u64) {
        self.shard.phase_mut(phase).queued += requests;
    }

    /// Requests were dropped by the policy.
    pub(super) fn handle_dropped(&mut self, phase: PhaseKind, requests: u64) {
        self.shard.phase_mut(phase).dropped += requests;
    }

    /// Bytes were read, and brought output events.
    #[inline]
    pub(super) fn handle_read(&mut self, arrival: &Arrival<'_>, seen: Nanos) {
        if self.stamped {
            if arrival.stamped {
                self.shard.read_lag(seen.saturating_sub(arrival.at));
            } else {
                self.shard.counters.stamp_fallbacks += 1;
            }
        }
    }

    /// Output events arrived.
    #[inline]
    pub(super) fn handle_events(&mut self, events: u32) {
        self.events += u64::from(events);
    }

    /// Output events so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// The response of a request of a target has named software, if any has come.
    pub(super) fn handle_software(&mut self, target: u16, software: &[Product; 2]) {
        self.shard.served_by(target, software);
    }

    /// A request has ended: its record goes to the log. `text_lost`: its text was over the limit.
    pub(super) fn handle_end(&mut self, record: Box<Record>, text_lost: bool, context: &Context<'_>) {
        self.shard.record(&record);
        let counts = self.shard.phase_mut(record.phase);
        counts.text_over_limit += u64::from(text_lost);
        counts.usage_refused += u64::from(record.usage_refused);
        context.budget.hold(record.bytes());
        if let Err(rtrb::PushError::Full(record)) = self.records.push(record) {
            context.budget.give(record.bytes());
            self.shard.counters.records_lost += 1;
        }
    }

    /// An address is tried for a connection.
    pub(super) fn handle_connecting(&mut self) {
        self.shard.connections.tried += 1;
    }

    /// An address did not connect, and its connection goes to another.
    pub(super) fn handle_address_failed(&mut self, address: &str, error: &str) {
        self.shard.address_failed(address, error);
    }

    /// A connection is established, but for its TLS handshake.
    pub(super) fn handle_connected(&mut self) {
        self.shard.connections.made += 1;
    }

    /// A TLS handshake is done.
    pub(super) fn handle_handshake(&mut self, facts: Option<Facts>) {
        let counts = &mut self.shard.connections;
        match facts.map(|f| f.version) {
            Some(Version::Tls12) => counts.tls12 += 1,
            Some(Version::Tls13) => counts.tls13 += 1,
            None => {}
        }
        if facts.is_some_and(|f| f.resumed) {
            counts.handshakes_resumed += 1;
        } else {
            counts.handshakes_full += 1;
        }
    }

    /// The server's settings came: how many streams a connection may have open.
    pub(super) fn handle_max_streams(&mut self, max_streams: u32) {
        self.shard.connections.allows(max_streams);
    }

    /// An HTTP/2 connection is about to be closed.
    pub(super) fn handle_http2_closing(&mut self, connection: &http2::Connection, now: Nanos) {
        let counts = &mut self.shard.connections;
        counts.goaways += u64::from(connection.going_away().is_some());
        counts.window_zero_ns += connection.window_zero(now);
        counts.receive_window_zero_ns += connection.receive_window_zero();
    }

    /// A connection is about to be closed: what the kernel knows of it.
    pub(super) fn handle_closing(&mut self, facts: &TcpFacts) {
        self.shard.connection_ended(facts.round_trip, facts.retransmits);
    }

    /// Whether the congestion control of a target's connections is known.
    pub(super) fn knows_congestion_control(&self, target: u16) -> bool {
        self.shard.congestion_control.contains_key(&target)
    }

    /// A connection of a target has that congestion control.
    pub(super) fn handle_congestion_control(&mut self, target: u16, name: String) {
        self.shard.congestion_control.insert(target, name);
    }

    /// Shows the live view how far the phase is, with so many requests in flight.
    pub(super) fn publish(&self, context: &Context<'_>, in_flight: u64) {
        let Some(progress) = context.control.progress.get(context.index) else {
            return;
        };
        let counts = self.shard.phase(context.phase);
        let failed = counts.failures();
        let done = counts.succeeded + failed + counts.cancelled;
        progress.in_flight.store(in_flight, Ordering::Relaxed);
        progress.events.store(self.events, Ordering::Relaxed);
        match context.phase {
            PhaseKind::Warmup => progress.warmup_done.store(done, Ordering::Relaxed),
            PhaseKind::Profiling => {
                progress.issued.store(done + in_flight, Ordering::Relaxed);
                progress.done.store(done, Ordering::Relaxed);
                progress.failed.store(failed, Ordering::Relaxed);
            }
        }
    }

    /// The worker's sums, and what its driver counted.
    pub(super) fn finish(self, stats: &DriverStats) -> Shard {
        let mut shard = self.shard;
        shard.counters.completions_lost += stats.completions_lost;
        shard.counters.buffer_starved += stats.buffer_starved;
        shard.counters.packets_missed += stats.packets.missed;
        shard.counters.packets_dropped += stats.packets.dropped;
        shard.counters.packets_apart += stats.packets.apart;
        shard.counters.packets_by_card += stats.packets.by_card;
        shard
    }
}
