//! HTTP/2: connections that carry many requests, and requests that ride on them.
//!
//! An HTTP/2 connection is a slot with a connection and no request of its own; a stream is a slot with a request and no
//! connection. The initiator, whose request opened the connection, pays for it: the connect and the handshake are in
//! its phases, for the others they are queue.

use super::pool::{Core, Left, Todo};
use super::slot::{State, no_memory};
use super::tls::of_records;
use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::driver::Key;
use crate::exchange::{Exchange, Progress, explain};
use crate::plan::Reuse;
use crate::record::Cause;
use crate::wire::http2::{Code, Config, Connection, Event};
use std::ops::ControlFlow;

/// An HTTP/2 connection, in the slot that has its socket.
#[derive(Default)]
pub(in crate::worker) struct H2Connection {
    /// From the first frame of either side; a server may speak first, in the read that ends its handshake.
    pub(in crate::worker) connection: Option<Connection>,
    /// The connection may be used.
    pub(in crate::worker) established: bool,
    /// The server's settings have come: its bound on streams is known.
    pub(in crate::worker) settings_received: bool,
    /// The stream whose request opened the connection, which may have ended since.
    pub(in crate::worker) initiator: Option<Key>,
    /// Streams that are not on their way, the initiator first.
    pub(in crate::worker) waiting: Vec<u32>,
    /// Frames that the kernel has not been given.
    pub(in crate::worker) out: Vec<u8>,
    /// Streams whose last byte is in `out`.
    pub(in crate::worker) leaving: Vec<Key>,
    /// Streams whose last byte the kernel has been given, but has not taken yet.
    pub(in crate::worker) given: Vec<Key>,
    /// Bytes that the kernel has been given so far.
    pub(in crate::worker) bytes: u64,
    /// Answers to the server's frames that the kernel has been given.
    pub(in crate::worker) answered: u64,
    /// Requests sent so far.
    pub(in crate::worker) served: u32,
    /// It stood idle since it was made, or has served: what is sent on it next may find that the server has closed it.
    pub(in crate::worker) kept: bool,
    /// The stream whose request went out before the server's settings came.
    pub(in crate::worker) early: Option<Key>,
    /// Streams that were reset as `--request-cancellation-rate` asks.
    pub(in crate::worker) cancelled: u32,
    /// A deadline is set for the part of the server's window that the connection withholds.
    pub(in crate::worker) withholds: bool,
    /// `bytes` when the first of the open streams was opened on the kept connection, as long as the server has said
    /// nothing since.
    pub(in crate::worker) no_frame_since: Option<u64>,
}

/// Why a connection is lost.
pub(in crate::worker) type Loss = (Cause, Option<String>);

impl H2Connection {
    /// How many more streams may wait for this connection or go on it. Until the server's settings come, it is taken to
    /// allow `allowed` streams, and one at least.
    pub(in crate::worker) fn room(&self, streams: u32, allowed: u32) -> u32 {
        let waiting = self.waiting.len() as u32;
        let room = match &self.connection {
            Some(connection) if self.settings_received => connection.room(),
            Some(connection) => {
                streams.min(allowed.max(1)).saturating_sub(connection.open_streams() as u32).min(connection.room())
            }
            None => streams.min(allowed.max(1)),
        };
        room.saturating_sub(waiting)
    }

    /// The state of the connection; its first frames are ready to go.
    pub(in crate::worker) fn begin(&mut self, config: Config) -> &mut Connection {
        let out = &mut self.out;
        self.connection.get_or_insert_with(|| Connection::new(config, out))
    }
}

impl Core<'_> {
    /// What HTTP/2 connections of this run allow.
    pub(in crate::worker) fn http2_config(&self) -> Config {
        let plan = self.context.plan;
        Config {
            stream_window: plan.network.h2_window,
            header_list_bytes: plan.limits.head_bytes,
            header_fields: plan.limits.head_fields,
            streams: self.streams_per_connection(),
        }
    }

    /// Most requests that share a connection.
    pub(in crate::worker) fn streams_per_connection(&self) -> u32 {
        match self.context.plan.reuse {
            Reuse::Pooled => self.context.plan.network.streams_per_connection,
            Reuse::Never | Reuse::StickySessions => 1,
        }
    }

    /// A connection of the target with room for one more, the oldest first; `fresh` wants one that is being made.
    pub(in crate::worker) fn h2_with_free_stream(&self, target: u16, fresh: bool) -> Option<Key> {
        let streams = self.streams_per_connection();
        let allowed = self.stream_limits[target as usize].allowed();
        let once = self.context.plan.reuse != Reuse::Pooled;
        self.h2_connections[target as usize].iter().copied().find(|key| {
            let slot = &self.slots[key.slot as usize];
            slot.generation == key.generation
                && slot.broken.is_none()
                && slot
                    .h2
                    .as_ref()
                    .filter(|c| !(once && c.served > 0 || fresh && c.established))
                    .is_some_and(|c| c.room(streams, allowed) > 0)
        })
    }

    /// The exchange that pays for the connection of a slot: its own, or the one whose wish began it. Where that has
    /// gone, the others do not pay in its place: they have waited.
    pub(in crate::worker) fn initiator(&mut self, slot: u32) -> Option<&mut Exchange> {
        let state = &self.slots[slot as usize];
        let initiator = match &state.h2 {
            None => slot,
            Some(h2) if !h2.established => {
                let initiator = h2.initiator?;
                (self.slots[initiator.slot as usize].generation == initiator.generation).then_some(initiator.slot)?
            }
            Some(_) => return None,
        };
        let exchange = &mut self.slots[initiator as usize].exchange;
        exchange.active().then_some(exchange)
    }

    /// A server that asks and does not read: what it is owed would grow without end.
    fn peer_not_reading(h2: &H2Connection) -> Option<Loss> {
        let answers = h2.connection.as_ref().map_or(0, Connection::answers);
        (answers - h2.answered > UNREAD_ANSWERS).then(|| {
            let what = format!(
                "over {UNREAD_ANSWERS} answers to its frames wait to be sent: the server asks and does not read"
            );
            (Cause::Http2Protocol, Some(what))
        })
    }

    /// Whether a connection has no more use: the server goes away and all is finished, or it was for one request only.
    fn used_up(&self, h2: &H2Connection) -> bool {
        let once = self.context.plan.reuse != Reuse::Pooled;
        h2.connection.as_ref().is_some_and(|connection| {
            let over = connection.finished() || once && h2.served > 0;
            over && connection.open_streams() == 0
        })
    }

    /// Whether the connection of a slot has no more use.
    pub(in crate::worker) fn spent(&self, key: Key) -> bool {
        let slot = &self.slots[key.slot as usize];
        let h2 = slot.h2.as_ref();
        h2.is_some_and(|c| slot.generation == key.generation && self.used_up(c))
    }

    /// The name of a stream's life in its slot.
    pub(in crate::worker) fn key_of(&self, slot: u32) -> Key {
        let generation = self.slots[slot as usize].generation;
        Key { slot, generation }
    }

    /// One read of an HTTP/2 connection.
    pub(in crate::worker) fn handle_h2_read(&mut self, key: Key, bytes: &[u8], arrival: &Arrival<'_>, seen: Nanos) {
        let slot = &mut self.slots[key.slot as usize];
        let target = slot.target;
        let (Some(mut h2), mut tls) = (slot.h2.take(), slot.tls.take()) else {
            return;
        };
        self.reads += 1;
        self.recorder.handle_read(arrival, seen);
        let mut lost = None;
        let mut secured = false;
        match &mut tls {
            None => lost = self.frames(target, &mut h2, bytes, arrival, seen),
            Some(tls) => {
                let shaking = tls.handshaking();
                let arrival = &of_records(tls, bytes, arrival);
                let read = tls.receive(bytes, |plain| {
                    lost = self.frames(target, &mut h2, plain, arrival, seen);
                    match lost {
                        None => ControlFlow::Continue(()),
                        Some(_) => ControlFlow::Break(()),
                    }
                });
                if let Err(e) = read {
                    let (cause, detail) = explain(&e);
                    lost = Some((cause, Some(detail)));
                } else if lost.is_none() && tls.peer_closed() {
                    lost = Some((Cause::ClosedBeforeResponse, None));
                }
                secured = shaking && !tls.handshaking();
            }
        }
        if lost.is_none() && self.slots[key.slot as usize].sending {
            lost = Self::peer_not_reading(&h2);
        }
        if lost.is_none() {
            lost = self.over_memory(key, &h2);
        }
        let flush = !h2.out.is_empty() || tls.as_ref().is_some_and(|tls| tls.has_output());
        let waited_for = !h2.waiting.is_empty() || self.stream_limits[target as usize].is_waited_for();
        let drains = h2.established && h2.settings_received && waited_for;
        self.withhold(key, &mut h2);
        let spent = self.used_up(&h2);
        let slot = &mut self.slots[key.slot as usize];
        (slot.h2, slot.tls) = (Some(h2), tls);
        if flush {
            self.todo.push(Todo::Flush(key));
        }
        if let Some((cause, detail)) = lost {
            self.todo.push(Todo::Lost(key, cause, detail, seen));
            return;
        }
        if secured {
            self.todo.push(Todo::Secured(key));
        } else if drains {
            self.todo.push(Todo::DrainPending(key));
        }
        if spent {
            self.todo.push(Todo::Spent(key));
        }
    }

    /// The frames of one read or TLS record. What ends the connection, if anything does.
    fn frames(
        &mut self,
        target: u16,
        h2: &mut H2Connection,
        bytes: &[u8],
        arrival: &Arrival<'_>,
        seen: Nanos,
    ) -> Option<Loss> {
        h2.begin(self.http2_config());
        h2.no_frame_since = None;
        let H2Connection { connection: Some(connection), out, settings_received, leaving, early, .. } = h2 else {
            return None;
        };
        let (mut input, read, arrived) = (bytes, self.reads, arrival.at);
        loop {
            let event = match connection.receive(&mut input, seen, out) {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(e) => {
                    let (cause, detail) = explain(e);
                    return Some((cause, Some(detail)));
                }
            };
            match event {
                Event::Head { tag, head } => {
                    self.slots[tag as usize].exchange.handle_head(&head, arrived, read);
                }
                Event::Body { tag, bytes } => {
                    let stream = &mut self.slots[tag as usize];
                    let before = stream.exchange.record().events;
                    let progress = stream.exchange.handle_body(bytes, arrival, input.is_empty(), read);
                    let progress = stream.within(self.context.budget, progress, seen);
                    self.recorder.handle_events(stream.exchange.record().events - before);
                    match progress {
                        Progress::Pending => {}
                        Progress::Complete => self.set_body_deadline(tag, seen),
                        Progress::Done { .. } => {
                            connection.cancel(tag, seen, out);
                            self.finish(tag, Left::Useless, seen);
                        }
                    }
                }
                Event::End { tag } => {
                    self.slots[tag as usize].exchange.handle_end(arrival, input.is_empty());
                    self.finish(tag, Left::Nothing, seen);
                }
                Event::Reset { tag, code, untouched } => {
                    let stream = self.key_of(tag);
                    if untouched && *early == Some(stream) && connection.max_streams() == 0 {
                        // It went out before the settings that forbid it were known.
                        self.todo.push(Todo::RefusedEarly(stream, seen));
                    } else {
                        self.reset(tag, Code(code), untouched, seen);
                    }
                }
                Event::Unprocessed { tag, code } => {
                    let stream = self.key_of(tag);
                    self.todo.push(Todo::Unprocessed(stream, Code(code), seen));
                }
                Event::Broken { tag, error } => {
                    let (cause, detail) = explain(error);
                    self.end_rider(tag, cause, detail, seen);
                }
                Event::BodySent { tag } => leaving.push(self.key_of(tag)),
                Event::Settings => {
                    *settings_received = true;
                    self.allows(target, connection.max_streams(), seen);
                }
                Event::GoAway { .. } => {}
            }
        }
    }

    /// A connection that holds more than there is room for is given up.
    fn over_memory(&mut self, key: Key, h2: &H2Connection) -> Option<Loss> {
        let budget = self.context.budget;
        let held = h2.connection.as_ref().map_or(0, Connection::memory);
        let allowance = &mut self.slots[key.slot as usize].allowance;
        if budget.allows(allowance, held) {
            return None;
        }
        let (cause, what) = no_memory(budget);
        Some((cause, Some(what)))
    }

    /// The server gave the stream of a request up.
    fn reset(&mut self, tag: u32, code: Code, untouched: bool, seen: Nanos) {
        let exchange = &self.slots[tag as usize].exchange;
        let begun = exchange.record().instants.first_byte.is_some();
        let (cause, what) = match code {
            _ if untouched => (Cause::Http2Refused, format!("the server reset the stream ({code})")),
            Code::NO_ERROR if begun => (
                Cause::Truncated,
                "the server ended the stream before the response was complete (RST_STREAM NO_ERROR): a time-out of its own, as a rule"
                    .to_owned(),
            ),
            _ => (Cause::Http2Reset, format!("the server reset the stream ({code})")),
        };
        self.end_rider(tag, cause, what, seen);
    }

    fn end_rider(&mut self, tag: u32, cause: Cause, what: String, seen: Nanos) {
        self.slots[tag as usize].exchange.fail(cause, Some(what), seen);
        self.finish(tag, Left::Useless, seen);
    }

    /// The kernel has taken all that was given to it for an HTTP/2 connection.
    pub(in crate::worker) fn left(&mut self, key: Key, now: Nanos) {
        let Some(h2) = &mut self.slots[key.slot as usize].h2 else {
            return;
        };
        let mut given = std::mem::take(&mut h2.given);
        for stream in given.drain(..) {
            let slot = &self.slots[stream.slot as usize];
            // It may have ended since, and its slot may ride again; or it may have moved.
            if slot.generation == stream.generation && slot.h2_key == Some(key) {
                self.all_sent(stream.slot, now);
            }
        }
        if let Some(h2) = &mut self.slots[key.slot as usize].h2 {
            h2.given = given;
        }
    }

    /// Takes a stream off its connection; its stream is reset if it is on its way. The connection, if it has begun: it
    /// may have something to say, or no more use.
    pub(in crate::worker) fn cancel_stream(&mut self, stream: u32, now: Nanos) -> Option<Key> {
        let key = self.slots[stream as usize].h2_key?;
        let slot = &mut self.slots[key.slot as usize];
        let h2 = slot.h2.as_mut().filter(|_| slot.generation == key.generation)?;
        h2.waiting.retain(|r| *r != stream);
        let connection = h2.connection.as_mut()?;
        connection.cancel(stream, now, &mut h2.out);
        Some(key)
    }

    /// All streams of an HTTP/2 connection: those on their way, then those that wait.
    pub(in crate::worker) fn streams_of(&self, slot: u32) -> Vec<u32> {
        let Some(h2) = &self.slots[slot as usize].h2 else {
            return Vec::new();
        };
        let open = h2.connection.iter().flat_map(Connection::tags);
        open.chain(h2.waiting.iter().copied()).collect()
    }

    /// Counts what HTTP/2 knows of the connection of a slot, if it is one.
    pub(in crate::worker) fn count_h2(&mut self, slot: u32, now: Nanos) {
        let h2 = self.slots[slot as usize].h2.as_ref();
        if let Some(connection) = h2.and_then(|c| c.connection.as_ref()) {
            self.recorder.handle_http2_closing(connection, now);
        }
    }

    /// Why a connection ended, and what is said of it: a server that went away has said why.
    pub(in crate::worker) fn close_reason(&self, key: Key, cause: Cause, detail: &Option<String>) -> (Cause, String) {
        let connection = self.slots[key.slot as usize].h2.as_ref().and_then(|h2| h2.connection.as_ref());
        let by_peer = matches!(cause, Cause::ClosedBeforeResponse | Cause::Reset | Cause::SendFailed);
        if let Some(connection) = connection.filter(|_| by_peer)
            && let Some(code) = connection.going_away()
        {
            let text = String::from_utf8_lossy(connection.go_away_debug());
            let text = text.replace(char::is_control, " ");
            let colon = if text.is_empty() { "" } else { ": " };
            let why = self.why_calm(key, code);
            let what = format!("the server went away ({code}{colon}{text}) and closed{why}");
            return (Cause::Http2Goaway, what);
        }
        let slot = &self.slots[key.slot as usize];
        let silent = slot.h2.as_ref().is_some_and(|c| c.established && !c.settings_received);
        if by_peer && silent && slot.tls.is_none() {
            return (cause, SILENT.to_owned());
        }
        let what = || "the server closed the HTTP/2 connection".to_owned();
        (cause, detail.clone().unwrap_or_else(what))
    }

    /// What `--request-cancellation-rate` has to do with it that a server goes away: many count resets, and end the
    /// connection (ENHANCE_YOUR_CALM) at some number of them (CVE-2023-44487).
    pub(in crate::worker) fn why_calm(&self, key: Key, code: Code) -> String {
        let slot = &self.slots[key.slot as usize];
        let cancelled = slot.h2.as_ref().filter(|_| slot.generation == key.generation).map_or(0, |c| c.cancelled);
        if code != Code::ENHANCE_YOUR_CALM || cancelled == 0 {
            return String::new();
        }
        format!(
            "; an effect of --request-cancellation-rate: {cancelled} streams of the connection were cancelled, and servers bound resets"
        )
    }

    /// The HTTP/2 connection of a slot is gone.
    pub(in crate::worker) fn forget_h2(&mut self, key: Key, now: Nanos) {
        self.count_h2(key.slot, now);
        let slot = &mut self.slots[key.slot as usize];
        slot.h2 = None;
        slot.state = State::Closing;
        self.context.budget.restore(&mut slot.allowance);
        let target = slot.target;
        self.h2_connections[target as usize].retain(|k| *k != key);
    }
}

/// Most answers to a server's frames that may wait for the kernel to take what came before.
const UNREAD_ANSWERS: u64 = 10_000;
/// What is said of a server that closes a connection on which HTTP/2 was spoken by prior knowledge, without a byte.
const SILENT: &str = "the server closed the connection without a byte of HTTP/2: if it speaks HTTP/1.1 only on this port, drop --http2, or write --http1.1";
