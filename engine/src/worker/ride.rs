//! Requests over HTTP/2 find a connection, go on it, and lose it.

use super::Worker;
use super::carrier::Carrier;
use super::core::Left;
use super::issue::unread;
use super::slot::State;
use super::source::{Due, first_of};
use super::streams::none_allowed;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending};
use crate::exchange::{Exchange, Request};
use crate::record::Cause;
use crate::wire::http2::{Code, Opened};

impl<D: Driver> Worker<'_, D> {
    /// A request over HTTP/2 takes a seat.
    pub(super) fn ride(&mut self, request: &Request, due: &Due, deadline: Nanos) {
        let now = request.issued;
        let (rider, evicted) = match self.core.take_slot() {
            Ok(taken) => taken,
            Err(slot) => {
                self.core.slots[slot as usize].begin(request, due);
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
        slot.begin(request, due);
        self.core.watch(deadline, rider);
        self.seat(rider, false, now);
    }

    /// Finds a connection for a rider, or begins one; `fresh` wants none that is there already. Where neither is
    /// possible, it waits.
    pub(super) fn seat(&mut self, rider: u32, fresh: bool, now: Nanos) {
        if !self.place(rider, fresh, now) {
            self.core.wait_for_stream(rider);
        }
    }

    /// As [`seat`](Self::seat), but false where the rider has to wait.
    pub(super) fn place(&mut self, rider: u32, fresh: bool, now: Nanos) -> bool {
        let target = self.core.slots[rider as usize].target;
        if let Some(key) = self.core.carrier_with_room(target, fresh) {
            self.core.slots[rider as usize].rides = Some(key);
            if let Some(carrier) = &mut self.core.slots[key.slot as usize].carrier {
                if carrier.there && (carrier.greeted || carrier.served == 0) {
                    self.depart(key, rider);
                } else {
                    carrier.waiting.push(rider);
                }
            }
            return true;
        }
        if !self.core.may_begin(target, now) {
            if let Some(waited) = self.core.allows_none(target, now) {
                let what = none_allowed(Some(waited));
                self.fail(rider, Cause::Http2Refused, Some(what), now);
                return true;
            }
            return false;
        }
        let connections: usize = self.core.carriers.iter().map(Vec::len).sum();
        if connections >= self.core.connections && self.core.serves(target) {
            return false;
        }
        match self.core.take_slot() {
            Ok((slot, evicted)) => {
                if let Some(key) = evicted {
                    self.hang_up(key);
                }
                self.core.slots[slot as usize].target = target;
                self.carry(slot, Some(rider));
            }
            Err(_) if self.core.serves(target) => return false,
            Err(_) => self.no_room(rider, now),
        }
        true
    }

    /// Begins an HTTP/2 connection in a slot, for a rider or ahead of any.
    pub(super) fn carry(&mut self, slot: u32, rider: Option<u32>) {
        let state = &mut self.core.slots[slot as usize];
        let key = Key { slot, generation: (state.generation + 1) & 0x00ff_ffff };
        let target = state.target;
        let payer = rider.map(|rider| self.core.rider(rider));
        self.core.slots[slot as usize].carrier =
            Some(Box::new(Carrier { payer, waiting: rider.into_iter().collect(), ..Carrier::default() }));
        self.core.carriers[target as usize].push(key);
        let now = self.driver.now();
        self.core.streams[target as usize].begin(now);
        if let Some(rider) = rider {
            self.core.slots[rider as usize].rides = Some(key);
        }
        self.connect(slot, State::Carrying);
    }

    /// Sends a rider's request.
    pub(super) fn depart(&mut self, key: Key, rider: u32) {
        let now = self.driver.now();
        let core = &mut self.core;
        let name = core.rider(rider);
        let Some(mut carrier) = core.slots[key.slot as usize].carrier.take() else {
            return;
        };
        let slot = &mut core.slots[rider as usize];
        let record = slot.exchange.record();
        let workload = core.shared.workload;
        core.scratch.clear();
        let first = first_of(core.shared.plan, core.phase);
        let history = core.sessions.history(slot.session);
        if let Err(e) = workload.write_body(record.entry, history, &mut core.scratch) {
            core.slots[key.slot as usize].carrier = Some(carrier);
            self.fail(rider, Cause::SendFailed, Some(unread(&e)), now);
            return;
        }
        let before = carrier.out.len();
        let idle = carrier.connection.as_ref().map(|c| c.open_streams()) == Some(0);
        let opened = match (&mut carrier.connection, &core.shared.targets.heads2[slot.target as usize]) {
            (Some(connection), Some(head)) => connection.open(
                rider,
                head,
                record.request_id,
                &workload.session_name(record.entry, first + record.k),
                &core.scratch,
                now,
                &mut carrier.out,
            ),
            _ => Opened::Refused,
        };
        if opened == Opened::Refused {
            let away = carrier.connection.as_ref().and_then(|c| c.going_away());
            core.slots[key.slot as usize].carrier = Some(carrier);
            match away {
                Some(code) => self.unbegun(name, code, now),
                None => self.seat(rider, false, now),
            }
            return;
        }
        let bytes = (carrier.out.len() - before).max(core.scratch.len());
        slot.exchange.handle_sending(now, bytes, carrier.served > 0);
        slot.state = State::Busy;
        if idle && carrier.kept {
            carrier.unheard = Some(carrier.bytes);
        }
        carrier.served += 1;
        carrier.kept = true;
        if opened == Opened::All {
            carrier.leaving.push(name);
        }
        if !carrier.greeted {
            carrier.early = Some(name);
        }
        core.withhold(key, &mut carrier);
        core.slots[key.slot as usize].carrier = Some(carrier);
        self.flush_carrier(key);
    }

    /// The server's settings are there, or have changed: who waits goes, or finds another connection.
    pub(super) fn board(&mut self, key: Key) {
        loop {
            let slot = &mut self.core.slots[key.slot as usize];
            let Some(carrier) =
                slot.carrier.as_mut().filter(|_| slot.generation == key.generation && slot.broken.is_none())
            else {
                return;
            };
            let room = carrier.connection.as_ref().is_some_and(|c| c.room() > 0);
            if !carrier.waiting.is_empty() {
                let rider = carrier.waiting.remove(0);
                if room {
                    self.depart(key, rider);
                } else {
                    let now = self.driver.now();
                    self.seat(rider, false, now);
                }
                continue;
            }
            let target = slot.target;
            let now = self.driver.now();
            self.place_waiting(target, now);
            return;
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
            // The connection has ended, and how is on its way: the read's last event tells an end in order from a
            // reset.
            Some(Sending::Failed(e)) => {
                let now = self.driver.now();
                self.core.send_broke(key, e, now);
            }
        }
    }

    /// Gives the kernel what a carrier has to say; `None` when that is nothing, or has to wait for what came before.
    fn hand_over(&mut self, key: Key) -> Option<Sending> {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation != key.generation || slot.sending || slot.broken.is_some() {
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
        if !matches!(sending, Some(Sending::Failed(_))) {
            carrier.bytes += bytes.len() as u64;
        }
        carrier.out.clear();
        carrier.answered = carrier.connection.as_ref().map_or(0, |c| c.answers());
        carrier.given.append(&mut carrier.leaving);
        sending
    }

    /// A rider's request ends by itself, as `end` notes: its stream is reset, the others go on.
    pub(super) fn end_rider_now(&mut self, rider: u32, at: Nanos, end: impl FnOnce(&mut Exchange)) {
        let carrier = self.core.alight(rider, at);
        end(&mut self.core.slots[rider as usize].exchange);
        self.core.finish(rider, Left::Useless, at);
        if let Some(key) = carrier {
            self.flush_carrier(key);
            self.retire(key);
            // Its stream is free for the next.
            let target = self.core.slots[rider as usize].target;
            if self.core.streams[target as usize].is_waited_for() {
                self.place_waiting(target, at);
            }
        }
    }

    /// A connection without further use is closed.
    pub(super) fn retire(&mut self, key: Key) {
        if self.core.spent(key) {
            let now = self.driver.now();
            self.lost(key, Cause::Http2Goaway, None, now);
        }
    }

    /// The server goes away without having begun a rider's request: it moves, once.
    pub(super) fn unbegun(&mut self, rider: Key, code: Code, at: Nanos) {
        let slot = &self.core.slots[rider.slot as usize];
        if slot.generation != rider.generation || !slot.exchange.active() {
            return;
        }
        if slot.exchange.may_go_again() {
            self.go_again(rider.slot, at);
            return;
        }
        let why = slot.rides.map_or_else(String::new, |key| self.core.why_calm(key, code));
        let what = format!("the server went away ({code}) before it began the request{why}");
        self.fail(rider.slot, Cause::Http2Goaway, Some(what), at);
    }

    /// A rider whose request the server did not begin takes a connection that is made for it and its like.
    fn go_again(&mut self, rider: u32, at: Nanos) {
        let slot = &mut self.core.slots[rider as usize];
        slot.exchange.handle_move();
        slot.state = State::Connecting;
        self.seat(rider, true, at);
    }

    /// An HTTP/2 connection has ended. Who waited for a connection that had been there finds another. Who was on its
    /// way moves if the connection had gone stale, and fails otherwise: nothing of which the server may have seen a
    /// byte is sent again.
    pub(super) fn carrier_lost(&mut self, key: Key, cause: Cause, detail: &Option<String>, at: Nanos) {
        let in_order = cause == Cause::ClosedBeforeResponse;
        let stale = self.stale(key, in_order);
        // The reason, in a GOAWAY or an alert; whether it arrives is no concern of ours.
        let _ = self.hand_over(key);
        let riders = self.core.riders(key.slot);
        let (cause, said) = self.core.last_words(key, cause, detail);
        let there = self.core.slots[key.slot as usize].carrier.as_ref().is_some_and(|c| c.there);
        let target = self.core.slots[key.slot as usize].target;
        self.core.forget_carrier(key, at);
        for rider in riders {
            let slot = &mut self.core.slots[rider as usize];
            if slot.rides != Some(key) || !slot.exchange.active() {
                continue;
            }
            if there && slot.state == State::Connecting {
                self.seat(rider, false, at);
            } else if stale && slot.exchange.may_go_again() {
                self.go_again(rider, at);
            } else {
                let instants = &slot.exchange.record().instants;
                let cause = match cause {
                    Cause::ClosedBeforeResponse if instants.first_byte.is_some() => Cause::Truncated,
                    // What could not be sent was not the request: an acknowledgement, as a rule.
                    Cause::SendFailed if instants.send_end.is_some() => Cause::Reset,
                    cause => cause,
                };
                self.fail(rider, cause, Some(said.clone()), at);
            }
        }
        self.close(key);
        if self.core.streams[target as usize].is_waited_for() {
            self.place_waiting(target, at);
        }
    }

    /// Whether a connection was idle when the oldest of its streams was opened, and the server had closed it before: it
    /// has not said anything since, and has seen nothing of the requests.
    fn stale(&mut self, key: Key, in_order: bool) -> bool {
        let Some(carrier) = &self.core.slots[key.slot as usize].carrier else {
            return false;
        };
        let Some(since) = carrier.unheard.map(|from| carrier.bytes - from) else {
            return false;
        };
        self.untouched(key, since, in_order)
    }
}
