//! Frame headers, and the frames that are written whole (RFC 9113 §4.1, §6).

use super::error::Code;

/// The 9 bytes before each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the payload, below 2^24.
    pub(super) length: u32,
    pub(super) kind: u8,
    flags: u8,
    /// 0 is the connection.
    pub(super) stream: u32,
}

impl Header {
    pub(super) fn new(length: usize, kind: u8, flags: u8, stream: u32) -> Self {
        Self { length: u32::try_from(length).unwrap_or(u32::MAX), kind, flags, stream }
    }

    pub(super) fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn read([l0, l1, l2, kind, flags, s0, s1, s2, s3]: [u8; HEADER_BYTES]) -> Self {
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            // The reserved bit is ignored.
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let [_, length @ ..] = self.length.to_be_bytes();
        out.extend_from_slice(&length);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
    }
}

/// Puts a header together that may be split between reads.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    bytes: [u8; HEADER_BYTES],
    have: usize,
}

impl Assembler {
    /// Whether a part of a header is held.
    #[inline]
    pub(super) fn is_within(&self) -> bool {
        self.have > 0
    }

    /// What has come of a header that is not whole.
    pub(super) fn held(&self) -> &[u8] {
        self.bytes.get(..self.have).unwrap_or_default()
    }

    /// The next header, consumed from the front of `input`; `None` took all there is and needs more.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Header> {
        if self.have == 0
            && let Some((bytes, rest)) = input.split_first_chunk()
        {
            *input = rest;
            return Some(Header::read(*bytes));
        }
        while let Some(slot) = self.bytes.get_mut(self.have) {
            let (byte, rest) = input.split_first()?;
            *input = rest;
            *slot = *byte;
            self.have += 1;
        }
        self.have = 0;
        Some(Header::read(self.bytes))
    }
}

/// The header of a DATA frame with bytes and without flags at the front of `input`, and what follows it.
#[inline]
pub(super) fn plain_data(input: &[u8]) -> Option<(Header, &[u8])> {
    let (bytes, rest) = input.split_first_chunk()?;
    let header = Header::read(*bytes);
    let plain = header.kind == DATA && header.flags == 0 && (1..=MAX_FRAME).contains(&header.length);
    plain.then_some((header, rest))
}

/// Takes 32 bits from the front of `payload`.
pub(super) fn u32_of(payload: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = payload.split_first_chunk()?;
    *payload = rest;
    Some(u32::from_be_bytes(*bytes))
}

pub(super) fn settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    Header::new(settings.len() * 6, SETTINGS, 0, 0).write(out);
    for (id, value) in settings {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub(super) fn settings_ack(out: &mut Vec<u8>) {
    Header::new(0, SETTINGS, ACK, 0).write(out);
}

pub(super) fn ping_ack(out: &mut Vec<u8>, opaque: &[u8]) {
    Header::new(opaque.len(), PING, ACK, 0).write(out);
    out.extend_from_slice(opaque);
}

pub(super) fn reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    Header::new(4, RST_STREAM, 0, stream).write(out);
    out.extend_from_slice(&code.0.to_be_bytes());
}

pub(super) fn window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    Header::new(4, WINDOW_UPDATE, 0, stream).write(out);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// The last stream of the peer's is always 0: it opens none.
pub(super) fn go_away(out: &mut Vec<u8>, code: Code) {
    Header::new(8, GOAWAY, 0, 0).write(out);
    out.extend_from_slice(&0_u32.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// The connection preface of a client (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest payload that we take, and the least that a peer must take.
pub(super) const MAX_FRAME: u32 = 16_384;
const HEADER_BYTES: usize = 9;
