//! New connections, and what to do when there are no file descriptors for them.

use std::io::ErrorKind;
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpListener;
use mio::{Interest, Token};

use super::{Conn, Worker};

/// A listener that may be out of file descriptors.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    paused: bool,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            paused: false,
        }
    }

    /// Connections wait that could not be accepted; they are tried again after a while.
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}

impl Worker {
    pub(super) fn accept(&mut self) {
        self.acceptor.paused = false;
        loop {
            let mut socket = match self.acceptor.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if out_of_descriptors(&error) => return self.pause_accepting(&error),
                // The connection was gone before it was accepted.
                Err(_) => continue,
            };
            // Without it the response is only slower.
            let _ = socket.set_nodelay(true);
            let entry = self.conns.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self
                .poll
                .registry()
                .register(&mut socket, Token(entry.key()), interest)
                .is_ok()
            {
                entry.insert(Conn::new(socket));
                self.shared
                    .counters
                    .connections_accepted
                    .fetch_add(1, Relaxed);
                self.shared.counters.connections_open.fetch_add(1, Relaxed);
            }
        }
    }

    fn pause_accepting(&mut self, error: &std::io::Error) {
        self.acceptor.paused = true;
        if self.shared.counters.accept_pauses.fetch_add(1, Relaxed) == 0 {
            eprintln!(
                "mock server: cannot accept more connections: {error}; raise the limit on open files (`ulimit -n`)"
            );
        }
    }
}

fn out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(EMFILE | ENFILE | ENOBUFS | ENOMEM)
    )
}

const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;
