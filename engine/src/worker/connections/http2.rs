//! HTTP/2: requests are assigned to a connection, are sent as streams of it, and leave it.

use super::h2_connection::H2Request;
use super::h2_targets::none_allowed;
use super::pool::{Pool, unread_body};
use super::{Connections, STAMPED_OVER};
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending, errno};
use crate::exchange::Exchange;
use crate::record::Cause;
use crate::setting::Setting::{CancellationShare, Http1, Http2};
use crate::wire::http2::{Code, Config};
use crate::worker::context::first_of;

impl Pool<'_> {
    /// What HTTP/2 connections of this run allow.
    pub(super) fn http2_config(&self) -> Config {
        let plan = self.context.plan;
        Config {
            stream_window: plan.network.h2_window,
            header_list_bytes: plan.limits.head_bytes,
            header_fields: plan.limits.head_fields,
            streams: self.streams_per_connection(),
        }
    }

    /// The exchange that has the making of a slot's connection in its phases: its own, or that of the initiator. Where
    /// that has ended, no other has it in its place: the others have waited.
    pub(super) fn initiator(&mut self, slot: u32) -> Option<&mut Exchange> {
        let initiator = match &self.slots[slot].h2 {
            None => slot,
            Some(h2) => {
                let initiator = h2.initiator()?;
                self.slots.get(initiator)?;
                initiator.slot
            }
        };
        let exchange = &mut self.slots[initiator].exchange;
        exchange.active().then_some(exchange)
    }

    /// Whether the connection of a slot has no more use: the server goes away and all is finished, or it was for one
    /// request only.
    pub(super) fn is_spent(&self, key: Key) -> bool {
        let h2 = self.slots.get(key).and_then(|slot| slot.h2.as_ref());
        h2.is_some_and(|h2| h2.is_spent(self.serves_once()))
    }

    /// Takes a stream off its connection; it is reset if it is open. The connection, if it has begun: it may have
    /// something to send, or no more use.
    pub(super) fn cancel_stream(&mut self, stream: u32, now: Nanos) -> Option<Key> {
        let key = self.slots[stream].h2_key()?;
        let h2 = self.slots.get_mut(key)?.h2.as_mut()?;
        h2.cancel(stream, now).then_some(key)
    }

    /// Why a connection ended, and what is reported of it: a server that went away has said why.
    pub(super) fn close_reason(&self, key: Key, cause: Cause, detail: Option<String>) -> (Cause, String) {
        let slot = &self.slots[key.slot];
        let h2 = slot.h2.as_ref();
        let by_peer = matches!(cause, Cause::ClosedBeforeResponse | Cause::Reset | Cause::SendFailed);
        if let Some((code, debug)) = h2.filter(|_| by_peer).and_then(|h2| h2.going_away()) {
            let text = String::from_utf8_lossy(debug);
            let text = text.replace(char::is_control, " ");
            let colon = if text.is_empty() { "" } else { ": " };
            let why = self.why_away(key, code);
            let what = format!("the server went away ({code}{colon}{text}) and closed{why}");
            return (Cause::Http2Goaway, what);
        }
        let silent = h2.is_some_and(|h2| h2.is_established() && !h2.settings_received());
        if by_peer && silent && !slot.connection.is_secure() {
            return (cause, silent_close());
        }
        let what = || "the server closed the HTTP/2 connection".to_owned();
        (cause, detail.unwrap_or_else(what))
    }

    /// Why a server goes away with this code, as far as it is known, or what to do. Planned cancellations may be why:
    /// many servers count resets, and end the connection (ENHANCE_YOUR_CALM) at some number of them (CVE-2023-44487).
    pub(super) fn why_away(&self, key: Key, code: Code) -> String {
        let h2 = self.slots.get(key).and_then(|slot| slot.h2.as_ref());
        if code == Code::HTTP_1_1_REQUIRED {
            return wants_http1();
        }
        let cancelled = h2.map_or(0, |h2| h2.cancelled());
        if code != Code::ENHANCE_YOUR_CALM || cancelled == 0 {
            return String::new();
        }
        format!(
            "; an effect of {CancellationShare}: {cancelled} streams of the connection were cancelled, and servers bound resets"
        )
    }

    /// Whether long requests end in the frames that a connection has to send.
    fn ends_long_requests(&self, key: Key) -> bool {
        let h2 = self.slots.get(key).and_then(|slot| slot.h2.as_ref());
        let mut ending = h2.into_iter().flat_map(|h2| h2.ending());
        ending.any(|stream| {
            let slot = self.slots.get(*stream);
            slot.is_some_and(|slot| slot.exchange.record().bytes_sent > STAMPED_OVER as u64)
        })
    }

    /// Counts what HTTP/2 knows of the connection of a slot, if it is one.
    pub(super) fn count_http2(&mut self, slot: u32, now: Nanos) {
        if let Some(connection) = self.slots[slot].h2.as_ref().and_then(|h2| h2.protocol()) {
            self.recorder.handle_http2_closing(connection, now);
        }
    }

    /// The HTTP/2 connection of a slot is lost, and is to be closed.
    pub(super) fn handle_h2_closing(&mut self, key: Key, now: Nanos) {
        self.count_http2(key.slot, now);
        let slot = &mut self.slots[key.slot];
        slot.handle_closing();
        slot.release_memory(self.context.budget);
        self.h2_targets.handle_closed(slot.target(), key);
    }
}

/// What to do where a server does not serve a request over HTTP/2 (RFC 9113 §7).
pub(super) fn wants_http1() -> String {
    format!(": it serves this over HTTP/1.1 alone ({Http1})")
}

impl<D: Driver> Connections<'_, D> {
    /// Finds a connection for a stream, or begins one; `fresh` wants none that is established already. Where neither is
    /// possible, it waits.
    pub(super) fn assign(&mut self, stream: u32, fresh: bool, now: Nanos) {
        if !self.try_assign(stream, fresh, now) {
            self.pool.wait_for_stream(stream);
        }
    }

    /// A connection with a free stream that the server has not closed by now, as some do to an idle one without a word
    /// (Varnish 7.1).
    fn open_h2(&mut self, target: u16, fresh: bool, now: Nanos) -> Option<Key> {
        loop {
            let key = self.pool.h2_with_free_stream(target, fresh)?;
            let idle = self.pool.slots[key.slot].h2.as_ref().is_some_and(|h2| h2.is_idle());
            if !idle || self.driver.is_open(key, false) {
                return Some(key);
            }
            self.lost(key, Cause::ClosedBeforeResponse, None, now);
        }
    }

    /// As [`assign`](Self::assign), but false where the stream has to wait.
    pub(super) fn try_assign(&mut self, stream: u32, fresh: bool, now: Nanos) -> bool {
        let target = self.pool.slots[stream].target();
        if let Some(key) = self.open_h2(target, fresh, now) {
            self.pool.slots[stream].assign(Some(key));
            if let Some(h2) = &mut self.pool.slots[key.slot].h2 {
                if h2.opens_now() {
                    self.open_stream(key, stream);
                } else {
                    h2.wait(stream);
                }
            }
            return true;
        }
        if !self.pool.may_begin(target, now) {
            if let Some(waited) = self.pool.allows_none(target, now) {
                let what = none_allowed(Some(waited));
                self.fail(stream, Cause::Http2Refused, Some(what), now);
                return true;
            }
            return false;
        }
        if self.pool.h2_targets.is_full() && self.pool.may_serve(target) {
            return false;
        }
        match self.take_slot() {
            Ok(slot) => {
                self.pool.slots[slot].set_target(target);
                self.begin_h2(slot, Some(stream));
            }
            Err(_) if self.pool.may_serve(target) => return false,
            Err(_) => self.fail_without_slot(stream, now),
        }
        true
    }

    /// An HTTP/2 connection may be used. Until the server's settings say how many streams it allows, one is sure to be
    /// allowed, unless it allowed none before.
    pub(super) fn h2_established(&mut self, key: Key) {
        let config = self.pool.http2_config();
        let slot = &mut self.pool.slots[key.slot];
        let may_open = self.pool.h2_targets.allowed(slot.target()) > 0;
        let Some(h2) = &mut slot.h2 else {
            return;
        };
        let settings_received = h2.settings_received();
        match h2.handle_established(config, may_open) {
            Some(initiator) => self.open_stream(key, initiator),
            None => self.flush(key),
        }
        if settings_received {
            self.open_waiting(key);
        }
    }

    /// Sends a stream's request.
    fn open_stream(&mut self, key: Key, stream: u32) {
        let now = self.driver.now();
        let context = self.pool.context;
        let name = self.pool.slots.key_of(stream);
        let body = &mut self.pool.buffers.plain;
        body.clear();
        let slot = &self.pool.slots[stream];
        let record = slot.exchange.record();
        let workload = context.workload;
        if let Err(e) = workload.write_body(record.entry, slot.history(), body) {
            self.fail(stream, Cause::SendFailed, Some(unread_body(&e)), now);
            return;
        }
        let first = first_of(context.plan, context.phase);
        let session = workload.session_name(record.entry, first + record.k);
        let id = record.request_id;
        let head = context.targets.heads2[slot.target() as usize].as_ref();
        let Some(h2) = &mut self.pool.slots[key.slot].h2 else {
            return;
        };
        let opened = head.and_then(|head| h2.open(name, &H2Request { head, id, session: &session, body }, now));
        let Some((bytes, reused)) = opened else {
            match h2.going_away() {
                Some((code, _)) => self.unprocessed(name, code, now),
                None => self.assign(stream, false, now),
            }
            return;
        };
        let withheld_until = h2.withhold();
        let connection = &mut self.pool.slots[key.slot].connection;
        let round_trip = connection.round_trip(now, || self.driver.tcp_facts(key));
        let slot = &mut self.pool.slots[stream];
        slot.handle_sending(now, bytes, reused);
        slot.exchange.handle_round_trip(round_trip);
        self.pool.set_window_deadline(key, withheld_until);
        self.flush(key);
    }

    /// The server's settings are there, or have changed: streams that wait are opened, or find another connection.
    pub(super) fn open_waiting(&mut self, key: Key) {
        loop {
            let usable = self.pool.slots.get_mut(key).filter(|slot| slot.connection.send_error().is_none());
            let Some(slot) = usable else {
                return;
            };
            let target = slot.target();
            let Some(h2) = slot.h2.as_mut() else {
                return;
            };
            let free = h2.has_free_stream();
            match h2.next_waiting() {
                Some(stream) if free => self.open_stream(key, stream),
                Some(stream) => {
                    let now = self.driver.now();
                    self.assign(stream, false, now);
                }
                None => {
                    let now = self.driver.now();
                    self.assign_waiting(target, now);
                    return;
                }
            }
        }
    }

    /// Hands the frames of an HTTP/2 connection to the kernel, once it has taken what came before.
    pub(super) fn flush_http2(&mut self, key: Key) {
        match self.hand_over(key) {
            None => {}
            Some(Sending::Done) => {
                let now = self.driver.now();
                self.pool.handle_http2_sent(key, now);
            }
            Some(Sending::Pending) => self.pool.slots[key.slot].connection.handle_sending(),
            // The connection has ended, and how is on its way: the read's last event tells an end in order from a
            // reset.
            Some(Sending::Failed(e)) => {
                let now = self.driver.now();
                self.pool.handle_send_failed(key, e, now);
            }
        }
    }

    /// Gives the kernel what an HTTP/2 connection has to send; `None` when that is nothing, or has to wait for what
    /// came before.
    pub(super) fn hand_over(&mut self, key: Key) -> Option<Sending> {
        let stamped = self.pool.ends_long_requests(key);
        let sealed = &mut self.pool.buffers.sealed;
        let slot = self.pool.slots.get_mut(key).filter(|slot| slot.connection.can_send())?;
        let h2 = slot.h2.as_mut()?;
        let name = stamped.then(|| h2.next_name());
        let bytes = match slot.connection.tls_mut() {
            None => h2.output(),
            Some(tls) => {
                sealed.clear();
                if tls.send(h2.output()).is_err() {
                    return Some(Sending::Failed(errno::EPROTO));
                }
                tls.take_output(sealed);
                sealed
            }
        };
        let sending = (!bytes.is_empty()).then(|| self.driver.send_named(key, bytes, name));
        let failed = matches!(sending, Some(Sending::Failed(_)));
        let given = if failed { 0 } else { bytes.len() };
        h2.handle_output_given(given, name);
        sending
    }

    /// A connection that has withheld a part of the server's window for long enough uses it.
    pub(super) fn send_withheld(&mut self, key: Key, now: Nanos) {
        let Some(mut h2) = self.pool.slots.get_mut(key).and_then(|slot| slot.h2.take()) else {
            return;
        };
        h2.send_withheld(now, |tag| self.pool.slots.key_of(tag));
        self.pool.set_window_deadline(key, h2.withhold());
        self.pool.slots[key.slot].h2 = Some(h2);
        self.flush(key);
    }
}

/// What is reported of a server that closes a connection on which HTTP/2 was spoken by prior knowledge, without a byte.
fn silent_close() -> String {
    format!(
        "the server closed the connection without a byte of HTTP/2: if it speaks HTTP/1.1 only on this port, drop {Http2}, or write {Http1}"
    )
}
