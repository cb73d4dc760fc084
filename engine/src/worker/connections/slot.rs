//! Slots: a request and its connection, the one or the other, or both.

use super::connection::Connection;
use super::h2_connection::H2Connection;
use crate::clock::Nanos;
use crate::control::{Allowance, Budget};
use crate::driver::Key;
use crate::exchange::{Exchange, Progress, Request};
use crate::record::Cause;
use crate::setting::Setting::BufferedBytes;
use crate::worker::messages::ScheduledRequest;

/// A request and its connection, the one or the other, or both.
pub(super) struct Slot {
    generation: u32,
    state: State,
    target: u16,
    /// The request, or the last one.
    pub(super) exchange: Exchange,
    memory: GrantedMemory,
    origin: Origin,
    /// The connection: of its own request (HTTP/1), or of the streams of others (HTTP/2).
    pub(super) connection: Connection,
    /// The HTTP/2 connection that it is.
    pub(super) h2: Option<Box<H2Connection>>,
    /// Its request goes over HTTP/2: the connection that it is on, waits for, or was on last.
    h2_key: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
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

/// What a request has from its source, and its source gets back.
#[derive(Default)]
pub(super) struct Origin {
    /// The session of the request, where that has several turns.
    pub(super) session: Option<usize>,
    /// The messages of the turns before.
    pub(super) history: Vec<u8>,
    /// The turn of a user that the request is.
    pub(super) user_turn: u64,
}

/// The memory that a response, or an HTTP/2 connection, may hold.
struct GrantedMemory {
    granted: Allowance,
    /// Bytes of the response until which it cannot hold more.
    enough_until: u64,
}

impl Slot {
    pub(super) fn new(exchange: Exchange, granted: Allowance) -> Self {
        Self {
            generation: 0,
            state: State::Free,
            target: 0,
            exchange,
            memory: GrantedMemory { granted, enough_until: 0 },
            origin: Origin::default(),
            connection: Connection::default(),
            h2: None,
            h2_key: None,
        }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether a key names what the slot holds now, and not what it held before.
    #[inline]
    pub(super) fn is(&self, key: Key) -> bool {
        self.generation == key.generation
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn target(&self) -> u16 {
        self.target
    }

    /// The HTTP/2 connection of its request.
    pub(super) fn h2_key(&self) -> Option<Key> {
        self.h2_key
    }

    /// The session's messages before its request.
    pub(super) fn history(&self) -> &[u8] {
        &self.origin.history
    }

    /// Names the connect to one of several addresses.
    pub(super) fn attempt_id(&self) -> u128 {
        u128::from(self.generation) << 32 | u128::from(self.connection.attempts())
    }

    /// Its stream waits for a connection or for the server's leave to be opened.
    pub(super) fn waits_for_stream(&self) -> bool {
        self.state == State::Connecting && self.h2_key.is_none()
    }

    /// It holds something new from now on: keys of what it held name nothing.
    pub(super) fn renew(&mut self) {
        self.generation = self.next_generation();
    }

    /// The generation that [`renew`](Self::renew) gives it.
    pub(super) fn next_generation(&self) -> u32 {
        (self.generation + 1) & 0x00ff_ffff
    }

    /// Chooses the target of the connection or stream that it is about to hold.
    pub(super) fn set_target(&mut self, target: u16) {
        self.target = target;
    }

    /// A connection is begun, as `why` says.
    pub(super) fn begin_connection(&mut self, why: State, connect_by: Nanos) {
        self.renew();
        self.state = why;
        self.connection.begin(connect_by);
        self.h2_key = None;
    }

    /// Holds a stream from now on, and no connection.
    pub(super) fn begin_stream(&mut self, target: u16) {
        self.renew();
        self.target = target;
        self.state = State::Connecting;
        self.connection.set_lookup(None);
    }

    /// Begins a request.
    pub(super) fn begin(&mut self, request: &Request, scheduled: ScheduledRequest) {
        let ScheduledRequest { session, history, user_turn, .. } = scheduled;
        self.origin = Origin { session, history, user_turn };
        self.memory.enough_until = 0;
        self.exchange.begin(request);
    }

    /// Its stream is assigned to a connection, or to none (yet).
    pub(super) fn assign(&mut self, h2: Option<Key>) {
        self.h2_key = h2;
    }

    /// Its request waits for a connection.
    pub(super) fn wait(&mut self) {
        self.state = State::Connecting;
    }

    /// Its request is about to be sent.
    pub(super) fn handle_sending(&mut self, now: Nanos, bytes: usize, reused: bool) {
        self.state = State::Busy;
        self.exchange.handle_sending(now, bytes, reused);
    }

    /// Its request has ended: what the source wants to have back.
    pub(super) fn take_origin(&mut self) -> Origin {
        std::mem::take(&mut self.origin)
    }

    /// Its stream has ended: the slot is free.
    pub(super) fn end_stream(&mut self) {
        self.h2_key = None;
        self.state = State::Free;
    }

    /// Its connection may serve a request.
    pub(super) fn handle_idle(&mut self) {
        self.state = State::Idle;
    }

    /// Its connection may serve a request when it has drained.
    pub(super) fn handle_draining(&mut self) {
        self.state = State::Draining;
    }

    /// An idle connection is taken for a request.
    pub(super) fn handle_taken(&mut self) {
        self.state = State::Busy;
    }

    /// Its connection is to be closed.
    pub(super) fn handle_closing(&mut self) {
        self.h2 = None;
        self.state = State::Closing;
    }

    /// Its connection is closed: the slot is free.
    pub(super) fn handle_closed(&mut self) {
        self.state = State::Free;
    }

    /// A response may go on while there is memory for what it holds.
    #[inline]
    pub(super) fn within(&mut self, budget: &Budget, progress: Progress, seen: Nanos) -> Progress {
        let received = self.exchange.record().bytes_received;
        if progress != Progress::Pending || received < self.memory.enough_until {
            return progress;
        }
        self.check_memory(budget, received, seen)
    }

    #[cold]
    fn check_memory(&mut self, budget: &Budget, received: u64, seen: Nanos) -> Progress {
        let held = self.exchange.memory();
        if !budget.allows(&mut self.memory.granted, held) {
            let (cause, what) = no_memory(budget);
            return self.exchange.fail(cause, Some(what), seen);
        }
        self.memory.enough_until = received + self.memory.granted.room(held) as u64 / MOST_OF_A_BYTE;
        Progress::Pending
    }

    /// Whether its HTTP/2 connection may hold so many bytes.
    pub(super) fn allows(&mut self, budget: &Budget, held: usize) -> bool {
        budget.allows(&mut self.memory.granted, held)
    }

    /// Gives back the memory of a response, or of an HTTP/2 connection, that has ended.
    pub(super) fn release_memory(&mut self, budget: &Budget) {
        if !budget.is_part(self.exchange.memory()) {
            self.exchange.release();
        }
        budget.restore(&mut self.memory.granted);
    }
}

/// Why a response, or a connection, is given up for which there is no memory.
pub(super) fn no_memory(budget: &Budget) -> (Cause, String) {
    let what = format!("the responses of the run together would hold over {} bytes ({BufferedBytes})", budget.whole());
    (Cause::MemoryLimit, what)
}

/// Most bytes of memory that a byte of a response can become: it lies in the line, the data and the text of an event,
/// each in a buffer that doubles, and the shortest event with output makes a gap.
const MOST_OF_A_BYTE: u64 = 8;
