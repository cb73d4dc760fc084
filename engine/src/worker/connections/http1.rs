//! Requests are taken up, find a connection, and are sent.

use super::pool::send_cause;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending};
use crate::exchange::{Request, explain};
use crate::record::{Cause, PhaseKind};
use crate::worker::source::{ScheduledRequest, first_of};
use crate::worker::{Worker, os_error};

impl<D: Driver> Worker<'_, D> {
    /// Issues a request. Its slot and id, unless it has failed already.
    pub(in crate::worker) fn begin(&mut self, scheduled: ScheduledRequest, now: Nanos) -> Option<(u32, u128)> {
        let slot = self.issue(scheduled, now);
        let exchange = &self.core.slots[slot as usize].exchange;
        exchange.active().then(|| (slot, exchange.request_id()))
    }

    fn issue(&mut self, scheduled: ScheduledRequest, now: Nanos) -> u32 {
        let core = &mut self.core;
        let plan = core.context.plan;
        let target = (scheduled.k % core.context.targets.addrs.len() as u64) as u16;
        let entry = &core.context.workload.entries[scheduled.entry as usize];
        core.recorder.handle_issued(core.context.phase);
        if !scheduled.waited {
            core.recorder.handle_dispatch_lag(core.context.phase, now.saturating_sub(scheduled.scheduled));
        }
        let request = Request {
            k: scheduled.k,
            turn: entry.turn,
            index: scheduled.index,
            threads: scheduled.session.is_some() && entry.body.own.is_some(),
            phase: core.context.phase,
            worker: core.context.index as u16,
            target,
            entry: scheduled.entry,
            isl: entry.isl,
            requested_osl: entry.osl,
            request_id: request_id(core.context.shared.nonce, core.context.phase, scheduled.k, entry.turn),
            scheduled: scheduled.scheduled,
            issued: now,
        };
        core.in_flight += 1;
        let deadline = now.saturating_add(plan.timeouts.request);
        if core.context.targets.heads2[target as usize].is_some() {
            return self.begin_stream(&request, scheduled, deadline);
        }
        if let Some(key) = core.take_own(scheduled.connection).or_else(|| core.take_idle(target)) {
            let slot = &mut core.slots[key.slot as usize];
            slot.state = State::Busy;
            slot.begin(&request, scheduled);
            core.set_request_deadlines(deadline, key.slot);
            self.send(key);
            return key.slot;
        }
        match core.take_slot() {
            Ok((slot, evicted)) => {
                if let Some(key) = evicted {
                    self.close_idle(key);
                }
                let slot_ref = &mut self.core.slots[slot as usize];
                slot_ref.target = target;
                slot_ref.begin(&request, scheduled);
                self.core.set_request_deadlines(deadline, slot);
                self.connect(slot, State::Connecting);
                slot
            }
            Err(slot) => {
                self.core.slots[slot as usize].begin(&request, scheduled);
                self.no_room(slot, now);
                slot
            }
        }
    }

    pub(in crate::worker) fn no_room(&mut self, slot: u32, now: Nanos) {
        let what = format!("all {} connections of this worker are in use", self.core.capacity);
        self.fail(slot, Cause::DescriptorsExhausted, Some(what), now);
    }

    pub(in crate::worker) fn send(&mut self, key: Key) {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation != key.generation || !slot.exchange.active() {
            return;
        }
        let record = slot.exchange.record();
        let workload = core.context.workload;
        let first = first_of(core.context.plan, core.context.phase);
        core.scratch.clear();
        core.context.targets.heads[slot.target as usize].write(
            &mut core.scratch,
            record.request_id,
            &workload.session_name(record.entry, first + record.k),
            workload.body_len(record.entry, &slot.history),
        );
        if let Err(e) = workload.write_body(record.entry, &slot.history, &mut core.scratch) {
            let now = self.driver.now();
            self.lost(key, Cause::SendFailed, Some(unread(&e)), now);
            return;
        }
        let bytes = match &mut slot.tls {
            None => &core.scratch,
            Some(tls) => {
                core.sealed.clear();
                if let Err(e) = tls.send(&core.scratch) {
                    let now = self.driver.now();
                    let (cause, detail) = explain(&e);
                    self.lost(key, cause, Some(detail), now);
                    return;
                }
                // What the kernel has not taken of the handshake comes first: `Event::Sent` sends the rest.
                if !slot.sending {
                    tls.take_output(&mut core.sealed);
                }
                &core.sealed
            }
        };
        slot.state = State::Busy;
        slot.exchange.handle_sending(self.driver.now(), bytes.len(), slot.served > 0);
        slot.served += 1;
        slot.untaken = false;
        if bytes.is_empty() {
            return;
        }
        match self.driver.send(key, bytes) {
            Sending::Done => {
                let now = self.driver.now();
                self.core.all_sent(key.slot, now);
            }
            Sending::Pending => slot.sending = true,
            Sending::Failed(e) => {
                slot.untaken = true;
                let now = self.driver.now();
                self.core.send_broke(key, e, now);
                // What lies there to be read on a kept connection is no answer to a request of which nothing left.
                if self.core.slots[key.slot as usize].exchange.may_move() {
                    self.lost(key, send_cause(e), Some(os_error(e)), now);
                }
            }
        }
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

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A body that lies in a temporary file, and cannot be read from it.
pub(in crate::worker) fn unread(e: &std::io::Error) -> String {
    format!("its body cannot be read back from the temporary file (check the disk under TMPDIR): {e}")
}
