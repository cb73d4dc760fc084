//! A request is begun: it takes a connection that is idle, or one is made for it.

use super::Connections;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key};
use crate::exchange::Request;
use crate::random::mix;
use crate::record::PhaseKind;
use crate::worker::messages::ScheduledRequest;

impl<D: Driver> Connections<'_, D> {
    /// Begins a request. Its slot and id, unless it has failed already.
    pub(in crate::worker) fn begin(&mut self, scheduled: ScheduledRequest, now: Nanos) -> Option<(u32, u128)> {
        let context = self.pool.context;
        let target = (scheduled.k % context.targets.addrs.len() as u64) as u16;
        let entry = &context.workload.entries[scheduled.entry as usize];
        self.pool.recorder.handle_issued(context.phase);
        if !scheduled.waited {
            self.pool.recorder.handle_dispatch_lag(context.phase, now.saturating_sub(scheduled.ready));
        }
        // Conversations that others begin have the number of the first: their requests have numbers of their own.
        let begun = context.workload.is_begun(scheduled.entry);
        let number = if begun { scheduled.index | 1 << 62 } else { scheduled.k };
        let request = Request {
            k: scheduled.k,
            turn: entry.turn,
            index: scheduled.index,
            threads: scheduled.session.is_some() && entry.body.own.is_some(),
            phase: context.phase,
            worker: context.core as u16,
            target,
            entry: scheduled.entry,
            isl: entry.isl,
            requested_osl: entry.osl,
            results: entry.body.results,
            request_id: request_id(context.shared.nonce, context.phase, number, entry.turn),
            scheduled: scheduled.scheduled,
            issued: now,
            lag: now.saturating_sub(scheduled.ready).saturating_add(scheduled.carried),
        };
        self.pool.handle_begun();
        let slot = match context.targets.heads2[target as usize] {
            Some(_) => self.begin_stream(&request, scheduled),
            None => self.begin_http1(&request, scheduled),
        };
        self.pool.slots[slot].exchange.active().then_some((slot, request.request_id))
    }

    fn begin_http1(&mut self, request: &Request, scheduled: ScheduledRequest) -> u32 {
        if let Some(key) = self.take_open(scheduled.connection, request.target) {
            let slot = &mut self.pool.slots[key.slot];
            slot.handle_taken();
            slot.begin(request, scheduled);
            self.pool.set_request_deadlines(key.slot);
            self.send(key);
            return key.slot;
        }
        match self.take_slot() {
            Ok(slot) => {
                let state = &mut self.pool.slots[slot];
                state.set_target(request.target);
                state.begin(request, scheduled);
                self.pool.set_request_deadlines(slot);
                self.connect(slot, State::Connecting);
                slot
            }
            Err(slot) => self.begin_without_slot(slot, request, scheduled),
        }
    }

    /// An idle connection that the server has not closed by now: the one that a session has `kept`, or another.
    ///
    /// A server may close a connection right behind its response. A request that is sent then is lost, by no fault of
    /// the server's, and whether it may be retried is not known (RFC 9112 §9.5). Bytes that lie on it would be taken
    /// for the response to a request that the server has not seen; under TLS they can be tickets.
    fn take_open(&mut self, kept: Option<Key>, target: u16) -> Option<Key> {
        let mut kept = self.pool.take_kept(kept);
        loop {
            let key = kept.take().or_else(|| self.pool.slots.take_idle(target))?;
            let silent = !self.pool.slots[key.slot].connection.is_secure();
            if self.driver.is_open(key, silent) {
                return Some(key);
            }
            self.close(key);
        }
    }

    /// A request over HTTP/2 is assigned to a connection.
    fn begin_stream(&mut self, request: &Request, scheduled: ScheduledRequest) -> u32 {
        match self.take_slot() {
            Ok(stream) => {
                let slot = &mut self.pool.slots[stream];
                slot.begin_stream(request.target);
                slot.begin(request, scheduled);
                self.pool.set_request_deadlines(stream);
                self.assign(stream, false, request.issued);
                stream
            }
            Err(slot) => self.begin_without_slot(slot, request, scheduled),
        }
    }

    fn begin_without_slot(&mut self, slot: u32, request: &Request, scheduled: ScheduledRequest) -> u32 {
        self.pool.slots[slot].begin(request, scheduled);
        self.fail_without_slot(slot, request.issued);
        slot
    }
}

/// An id in the shape of a random UUID (RFC 9562, version 4), different for every request of every run.
fn request_id(nonce: u64, phase: PhaseKind, k: u64, turn: u32) -> u128 {
    let which = k.wrapping_add((phase as u64) << 63) ^ u64::from(turn) << 40;
    let high = mix(nonce ^ mix(which));
    let low = mix(high ^ nonce.rotate_left(32));
    let raw = u128::from(high) << 64 | u128::from(low);
    raw & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | 0x4000_u128 << 64 | 0x8000_u128 << 48
}
