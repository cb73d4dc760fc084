//! New connections, and what to do when there are no file descriptors for them.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::Ordering::Relaxed;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};

use super::Worker;
use super::conn::Conn;
use super::link::Link;
use crate::clock::{nanos, now_ns};
use crate::config::Protocol;

/// A listener that may be out of file descriptors.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// Connections wait that could not be accepted; try again then.
    retry_ns: Option<u64>,
    /// Accepted, and not to be served before the instant beside it.
    held: VecDeque<(u64, TcpStream)>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, retry_ns: None, held: VecDeque::new() }
    }

    /// When to try again to accept connections, or to begin with one that is held.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let held_ns = self.held.front().map(|&(due_ns, _)| due_ns);
        self.retry_ns.into_iter().chain(held_ns).min()
    }

    /// A descriptor has become free.
    pub(super) fn handle_close(&mut self) {
        if let Some(retry_ns) = &mut self.retry_ns {
            *retry_ns = 0;
        }
    }
}

impl Worker {
    /// Accepts all that wait, unless that failed a moment ago.
    pub(super) fn accept(&mut self) {
        while let Some((_, socket)) = self.acceptor.held.pop_front_if(|(due_ns, _)| *due_ns <= now_ns()) {
            self.open(socket);
        }
        if self.acceptor.retry_ns.is_some_and(|retry_ns| retry_ns > now_ns()) {
            return;
        }
        loop {
            let socket = match self.acceptor.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if out_of_descriptors(&error) => return self.pause_accepting(&error),
                // The connection was gone before it was accepted.
                Err(_) => continue,
            };
            // Without it the response is only slower.
            let _ = socket.set_nodelay(true);
            let delay = self.shared.config.delays.accept;
            if delay.is_zero() {
                self.open(socket);
            } else {
                let due_ns = now_ns().saturating_add(nanos(delay));
                self.acceptor.held.push_back((due_ns, socket));
            }
        }
        self.acceptor.retry_ns = None;
    }

    fn open(&mut self, mut socket: TcpStream) {
        let protocol = self.shared.config.protocol;
        if protocol == Protocol::Http2 {
            self.shared.open();
            return self.hand_over(socket);
        }
        let entry = self.conns.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut socket, Token(entry.key()), interest);
        let link = match &self.tls {
            None => Ok(Link::Plain(socket)),
            Some(tls) => Link::tls(socket, tls, nanos(self.shared.config.delays.handshake)),
        };
        if let (Ok(()), Ok(link)) = (registered, link) {
            entry.insert(Conn::new(link, protocol == Protocol::Auto));
            self.shared.open();
        }
    }

    fn pause_accepting(&mut self, error: &std::io::Error) {
        let pauses = &self.shared.counters.accept_pauses;
        if self.acceptor.retry_ns.is_none() && pauses.fetch_add(1, Relaxed) == 0 {
            eprintln!("mock server: accepting is paused: {error}; raise the limit on open files (`ulimit -n`)");
        }
        self.acceptor.retry_ns = Some(now_ns() + PAUSE_NS);
    }
}

fn out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}

/// How long to wait for file descriptors when no connection is closed.
const PAUSE_NS: u64 = 100_000_000;
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;
