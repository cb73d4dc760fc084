//! The response head: status line and fields, and the framing of the body that they announce.

use super::HttpError;
use crate::Protocol;
use crate::head::{Head, bodiless, list};
use httparse::{Header, ParserConfig, Response, Status};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// A parsed head.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) head: Head,
    pub(super) framing: Framing,
    /// Whether the connection outlives the response, as far as the head says.
    pub(super) keep: bool,
}

/// The rule by which the end of the body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    #[default]
    UntilClose,
}

/// Parses the head at the front of `bytes`: `None` while it is incomplete, else its length. What it says is `parsed`,
/// the default before; it is lent since a head is too large to hand up by copies.
pub(super) fn parse(bytes: &[u8], fields: usize, parsed: &mut Parsed) -> Result<Option<usize>, HttpError> {
    if let Some(spoken) = other_protocol(bytes) {
        return Err(HttpError::OtherProtocol(spoken));
    }
    if let Some(known) = of_newest_version(bytes) {
        return parse(&known, fields, parsed);
    }
    let mut slots = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
    let mut response = Response::new(&mut []);
    // What a reader should accept of old and careless servers (RFC 9112 §4, §5.1, §5.2); empty lines before the status
    // line are passed over.
    let mut config = ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true);
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut slots[..fields.min(MAX_FIELDS)]) {
        Ok(Status::Complete(used)) => {
            understand(&response, parsed)?;
            Ok(Some(used))
        }
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(HttpError::TooManyFields),
        Err(e) => Err(HttpError::BadHead(match e {
            httparse::Error::Version => "not HTTP/1.0 or HTTP/1.1",
            httparse::Error::Status => "bad status line",
            httparse::Error::HeaderName => "bad field name",
            httparse::Error::HeaderValue => "bad field value",
            httparse::Error::NewLine => "bad line end",
            _ => "not a response head",
        })),
    }
}

/// What answers in a protocol other than the one asked in. Its first byte tells, however the rest is cut.
fn other_protocol(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        // A TLS record: an alert, or a handshake (RFC 8446 §5.1).
        [0x15 | 0x16, ..] => Some(Protocol::Tls),
        // The length of a SETTINGS frame, which comes first (RFC 9113 §3.4), is below 65 536.
        [0, ..] => Some(Protocol::Http2),
        _ => None,
    }
}

/// A head of a later minor version of HTTP/1 as one of HTTP/1.1, as a reader takes it (RFC 9110 §2.5).
fn of_newest_version(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let minor = at + VERSION.len();
    if !bytes[at..].starts_with(VERSION) || !matches!(bytes.get(minor), Some(b'2'..=b'9')) {
        return None;
    }
    let mut known = bytes.to_vec();
    known[minor] = b'1';
    Some(known)
}

/// A version but for its minor number.
const VERSION: &[u8] = b"HTTP/1.";

fn understand(response: &Response<'_, '_>, parsed: &mut Parsed) -> Result<(), HttpError> {
    let status = response.code.unwrap_or(0);
    if !(100..=999).contains(&status) {
        return Err(HttpError::BadHead("bad status code"));
    }
    let http_1_0 = response.version == Some(0);
    let head = &mut parsed.head;
    let mut coding = Coding::default();
    for field in response.headers.iter() {
        coding.add(field.name, &unfolded(field.value), head)?;
    }
    head.set_status(status);
    let mut keep = !coding.close && (!http_1_0 || coding.keep_alive);
    let framing = if bodiless(status) {
        Framing::Length(0)
    } else if coding.coded {
        // RFC 9112 §6.1: a length beside a transfer coding, or a transfer coding in HTTP/1.0, may be an attack on the
        // framing; the coding decides and the connection is not used again.
        keep &= head.length.is_none() && !http_1_0;
        if coding.chunked { Framing::Chunked } else { Framing::UntilClose }
    } else if let Some(length) = head.length {
        Framing::Length(length)
    } else {
        Framing::UntilClose
    };
    keep &= framing != Framing::UntilClose;
    head.length = match framing {
        Framing::Length(n) => Some(n),
        _ => None,
    };
    (parsed.framing, parsed.keep) = (framing, keep);
    Ok(())
}

/// The value of a field with each line fold replaced by blanks (RFC 9112 §5.2). Only a folded value is copied.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let blank = |b: &u8| match b {
        b'\r' | b'\n' => b' ',
        other => *other,
    };
    Cow::Owned(value.iter().map(blank).collect())
}

/// The fields of HTTP/1 alone, gathered over all lines.
#[derive(Default)]
struct Coding {
    /// A transfer coding other than identity was named.
    coded: bool,
    /// The last transfer coding named is chunked.
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Coding {
    fn add(&mut self, name: &str, value: &[u8], head: &mut Head) -> Result<(), HttpError> {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            for item in list(value).filter(|i| !i.is_empty()) {
                if self.chunked {
                    return Err(HttpError::BadHead("a transfer coding after chunked"));
                }
                if item.eq_ignore_ascii_case(b"chunked") {
                    self.chunked = true;
                    self.coded = true;
                } else if !item.eq_ignore_ascii_case(b"identity") {
                    self.coded = true;
                    head.transfer_coded = true;
                }
            }
        } else if name.eq_ignore_ascii_case("connection") {
            for item in list(value) {
                self.close |= item.eq_ignore_ascii_case(b"close");
                self.keep_alive |= item.eq_ignore_ascii_case(b"keep-alive");
            }
        } else {
            head.add(name.as_bytes(), value).map_err(HttpError::BadHead)?;
        }
        Ok(())
    }
}

/// Slots for fields: a limit above it is this limit.
const MAX_FIELDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_is_known_however_it_is_cut() {
        for (answer, spoken) in [
            (&b"\x15\x03\x01\x00\x02\x02\x46"[..], Protocol::Tls),
            (b"\x16\x03\x03\x00\x02", Protocol::Tls),
            (b"\0\0\x12\x04\0\0\0\0\0", Protocol::Http2),
        ] {
            for end in 1..=answer.len() {
                assert_eq!(
                    parse(&answer[..end], 10, &mut Parsed::default()).unwrap_err(),
                    HttpError::OtherProtocol(spoken)
                );
            }
        }
    }
}
