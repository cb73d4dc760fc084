//! A server over HTTP/1.1 that plays what its test says.

use ringload_engine::clock::Nanos;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::driver::{Key, Sending};
use std::collections::HashMap;

/// What the client's kernel makes of a send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    Takes,
    /// It has taken the last byte that long after the send.
    TakesAfter(Nanos),
    /// It takes nothing, for this error.
    Fails(i32),
    /// It takes a part, and then meets this error.
    Breaks(i32),
    /// It takes a part, and meets this error that long after the send.
    BreaksAfter(Nanos, i32),
}

/// What a server has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) connections: usize,
    pub(super) requests: usize,
}

/// A server that accepts at once and answers as it is told.
pub(super) struct Server {
    answer: Box<Does>,
    /// What it does about a connection beside accepting it.
    accepted: Box<Does>,
    /// What becomes of the n-th send.
    kernel: Box<dyn Fn(usize) -> Kernel>,
    sends: usize,
    /// Until when sends of connections are under way.
    pending: HashMap<Key, Nanos>,
    pub(super) seen: Seen,
}

type Does = dyn Fn(Nanos, Key, &mut Script);
pub(super) type Then = fn(Nanos, Key, &mut Script);

impl Server {
    pub(super) fn of(answer: impl Fn(Nanos, Key, &mut Script) + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            accepted: Box::new(|_, _, _| {}),
            kernel: Box::new(|_| Kernel::Takes),
            sends: 0,
            pending: HashMap::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn on_accept(mut self, accepted: impl Fn(Nanos, Key, &mut Script) + 'static) -> Self {
        self.accepted = Box::new(accepted);
        self
    }

    pub(super) fn whose_sends(mut self, kernel: impl Fn(usize) -> Kernel + 'static) -> Self {
        self.kernel = Box::new(kernel);
        self
    }
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        self.seen.connections += 1;
        script.accept(now, key);
        (self.accepted)(now, key, script);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        assert!(bytes.starts_with(b"POST "));
        match (self.kernel)(self.sends - 1) {
            Kernel::TakesAfter(after) => script.sent(now + after, key),
            Kernel::Breaks(e) => return script.send_fails(now, key, e),
            Kernel::BreaksAfter(after, e) => return script.send_fails(now + after, key, e),
            _ => {}
        }
        self.seen.requests += 1;
        (self.answer)(now, key, script);
    }

    fn on_send(&mut self, key: Key, _bytes: usize, now: Nanos) -> Sending {
        let until = self.pending.get(&key).copied().unwrap_or(0);
        assert!(until <= now, "a request inside another's body");
        self.sends += 1;
        match (self.kernel)(self.sends - 1) {
            Kernel::Takes => Sending::Done,
            Kernel::TakesAfter(after) => {
                self.pending.insert(key, now + after);
                Sending::Pending
            }
            Kernel::Breaks(_) | Kernel::BreaksAfter(..) => Sending::Pending,
            Kernel::Fails(e) => Sending::Failed(e),
        }
    }
}
