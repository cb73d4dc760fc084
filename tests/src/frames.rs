//! A peer that speaks HTTP/2 in the clear, by prior knowledge: every frame is written by hand, byte by byte (RFC 9113,
//! RFC 7541), so that nothing of the engine's own framing is on both sides of a test.

use crate::peer::Peer;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A frame, as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which connection it came on: how many came before it.
    pub connection: usize,
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream; 0 is the connection.
    pub stream: u32,
    /// Payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The number in the last four bytes of a RST_STREAM, or the error code of a GOAWAY.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        let bytes = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// A listener for HTTP/2 that keeps every frame of its clients; dropping it ends it.
pub struct Peer2 {
    peer: Peer,
    log: Arc<Mutex<Vec<Frame>>>,
}

impl Peer2 {
    /// Plays `script` on every connection, given how many came before it. When the script ends, in order or not, the
    /// peer closes its side, and reads on until the client has closed too.
    pub fn start(script: impl Fn(&mut Wire, usize) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let noted = log.clone();
        let peer = Peer::raw(move |stream, connection| {
            let _ = stream.set_nodelay(true);
            let _ = stream.set_read_timeout(Some(crate::PATIENCE));
            let mut wire = Wire { stream, connection, log: noted.clone(), mute: false, unsettled: 0, open: Vec::new() };
            // What ends a script early is the client's going.
            let _ = script(&mut wire, connection);
            let _ = wire.stream.shutdown(Shutdown::Write);
            while wire.frame().is_ok() {}
        });
        Self { peer, log }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.peer.addr()
    }

    /// Connections accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.peer.connections()
    }

    /// What the clients have sent, in order.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        let log = self.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests that came: header blocks that were begun.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.frames().iter().filter(|f| f.kind == HEADERS).count()
    }

    /// The codes with which the clients gave streams up, or connections: of all frames of a kind.
    #[must_use]
    pub fn codes(&self, kind: u8) -> Vec<u32> {
        let frames = self.frames();
        let of_kind = frames.iter().filter(|f| f.kind == kind);
        of_kind.filter_map(Frame::code).collect()
    }
}

/// The peer's end of one connection.
pub struct Wire {
    stream: TcpStream,
    connection: usize,
    log: Arc<Mutex<Vec<Frame>>>,
    mute: bool,
    /// Greetings that the client has not acknowledged.
    unsettled: usize,
    /// Streams whose request has begun and not ended, with the bytes of body so far.
    open: Vec<(u32, usize)>,
}

/// A request that has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its stream.
    pub stream: u32,
    /// Bytes of its body.
    pub body: usize,
}

impl Wire {
    /// Reads what a client begins with.
    ///
    /// # Errors
    /// When it begins otherwise, or goes.
    pub fn preface(&mut self) -> io::Result<()> {
        let mut preface = [0; PREFACE.len()];
        self.stream.read_exact(&mut preface)?;
        if preface != *PREFACE {
            return Err(io::Error::other("no preface"));
        }
        Ok(())
    }

    /// Reads what a client begins with, and greets it with these settings.
    ///
    /// # Errors
    /// When it begins otherwise, or goes.
    pub fn greet(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        self.preface()?;
        self.unsettled += 1;
        self.send(&self::settings(settings))
    }

    /// Reads what a client begins with, and says nothing, not even of itself.
    ///
    /// # Errors
    /// When it begins otherwise, or goes.
    pub fn stay_mute(&mut self) -> io::Result<()> {
        self.mute = true;
        self.preface()
    }

    /// Writes bytes, as they are.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next frame. Settings are acknowledged, by a peer that is not mute.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn frame(&mut self) -> io::Result<Frame> {
        let mut header = [0; 9];
        self.stream.read_exact(&mut header)?;
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, l0, l1, l2]) as usize];
        self.stream.read_exact(&mut payload)?;
        let frame =
            Frame { connection: self.connection, kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]), payload };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(frame.clone());
        drop(log);
        match (kind, flags & ACK) {
            (SETTINGS, ACK) => self.unsettled = self.unsettled.saturating_sub(1),
            // A client that has gone need not know.
            (SETTINGS, _) if self.mute => {}
            (SETTINGS, _) => drop(self.send(&self::frame(SETTINGS, ACK, 0, &[]))),
            _ => {}
        }
        Ok(frame)
    }

    /// Reads frames until a request has come whole.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn request(&mut self) -> io::Result<Asked> {
        loop {
            let frame = self.frame()?;
            let stream = frame.stream;
            match frame.kind {
                HEADERS => self.open.push((stream, 0)),
                DATA => {
                    let opened = self.open.iter_mut().find(|(id, _)| *id == stream);
                    opened.ok_or_else(|| io::Error::other("DATA without a request"))?.1 += frame.payload.len();
                }
                RST_STREAM => self.open.retain(|(id, _)| *id != stream),
                _ => {}
            }
            let ends = matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
            if let Some(at) = self.open.iter().position(|(id, _)| ends && *id == stream) {
                let (stream, body) = self.open.remove(at);
                return Ok(Asked { stream, body });
            }
        }
    }

    /// Reads frames until one is of this kind and has these flags.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn until(&mut self, kind: u8, flags: u8) -> io::Result<Frame> {
        loop {
            let frame = self.frame()?;
            if frame.kind == kind && frame.flags & flags == flags {
                return Ok(frame);
            }
        }
    }

    /// Answers each request with a chat, until the client goes.
    ///
    /// # Errors
    /// When it has gone.
    pub fn serve(&mut self) -> io::Result<()> {
        loop {
            let asked = self.request()?;
            self.send(&chat(asked.stream))?;
        }
    }

    /// Resets the connection at once: what was not read is lost.
    ///
    /// # Errors
    /// Always: the script is over.
    pub fn reset(&mut self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
        self.let_go()
    }

    /// Writes bytes whose last segment ends the connection as well, both ways, so that no request can come between.
    /// What comes after it nobody takes.
    ///
    /// # Errors
    /// Always: the script is over.
    pub fn send_and_close(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A close with bytes unread would be a reset.
        while self.unsettled > 0 {
            self.frame()?;
        }
        SockRef::from(&self.stream).set_tcp_cork(true)?;
        self.send(bytes)?;
        self.let_go()
    }

    /// Closes the socket, whose only holder this is; the one in its place is of no connection.
    fn let_go(&mut self) -> io::Result<()> {
        self.stream = Socket::new(Domain::IPV4, Type::STREAM, None)?.into();
        Err(io::Error::other("it is closed"))
    }
}

/// A frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A SETTINGS frame.
#[must_use]
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in settings {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// A frame whose payload is one number: RST_STREAM, WINDOW_UPDATE.
#[must_use]
pub fn number(kind: u8, stream: u32, value: u32) -> Vec<u8> {
    frame(kind, 0, stream, &value.to_be_bytes())
}

/// A GOAWAY frame.
#[must_use]
pub fn go_away(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    let numbers = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &[&numbers[..], debug].concat())
}

/// A header block of literals that no table remembers (RFC 7541 §6.2.2), of short names and values, without Huffman
/// coding.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "a length of one byte");
            out.push(text.len() as u8);
            out.extend(text.bytes());
        }
    }
    out
}

/// The header block of a streamed answer.
#[must_use]
pub fn stream_block() -> Vec<u8> {
    block(&[(":status", "200"), ("content-type", "text/event-stream")])
}

/// The head of a streamed answer.
#[must_use]
pub fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &stream_block())
}

/// DATA.
#[must_use]
pub fn data(stream: u32, flags: u8, text: &str) -> Vec<u8> {
    frame(DATA, flags, stream, text.as_bytes())
}

/// DATA with a token of a chat.
#[must_use]
pub fn token(stream: u32) -> Vec<u8> {
    data(stream, 0, TOKEN)
}

/// The body of a chat of one token.
#[must_use]
pub fn body() -> String {
    format!("{TOKEN}{FINISH}{DONE}")
}

/// A whole streamed chat of one token: head, a DATA frame a part, the last of which ends the stream.
#[must_use]
pub fn chat(stream: u32) -> Vec<u8> {
    [head(stream), token(stream), data(stream, 0, FINISH), data(stream, END_STREAM, DONE)].concat()
}

/// An event with a token.
pub const TOKEN: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\n\n";
/// An event with the reason of the end.
pub const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
/// The last event.
pub const DONE: &str = "data: [DONE]\n\n";

/// Type of a frame (RFC 9113 §6).
pub const DATA: u8 = 0;
/// Type of a frame.
pub const HEADERS: u8 = 1;
/// Type of a frame.
pub const RST_STREAM: u8 = 3;
/// Type of a frame.
pub const SETTINGS: u8 = 4;
/// Type of a frame.
pub const PUSH_PROMISE: u8 = 5;
/// Type of a frame.
pub const PING: u8 = 6;
/// Type of a frame.
pub const GOAWAY: u8 = 7;
/// Type of a frame.
pub const WINDOW_UPDATE: u8 = 8;
/// Type of a frame.
pub const CONTINUATION: u8 = 9;

/// Flag of SETTINGS and PING.
pub const ACK: u8 = 1;
/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;
/// Flag of DATA and HEADERS.
pub const PADDED: u8 = 8;

/// Setting (RFC 9113 §6.5.2).
pub const ENABLE_PUSH: u16 = 2;
/// Setting.
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
/// Setting.
pub const INITIAL_WINDOW_SIZE: u16 = 4;
/// Setting.
pub const MAX_FRAME_SIZE: u16 = 5;

/// What a client sends first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
