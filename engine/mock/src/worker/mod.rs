//! One thread's event loop: accept, read, answer, and write what is due.
//!
//! Order of one turn: sleep while frozen → new connections, requests and room to write → due timers → the engine's
//! steps → streams that had more to write than their share. Every write is one system call; the poll and the timer are
//! one each per turn.

mod accept;
mod answer;
mod conn;
mod hand_over;
mod link;
mod serve;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use tokio::sync::mpsc::UnboundedSender;

use crate::batching::{Engine, Grant};
use crate::clock::now_ns;
use crate::config::Timing;
use crate::shared::Shared;
use crate::timers::Timers;
use crate::tls::Tls;

use accept::Acceptor;
use conn::Conn;

/// All that one thread owns.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    acceptor: Acceptor,
    conns: Slab<Conn>,
    timers: Timers,
    tls: Option<Tls>,
    /// Takes the connections that speak HTTP/2. The thread behind it ends when this is dropped.
    http2: Option<UnboundedSender<TcpStream>>,
    /// Only with [`Timing::Batching`].
    engine: Option<Engine>,
    grants: Vec<Grant>,
    /// Streams that have more to write now: (key, number).
    ready: VecDeque<(usize, u64)>,
    /// Where reads go first.
    space: Box<[u8]>,
    /// Where writes are put together.
    scratch: Vec<u8>,
}

impl Worker {
    /// A worker and the handle that wakes it.
    pub(crate) fn new(
        shared: Arc<Shared>,
        mut listener: TcpListener,
        tls: Option<Tls>,
        http2: Option<UnboundedSender<TcpStream>>,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let engine = match &shared.config.timing {
            Timing::Batching(settings) => Some(Engine::new(settings.clone())),
            _ => None,
        };
        let timers = Timers::new()?;
        let descriptor = timers.descriptor();
        poll.registry().register(&mut SourceFd(&descriptor), TIMER, Interest::READABLE)?;
        let worker = Self {
            acceptor: Acceptor::new(listener),
            conns: Slab::new(),
            timers,
            tls,
            http2,
            engine,
            grants: Vec::new(),
            ready: VecDeque::new(),
            space: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Vec::with_capacity(READ_BYTES),
            poll,
            shared,
        };
        Ok((worker, waker))
    }

    /// Serves until the server is stopped.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.stop.load(Relaxed) {
            self.wait(&mut events)?;
            self.shared.thaw();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    TIMER | WAKER => {}
                    Token(key) => self.handle_event(key, event),
                }
            }
            if self.acceptor.next_ns().is_some() {
                self.accept();
            }
            self.handle_timers();
            self.handle_engine();
            self.handle_ready();
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let engine_ns = self.engine.as_ref().and_then(Engine::next_ns);
        let wakes = [self.timers.next_ns(), engine_ns, self.acceptor.next_ns()];
        let mut timeout = None;
        if !self.ready.is_empty() {
            timeout = Some(Duration::ZERO);
        } else if let Some(next_ns) = wakes.into_iter().flatten().min() {
            let now_ns = now_ns();
            if next_ns <= now_ns {
                timeout = Some(Duration::ZERO);
            } else {
                self.timers.arm(next_ns, now_ns)?;
            }
        }
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    fn handle_timers(&mut self) {
        let now_ns = now_ns();
        while let Some(wake) = self.timers.pop_due(now_ns) {
            if self.is_current(wake.key, wake.number) {
                self.shared.note_late(now_ns - wake.due_ns);
                self.serve(wake.key);
            }
        }
    }

    fn handle_engine(&mut self) {
        let now_ns = now_ns();
        while let Some(engine) = &mut self.engine {
            engine.handle_step(now_ns, &mut self.grants);
            self.shared.note_engine(engine);
            if self.grants.is_empty() {
                return;
            }
            // A stream that ends may be followed by the next request at once, whose arrival can end a step: hence the
            // loop.
            let mut grants = std::mem::take(&mut self.grants);
            for grant in grants.drain(..) {
                self.shared.note_grant(&grant, now_ns);
                self.handle_grant(grant.id);
            }
            if self.grants.is_empty() {
                self.grants = grants;
            }
        }
    }

    fn handle_ready(&mut self) {
        for _ in 0..self.ready.len() {
            let Some((key, number)) = self.ready.pop_front() else {
                return;
            };
            if self.is_current(key, number) {
                self.serve(key);
            }
        }
    }

    /// Whether the connection `key` still answers the request `number`, or still holds back its handshake.
    fn is_current(&self, key: usize, number: u64) -> bool {
        let Some(conn) = self.conns.get(key) else {
            return false;
        };
        match &conn.stream {
            Some(stream) => stream.number == number,
            None => number == HANDSHAKE && conn.held_ns().is_some(),
        }
    }
}

const LISTENER: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
const WAKER: Token = Token(usize::MAX - 3);
const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 << 10;
/// In the place of a request's number: wake the handshake that is held back.
const HANDSHAKE: u64 = u64::MAX;
