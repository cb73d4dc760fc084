//! New connections, and what to do when there are no file descriptors for them.

use std::io::ErrorKind;
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpListener;
use mio::{Interest, Token};

use super::Worker;
use super::conn::Conn;
use crate::clock::now_ns;

/// A listener that may be out of file descriptors.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    /// Connections wait that could not be accepted; try again then.
    retry_ns: Option<u64>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            retry_ns: None,
        }
    }

    /// When to try again to accept connections.
    pub(super) fn retry_ns(&self) -> Option<u64> {
        self.retry_ns
    }

    /// A descriptor has become free.
    pub(super) fn handle_close(&mut self) {
        if let Some(retry_ns) = &mut self.retry_ns {
            *retry_ns = 0;
        }
    }
}

impl Worker {
    /// Accepts all that wait, unless it was tried in vain a moment ago.
    pub(super) fn accept(&mut self) {
        if self
            .acceptor
            .retry_ns
            .is_some_and(|retry_ns| retry_ns > now_ns())
        {
            return;
        }
        loop {
            let mut socket = match self.acceptor.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if out_of_descriptors(&error) => return self.pause_accepting(&error),
                // The connection was gone before it was accepted.
                Err(_) => continue,
            };
            // Without it the response is only slower.
            let _ = socket.set_nodelay(true);
            let entry = self.conns.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            if registry
                .register(&mut socket, Token(entry.key()), interest)
                .is_ok()
            {
                entry.insert(Conn::new(socket));
                self.shared.open();
            }
        }
        self.acceptor.retry_ns = None;
    }

    fn pause_accepting(&mut self, error: &std::io::Error) {
        let pauses = &self.shared.counters.accept_pauses;
        if self.acceptor.retry_ns.is_none() && pauses.fetch_add(1, Relaxed) == 0 {
            eprintln!(
                "mock server: accepting is paused: {error}; raise the limit on open files (`ulimit -n`)"
            );
        }
        self.acceptor.retry_ns = Some(now_ns() + PAUSE_NS);
    }
}

fn out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(EMFILE | ENFILE | ENOBUFS | ENOMEM)
    )
}

/// How long to wait for file descriptors when no connection is closed.
const PAUSE_NS: u64 = 100_000_000;
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;
