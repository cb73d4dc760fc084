//! What happens to slots: everything of a worker but its driver, so that the driver's handler can borrow it.

use super::addresses::Addresses;
use super::h2_targets::StreamLimits;
use super::slot::{Slot, State};
use crate::clock::Nanos;
use crate::driver::{Event, Key};
use crate::exchange::{Progress, explain};
use crate::plan::Reuse;
use crate::record::{Cause, Outcome};
use crate::resolve;
use crate::wire::http2::Code;
use crate::worker::deadlines::Deadlines;
use crate::worker::recorder::Recorder;
use crate::worker::source::RequestEnd;
use crate::worker::{Context, os_error};
use std::collections::VecDeque;

/// Everything of a worker but its driver, so that the driver's handler can borrow it.
pub(in crate::worker) struct Core<'a> {
    pub(in crate::worker) context: Context<'a>,
    pub(in crate::worker) recorder: Recorder,
    pub(in crate::worker) slots: Vec<Slot>,
    pub(in crate::worker) capacity: usize,
    /// Most HTTP/2 connections, so that requests find slots too.
    pub(in crate::worker) connections: usize,
    /// Per target: idle connections, the latest on top; checked when taken.
    pub(in crate::worker) idle: Vec<Vec<Key>>,
    pub(in crate::worker) free: Vec<u32>,
    pub(in crate::worker) in_flight: usize,
    /// Requests that have ended, for their source.
    pub(in crate::worker) ends: VecDeque<RequestEnd>,
    /// What the handler saw that needs the driver.
    pub(in crate::worker) todo: Vec<Todo>,
    /// Addresses that did not connect lately.
    pub(in crate::worker) addresses: Addresses,
    pub(in crate::worker) deadlines: Deadlines,
    /// Connections that drain, the oldest first; those that have ended since are skipped.
    pub(in crate::worker) draining: VecDeque<Key>,
    pub(in crate::worker) scratch: Vec<u8>,
    /// What of `scratch` goes out under TLS.
    pub(in crate::worker) sealed: Vec<u8>,
    /// Where answers of the name service arrive, and what of them has arrived.
    pub(in crate::worker) names: Option<(u32, resolve::Decoder)>,
    /// Per target: connections begun, those to names whose look-up failed not counted.
    pub(in crate::worker) turns: Vec<u64>,
    /// Per target: how many HTTP/2 streams its server allows, and who waits for one.
    pub(in crate::worker) stream_limits: Vec<StreamLimits>,
    /// Per target: its HTTP/2 connections.
    pub(in crate::worker) h2_connections: Vec<Vec<Key>>,
    /// Reads of HTTP/2 connections so far: names them.
    pub(in crate::worker) reads: u64,
}

pub(in crate::worker) enum Todo {
    /// The connection is there: secure it, or send.
    Opened(Key),
    /// The connect failed: the error number, and when that was seen.
    Refused(Key, i32, Nanos),
    /// Its TLS handshake is done: send.
    Secured(Key),
    /// Its TLS has something to write.
    Flush(Key),
    /// Streams that wait may be on their way.
    DrainPending(Key),
    /// The server goes away without having begun the request of a stream: why, and when that was seen.
    Unprocessed(Key, Code, Nanos),
    /// The server refused a request that went out before its settings, which allow no stream, came.
    RefusedEarly(Key, Nanos),
    /// An HTTP/2 connection may have no more use.
    Spent(Key),
    /// The name service has answered.
    Resolved(resolve::Reply),
    /// The connection of a finished or idle slot has to go.
    Close(Key),
    /// The connection ended under a request: move it or fail it.
    Lost(Key, Cause, Option<String>, Nanos),
}

impl Core<'_> {
    pub(in crate::worker) fn handle(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        if let Some((slot, replies)) = &mut self.names
            && *slot == key.slot
        {
            if let Event::Received { bytes, .. } = event {
                replies.feed(bytes);
                while let Some(reply) = replies.poll() {
                    self.todo.push(Todo::Resolved(reply));
                }
            }
            return;
        }
        // A reset after the server's end in order is told by an error of its own: the end counts.
        let event = match event {
            Event::ReadFailed(libc::EPIPE) => Event::Closed,
            event => event,
        };
        let Some(slot) = self.slots.get_mut(key.slot as usize).filter(|s| s.generation == key.generation) else {
            return;
        };
        // The kernel tells an error once: the send that failed has had the one that would have ended the read.
        let event = match (event, slot.broken) {
            (Event::Closed, Some(e)) if e != libc::EPIPE => Event::ReadFailed(e),
            (event, _) => event,
        };
        if slot.state == State::Http2 {
            self.handle_h2_event(key, event, seen);
            return;
        }
        let active = slot.exchange.active();
        match event {
            Event::Connected if active => {
                slot.exchange.handle_connected(seen);
                self.todo.push(Todo::Opened(key));
            }
            Event::Connected if slot.state == State::Warming => self.todo.push(Todo::Opened(key)),
            Event::Connected => self.todo.push(Todo::Close(key)),
            Event::ConnectFailed(e) if active || slot.state == State::Warming => {
                self.todo.push(Todo::Refused(key, e, seen));
            }
            Event::Sent => self.sent(key, seen),
            Event::SendFailed(e) if active => self.send_broke(key, e, seen),
            Event::SendFailed(_) => self.todo.push(Todo::Close(key)),
            Event::Received { bytes, arrival } if slot.tls.is_some() => {
                self.handle_sealed(key, bytes, &arrival, seen);
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
                    Progress::Done { reusable } => self.finish(key.slot, Left::after(reusable), seen),
                }
            }
            Event::Received { bytes, .. } if slot.state == State::Draining => {
                let rest = slot.exchange.handle_rest(bytes);
                self.drained(key, rest, seen);
            }
            Event::Closed if active => self.peer_closed(key, seen),
            Event::ReadFailed(e) if active => {
                let cause = read_cause(e);
                self.todo.push(Todo::Lost(key, cause, Some(os_error(e)), seen));
            }
            Event::Received { .. } | Event::Closed | Event::ReadFailed(_) | Event::ConnectFailed(_) => {
                self.todo.push(Todo::Close(key))
            }
        }
    }

    /// A send failed. What the server had said before is read first, as it may be the answer (a status before the
    /// request was there whole, and a close): the end of the read ends the request, or the end of
    /// [`DRAIN`](super::slot::DRAIN).
    pub(in crate::worker) fn send_broke(&mut self, key: Key, errno: i32, now: Nanos) {
        let slot = &mut self.slots[key.slot as usize];
        slot.sending = false;
        slot.broken = Some(errno);
        self.set_drain_deadline(key, now);
    }

    /// What happened to an HTTP/2 connection.
    fn handle_h2_event(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        match event {
            Event::Connected => {
                if let Some(exchange) = self.initiator(key.slot) {
                    exchange.handle_connected(seen);
                }
                self.todo.push(Todo::Opened(key));
            }
            Event::Received { bytes, arrival } => {
                self.handle_h2_read(key, bytes, &arrival, seen);
            }
            Event::Sent => {
                let slot = &mut self.slots[key.slot as usize];
                slot.sending = false;
                self.left(key, seen);
                self.todo.push(Todo::Flush(key));
            }
            Event::ConnectFailed(e) => self.todo.push(Todo::Refused(key, e, seen)),
            Event::SendFailed(e) => self.send_broke(key, e, seen),
            Event::ReadFailed(e) => {
                let cause = read_cause(e);
                self.todo.push(Todo::Lost(key, cause, Some(os_error(e)), seen));
            }
            Event::Closed => {
                let tls = self.slots[key.slot as usize].tls.as_ref();
                let shaking = tls.filter(|tls| tls.handshaking()).and_then(|t| t.end().err());
                let (cause, detail) = match shaking {
                    Some(e) => {
                        let (cause, detail) = explain(&e);
                        (cause, Some(detail))
                    }
                    None => (Cause::ClosedBeforeResponse, None),
                };
                self.todo.push(Todo::Lost(key, cause, detail, seen));
            }
        }
    }

    /// The kernel has taken the rest of a send.
    fn sent(&mut self, key: Key, seen: Nanos) {
        let slot = &mut self.slots[key.slot as usize];
        slot.sending = false;
        if slot.tls.as_ref().is_some_and(|tls| tls.has_output()) {
            self.todo.push(Todo::Flush(key));
        } else if slot.exchange.active() && slot.state == State::Busy {
            self.all_sent(key.slot, seen);
        } else if slot.state == State::Draining {
            self.park(key, seen);
        }
    }

    /// The peer has closed its side under a request.
    pub(in crate::worker) fn peer_closed(&mut self, key: Key, seen: Nanos) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.exchange.may_move() {
            let what = "the server closed the kept connection before any byte of a response";
            self.todo.push(Todo::Lost(key, Cause::ClosedBeforeResponse, Some(what.into()), seen));
        } else if let Some(e) = slot.tls.as_ref().filter(|tls| tls.handshaking()).and_then(|tls| tls.end().err()) {
            let (cause, detail) = explain(&e);
            self.todo.push(Todo::Lost(key, cause, Some(detail), seen));
        } else if let Progress::Done { .. } = slot.exchange.handle_closed(seen) {
            self.finish(key.slot, Left::Useless, seen);
        }
    }

    /// The request of a slot has ended: its record goes out, the slot is free for the next. `left` says what is left to
    /// read of its response.
    pub(in crate::worker) fn finish(&mut self, slot: u32, left: Left, seen: Nanos) {
        let (budget, reuse) = (self.context.budget, self.context.plan.reuse);
        let state = &mut self.slots[slot as usize];
        let key = Key { slot, generation: state.generation };
        let record = state.exchange.take_record();
        let text_lost = state.exchange.text_lost();
        let session = state.session.take();
        let connected = state.state == State::Busy;
        let kept = connected && left != Left::Useless;
        let for_session = kept && reuse == Reuse::StickySessions && session.is_some();
        self.ends.push_back(RequestEnd {
            session,
            user_turn: state.user_turn,
            outcome: record.outcome,
            history: std::mem::take(&mut state.history),
            text: session.and_then(|_| state.exchange.answered()).map(<[u8]>::to_vec),
            connection: for_session.then_some(key),
            unconnected: !connected && matches!(record.outcome, Outcome::Failed(_)),
            at: record.instants.end,
            freed_at: state.exchange.released().min(seen),
            seen_at: seen,
        });
        if !budget.is_part(state.exchange.memory()) {
            state.exchange.release();
        }
        budget.restore(&mut state.allowance);
        if state.h2_key.take().is_some() {
            state.state = State::Free;
            self.free.push(slot);
        } else if for_session || kept && reuse == Reuse::Pooled {
            state.unended = left == Left::Body;
            self.park(key, seen);
        } else {
            state.state = State::Closing;
            self.todo.push(Todo::Close(key));
        }
        self.in_flight -= 1;
        self.recorder.handle_end(record, text_lost, &self.context);
    }

    /// Shows the live view how far the phase is.
    pub(in crate::worker) fn publish(&self) {
        self.recorder.publish(&self.context, self.in_flight as u64);
    }

    /// Whether the request of a slot waits for its first token.
    pub(in crate::worker) fn awaits_first_token(&self, slot: u32, id: u128) -> bool {
        let exchange = &self.slots[slot as usize].exchange;
        exchange.active() && exchange.request_id() == id && exchange.record().instants.first_token.is_none()
    }
}

/// Why a send failed, where the read has not told. A broken pipe is the first error only where the server's end (FIN)
/// had come in order.
pub(in crate::worker) fn send_cause(errno: i32) -> Cause {
    match errno {
        libc::EPIPE => Cause::ClosedBeforeResponse,
        libc::ECONNRESET => Cause::Reset,
        _ => Cause::SendFailed,
    }
}

/// Why a read failed: an error that is none of the peer's ends was met by a send.
fn read_cause(errno: i32) -> Cause {
    match errno {
        libc::ENOBUFS | libc::ENOMEM | libc::EPROTO => Cause::SendFailed,
        _ => Cause::Reset,
    }
}

/// What is left to read of the response of a request that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Left {
    /// Nothing: its body ended in order, and its connection may serve on.
    Nothing,
    /// The end of the body of an answer that is complete.
    Body,
    /// Its connection is of no further use.
    Useless,
}

impl Left {
    /// After a response that is over.
    pub(in crate::worker) fn after(reusable: bool) -> Self {
        if reusable { Self::Nothing } else { Self::Useless }
    }
}
