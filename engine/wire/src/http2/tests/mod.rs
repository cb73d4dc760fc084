//! Known answers of the connection: what peers may do, what they may not, and what the h2 crate says to us.

mod flow;
mod oracle;
mod request;
mod response;
mod rules;

use super::*;
use crate::Protocol;
use crate::field::{FieldError, RequestFields};
use crate::head::{Head, MediaType};

const CONFIG: Config = Config { stream_window: 65_535, header_list_bytes: 4096, header_fields: 8, streams: 100 };

const OK: &[u8] = &[0x88];
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

/// The events, with the pieces of a body put together.
#[derive(Debug, PartialEq)]
enum Saw {
    It(Event<'static>),
    Body(u32, Vec<u8>),
}

/// A connection with what it sent.
struct Client {
    connection: Connection,
    out: Vec<u8>,
    now: u64,
}

impl Client {
    fn new(config: Config) -> Self {
        let mut out = Vec::new();
        Self { connection: Connection::new(config, &mut out), out, now: 0 }
    }

    /// A client that has received the SETTINGS with requests 1, 2, … open on streams 1, 3, …; what it sent so far is
    /// dropped.
    fn with(streams: u32) -> Self {
        let mut client = Self::new(CONFIG);
        for tag in 1..=streams {
            assert_eq!(client.open(tag, b"{}"), Opened::All);
        }
        client.ok(&frame(SETTINGS, 0, 0, &[]));
        client.out.clear();
        client
    }

    fn open(&mut self, tag: u32, body: &[u8]) -> Opened {
        let head = request_head(&[]);
        self.connection.open(tag, &head, 7, "s", body, self.now, &mut self.out)
    }

    fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<Saw>, Http2Error> {
        let mut saw = Vec::new();
        loop {
            match self.connection.receive(&mut bytes, self.now, &mut self.out)? {
                None => {
                    assert!(bytes.is_empty(), "bytes are left but wanted");
                    return Ok(saw);
                }
                Some(Event::Body { tag, bytes }) => match saw.last_mut() {
                    Some(Saw::Body(t, body)) if *t == tag => body.extend_from_slice(bytes),
                    _ => saw.push(Saw::Body(tag, bytes.to_vec())),
                },
                Some(Event::Head { tag, head }) => saw.push(Saw::It(Event::Head { tag, head })),
                Some(Event::End { tag }) => saw.push(Saw::It(Event::End { tag })),
                Some(Event::Reset { tag, code, untouched }) => {
                    saw.push(Saw::It(Event::Reset { tag, code, untouched }));
                }
                Some(Event::Unprocessed { tag, code }) => saw.push(Saw::It(Event::Unprocessed { tag, code })),
                Some(Event::Broken { tag, error }) => saw.push(Saw::It(Event::Broken { tag, error })),
                Some(Event::BodySent { tag }) => saw.push(Saw::It(Event::BodySent { tag })),
                Some(Event::GoAway { code }) => saw.push(Saw::It(Event::GoAway { code })),
                Some(Event::Settings) => saw.push(Saw::It(Event::Settings)),
            }
        }
    }

    fn ok(&mut self, bytes: &[u8]) -> Vec<Saw> {
        self.receive(bytes).expect("no rule is broken")
    }

    /// Whole frames that were sent since the last call: kind, flags, stream, payload.
    fn sent(&mut self) -> Vec<(u8, u8, u32, Vec<u8>)> {
        let sent = frames(&self.out);
        self.out.clear();
        sent
    }
}

fn frames(bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut bytes = bytes.strip_prefix(frame::PREFACE).unwrap_or(bytes);
    let mut frames = Vec::new();
    while let [l0, l1, l2, kind, flags, s0, s1, s2, s3, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
        let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        frames.push((*kind, *flags, stream, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    frames
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW, 0, stream, &increment.to_be_bytes())
}

fn go_away(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), debug].concat())
}

/// A header block.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        hpack::field(&mut out, name.as_bytes(), value.as_bytes());
    }
    out
}

fn request_fields(more: &[(&str, &str)]) -> RequestFields {
    let fields = [&[("Host", "server:8000"), ("Accept", "text/event-stream")], more].concat();
    RequestFields::new("/v1/chat/completions", fields)
        .and_then(|fields| fields.with_request_id("X-Request-ID"))
        .and_then(|fields| fields.with_session_id("X-Correlation-ID"))
        .expect("good fields")
}

fn request_head(more: &[(&str, &str)]) -> RequestHead {
    RequestHead::new(&request_fields(more), false).expect("a head")
}

fn head(tag: u32) -> Saw {
    let head = Box::new(Head { status: 200, ..Head::default() });
    Saw::It(Event::Head { tag, head })
}

fn end(tag: u32) -> Saw {
    Saw::It(Event::End { tag })
}

fn broken(tag: u32, error: StreamError) -> Saw {
    Saw::It(Event::Broken { tag, error })
}

fn reset(tag: u32, code: Code, untouched: bool) -> Saw {
    let code = code.0;
    Saw::It(Event::Reset { tag, code, untouched })
}

fn unprocessed(tag: u32, code: Code) -> Saw {
    let code = code.0;
    Saw::It(Event::Unprocessed { tag, code })
}
