//! All of the connections but the driver, so that the driver's handler can borrow it: what events change, and what they
//! ask to be done with the driver.

use super::addresses::Addresses;
use super::batch_wait::BatchWait;
use super::h2_targets::H2Targets;
use super::slot::{Slot, State};
use super::table::Table;
use crate::clock::{MILLI, Nanos};
use crate::control::Budget;
use crate::driver::{Event, Key, errno};
use crate::exchange::{Exchange, KeepText};
use crate::plan::{Plan, Reuse, ServerTimings, TokenizerSource};
use crate::record::{Cause, Outcome};
use crate::resolve;
use crate::wire::http2::Code;
use crate::worker::context::Context;
use crate::worker::deadlines::{DeadlineKind, Deadlines};
use crate::worker::messages::RequestEnd;
use crate::worker::os_error;
use crate::worker::recorder::Recorder;
use std::collections::VecDeque;

/// The connections of a worker, without its driver.
pub(super) struct Pool<'a> {
    pub(super) context: Context<'a>,
    pub(super) recorder: Recorder,
    pub(super) slots: Table,
    pub(super) deadlines: Deadlines,
    /// Addresses that did not connect lately, and the turns of those that are tried.
    pub(super) addresses: Addresses,
    /// What is known of each target that speaks HTTP/2.
    pub(super) h2_targets: H2Targets,
    pub(super) buffers: Buffers,
    /// The slot of the resolver channel, and what of its replies has arrived.
    resolver_replies: Option<(u32, resolve::Decoder)>,
    /// What events ask to be done with the driver.
    commands: Vec<Command>,
    /// Requests that have ended, for their source.
    ends: VecDeque<RequestEnd>,
    /// Requests that were begun and have not ended.
    in_flight: usize,
    /// Connections that were begun and are not established.
    making: usize,
    pub(super) batch_wait: BatchWait,
    /// Requests have ended whose deadlines may still be set.
    leaves_deadlines: bool,
}

/// Where requests are written.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) plain: Vec<u8>,
    /// What of `plain` goes out under TLS.
    pub(super) sealed: Vec<u8>,
}

/// What an event asks to be done with the driver.
pub(super) enum Command {
    /// The connection is made: secure it, or send.
    Connected(Key),
    /// The connect failed: the error number, and when that was seen.
    ConnectFailed(Key, i32, Nanos),
    /// Its TLS handshake is done: send.
    Secured(Key),
    /// Its TLS or its HTTP/2 has something to send.
    Flush(Key),
    /// Streams that wait may be opened.
    OpenWaiting(Key),
    /// The server goes away without having begun the request of a stream: why, and when that was seen.
    Unprocessed(Key, Code, Nanos),
    /// The server refused a request that was sent before its settings, which allow no stream, came.
    RefusedEarly(Key, Nanos),
    /// An HTTP/2 connection may have no more use.
    CloseSpent(Key),
    /// The resolver has replied.
    Resolved(resolve::Reply),
    /// The connection of a finished or idle slot is to be closed.
    Close(Key),
    /// The connection ended under a request: retry it or fail it.
    Lost(Key, Cause, Option<String>, Nanos),
}

/// What is left to read of the response of a request that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remainder {
    /// Nothing: its body ended in order, and its connection may serve on.
    Nothing,
    /// The end of the body of a complete response.
    Body,
    /// Its connection is of no further use.
    Useless,
}

impl Remainder {
    /// After a response that is over.
    pub(super) fn after(reusable: bool) -> Self {
        if reusable { Self::Nothing } else { Self::Useless }
    }
}

impl<'a> Pool<'a> {
    pub(super) fn new(context: Context<'a>, recorder: Recorder, capacity: usize) -> Self {
        let targets = context.targets.addrs.len();
        Self {
            context,
            recorder,
            slots: Table::new(capacity, targets),
            deadlines: Deadlines::default(),
            addresses: Addresses::new(targets),
            h2_targets: H2Targets::new(targets, capacity),
            buffers: Buffers::default(),
            resolver_replies: None,
            commands: Vec::new(),
            ends: VecDeque::new(),
            in_flight: 0,
            making: 0,
            batch_wait: BatchWait::of(&context),
            leaves_deadlines: false,
        }
    }

    /// A phase begins.
    pub(super) fn begin_phase(&mut self, context: Context<'a>) {
        self.context = context;
        self.batch_wait = BatchWait::of(&context);
        self.recorder.begin_phase(&context);
    }

    /// The resolver channel is what this slot reads from now on.
    pub(super) fn set_resolver(&mut self, slot: u32) {
        self.resolver_replies = Some((slot, resolve::Decoder::default()));
    }

    /// Has something done with the driver when its handler is over.
    #[inline]
    pub(super) fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// What is to be done with the driver, in the order of the events; [`keep`](Self::keep) takes the empty list back.
    pub(super) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Keeps the memory of a list whose commands are done, unless doing them has led to others.
    pub(super) fn keep(&mut self, done: Vec<Command>) {
        debug_assert!(done.is_empty());
        if self.commands.is_empty() {
            self.commands = done;
        }
    }

    /// A connection is closed by now that [`finish`](Self::finish) has noted to be closed.
    pub(super) fn handle_closed_already(&mut self, key: Key) {
        self.commands.retain(|command| !matches!(command, Command::Close(of) if *of == key));
    }

    /// The run is over: nothing that events have asked for is done any more.
    pub(super) fn clear_commands(&mut self) {
        self.commands.clear();
    }

    /// A request takes a slot from now on, until [`finish`](Self::finish).
    pub(super) fn handle_begun(&mut self) {
        self.in_flight += 1;
    }

    /// Requests that were begun and have not ended.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A connection is begun in a slot, as `why` says, which has to be established by an instant.
    pub(super) fn begin_connection(&mut self, slot: u32, why: State, connect_by: Nanos) {
        let slot = &mut self.slots[slot];
        self.making += usize::from(!slot.connection.is_made_now());
        slot.begin_connection(why, connect_by);
    }

    /// The connection of a slot is established, or closed.
    pub(super) fn handle_made(&mut self, slot: u32) {
        let connection = &mut self.slots[slot].connection;
        self.making -= usize::from(connection.is_made_now());
        connection.handle_established();
    }

    /// Whether connections are being made.
    pub(super) fn is_making(&self) -> bool {
        self.making > 0
    }

    /// The next request that has ended.
    pub(super) fn poll_end(&mut self) -> Option<RequestEnd> {
        self.ends.pop_front()
    }

    /// Whether requests have ended since this was asked last, so that some deadlines may be of no use.
    pub(super) fn take_leaves_deadlines(&mut self) -> bool {
        std::mem::take(&mut self.leaves_deadlines)
    }

    /// An event of the driver.
    pub(super) fn handle_event(&mut self, key: Key, event: Event<'_>, seen: Nanos) {
        if let Some((slot, replies)) = &mut self.resolver_replies
            && *slot == key.slot
        {
            if let Event::Received { bytes, .. } = event {
                replies.feed(bytes);
                while let Some(reply) = replies.poll() {
                    self.commands.push(Command::Resolved(reply));
                }
            }
            return;
        }
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        // The kernel tells an error once: the send that failed has had the one that would have ended the read.
        let event = match (event, slot.connection.send_error()) {
            (Event::Closed { since }, Some(errno)) if errno != errno::EPIPE => Event::ReadFailed { errno, since },
            (event, _) => event,
        };
        if slot.state() == State::Http2 {
            self.handle_http2_event(key, event, seen);
        } else {
            self.handle_http1_event(key, event, seen);
        }
    }

    /// A send failed. What the server had sent before is read first, as it may be the response (a status before the
    /// request was there whole, and a close): the end of the read ends the request, or the end of [`DRAIN`].
    pub(super) fn handle_send_failed(&mut self, key: Key, errno: i32, now: Nanos) {
        self.slots[key.slot].connection.handle_send_failed(errno);
        self.set_drain_deadline(key, now);
    }

    /// The read of a connection failed, not before `since`.
    pub(super) fn handle_read_failed(&mut self, key: Key, errno: i32, since: Nanos, seen: Nanos) {
        self.handle_over(key.slot, since, seen);
        // An error that is none of the peer's ends was met by a send.
        let cause = match errno {
            errno::ENOBUFS | errno::ENOMEM | errno::EPROTO => Cause::SendFailed,
            _ => Cause::Reset,
        };
        self.command(Command::Lost(key, cause, Some(os_error(errno)), seen));
    }

    /// Puts a connection whose request has ended, or that none has asked for yet, where the next one finds it. Where it
    /// is not [reusable](super::connection::Connection::is_reusable) yet, that is waited for, up to [`DRAIN`].
    pub(super) fn park(&mut self, key: Key, now: Nanos) {
        let slot = &self.slots[key.slot];
        if slot.connection.is_reusable() {
            // Of a session's own connection, the session has the key.
            let pooled = self.context.plan.reuse == Reuse::Pooled || !slot.connection.has_served();
            self.slots.park(key, pooled);
        } else if slot.state() != State::Draining {
            self.slots.drain(key);
            self.set_drain_deadline(key, now);
        }
    }

    /// The connection that a session has kept for itself, if it is still there.
    pub(super) fn take_kept(&mut self, kept: Option<Key>) -> Option<Key> {
        let key = kept?;
        let state = self.slots.get(key)?.state();
        if state == State::Draining {
            self.command(Command::Close(key));
        }
        (state == State::Idle).then_some(key)
    }

    /// A slot without a connection; see [`Table::take`].
    pub(super) fn take_slot(&mut self) -> std::result::Result<(u32, Option<Key>), u32> {
        let (plan, budget) = (self.context.plan, self.context.budget);
        self.slots.take(|| new_slot(plan, budget))
    }

    pub(super) fn add_slot(&mut self) -> u32 {
        self.slots.push(new_slot(self.context.plan, self.context.budget))
    }

    /// Whether connections that were made ahead of requests are not established yet.
    pub(super) fn is_warming(&self) -> bool {
        self.slots.iter().any(|slot| match &slot.h2 {
            None => slot.state() == State::Warming,
            Some(h2) => !h2.settings_received(),
        })
    }

    /// The request of a slot has ended: its record goes out, the slot is free for the next. `left` says what is left to
    /// read of its response.
    pub(super) fn finish(&mut self, slot: u32, left: Remainder, seen: Nanos) {
        if self.slots[slot].exchange.take_due() && self.ask_again(slot, left, seen) {
            return;
        }
        let reuse = self.context.plan.reuse;
        let key = self.slots.key_of(slot);
        let state = &mut self.slots[slot];
        let record = Box::new(state.exchange.take_record());
        let text_lost = state.exchange.text_lost();
        let software = state.exchange.software();
        let origin = state.take_origin();
        let connected = state.state() == State::Busy;
        let kept = connected && left != Remainder::Useless && record.status != CONTENT_TOO_LARGE;
        let for_session = kept && reuse == Reuse::StickySessions && origin.session.is_some();
        let freed_at = state.exchange.released().min(seen);
        let freed_earlier = freed_at - state.exchange.released_since().min(freed_at);
        self.ends.push_back(RequestEnd {
            session: origin.session,
            user_turn: origin.user_turn,
            outcome: record.outcome,
            history: origin.history,
            text: origin.session.and_then(|_| state.exchange.answered()).map(<[u8]>::to_vec),
            connection: for_session.then_some(key),
            unconnected_at: (!connected && matches!(record.outcome, Outcome::Failed(_))).then_some(seen),
            at: record.instants.end,
            freed_at,
            freed_earlier,
            lag: record.lags.dispatch.saturating_add(freed_earlier),
        });
        state.release_memory(self.context.budget);
        if state.h2_key().is_some() {
            self.slots.end_stream(slot);
        } else if for_session || kept && reuse == Reuse::Pooled {
            state.connection.handle_response(left == Remainder::Body);
            self.park(key, seen);
        } else {
            state.handle_closing();
            self.command(Command::Close(key));
        }
        self.in_flight -= 1;
        self.batch_wait.handle_end();
        self.leaves_deadlines = true;
        self.recorder.handle_software(record.target, &software);
        self.recorder.handle_end(record, text_lost, &self.context);
    }

    /// The answer of a slot's request is a job that is not done: it is asked for after a pause, on the same connection.
    /// Whether it can be; else the request has failed.
    fn ask_again(&mut self, slot: u32, left: Remainder, now: Nanos) -> bool {
        let state = &mut self.slots[slot];
        if left == Remainder::Nothing && state.h2_key().is_none() {
            state.connection.handle_response(false);
            let id = state.exchange.request_id();
            self.deadlines.set(now.saturating_add(JOB_PAUSE), DeadlineKind::Job, slot, id);
            return true;
        }
        let what = match state.h2_key() {
            Some(_) => "a job is asked for over HTTP/1.1 alone",
            None => "the server closed the connection on which its job was to be asked for",
        };
        state.exchange.fail(Cause::Truncated, Some(what.into()), now);
        false
    }

    /// Whether the request of a slot waits for its first token.
    pub(super) fn awaits_first_token(&self, slot: u32, id: u128) -> bool {
        let exchange = &self.slots[slot].exchange;
        exchange.active() && exchange.request_id() == id && exchange.record().instants.first_token.is_none()
    }
}

/// The pause before a job is asked for again, as AIPerf's.
const JOB_PAUSE: Nanos = 100 * MILLI;

/// A server that reads no more of a request may close its connection behind this status (RFC 9110 §15.5.14), and often
/// does so without saying it: the next request would be lost with it.
const CONTENT_TOO_LARGE: u16 = 413;

fn new_slot(plan: &Plan, budget: &Budget) -> Slot {
    let keep_text = match plan.prompts.tokenizer {
        _ if plan.keep_text => KeepText::Always,
        _ if plan.use_server_token_count || !plan.endpoint.produces_tokens() => KeepText::Never,
        // The built-in vocabulary is nobody's model: its count is of no use beside the server's.
        TokenizerSource::Builtin => KeepText::WithoutUsage,
        TokenizerSource::Named { .. } => KeepText::Always,
    };
    let exchange = Exchange::new(plan.endpoint, plan.streaming, keep_text, plan.limits)
        .looking_at(plan.payload.output.clone())
        .timed(plan.server_timings != ServerTimings::Off);
    Slot::new(exchange, budget.part())
}

/// Why a send failed, where the read has not told. A broken pipe is the first error only where the server's end (FIN)
/// had come in order.
pub(super) fn send_cause(errno: i32) -> Cause {
    match errno {
        errno::EPIPE => Cause::ClosedBeforeResponse,
        errno::ECONNRESET => Cause::Reset,
        _ => Cause::SendFailed,
    }
}

/// The message about a body that lies in a temporary file, and cannot be read from it.
pub(super) fn unread_body(e: &std::io::Error) -> String {
    format!("its body cannot be read back from the temporary file (check the disk under TMPDIR): {e}")
}
