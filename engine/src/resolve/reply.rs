//! Answers on their way to a worker: framed, so that any split of the bytes gives the same answers. Pure.
//!
//! ```text
//!   length u32 │ token u64 │ started u64 │ since u64 │ ended u64 │ kind u8 │ valid_until u64,              kind 0
//!              │                                                         │ (family u8, address 16, port u16)…
//!              └────────────────────── length bytes ─────────────────────┤ text                          kind 1
//! ```
//! All little-endian. Kind 2 is as kind 0, and another reply follows.

use crate::clock::Nanos;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The token of the question.
    pub token: u64,
    /// When it was asked.
    pub started: Nanos,
    /// Since when the answer can have been there: before `ended` where this process was stopped.
    pub since: Nanos,
    /// When it was answered.
    pub ended: Nanos,
    /// The addresses, or why there are none, remedy included.
    pub outcome: Result<Found, String>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its addresses, in order.
    pub addrs: Vec<SocketAddr>,
    /// Until when the answer may be kept.
    pub valid_until: Nanos,
    /// Whether the other address family is still being asked: another reply with the same token brings what it has,
    /// which may be nothing.
    pub more: bool,
}

/// Appends a reply.
pub fn encode(reply: &Reply, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for word in [reply.token, reply.started, reply.since, reply.ended] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    match &reply.outcome {
        Ok(found) => {
            out.push(if found.more { 2 } else { 0 });
            out.extend_from_slice(&found.valid_until.to_le_bytes());
            for addr in found.addrs.iter().take(MOST_ADDRS) {
                let (family, bytes) = match addr.ip() {
                    IpAddr::V4(ip) => (4, ip.to_ipv6_mapped().octets()),
                    IpAddr::V6(ip) => (6, ip.octets()),
                };
                out.push(family);
                out.extend_from_slice(&bytes);
                out.extend_from_slice(&addr.port().to_le_bytes());
            }
        }
        Err(text) => {
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Takes bytes in any pieces and gives replies.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    read: usize,
}

impl Decoder {
    /// Takes the bytes that were read of the channel.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole reply. A frame that is none, which only a bug can make, is skipped.
    pub fn poll(&mut self) -> Option<Reply> {
        loop {
            let (head, rest) = self.buffer[self.read..].split_first_chunk()?;
            let length = u32::from_le_bytes(*head) as usize;
            let reply = parse(rest.get(..length)?);
            self.read += 4 + length;
            if reply.is_some() {
                return reply;
            }
        }
    }
}

fn parse(frame: &[u8]) -> Option<Reply> {
    let (token, rest) = word(frame)?;
    let (started, rest) = word(rest)?;
    let (since, rest) = word(rest)?;
    let (ended, rest) = word(rest)?;
    let (kind, rest) = rest.split_first()?;
    let outcome = if *kind != 1 {
        let (valid_until, rest) = word(rest)?;
        let addrs = rest.chunks(ADDR_BYTES).map(addr).collect::<Option<_>>()?;
        Ok(Found { addrs, valid_until, more: *kind == 2 })
    } else {
        Err(String::from_utf8_lossy(rest).into_owned())
    };
    Some(Reply { token, started, since, ended, outcome })
}

fn word(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*head), rest))
}

fn addr(bytes: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = bytes.split_first()?;
    let (ip, port) = rest.split_first_chunk::<16>()?;
    let ip = Ipv6Addr::from(*ip);
    let ip =
        if *family == 4 { IpAddr::V4(ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED)) } else { IpAddr::V6(ip) };
    Some(SocketAddr::new(ip, u16::from_le_bytes(port.try_into().ok()?)))
}

const ADDR_BYTES: usize = 19;
const MOST_ADDRS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply() -> impl Strategy<Value = Reply> {
        let addrs = proptest::collection::vec(any::<(IpAddr, u16)>(), 0..5);
        let found = (addrs, any::<u64>(), any::<bool>()).prop_map(|(addrs, valid_until, more)| Found {
            addrs: addrs.into_iter().map(SocketAddr::from).collect(),
            valid_until,
            more,
        });
        let outcome = prop_oneof![found.prop_map(Ok), ".{0,40}".prop_map(Err)];
        (any::<[u64; 4]>(), outcome).prop_map(|([token, started, since, ended], outcome)| Reply {
            token,
            started,
            since,
            ended,
            outcome,
        })
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_replies(
            replies in proptest::collection::vec(reply(), 0..6),
            piece in 1_usize..80,
        ) {
            let mut bytes = Vec::new();
            replies.iter().for_each(|r| encode(r, &mut bytes));
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.feed(piece);
                while let Some(reply) = decoder.poll() {
                    found.push(reply);
                }
            }
            prop_assert_eq!(found, replies);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            while decoder.poll().is_some() {}
        }
    }
}
