//! How connections are closed, and how requests end that do not end by themselves, for both protocols.

use super::Connections;
use super::pool::Remainder;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key};
use crate::exchange::Exchange;
use crate::record::Cause;

impl<D: Driver> Connections<'_, D> {
    /// The end of the body of a complete response has not come by `at`: its request ends without it.
    pub(super) fn end_without_body(&mut self, slot: u32, at: Nanos, now: Nanos) {
        self.pool.slots[slot].exchange.let_go(at);
        if self.pool.slots[slot].h2_key().is_some() {
            self.end_stream_now(slot, now, |_| {});
        } else {
            self.pool.finish(slot, Remainder::Body, now);
        }
    }

    pub(super) fn fail(&mut self, slot: u32, cause: Cause, detail: Option<String>, at: Nanos) {
        self.end_now(slot, at, |exchange| {
            exchange.fail(cause, detail, at);
        });
    }

    /// Fails a request for which no slot is free.
    pub(super) fn fail_without_slot(&mut self, slot: u32, now: Nanos) {
        let what = format!("all {} connections of this worker are in use", self.pool.slots.capacity());
        self.fail(slot, Cause::DescriptorsExhausted, Some(what), now);
    }

    /// Ends a request whatever its server does, as `end` notes: its connection is closed, or its stream reset.
    pub(super) fn end_now(&mut self, slot: u32, at: Nanos, end: impl FnOnce(&mut Exchange)) {
        if self.pool.slots[slot].h2_key().is_some() {
            self.end_stream_now(slot, at, end);
            return;
        }
        end(&mut self.pool.slots[slot].exchange);
        self.pool.finish(slot, Remainder::Useless, at);
        let key = self.pool.slots.key_of(slot);
        self.close(key);
        self.pool.handle_closed_already(key);
    }

    /// A stream's request ends by itself, as `end` notes: its stream is reset, the others go on.
    fn end_stream_now(&mut self, stream: u32, at: Nanos, end: impl FnOnce(&mut Exchange)) {
        let h2 = self.pool.cancel_stream(stream, at);
        end(&mut self.pool.slots[stream].exchange);
        self.pool.finish(stream, Remainder::Useless, at);
        if let Some(key) = h2 {
            self.flush(key);
            self.close_spent(key);
            // Its stream is free for the next.
            let target = self.pool.slots[stream].target();
            if self.pool.h2_targets.has_waiting(target) {
                self.assign_waiting(target, at);
            }
        }
    }

    /// The run is over: what is still in flight is recorded as such.
    pub(in crate::worker) fn abandon(&mut self, now: Nanos) {
        let mut connections = Vec::new();
        for slot in 0..self.pool.slots.len() as u32 {
            if self.pool.slots[slot].exchange.active() {
                self.pool.slots[slot].exchange.abandon(now);
                connections.extend(self.pool.cancel_stream(slot, now));
                self.pool.finish(slot, Remainder::Useless, now);
                self.close(self.pool.slots.key_of(slot));
            }
        }
        self.pool.clear_commands();
        // Only when all have been recorded: a connection that cannot send any more is lost, with all its streams.
        connections.dedup();
        for key in connections {
            self.flush(key);
            self.close_spent(key);
        }
    }

    /// Closes a connection that no request is on: one that is idle, drains, warms, or whose request has ended.
    pub(in crate::worker) fn close(&mut self, key: Key) {
        let open = |state| matches!(state, State::Warming | State::Draining | State::Idle | State::Closing);
        if self.pool.slots.get(key).is_none_or(|slot| !open(slot.state())) {
            return;
        }
        self.pool.handle_made(key.slot);
        let slot = &mut self.pool.slots[key.slot];
        let can_send = slot.connection.can_send();
        if let Some(mut tls) = slot.connection.handle_closed() {
            // The end of TLS, or the alert that says what was wrong; whether it arrives is no concern of ours.
            tls.close_notify();
            let sealed = &mut self.pool.buffers.sealed;
            sealed.clear();
            tls.take_output(sealed);
            if can_send {
                let _ = self.driver.send(key, sealed);
            }
        }
        if self.pool.slots.handle_closed(key.slot) {
            self.close_transport(key);
        }
    }

    /// Closes an HTTP/2 connection without further use.
    pub(super) fn close_spent(&mut self, key: Key) {
        if self.pool.is_spent(key) {
            let now = self.driver.now();
            self.lost(key, Cause::Http2Goaway, None, now);
        }
    }

    /// Closes the transport of a slot, after a last look at what its network was like.
    pub(super) fn close_transport(&mut self, key: Key) {
        self.record_tcp_info(key);
        self.driver.close(key);
    }

    /// Counts what the kernel knows of a connection, which is about to be closed.
    pub(super) fn record_tcp_info(&mut self, key: Key) {
        let Some(facts) = self.driver.tcp_facts(key) else {
            return;
        };
        self.pool.recorder.handle_closing(&facts);
        let target = self.pool.slots[key.slot].target();
        if !self.pool.recorder.knows_congestion_control(target)
            && let Some(name) = self.driver.congestion_control(key)
        {
            self.pool.recorder.handle_congestion_control(target, name);
        }
    }
}
