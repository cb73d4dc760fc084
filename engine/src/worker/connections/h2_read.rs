//! HTTP/2: events of a connection, and what its frames mean for the streams on it.

use super::h2_connection::H2Connection;
use super::http2::wants_http1;
use super::pool::{Command, Pool, Remainder};
use super::slot::no_memory;
use super::tls::arrival_of_records;
use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::driver::{Event, Key, Transmission};
use crate::exchange::{Progress, Stage, explain};
use crate::record::Cause;
use crate::wire::http2::{self, Code};
use std::ops::ControlFlow;

/// Why a connection is lost.
type Loss = (Cause, Option<String>);

impl Pool<'_> {
    /// An event of an HTTP/2 connection.
    pub(super) fn handle_http2_event(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        match event {
            Event::Connected { since } => {
                if let Some(exchange) = self.initiator(key.slot) {
                    exchange.handle_connected(seen);
                }
                self.handle_lag(key.slot, Stage::Connect, since, seen);
                self.command(Command::Connected(key));
            }
            Event::Received { bytes, arrival } => {
                self.handle_http2_read(key, bytes, &arrival, seen);
            }
            Event::Sent => {
                self.slots[key.slot].connection.handle_sent();
                self.handle_http2_sent(key, seen);
                self.command(Command::Flush(key));
            }
            Event::Transmitted { name, at } => self.handle_http2_transmitted(key, name, &at),
            Event::ConnectFailed { errno, since } => {
                self.handle_lag(key.slot, Stage::Connect, since, seen);
                self.command(Command::ConnectFailed(key, errno, seen));
            }
            Event::SendFailed(e) => self.handle_send_failed(key, e, seen),
            Event::ReadFailed { errno, since } => self.handle_read_failed(key, errno, since, seen),
            Event::Closed { since } => {
                self.handle_over(key.slot, since, seen);
                let (cause, detail) = match self.slots[key.slot].connection.handshake_cut_off() {
                    Some(e) => {
                        let (cause, detail) = explain(&e);
                        (cause, Some(detail))
                    }
                    None => (Cause::ClosedBeforeResponse, None),
                };
                self.command(Command::Lost(key, cause, detail, seen));
            }
        }
    }

    /// One read of an HTTP/2 connection.
    fn handle_http2_read(&mut self, key: Key, bytes: &[u8], arrival: &Arrival<'_>, seen: Nanos) {
        let slot = &mut self.slots[key.slot];
        let target = slot.target();
        let (Some(mut h2), mut tls) = (slot.h2.take(), slot.connection.take_tls()) else {
            return;
        };
        let read = self.h2_targets.next_read();
        self.recorder.handle_read(arrival, seen);
        let mut lost = None;
        let (mut secured, mut shaking) = (false, false);
        let awaited = !h2.settings_received();
        match &mut tls {
            None => lost = self.handle_frames(target, &mut h2, bytes, arrival, (read, seen)),
            Some(tls) => {
                shaking = tls.handshaking();
                let arrival = &arrival_of_records(tls, bytes, arrival);
                let result = tls.receive(bytes, |plain| {
                    lost = self.handle_frames(target, &mut h2, plain, arrival, (read, seen));
                    match lost {
                        None => ControlFlow::Continue(()),
                        Some(_) => ControlFlow::Break(()),
                    }
                });
                if let Err(e) = result {
                    let (cause, detail) = explain(&e);
                    lost = Some((cause, Some(detail)));
                } else if lost.is_none() && tls.peer_closed() {
                    lost = Some((Cause::ClosedBeforeResponse, None));
                }
                secured = shaking && !tls.handshaking();
            }
        }
        if lost.is_none() && self.slots[key.slot].connection.is_sending() {
            lost = peer_not_reading(&h2);
        }
        if lost.is_none() {
            lost = self.over_memory(key, &h2);
        }
        let flush = !h2.output().is_empty() || tls.as_ref().is_some_and(|tls| tls.has_output());
        let waited_for = h2.has_waiting() || self.h2_targets.has_waiting(target);
        let opens_waiting = h2.is_established() && h2.settings_received() && waited_for;
        self.set_window_deadline(key, h2.withhold());
        let settings_came = awaited && h2.settings_received();
        let spent = h2.is_spent(self.serves_once());
        let slot = &mut self.slots[key.slot];
        slot.h2 = Some(h2);
        slot.connection.set_tls(tls);
        if shaking && (flush || secured) {
            self.handle_flight(key.slot, arrival, seen);
        }
        if settings_came && arrival.stamped {
            self.handle_lag(key.slot, Stage::Settings, arrival.at, seen);
        }
        if flush {
            self.command(Command::Flush(key));
        }
        if let Some((cause, detail)) = lost {
            self.command(Command::Lost(key, cause, detail, seen));
            return;
        }
        if secured {
            self.command(Command::Secured(key));
        } else if opens_waiting {
            self.command(Command::OpenWaiting(key));
        }
        if spent {
            self.command(Command::CloseSpent(key));
        }
    }

    /// The frames of one read, by its number, or of a TLS record in it. What ends the connection, if anything does.
    fn handle_frames(
        &mut self,
        target: u16,
        h2: &mut H2Connection,
        bytes: &[u8],
        arrival: &Arrival<'_>,
        (read, seen): (u64, Nanos),
    ) -> Option<Loss> {
        h2.begin_read(self.http2_config());
        let mut input = bytes;
        loop {
            let event = match h2.poll_event(&mut input, seen) {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(e) => {
                    let (cause, detail) = explain(e);
                    return Some((cause, Some(detail)));
                }
            };
            match event {
                http2::Event::Head { tag, head } => {
                    self.slots[tag].exchange.handle_head(&head, arrival, read);
                    if self.slots[tag].exchange.refused() {
                        self.set_words_deadline(tag, seen);
                    }
                }
                http2::Event::Body { tag, bytes } => {
                    let stream = &mut self.slots[tag];
                    let before = stream.exchange.record().events;
                    let progress = stream.exchange.handle_body(bytes, arrival, input.is_empty(), read);
                    let progress = stream.within(self.context.budget, progress, seen);
                    self.recorder.handle_events(stream.exchange.record().events - before);
                    match progress {
                        Progress::Pending | Progress::Refused => {}
                        Progress::Complete => self.set_body_deadline(tag, seen),
                        Progress::Done { .. } => {
                            h2.reset(tag, seen);
                            self.finish(tag, Remainder::Useless, seen);
                        }
                    }
                }
                http2::Event::End { tag } => {
                    self.slots[tag].exchange.handle_end(arrival, input.is_empty());
                    self.finish(tag, Remainder::Nothing, seen);
                }
                http2::Event::Reset { tag, code, untouched } => {
                    let stream = self.slots.key_of(tag);
                    if untouched && h2.is_early(stream) {
                        // It was sent before the settings that forbid it were known.
                        self.handle_unprocessed(tag, arrival.at, seen);
                        self.command(Command::RefusedEarly(stream, seen));
                    } else {
                        let refused = untouched.then(|| refusal(h2));
                        let (cause, what) = self.why_reset(tag, Code(code), refused);
                        self.slots[tag].exchange.handle_broken(cause, what, arrival, input.is_empty());
                        self.finish(tag, Remainder::Useless, seen);
                    }
                }
                http2::Event::Unprocessed { tag, code } => {
                    let stream = self.slots.key_of(tag);
                    self.handle_unprocessed(tag, arrival.at, seen);
                    self.command(Command::Unprocessed(stream, Code(code), seen));
                }
                http2::Event::Broken { tag, error } => {
                    let (cause, detail) = explain(error);
                    self.slots[tag].exchange.handle_broken(cause, detail, arrival, input.is_empty());
                    self.finish(tag, Remainder::Useless, seen);
                }
                http2::Event::BodySent { tag } => h2.handle_body_sent(self.slots.key_of(tag)),
                http2::Event::Settings => {
                    let max_streams = h2.handle_settings();
                    self.h2_targets.handle_settings(target, max_streams, seen);
                    self.recorder.handle_max_streams(max_streams);
                }
                http2::Event::GoAway { .. } => {}
            }
        }
    }

    /// A connection that holds more than there is memory for is given up.
    fn over_memory(&mut self, key: Key, h2: &H2Connection) -> Option<Loss> {
        let budget = self.context.budget;
        if self.slots[key.slot].allows(budget, h2.memory()) {
            return None;
        }
        let (cause, what) = no_memory(budget);
        Some((cause, Some(what)))
    }

    /// What a request has failed of whose stream the server gave up; what is said where it `refused` it.
    fn why_reset(&self, tag: u32, code: Code, refused: Option<String>) -> (Cause, String) {
        let exchange = &self.slots[tag].exchange;
        let begun = exchange.record().instants.first_byte.is_some();
        match code {
            _ if refused.is_some() => (Cause::Http2Refused, refused.unwrap_or_default()),
            Code::NO_ERROR if begun => (
                Cause::Truncated,
                "the server ended the stream before the response was complete (RST_STREAM NO_ERROR): a time-out of its own, as a rule"
                    .to_owned(),
            ),
            Code::HTTP_1_1_REQUIRED => {
                (Cause::Http2Reset, format!("the server reset the stream ({code}){}", wants_http1()))
            }
            _ => (Cause::Http2Reset, format!("the server reset the stream ({code})")),
        }
    }

    /// The kernel has taken all that was given to it for an HTTP/2 connection.
    pub(super) fn handle_http2_sent(&mut self, key: Key, now: Nanos) {
        let Some(h2) = &mut self.slots[key.slot].h2 else {
            return;
        };
        let given = h2.take_given();
        for stream in &given {
            // It may have ended since, and its slot may hold another; or it may have been retried elsewhere.
            if self.slots.get(*stream).is_some_and(|slot| slot.h2_key() == Some(key)) {
                self.handle_request_sent(stream.slot, now);
            }
        }
        if let Some(h2) = &mut self.slots[key.slot].h2 {
            h2.reuse_given(given);
        }
    }

    /// The kernel has said something of the last byte of frames in which requests ended.
    fn handle_http2_transmitted(&mut self, key: Key, name: u32, at: &Transmission) {
        let Some(h2) = &mut self.slots[key.slot].h2 else {
            return;
        };
        for stream in h2.take_named(name, at.acknowledged.is_some()) {
            if let Some(slot) = self.slots.get_mut(stream)
                && slot.h2_key() == Some(key)
                && slot.exchange.active()
            {
                slot.exchange.handle_transmitted(at.sent, at.acknowledged);
            }
        }
    }
}

/// What is said of a request that the server refused: how many it had on the connection, of how many.
fn refusal(h2: &H2Connection) -> String {
    let allowed = match h2.max_streams() {
        u32::MAX => "without naming a bound".to_owned(),
        allowed => format!("of the {allowed} that it allows"),
    };
    format!(
        "the server reset the stream ({}): it took no more beside {} on the connection, {allowed}",
        Code::REFUSED_STREAM,
        h2.open_streams(),
    )
}

/// A server that asks and does not read: what it is owed would grow without end.
fn peer_not_reading(h2: &H2Connection) -> Option<Loss> {
    (h2.unread_replies() > UNREAD_REPLIES).then(|| {
        let what =
            format!("over {UNREAD_REPLIES} replies to its frames wait to be sent: the server asks and does not read");
        (Cause::Http2Protocol, Some(what))
    })
}

/// Most answers to a server's frames that may wait for the kernel to take what came before.
const UNREAD_REPLIES: u64 = 10_000;
