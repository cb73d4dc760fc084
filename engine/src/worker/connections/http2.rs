//! Requests over HTTP/2 find a connection, go on it, and lose it.

use super::h2_connection::H2Connection;
use super::h2_targets::none_allowed;
use super::http1::unread;
use super::pool::Left;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending};
use crate::exchange::{Exchange, Request};
use crate::record::Cause;
use crate::wire::http2::{Code, Opened};
use crate::worker::Worker;
use crate::worker::source::{ScheduledRequest, first_of};

impl<D: Driver> Worker<'_, D> {
    /// A request over HTTP/2 is assigned to a connection: the slot of its stream.
    pub(in crate::worker) fn begin_stream(
        &mut self,
        request: &Request,
        scheduled: ScheduledRequest,
        deadline: Nanos,
    ) -> u32 {
        let now = request.issued;
        let (stream, evicted) = match self.core.take_slot() {
            Ok(taken) => taken,
            Err(slot) => {
                self.core.slots[slot as usize].begin(request, scheduled);
                self.no_room(slot, now);
                return slot;
            }
        };
        if let Some(key) = evicted {
            self.close_idle(key);
        }
        let slot = &mut self.core.slots[stream as usize];
        slot.generation = (slot.generation + 1) & 0x00ff_ffff;
        slot.target = request.target;
        slot.state = State::Connecting;
        slot.begin(request, scheduled);
        self.core.set_request_deadlines(deadline, stream);
        self.assign(stream, false, now);
        stream
    }

    /// Finds a connection for a stream, or begins one; `fresh` wants none that is there already. Where neither is
    /// possible, it waits.
    pub(in crate::worker) fn assign(&mut self, stream: u32, fresh: bool, now: Nanos) {
        if !self.try_assign(stream, fresh, now) {
            self.core.wait_for_stream(stream);
        }
    }

    /// As [`assign`](Self::assign), but false where the stream has to wait.
    pub(in crate::worker) fn try_assign(&mut self, stream: u32, fresh: bool, now: Nanos) -> bool {
        let target = self.core.slots[stream as usize].target;
        if let Some(key) = self.core.h2_with_free_stream(target, fresh) {
            self.core.slots[stream as usize].h2_key = Some(key);
            if let Some(h2) = &mut self.core.slots[key.slot as usize].h2 {
                if h2.established && (h2.settings_received || h2.served == 0) {
                    self.open_stream(key, stream);
                } else {
                    h2.waiting.push(stream);
                }
            }
            return true;
        }
        if !self.core.may_begin(target, now) {
            if let Some(waited) = self.core.allows_none(target, now) {
                let what = none_allowed(Some(waited));
                self.fail(stream, Cause::Http2Refused, Some(what), now);
                return true;
            }
            return false;
        }
        let connections: usize = self.core.h2_connections.iter().map(Vec::len).sum();
        if connections >= self.core.connections && self.core.may_serve(target) {
            return false;
        }
        match self.core.take_slot() {
            Ok((slot, evicted)) => {
                if let Some(key) = evicted {
                    self.close_idle(key);
                }
                self.core.slots[slot as usize].target = target;
                self.begin_h2(slot, Some(stream));
            }
            Err(_) if self.core.may_serve(target) => return false,
            Err(_) => self.no_room(stream, now),
        }
        true
    }

    /// Begins an HTTP/2 connection in a slot, for a stream or ahead of any.
    pub(in crate::worker) fn begin_h2(&mut self, slot: u32, stream: Option<u32>) {
        let state = &mut self.core.slots[slot as usize];
        let key = Key { slot, generation: (state.generation + 1) & 0x00ff_ffff };
        let target = state.target;
        let initiator = stream.map(|stream| self.core.key_of(stream));
        self.core.slots[slot as usize].h2 = Some(Box::new(H2Connection {
            initiator,
            waiting: stream.into_iter().collect(),
            ..H2Connection::default()
        }));
        self.core.h2_connections[target as usize].push(key);
        let now = self.driver.now();
        self.core.stream_limits[target as usize].begin(now);
        if let Some(stream) = stream {
            self.core.slots[stream as usize].h2_key = Some(key);
        }
        self.connect(slot, State::Http2);
    }

    /// Sends a stream's request.
    pub(in crate::worker) fn open_stream(&mut self, key: Key, stream: u32) {
        let now = self.driver.now();
        let core = &mut self.core;
        let name = core.key_of(stream);
        let Some(mut h2) = core.slots[key.slot as usize].h2.take() else {
            return;
        };
        let slot = &mut core.slots[stream as usize];
        let record = slot.exchange.record();
        let workload = core.context.workload;
        core.scratch.clear();
        let first = first_of(core.context.plan, core.context.phase);
        if let Err(e) = workload.write_body(record.entry, &slot.history, &mut core.scratch) {
            core.slots[key.slot as usize].h2 = Some(h2);
            self.fail(stream, Cause::SendFailed, Some(unread(&e)), now);
            return;
        }
        let before = h2.out.len();
        let idle = h2.connection.as_ref().map(|c| c.open_streams()) == Some(0);
        let opened = match (&mut h2.connection, &core.context.targets.heads2[slot.target as usize]) {
            (Some(connection), Some(head)) => connection.open(
                stream,
                head,
                record.request_id,
                &workload.session_name(record.entry, first + record.k),
                &core.scratch,
                now,
                &mut h2.out,
            ),
            _ => Opened::Refused,
        };
        if opened == Opened::Refused {
            let away = h2.connection.as_ref().and_then(|c| c.going_away());
            core.slots[key.slot as usize].h2 = Some(h2);
            match away {
                Some(code) => self.unprocessed(name, code, now),
                None => self.assign(stream, false, now),
            }
            return;
        }
        let bytes = (h2.out.len() - before).max(core.scratch.len());
        slot.exchange.handle_sending(now, bytes, h2.served > 0);
        slot.state = State::Busy;
        if idle && h2.kept {
            h2.no_frame_since = Some(h2.bytes);
        }
        h2.served += 1;
        h2.kept = true;
        if opened == Opened::All {
            h2.leaving.push(name);
        }
        if !h2.settings_received {
            h2.early = Some(name);
        }
        core.withhold(key, &mut h2);
        core.slots[key.slot as usize].h2 = Some(h2);
        self.flush_h2(key);
    }

    /// The server's settings are there, or have changed: who waits goes, or finds another connection.
    pub(in crate::worker) fn drain_pending(&mut self, key: Key) {
        loop {
            let slot = &mut self.core.slots[key.slot as usize];
            let Some(h2) = slot.h2.as_mut().filter(|_| slot.generation == key.generation && slot.broken.is_none())
            else {
                return;
            };
            let room = h2.connection.as_ref().is_some_and(|c| c.room() > 0);
            if !h2.waiting.is_empty() {
                let stream = h2.waiting.remove(0);
                if room {
                    self.open_stream(key, stream);
                } else {
                    let now = self.driver.now();
                    self.assign(stream, false, now);
                }
                continue;
            }
            let target = slot.target;
            let now = self.driver.now();
            self.assign_waiting(target, now);
            return;
        }
    }

    /// Hands the frames of an HTTP/2 connection to the kernel, once it has taken what came before.
    pub(in crate::worker) fn flush_h2(&mut self, key: Key) {
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

    /// Gives the kernel what an HTTP/2 connection has to say; `None` when that is nothing, or has to wait for what came
    /// before.
    fn hand_over(&mut self, key: Key) -> Option<Sending> {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation != key.generation || slot.sending || slot.broken.is_some() {
            return None;
        }
        let h2 = slot.h2.as_mut()?;
        let bytes = match &mut slot.tls {
            None => &h2.out,
            Some(tls) => {
                core.sealed.clear();
                if tls.send(&h2.out).is_err() {
                    return Some(Sending::Failed(libc::EPROTO));
                }
                tls.take_output(&mut core.sealed);
                &core.sealed
            }
        };
        let sending = (!bytes.is_empty()).then(|| self.driver.send(key, bytes));
        if !matches!(sending, Some(Sending::Failed(_))) {
            h2.bytes += bytes.len() as u64;
        }
        h2.out.clear();
        h2.answered = h2.connection.as_ref().map_or(0, |c| c.answers());
        h2.given.append(&mut h2.leaving);
        sending
    }

    /// A stream's request ends by itself, as `end` notes: its stream is reset, the others go on.
    pub(in crate::worker) fn end_stream_now(&mut self, stream: u32, at: Nanos, end: impl FnOnce(&mut Exchange)) {
        let h2 = self.core.cancel_stream(stream, at);
        end(&mut self.core.slots[stream as usize].exchange);
        self.core.finish(stream, Left::Useless, at);
        if let Some(key) = h2 {
            self.flush_h2(key);
            self.retire(key);
            // Its stream is free for the next.
            let target = self.core.slots[stream as usize].target;
            if self.core.stream_limits[target as usize].is_waited_for() {
                self.assign_waiting(target, at);
            }
        }
    }

    /// A connection without further use is closed.
    pub(in crate::worker) fn retire(&mut self, key: Key) {
        if self.core.spent(key) {
            let now = self.driver.now();
            self.lost(key, Cause::Http2Goaway, None, now);
        }
    }

    /// The server goes away without having begun a stream's request: it moves, once.
    pub(in crate::worker) fn unprocessed(&mut self, stream: Key, code: Code, at: Nanos) {
        let slot = &self.core.slots[stream.slot as usize];
        if slot.generation != stream.generation || !slot.exchange.active() {
            return;
        }
        if slot.exchange.may_go_again() {
            self.go_again(stream.slot, at);
            return;
        }
        let why = slot.h2_key.map_or_else(String::new, |key| self.core.why_calm(key, code));
        let what = format!("the server went away ({code}) before it began the request{why}");
        self.fail(stream.slot, Cause::Http2Goaway, Some(what), at);
    }

    /// A stream whose request the server did not begin takes a connection that is made for it and its like.
    fn go_again(&mut self, stream: u32, at: Nanos) {
        let slot = &mut self.core.slots[stream as usize];
        slot.exchange.handle_move();
        slot.state = State::Connecting;
        self.assign(stream, true, at);
    }

    /// An HTTP/2 connection has ended. Who waited for a connection that had been there finds another. Who was on its
    /// way moves if the connection had gone stale, and fails otherwise: nothing of which the server may have seen a
    /// byte is sent again.
    pub(in crate::worker) fn h2_lost(&mut self, key: Key, cause: Cause, detail: &Option<String>, at: Nanos) {
        let in_order = cause == Cause::ClosedBeforeResponse;
        let stale = self.stale(key, in_order);
        // The reason, in a GOAWAY or an alert; whether it arrives is no concern of ours.
        let _ = self.hand_over(key);
        let streams = self.core.streams_of(key.slot);
        let (cause, said) = self.core.close_reason(key, cause, detail);
        let there = self.core.slots[key.slot as usize].h2.as_ref().is_some_and(|c| c.established);
        let target = self.core.slots[key.slot as usize].target;
        self.core.forget_h2(key, at);
        for stream in streams {
            let slot = &mut self.core.slots[stream as usize];
            if slot.h2_key != Some(key) || !slot.exchange.active() {
                continue;
            }
            if there && slot.state == State::Connecting {
                self.assign(stream, false, at);
            } else if stale && slot.exchange.may_go_again() {
                self.go_again(stream, at);
            } else {
                let instants = &slot.exchange.record().instants;
                let cause = match cause {
                    Cause::ClosedBeforeResponse if instants.first_byte.is_some() => Cause::Truncated,
                    // What could not be sent was not the request: an acknowledgement, as a rule.
                    Cause::SendFailed if instants.send_end.is_some() => Cause::Reset,
                    cause => cause,
                };
                self.fail(stream, cause, Some(said.clone()), at);
            }
        }
        self.close(key);
        if self.core.stream_limits[target as usize].is_waited_for() {
            self.assign_waiting(target, at);
        }
    }

    /// Whether a connection was idle when the oldest of its streams was opened, and the server had closed it before: it
    /// has not said anything since, and has seen nothing of the requests.
    fn stale(&mut self, key: Key, in_order: bool) -> bool {
        let Some(h2) = &self.core.slots[key.slot as usize].h2 else {
            return false;
        };
        let Some(since) = h2.no_frame_since.map(|from| h2.bytes - from) else {
            return false;
        };
        self.untouched(key, since, in_order)
    }
}
