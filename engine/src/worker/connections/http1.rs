//! HTTP/1.1: a request has a connection of its own; its events, and how it is sent.

use super::pool::{Command, Pool, Remainder, send_cause, unread_body};
use super::slot::State;
use super::{Connections, STAMPED_OVER};
use crate::clock::Nanos;
use crate::driver::{Driver, Event, Key, Sending};
use crate::exchange::{Progress, Stage, explain};
use crate::record::Cause;
use crate::worker::context::first_of;
use crate::worker::os_error;

impl Pool<'_> {
    /// An event of a connection that serves one request after another.
    #[inline]
    pub(super) fn handle_http1_event(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        let slot = &mut self.slots[key.slot];
        let active = slot.exchange.active();
        match event {
            Event::Connected { since } if active => {
                slot.exchange.handle_connected(seen);
                self.handle_lag(key.slot, Stage::Connect, since, seen);
                self.command(Command::Connected(key));
            }
            Event::Connected { .. } if slot.state() == State::Warming => self.command(Command::Connected(key)),
            Event::Connected { .. } => self.command(Command::Close(key)),
            Event::ConnectFailed { errno, since } if active || slot.state() == State::Warming => {
                self.handle_lag(key.slot, Stage::Connect, since, seen);
                self.command(Command::ConnectFailed(key, errno, seen));
            }
            Event::Sent => self.handle_sent(key, seen),
            Event::Transmitted { name, at } if active && slot.connection.last_request() == name => {
                slot.exchange.handle_transmitted(at.sent, at.acknowledged);
            }
            Event::Transmitted { .. } => {}
            Event::SendFailed(e) if active => self.handle_send_failed(key, e, seen),
            Event::SendFailed(_) => self.command(Command::Close(key)),
            Event::Received { bytes, arrival } if slot.connection.is_secure() => {
                self.handle_sealed(key, bytes, &arrival, seen);
            }
            Event::Received { arrival, .. } if active && slot.exchange.is_unasked(&arrival) => {
                let what = "bytes came on the kept connection before the request was sent: they are no response to it";
                self.command(Command::Lost(key, Cause::BadFraming, Some(what.into()), seen));
            }
            Event::Received { bytes, arrival } if active => {
                let before = slot.exchange.record().events;
                let progress = slot.exchange.handle_received(bytes, &arrival);
                let progress = slot.within(self.context.budget, progress, seen);
                self.recorder.handle_events(slot.exchange.record().events - before);
                self.recorder.handle_read(&arrival, seen);
                match progress {
                    Progress::Pending => {}
                    Progress::Complete => self.set_body_deadline(key.slot, seen),
                    Progress::Refused => self.set_words_deadline(key.slot, seen),
                    Progress::Done { reusable } => self.finish(key.slot, Remainder::after(reusable), seen),
                }
            }
            Event::Received { bytes, .. } if slot.state() == State::Draining => {
                let rest = slot.exchange.handle_rest(bytes);
                self.handle_rest(key, rest, seen);
            }
            Event::Closed { since } if active => self.handle_peer_closed(key, since, seen),
            Event::ReadFailed { errno, since } if active => self.handle_read_failed(key, errno, since, seen),
            Event::Received { .. } | Event::Closed { .. } | Event::ReadFailed { .. } | Event::ConnectFailed { .. } => {
                self.command(Command::Close(key))
            }
        }
    }

    /// The kernel has taken the rest of a send.
    fn handle_sent(&mut self, key: Key, seen: Nanos) {
        let slot = &mut self.slots[key.slot];
        slot.connection.handle_sent();
        if slot.connection.tls().is_some_and(|tls| tls.has_output()) {
            self.command(Command::Flush(key));
        } else if slot.exchange.active() && slot.state() == State::Busy {
            self.handle_request_sent(key.slot, seen);
        } else if slot.state() == State::Draining {
            self.park(key, seen);
        }
    }

    /// The peer has closed its side under a request, not before `since`.
    pub(super) fn handle_peer_closed(&mut self, key: Key, since: Nanos, seen: Nanos) {
        let slot = &mut self.slots[key.slot];
        if slot.exchange.may_be_retried_after_close() {
            let what = "the server closed the kept connection before any byte of a response";
            self.handle_unprocessed(key.slot, since, seen);
            self.command(Command::Lost(key, Cause::ClosedBeforeResponse, Some(what.into()), seen));
        } else if let Some(e) = slot.connection.handshake_cut_off() {
            slot.exchange.handle_over(since);
            let (cause, detail) = explain(&e);
            self.command(Command::Lost(key, cause, Some(detail), seen));
        } else if let Progress::Done { .. } = slot.exchange.handle_closed(since, seen) {
            self.handle_body_closed(key.slot, seen);
            self.finish(key.slot, Remainder::Useless, seen);
        }
    }

    /// More of the body of a response whose record was taken.
    pub(super) fn handle_rest(&mut self, key: Key, rest: Progress, now: Nanos) {
        match rest {
            Progress::Pending | Progress::Complete | Progress::Refused => {}
            Progress::Done { reusable: false } => self.command(Command::Close(key)),
            Progress::Done { reusable: true } => {
                self.slots[key.slot].connection.handle_response(false);
                self.park(key, now);
            }
        }
    }
}

impl<D: Driver> Connections<'_, D> {
    /// Sends the request of a slot on its connection.
    pub(super) fn send(&mut self, key: Key) {
        let context = self.pool.context;
        let buffers = &mut self.pool.buffers;
        let Some(slot) = self.pool.slots.get_mut(key).filter(|slot| slot.exchange.active()) else {
            return;
        };
        let record = slot.exchange.record();
        let workload = context.workload;
        let first = first_of(context.plan, context.phase);
        buffers.plain.clear();
        let head = &context.targets.heads[slot.target() as usize];
        let session = workload.session_name(record.entry, first + record.k);
        if let Some(job) = slot.exchange.job() {
            head.write_get(&mut buffers.plain, record.request_id, &session, job);
        } else {
            let length = workload.body_len(record.entry, slot.history());
            head.write(&mut buffers.plain, record.request_id, &session, length);
            if let Err(e) = workload.write_body(record.entry, slot.history(), &mut buffers.plain) {
                let now = self.driver.now();
                self.lost(key, Cause::SendFailed, Some(unread_body(&e)), now);
                return;
            }
        }
        let can_send = !slot.connection.is_sending();
        let bytes = match slot.connection.tls_mut() {
            None => &buffers.plain,
            Some(tls) => {
                buffers.sealed.clear();
                if let Err(e) = tls.send(&buffers.plain) {
                    let now = self.driver.now();
                    let (cause, detail) = explain(&e);
                    self.lost(key, cause, Some(detail), now);
                    return;
                }
                // What the kernel has not taken of the handshake comes first: `Event::Sent` sends the rest.
                if can_send {
                    tls.take_output(&mut buffers.sealed);
                }
                &buffers.sealed
            }
        };
        let reused = slot.connection.handle_request();
        let now = self.driver.now();
        let round_trip = slot.connection.round_trip(now, || self.driver.tcp_facts(key));
        slot.handle_sending(now, bytes.len(), reused);
        slot.exchange.handle_round_trip(round_trip);
        if bytes.is_empty() {
            return;
        }
        let name = (bytes.len() > STAMPED_OVER).then(|| slot.connection.last_request());
        match self.driver.send_named(key, bytes, name) {
            Sending::Done => {
                let now = self.driver.now();
                self.pool.handle_request_sent(key.slot, now);
            }
            Sending::Pending => slot.connection.handle_sending(),
            Sending::Failed(e) => {
                slot.connection.handle_untaken();
                let now = self.driver.now();
                self.pool.handle_send_failed(key, e, now);
                // What lies there to be read on a kept connection is no response to a request of which nothing left.
                if self.pool.slots[key.slot].exchange.may_be_retried_after_close() {
                    self.lost(key, send_cause(e), Some(os_error(e)), now);
                }
            }
        }
    }

    /// Gives the kernel what a connection has to send, once it has taken what came before.
    pub(super) fn flush(&mut self, key: Key) {
        let Some(slot) = self.pool.slots.get_mut(key) else {
            return;
        };
        if slot.h2.is_some() {
            self.flush_http2(key);
            return;
        }
        if !slot.connection.can_send() {
            return;
        }
        let sealed = &mut self.pool.buffers.sealed;
        sealed.clear();
        match slot.connection.tls_mut() {
            Some(tls) => tls.take_output(sealed),
            None => return,
        }
        if sealed.is_empty() {
            return;
        }
        let sending = self.driver.send(key, sealed);
        let now = self.driver.now();
        match sending {
            Sending::Done if slot.state() == State::Draining => self.pool.park(key, now),
            Sending::Done => {}
            Sending::Pending => slot.connection.handle_sending(),
            Sending::Failed(e) => self.pool.handle_send_failed(key, e, now),
        }
    }
}
