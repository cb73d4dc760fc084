//! A scripted server in virtual time, and what it costs without a client.

use crate::case::Round;
use crate::samples::{
    ACK, DATA, END_STREAM, HEAD, HEADERS, SETTINGS, chunk, event, farewell, frame, head_frame, token,
};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::sim::{Peer, Script, Sim};
use ringload_engine::driver::{Driver, Event, Key};
use std::hint::black_box;
use std::net::SocketAddr;

/// When the virtual clock begins.
pub(crate) const START: Nanos = 1_000 * SECOND;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How responses are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// A connection for each stream, each token a read.
    Http1,
    /// One connection for all streams, each token a frame and a read.
    Http2,
    /// One connection for all streams, the tokens of an instant in one read.
    Http2Together,
}

/// The shape of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) carriage: Carriage,
    /// Requests in flight, and requests of a round: all are sent at once.
    pub(crate) streams: u32,
    /// Tokens of each response, one every 20 ms.
    pub(crate) tokens: usize,
}

impl Shape {
    pub(crate) fn events(self) -> usize {
        self.streams as usize * self.tokens
    }

    /// Bytes that the client receives in a round.
    pub(crate) fn bytes(self) -> usize {
        let one: usize = self.answer(1).iter().map(Vec::len).sum();
        self.streams as usize * one
    }

    fn connections(self) -> u32 {
        match self.carriage {
            Carriage::Http1 => self.streams,
            Carriage::Http2 | Carriage::Http2Together => 1,
        }
    }

    /// Reads of a round.
    fn reads(self) -> usize {
        let instants = self.tokens + 1;
        match self.carriage {
            Carriage::Http1 | Carriage::Http2 => self.streams as usize * instants,
            Carriage::Http2Together => instants,
        }
    }

    /// What is sent at each instant of a response: the head and the first token, the other tokens, the end.
    fn answer(self, stream: u32) -> Vec<Vec<u8>> {
        let (head, end) = match self.carriage {
            Carriage::Http1 => {
                let end = [chunk(&farewell()), b"0\r\n\r\n".to_vec()].concat();
                (HEAD.to_vec(), end)
            }
            _ => {
                let end = frame(DATA, END_STREAM, stream, farewell().as_bytes());
                (head_frame(stream), end)
            }
        };
        let mut answer: Vec<Vec<u8>> = (0..self.tokens)
            .map(|i| match self.carriage {
                Carriage::Http1 => token(i),
                _ => frame(DATA, 0, stream, event(i, "\n").as_bytes()),
            })
            .collect();
        answer[0].splice(0..0, head);
        answer.push(end);
        answer
    }
}

/// The server.
pub(crate) struct Answers {
    shape: Shape,
    /// The response of a stream, its id to be filled in.
    answer: Vec<Vec<u8>>,
    /// HTTP/2 streams whose requests have come.
    asked: Vec<u32>,
}

impl Answers {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, answer: shape.answer(0), asked: Vec::new() }
    }

    /// The responses of all streams that have asked.
    fn answer_frames(&mut self, key: Key, now: Nanos, script: &mut Script) {
        for (at, frames) in instants(now).zip(&self.answer) {
            let of = |stream: &u32| {
                let mut bytes = frames.clone();
                // The first instant has two frames: the head, and a token behind it.
                let mut rest = &mut bytes[..];
                while rest.len() >= 9 {
                    let length = 9 + u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
                    rest[5..9].copy_from_slice(&stream.to_be_bytes());
                    rest = &mut rest[length..];
                }
                bytes
            };
            if self.shape.carriage == Carriage::Http2Together {
                let together: Vec<u8> = self.asked.iter().flat_map(of).collect();
                script.send(at, key, together);
            } else {
                self.asked.iter().for_each(|s| script.send(at, key, of(s)));
            }
        }
        self.asked.clear();
    }
}

impl Peer for Answers {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
        if self.shape.carriage != Carriage::Http1 {
            script.send(now, key, frame(SETTINGS, 0, 0, &[]));
        }
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        if self.shape.carriage == Carriage::Http1 {
            for (at, bytes) in instants(now).zip(&self.answer) {
                script.send(at, key, &bytes[..]);
            }
            return;
        }
        let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
        while let [a, b, c, kind, flags, id @ ..] = rest {
            match (*kind, id) {
                (HEADERS, [a, b, c, d, ..]) => {
                    self.asked.push(u32::from_be_bytes([*a, *b, *c, *d]));
                }
                (SETTINGS, _) if flags & ACK == 0 => {
                    script.send(now, key, frame(SETTINGS, ACK, 0, &[]));
                }
                _ => {}
            }
            rest = &rest[9 + u32::from_be_bytes([0, *a, *b, *c]) as usize..];
        }
        if self.asked.len() == self.shape.streams as usize {
            self.answer_frames(key, now, script);
        }
    }
}

fn instants(now: Nanos) -> impl Iterator<Item = Nanos> {
    (1..).map(move |i| now + i * 20 * MILLI)
}

/// The driver and the server of a round, with nothing behind them that reads the bytes.
pub(crate) struct Alone {
    sim: Sim<Answers>,
    shape: Shape,
    next_stream: u32,
}

impl Alone {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut sim = Sim::new(START, Answers::new(shape));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1)).into();
        for slot in 0..shape.connections() {
            let connected = sim.connect(key(slot), &nowhere, 0);
            assert_eq!(connected, Ok(()));
        }
        let _ = sim.wait(START, 0, &mut |_, event, _| {
            black_box(event);
        });
        Self { sim, shape, next_stream: 1 }
    }
}

impl Round for Alone {
    fn run(&mut self) {
        for slot in 0..self.shape.streams {
            if self.shape.carriage == Carriage::Http1 {
                self.sim.send(key(slot), b"GET / HTTP/1.1\r\n\r\n");
            } else {
                let request = frame(HEADERS, 0, self.next_stream, &[]);
                self.sim.send(key(0), &request);
                self.next_stream += 2;
            }
        }
        let mut left = self.shape.reads();
        while left > 0 {
            let until = self.sim.now() + 20 * MILLI;
            let waited = self.sim.wait(until, 0, &mut |_, event, _| {
                if let Event::Received { .. } = black_box(event) {
                    left -= 1;
                }
            });
            assert_eq!(waited, Ok(()));
        }
    }
}

fn key(slot: u32) -> Key {
    Key { slot, generation: 1 }
}
