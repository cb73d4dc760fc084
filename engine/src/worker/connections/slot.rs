//! Slots: a request and its connection, the one or the other, or both.

use super::h2_connection::H2Connection;
use super::pool::{Core, Todo};
use crate::clock::{Nanos, SECOND};
use crate::control::{Allowance, Budget};
use crate::driver::Key;
use crate::exchange::{Exchange, KeepText, Progress, Request};
use crate::plan::{Reuse, TokenizerSource};
use crate::record::Cause;
use crate::wire::tls;
use crate::worker::deadlines::{Deadline, DeadlineKind};
use crate::worker::source::ScheduledRequest;
use socket2::SockAddr;

/// A request and its connection, the one or the other, or both.
pub(in crate::worker) struct Slot {
    pub(in crate::worker) exchange: Exchange,
    /// What its answer may hold.
    pub(in crate::worker) allowance: Allowance,
    /// Bytes of its answer until which it cannot hold more.
    pub(in crate::worker) unwatched: u64,
    pub(in crate::worker) generation: u32,
    pub(in crate::worker) state: State,
    pub(in crate::worker) target: u16,
    pub(in crate::worker) served: u32,
    /// Where its connection goes, once that is known.
    pub(in crate::worker) addr: Option<SockAddr>,
    /// Where else it may go when that fails, the next at the end; empty once the connection is there.
    pub(in crate::worker) candidates: Vec<SockAddr>,
    /// Addresses that were tried for it so far.
    pub(in crate::worker) attempts: u32,
    /// The TLS of its connection, from the handshake on.
    pub(in crate::worker) tls: Option<Box<tls::Session>>,
    /// The kernel still has to take bytes of an earlier send.
    pub(in crate::worker) sending: bool,
    /// Why a send failed: nothing more is sent, and what the server has said is read.
    pub(in crate::worker) broken: Option<i32>,
    /// The kernel took no byte of the request before its send failed.
    pub(in crate::worker) untaken: bool,
    /// The end of the last response's body has not come.
    pub(in crate::worker) unended: bool,
    /// Until when its connection is kept without a request, or after a send that failed.
    pub(in crate::worker) drain_by: Nanos,
    /// When its connection has to be established.
    pub(in crate::worker) connect_by: Option<Nanos>,
    /// The HTTP/2 connection that it is.
    pub(in crate::worker) h2: Option<Box<H2Connection>>,
    /// The session of its request, where that has several turns, and the messages of the turns before.
    pub(in crate::worker) session: Option<usize>,
    pub(in crate::worker) history: Vec<u8>,
    /// The turn of a user that its request is.
    pub(in crate::worker) user_turn: u64,
    /// Its request goes over HTTP/2: the connection that it is on, waits for, or was on last.
    pub(in crate::worker) h2_key: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum State {
    Free,
    /// A request waits for its name, its connect or its handshake.
    Connecting,
    /// A connection is made that no request has asked for yet.
    Warming,
    /// An HTTP/2 connection, from its connect on: its requests have slots of their own.
    Http2,
    Busy,
    /// Its request has ended. Its connection may serve another when the kernel has taken the rest of that request, and
    /// the body of the response has ended.
    Draining,
    /// A connection that may serve a request.
    Idle,
    /// Its request has ended and its connection has to go.
    Closing,
}

impl Slot {
    /// Begins a request.
    pub(in crate::worker) fn begin(&mut self, request: &Request, scheduled: ScheduledRequest) {
        (self.session, self.history, self.user_turn) = (scheduled.session, scheduled.history, scheduled.user_turn);
        self.unwatched = 0;
        self.exchange.begin(request);
    }

    /// Names the connect to one of several addresses.
    pub(in crate::worker) fn attempt_id(&self) -> u128 {
        u128::from(self.generation) << 32 | u128::from(self.attempts)
    }

    /// Whether its connection may serve another request: what was sent on it before is with the kernel whole, the
    /// response to it has been read to its end, and no send has failed. Else a request could land inside another's body
    /// (RFC 9112 §9.3).
    pub(in crate::worker) fn is_reusable(&self) -> bool {
        let sealed = self.tls.as_ref().is_some_and(|tls| tls.has_output());
        !(self.sending || sealed || self.unended || self.broken.is_some())
    }

    /// An answer may go on while there is room for what it holds.
    #[inline]
    pub(in crate::worker) fn within(&mut self, budget: &Budget, progress: Progress, seen: Nanos) -> Progress {
        let received = self.exchange.record().bytes_received;
        if progress != Progress::Pending || received < self.unwatched {
            return progress;
        }
        self.look(budget, received, seen)
    }

    #[cold]
    fn look(&mut self, budget: &Budget, received: u64, seen: Nanos) -> Progress {
        let held = self.exchange.memory();
        if !budget.allows(&mut self.allowance, held) {
            let (cause, what) = no_memory(budget);
            return self.exchange.fail(cause, Some(what), seen);
        }
        self.unwatched = received + self.allowance.room(held) as u64 / MOST_OF_A_BYTE;
        Progress::Pending
    }
}

/// Why an answer, or a connection, is given up for which there is no room.
pub(in crate::worker) fn no_memory(budget: &Budget) -> (Cause, String) {
    let what =
        format!("the answers of the run together would hold over {} bytes (--max-buffered-bytes)", budget.whole());
    (Cause::MemoryLimit, what)
}

impl Core<'_> {
    /// The connection that a session has kept for itself, if it is still there.
    pub(in crate::worker) fn take_own(&mut self, kept: Option<Key>) -> Option<Key> {
        let key = kept?;
        let slot = &self.slots[key.slot as usize];
        if slot.generation != key.generation {
            return None;
        }
        if slot.state == State::Draining {
            self.todo.push(Todo::Close(key));
        }
        (slot.state == State::Idle).then_some(key)
    }

    /// Puts a connection whose request has ended, or that none has asked for yet, where the next one finds it: the only
    /// way into `idle`. Where it is not [reusable](Slot::is_reusable) yet, that is waited for, up to [`DRAIN`].
    pub(in crate::worker) fn park(&mut self, key: Key, now: Nanos) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.is_reusable() {
            slot.state = State::Idle;
            // Of a session's own connection, the session has the key.
            if self.context.plan.reuse == Reuse::Pooled || slot.served == 0 {
                self.idle[slot.target as usize].push(key);
            }
        } else if slot.state != State::Draining {
            slot.state = State::Draining;
            self.set_drain_deadline(key, now);
            while self.draining.front().is_some_and(|key| !is_draining(&self.slots, *key)) {
                self.draining.pop_front();
            }
            self.draining.push_back(key);
        }
    }

    /// Looks again at a connection that is drained, after something has come of it.
    pub(in crate::worker) fn drained(&mut self, key: Key, rest: Progress, now: Nanos) {
        match rest {
            Progress::Pending | Progress::Complete => {}
            Progress::Done { reusable: false } => self.todo.push(Todo::Close(key)),
            Progress::Done { reusable: true } => {
                self.slots[key.slot as usize].unended = false;
                self.park(key, now);
            }
        }
    }

    /// Keeps a connection for so long and no longer.
    pub(in crate::worker) fn set_drain_deadline(&mut self, key: Key, now: Nanos) {
        let at = now.saturating_add(DRAIN);
        self.slots[key.slot as usize].drain_by = at;
        self.deadlines.set(at, DeadlineKind::Drain, key.slot, key.generation.into());
    }

    /// Whether a deadline of a connection that drains, or whose send failed, is still the one that holds.
    pub(in crate::worker) fn drains(&self, deadline: &Deadline) -> bool {
        let slot = &self.slots[deadline.slot as usize];
        u128::from(slot.generation) == deadline.id
            && slot.drain_by == deadline.at
            && (slot.state == State::Draining || slot.broken.is_some())
    }

    pub(in crate::worker) fn take_idle(&mut self, target: u16) -> Option<Key> {
        while let Some(key) = self.idle[target as usize].pop() {
            let slot = &self.slots[key.slot as usize];
            if slot.generation == key.generation && slot.state == State::Idle {
                return Some(key);
            }
        }
        None
    }

    /// A slot without a connection: a free one, a new one, or that of an idle connection or one that is drained, whose
    /// key is then to be closed. Where none is left, a slot past the driver's capacity, good only to record the
    /// failure.
    pub(in crate::worker) fn take_slot(&mut self) -> std::result::Result<(u32, Option<Key>), u32> {
        if let Some(slot) = self.free.pop() {
            return Ok((slot, None));
        }
        if self.slots.len() < self.capacity {
            return Ok((self.new_slot(), None));
        }
        for target in 0..self.idle.len() {
            if let Some(key) = self.take_idle(target as u16) {
                return Ok((key.slot, Some(key)));
            }
        }
        while let Some(key) = self.draining.pop_front() {
            if is_draining(&self.slots, key) {
                return Ok((key.slot, Some(key)));
            }
        }
        if self.slots.len() == self.capacity {
            self.new_slot();
        }
        Err(self.capacity as u32)
    }

    pub(in crate::worker) fn new_slot(&mut self) -> u32 {
        let plan = self.context.plan;
        let keep_text = match plan.prompts.tokenizer {
            _ if plan.use_server_token_count || !plan.endpoint.produces_tokens() => KeepText::Never,
            // The built-in vocabulary is nobody's model: its count is of no use beside the server's.
            TokenizerSource::Builtin => KeepText::WithoutUsage,
            TokenizerSource::Named { .. } => KeepText::Always,
        };
        let exchange = Exchange::new(plan.endpoint, plan.streaming, keep_text, plan.limits)
            .looking_at(plan.payload.output.clone());
        self.slots.push(Slot {
            exchange,
            allowance: self.context.budget.part(),
            unwatched: 0,
            generation: 0,
            state: State::Free,
            target: 0,
            served: 0,
            addr: None,
            candidates: Vec::new(),
            attempts: 0,
            tls: None,
            sending: false,
            broken: None,
            untaken: false,
            unended: false,
            drain_by: 0,
            connect_by: None,
            h2: None,
            session: None,
            history: Vec::new(),
            user_turn: 0,
            h2_key: None,
        });
        (self.slots.len() - 1) as u32
    }
}

fn is_draining(slots: &[Slot], key: Key) -> bool {
    let slot = &slots[key.slot as usize];
    slot.generation == key.generation && slot.state == State::Draining
}

/// How long a connection that serves no request is kept for the rest of its last request to be taken, and for the end
/// of the body of a complete response. And how long the read of a connection may take to end after a send on it has
/// failed.
pub(in crate::worker) const DRAIN: Nanos = SECOND;

/// Most bytes of memory that a byte of an answer can become: it lies in the line, the data and the text of an event,
/// each in a buffer that doubles, and the shortest event with output makes a gap.
const MOST_OF_A_BYTE: u64 = 8;
