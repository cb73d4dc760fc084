//! How requests and connections end that do not end by themselves: lost, late, or left over.

use super::pool::{Left, Todo};
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key};
use crate::exchange::Exchange;
use crate::record::Cause;
use crate::worker::Worker;

impl<D: Driver> Worker<'_, D> {
    /// The connection ended under a request. On a kept connection that the server had closed while idle, nothing of the
    /// request was [begun](Self::untouched): it moves, once. Else it fails.
    pub(in crate::worker) fn lost(&mut self, key: Key, cause: Cause, detail: Option<String>, at: Nanos) {
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        if slot.state == State::Http2 {
            self.h2_lost(key, cause, &detail, at);
            return;
        }
        if !slot.exchange.active() {
            self.close(key);
            return;
        }
        let given = match slot.untaken {
            true => 0,
            false => slot.exchange.record().bytes_sent,
        };
        let in_order = cause == Cause::ClosedBeforeResponse;
        if slot.exchange.may_move() && self.untouched(key, given, in_order) {
            self.core.slots[key.slot as usize].exchange.handle_move();
            self.close_idle(key);
            self.connect(key.slot, State::Connecting);
            return;
        }
        self.fail(key.slot, cause, detail, at);
    }

    /// Whether it is known that the server has seen nothing of the last `given` bytes that were to be sent on a
    /// connection, which has ended.
    ///
    /// It is in two cases only: the kernel took no byte of them; or the server's end came in order (FIN), and its
    /// acknowledgements leave all of them out. A part that the kernel took counts as seen, and a reset says nothing of
    /// what the server has read.
    pub(in crate::worker) fn untouched(&mut self, key: Key, given: u64, in_order: bool) -> bool {
        let unacknowledged = |driver: &mut D| driver.unacknowledged(key);
        given == 0 || in_order && unacknowledged(&mut self.driver).is_some_and(|n| n as u64 >= given)
    }

    /// The end of the body of an answer that is complete has not come: its request ends without it.
    pub(in crate::worker) fn let_go(&mut self, slot: u32, now: Nanos) {
        self.core.slots[slot as usize].exchange.let_go(now);
        if self.core.slots[slot as usize].h2_key.is_some() {
            self.end_stream_now(slot, now, |_| {});
        } else {
            self.core.finish(slot, Left::Body, now);
        }
    }

    pub(in crate::worker) fn fail(&mut self, slot: u32, cause: Cause, detail: Option<String>, at: Nanos) {
        self.end_now(slot, at, |exchange| {
            exchange.fail(cause, detail, at);
        });
    }

    /// Ends a request whatever its server does, as `end` notes: its connection is closed, or its stream reset.
    pub(in crate::worker) fn end_now(&mut self, slot: u32, at: Nanos, end: impl FnOnce(&mut Exchange)) {
        if self.core.slots[slot as usize].h2_key.is_some() {
            self.end_stream_now(slot, at, end);
            return;
        }
        end(&mut self.core.slots[slot as usize].exchange);
        self.core.finish(slot, Left::Useless, at);
        let key = Key { slot, generation: self.core.slots[slot as usize].generation };
        self.close(key);
        // What `finish` noted for later has just been done.
        self.core.todo.retain(|t| !matches!(t, Todo::Close(k) if *k == key));
    }

    pub(in crate::worker) fn close(&mut self, key: Key) {
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation
            || matches!(slot.state, State::Free | State::Connecting | State::Busy | State::Http2)
        {
            return;
        }
        slot.state = State::Free;
        slot.connect_by = None;
        if let Some(mut tls) = slot.tls.take() {
            // The end of TLS, or the alert that says what was wrong; whether it arrives is no concern of ours.
            tls.close_notify();
            self.core.sealed.clear();
            tls.take_output(&mut self.core.sealed);
            if !slot.sending && slot.broken.is_none() {
                let _ = self.driver.send(key, &self.core.sealed);
            }
        }
        // The slot past the capacity only ever holds a request that found no connection.
        if (key.slot as usize) < self.core.capacity {
            self.close_idle(key);
            self.core.free.push(key.slot);
        }
    }

    /// Closes a connection, after a last look at what its network was like.
    pub(in crate::worker) fn close_idle(&mut self, key: Key) {
        self.record_tcp_info(key.slot);
        self.driver.close(key);
    }

    /// Counts what the kernel knows of the connection of a slot, which is about to go.
    pub(in crate::worker) fn record_tcp_info(&mut self, slot: u32) {
        let key = Key { slot, generation: self.core.slots[slot as usize].generation };
        if let Some(facts) = self.driver.tcp_facts(key) {
            self.core.recorder.handle_closing(&facts);
        }
    }

    /// The run is over: what is still in flight is recorded as such.
    pub(in crate::worker) fn abandon(&mut self, now: Nanos) {
        let mut connections = Vec::new();
        for slot in 0..self.core.slots.len() as u32 {
            if self.core.slots[slot as usize].exchange.active() {
                self.core.slots[slot as usize].exchange.abandon(now);
                connections.extend(self.core.cancel_stream(slot, now));
                self.core.finish(slot, Left::Useless, now);
                let key = Key { slot, generation: self.core.slots[slot as usize].generation };
                self.close(key);
            }
        }
        self.core.todo.clear();
        // Only when all have been recorded: a connection that cannot say it any more is lost, with all who are on it.
        connections.dedup();
        for key in connections {
            self.flush_h2(key);
            self.retire(key);
        }
    }
}
