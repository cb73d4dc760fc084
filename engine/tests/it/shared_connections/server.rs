//! A server over HTTP/2 that plays what its test says.

use super::START;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::driver::{Key, Sending, Transmission};

/// What the client's kernel makes of a send.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    Takes,
    /// It has taken the last byte that long after [`START`].
    TakesUntil(Nanos),
    Fails,
}

/// A server that greets at once and answers as it is told.
pub(crate) struct Server {
    /// Its settings, and those that follow some time after [`START`].
    pub(crate) settings: &'static [(u16, u32)],
    pub(crate) later: Option<(Nanos, &'static [(u16, u32)])>,
    /// How long after its settings it closes each connection.
    pub(crate) closes: Option<Nanos>,
    /// Connects that it does not answer, before all others.
    pub(crate) silent: usize,
    /// Connects that it refuses, before all others.
    pub(crate) refused: usize,
    /// Connections so far.
    pub(crate) connects: usize,
    /// How long a connection takes.
    pub(crate) connect: Nanos,
    /// What becomes of each send in turn, and then of the others.
    pub(crate) sends: Vec<Kernel>,
    pub(crate) then: fn(Nanos) -> Kernel,
    /// When the last byte of a named send leaves and is acknowledged, after it was given to the kernel.
    pub(crate) leaves: Option<(Nanos, Nanos)>,
    pub(crate) answer: fn(Nanos, Key, u32, &mut Script),
}

impl Default for Server {
    fn default() -> Self {
        Self {
            settings: &[],
            later: None,
            closes: None,
            silent: 0,
            refused: 0,
            connects: 0,
            connect: 0,
            sends: Vec::new(),
            then: |_| Kernel::Takes,
            leaves: None,
            answer: |at, key, stream, script| script.send(at + MILLI, key, chat(stream)),
        }
    }
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        self.connects += 1;
        if self.connects <= self.silent {
            return;
        }
        if self.connects <= self.refused {
            return script.refuse(now, key, libc::ECONNREFUSED);
        }
        script.accept(now + self.connect, key);
        let greets = now + self.connect + MILLI;
        script.send(greets, key, settings(self.settings));
        if let Some((at, later)) = self.later.filter(|(at, _)| START + at > greets) {
            script.send(START + at, key, settings(later));
        } else if let Some((_, later)) = self.later {
            script.send(greets, key, settings(later));
        }
        if let Some(after) = self.closes {
            script.close(greets + after, key);
        }
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        if !self.sends.is_empty()
            && let Kernel::TakesUntil(at) = self.sends.remove(0)
        {
            script.sent(START + at, key);
        }
        let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
        while let [l0, l1, l2, kind, flags, s0, s1, s2, s3, after @ ..] = rest {
            let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
            if (*kind, flags & 1) == (0, 1) {
                let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
                (self.answer)(now, key, stream, script);
            }
            rest = &after[length..];
        }
        assert!(rest.is_empty(), "whole frames");
    }

    fn on_send(&mut self, _key: Key, _bytes: usize, now: Nanos) -> Sending {
        let then = (self.then)(now);
        match self.sends.first().copied().unwrap_or(then) {
            Kernel::Takes => Sending::Done,
            Kernel::TakesUntil(_) => Sending::Pending,
            Kernel::Fails => Sending::Failed(libc::EPIPE),
        }
    }

    fn on_named(&mut self, _key: Key, _bytes: usize, now: Nanos) -> Option<Transmission> {
        let (sent, acknowledged) = self.leaves?;
        Some(Transmission { sent: Some(now + sent), acknowledged: Some(now + acknowledged) })
    }
}

fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let pairs = settings.iter().map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    frame(4, 0, 0, &pairs.collect::<Vec<_>>().concat())
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A whole answer: status 200 of the static table, one token, the end.
pub(crate) fn chat(stream: u32) -> Vec<u8> {
    [frame(1, 4, stream, &[0x88]), frame(0, 1, stream, BODY)].concat()
}

/// One token.
pub(crate) const TOKEN: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";

/// One token, and the end.
pub(crate) const BODY: &[u8] =
    b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
