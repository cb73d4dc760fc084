//! The fields of a response: which may stand where, and what they say (RFC 9113 §8.2, §8.3).

use super::connection::Config;
use super::error::StreamError;
use crate::head::{Head, bodiless};

/// Gathers the fields of one header block; what is wrong first is kept.
#[derive(Debug)]
pub(super) struct Response {
    head: Head,
    trailers: bool,
    status: Option<u16>,
    /// Bytes of the list (§6.5.2) and fields that may still come.
    bytes: usize,
    count: usize,
    /// A field that is no pseudo-field came.
    regular: bool,
    wrong: Option<StreamError>,
}

/// The role of a header block.
#[derive(Debug)]
pub(super) enum Section {
    /// A final head, and the length of the body if it says one.
    Final(Head),
    /// A head before the final one (1xx).
    Interim,
    Trailers,
}

impl Response {
    /// For the next block of a stream: a head, or trailers after it.
    pub(super) fn new(config: &Config, trailers: bool) -> Self {
        Self {
            head: Head::default(),
            trailers,
            status: None,
            bytes: config.header_list_bytes,
            count: config.header_fields,
            regular: false,
            wrong: None,
        }
    }

    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        if self.wrong.is_none() {
            self.wrong = self.check(name, value).err();
        }
    }

    /// What the block is, once all its fields were added; `end` tells that it ends the stream.
    pub(super) fn finish(self, end: bool) -> Result<Section, StreamError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let malformed = |why| Err(StreamError::Malformed(why));
        if self.trailers {
            return if end { Ok(Section::Trailers) } else { malformed("trailers that end nothing") };
        }
        match self.status {
            None => malformed("no :status"),
            Some(101) => malformed("status 101, which HTTP/2 has not"),
            Some(100..=199) if end => malformed("an interim response that ends the stream"),
            Some(100..=199) => Ok(Section::Interim),
            Some(status) => {
                let mut head = self.head;
                head.set_status(status);
                if bodiless(status) {
                    head.length = Some(0);
                }
                Ok(Section::Final(head))
            }
        }
    }

    fn check(&mut self, name: &[u8], value: &[u8]) -> Result<(), StreamError> {
        let size = name.len() + value.len() + 32;
        self.bytes = self.bytes.checked_sub(size).ok_or(StreamError::HeadTooLong)?;
        self.count = self.count.checked_sub(1).ok_or(StreamError::TooManyFields)?;
        let malformed = |why| Err(StreamError::Malformed(why));
        if let Some(b':') = name.first() {
            return match (name, self.status) {
                _ if self.trailers => malformed("a pseudo-field in trailers"),
                _ if self.regular => malformed("a pseudo-field after a field"),
                (b":status", None) => {
                    self.status = Some(status(value).ok_or(StreamError::Malformed("a bad :status"))?);
                    Ok(())
                }
                (b":status", Some(_)) => malformed(":status twice"),
                _ => malformed("an unknown pseudo-field"),
            };
        }
        self.regular = true;
        // More than the RFC's minimum is not asked for: servers have sent odd names for long.
        let bad = |b: &u8| matches!(b, 0..=0x20 | b'A'..=b'Z' | b':' | 0x7f..);
        if name.is_empty() || name.iter().any(bad) {
            return malformed("a bad field name");
        }
        let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
        if value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) || blank(value.first()) || blank(value.last()) {
            return malformed("a bad field value");
        }
        if CONNECTION.contains(&name) || name == b"te" && value != b"trailers" {
            return malformed("a field of HTTP/1.1 connections");
        }
        if self.trailers {
            return Ok(());
        }
        self.head.add(name, value).map_err(StreamError::Malformed)
    }
}

fn status(value: &[u8]) -> Option<u16> {
    let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = value else {
        return None;
    };
    Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// Fields that speak of a connection of HTTP/1.1 (§8.2.2).
const CONNECTION: [&[u8]; 5] = [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];
