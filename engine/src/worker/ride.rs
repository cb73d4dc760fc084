//! Requests over HTTP/2 find a connection, go on it, and lose it.

use super::Worker;
use super::carrier::Carrier;
use super::core::State;
use super::os_error;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending};
use crate::exchange::Request;
use crate::record::Cause;
use crate::wire::http2::Opened;

impl<D: Driver> Worker<'_, D> {
    /// A request over HTTP/2 takes a seat.
    pub(super) fn ride(&mut self, request: &Request, deadline: Nanos) {
        let now = request.issued;
        let (rider, evicted) = match self.core.take_slot() {
            Ok(taken) => taken,
            Err(slot) => {
                self.core.slots[slot as usize].exchange.begin(request);
                self.no_room(slot, now);
                return;
            }
        };
        if let Some(key) = evicted {
            self.hang_up(key);
        }
        let slot = &mut self.core.slots[rider as usize];
        slot.generation = (slot.generation + 1) & 0x00ff_ffff;
        slot.target = request.target;
        slot.state = State::Connecting;
        slot.exchange.begin(request);
        self.core
            .request_deadlines
            .push_back((deadline, rider, request.request_id));
        self.seat(rider, now);
    }

    /// Finds a connection for a rider, or begins one.
    fn seat(&mut self, rider: u32, now: Nanos) {
        let target = self.core.slots[rider as usize].target;
        if let Some(key) = self.core.carrier_with_room(target) {
            self.core.slots[rider as usize].rides = Some(key);
            if let Some(carrier) = &mut self.core.slots[key.slot as usize].carrier {
                if carrier.there && (carrier.greeted || carrier.served == 0) {
                    self.depart(key, rider);
                } else {
                    carrier.waiting.push(rider);
                }
            }
            return;
        }
        match self.core.take_slot() {
            Ok((slot, evicted)) => {
                if let Some(key) = evicted {
                    self.hang_up(key);
                }
                self.core.slots[slot as usize].target = target;
                self.carry(slot, Some(rider));
            }
            Err(_) => self.no_room(rider, now),
        }
    }

    /// Begins an HTTP/2 connection in a slot, for a rider or ahead of any.
    pub(super) fn carry(&mut self, slot: u32, rider: Option<u32>) {
        let state = &mut self.core.slots[slot as usize];
        let key = Key {
            slot,
            generation: (state.generation + 1) & 0x00ff_ffff,
        };
        state.carrier = Some(Box::new(Carrier {
            waiting: rider.into_iter().collect(),
            ..Carrier::default()
        }));
        let target = state.target;
        self.core.carriers[target as usize].push(key);
        if let Some(rider) = rider {
            self.core.slots[rider as usize].rides = Some(key);
        }
        self.connect(slot, State::Carrying);
    }

    /// Sends a rider's request.
    pub(super) fn depart(&mut self, key: Key, rider: u32) {
        let now = self.driver.now();
        let core = &mut self.core;
        let Some(mut carrier) = core.slots[key.slot as usize].carrier.take() else {
            return;
        };
        let slot = &mut core.slots[rider as usize];
        let record = slot.exchange.record();
        let entry = &core.shared.workload.entries[record.entry as usize];
        let before = carrier.out.len();
        let opened = match (
            &mut carrier.connection,
            &core.shared.heads2[slot.target as usize],
        ) {
            (Some(connection), Some(head)) => connection.open(
                rider,
                head,
                record.request_id,
                &entry.session_id,
                &entry.body,
                now,
                &mut carrier.out,
            ),
            _ => Opened::Refused,
        };
        let bytes = (carrier.out.len() - before).max(entry.body.len());
        slot.exchange.handle_sending(now, bytes, carrier.served > 0);
        slot.state = State::Busy;
        carrier.served += 1;
        if opened == Opened::All {
            carrier.leaving.push(rider);
        }
        core.slots[key.slot as usize].carrier = Some(carrier);
        if opened == Opened::Refused {
            let what = "the connection takes no more streams".to_owned();
            self.fail(rider, Cause::Http2Refused, Some(what), now);
        }
        self.flush_carrier(key);
    }

    /// The server's settings are there, or have changed: who waits goes, or finds another connection.
    pub(super) fn board(&mut self, key: Key) {
        loop {
            let slot = &mut self.core.slots[key.slot as usize];
            let Some(carrier) = slot
                .carrier
                .as_mut()
                .filter(|_| slot.generation == key.generation)
            else {
                return;
            };
            if carrier.waiting.is_empty() {
                return;
            }
            let rider = carrier.waiting.remove(0);
            if carrier.connection.as_ref().is_some_and(|c| c.room() > 0) {
                self.depart(key, rider);
            } else {
                let now = self.driver.now();
                self.core.slots[rider as usize].rides = None;
                self.seat(rider, now);
            }
        }
    }

    /// Hands the frames of a carrier to the kernel, once it has taken what came before.
    pub(super) fn flush_carrier(&mut self, key: Key) {
        match self.hand_over(key) {
            None => {}
            Some(Sending::Done) => {
                let now = self.driver.now();
                self.core.left(key, now);
            }
            Some(Sending::Pending) => self.core.slots[key.slot as usize].sending = true,
            Some(Sending::Failed(e)) => {
                let now = self.driver.now();
                self.lost(key, Cause::SendFailed, Some(os_error(e)), now);
            }
        }
    }

    /// Gives the kernel what a carrier has to say; `None` when that is nothing, or has to wait for what came before.
    fn hand_over(&mut self, key: Key) -> Option<Sending> {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation != key.generation || slot.sending {
            return None;
        }
        let carrier = slot.carrier.as_mut()?;
        let bytes = match &mut slot.tls {
            None => &carrier.out,
            Some(tls) => {
                core.sealed.clear();
                if tls.send(&carrier.out).is_err() {
                    return Some(Sending::Failed(libc::EPROTO));
                }
                tls.take_output(&mut core.sealed);
                &core.sealed
            }
        };
        let sending = (!bytes.is_empty()).then(|| self.driver.send(key, bytes));
        carrier.out.clear();
        sending
    }

    /// A rider's request has failed by itself: the others go on.
    pub(super) fn fail_rider(
        &mut self,
        rider: u32,
        cause: Cause,
        detail: Option<String>,
        at: Nanos,
    ) {
        let carrier = self.core.alight(rider);
        let slot = &mut self.core.slots[rider as usize];
        slot.exchange.fail(cause, detail, at);
        // `finish` sees by this that the slot has no connection of its own.
        slot.rides = Some(Key {
            slot: rider,
            generation: 0,
        });
        self.core.finish(rider, false, at);
        if let Some(key) = carrier {
            self.flush_carrier(key);
        }
    }

    /// An HTTP/2 connection has ended: who was on its way fails, and nothing that was sent is sent again; who waited for a connection
    /// that had been there finds another.
    pub(super) fn carrier_lost(
        &mut self,
        key: Key,
        cause: Cause,
        detail: &Option<String>,
        at: Nanos,
    ) {
        // The reason, in a GOAWAY or an alert; whether it arrives is no concern of ours.
        let _ = self.hand_over(key);
        let riders = self.core.riders(key.slot);
        let there = self.core.slots[key.slot as usize]
            .carrier
            .as_ref()
            .is_some_and(|c| c.there);
        self.core.forget_carrier(key);
        for rider in riders {
            let slot = &mut self.core.slots[rider as usize];
            if slot.rides != Some(key) || !slot.exchange.active() {
                continue;
            }
            let begun = slot.exchange.record().instants.first_byte.is_some();
            if there && slot.state == State::Connecting {
                slot.rides = None;
                self.seat(rider, at);
                continue;
            }
            let cause = match cause {
                Cause::ClosedBeforeResponse if begun => Cause::Truncated,
                cause => cause,
            };
            let said = detail
                .clone()
                .unwrap_or_else(|| "the server closed the HTTP/2 connection".into());
            self.fail_rider(rider, cause, Some(said), at);
        }
        self.close(key);
    }
}
