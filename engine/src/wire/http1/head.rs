//! The response head: status line and fields, and the framing of the body that they announce.

use super::HttpError;
use httparse::{Header, ParserConfig, Response, Status};
use std::mem::MaybeUninit;

/// What the head of a final response says, as far as the engine asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Status code, 200–599 in practice; never 1xx.
    pub status: u16,
    /// The body is `text/event-stream`.
    pub event_stream: bool,
    /// The body is `application/json` or another `+json`.
    pub json: bool,
    /// A content or transfer coding other than identity and chunked was applied: the body is not readable as it comes.
    pub encoded: bool,
    /// A status that sends the client elsewhere (3xx but 304); never followed.
    pub redirect: bool,
    /// Body length, where `Content-Length` frames the body.
    pub length: Option<u64>,
}

/// A parsed head.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) head: Head,
    pub(super) framing: Framing,
    /// Whether the connection outlives the response, as far as the head says.
    pub(super) keep: bool,
}

/// How the end of the body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Parses the head at the front of `bytes`: `None` while it is incomplete, else what it says and its length.
pub(super) fn parse(bytes: &[u8], fields: usize) -> Result<Option<(Parsed, usize)>, HttpError> {
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(HttpError::BadHead("an empty line before the status line"));
    }
    let mut slots = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut slots[..fields.min(MAX_FIELDS)],
    );
    match parsed {
        Ok(Status::Complete(used)) => Ok(Some((understand(&response)?, used))),
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

fn understand(response: &Response<'_, '_>) -> Result<Parsed, HttpError> {
    let status = response.code.unwrap_or(0);
    if !(100..=999).contains(&status) {
        return Err(HttpError::BadHead("bad status code"));
    }
    let http_1_0 = response.version == Some(0);
    let mut fields = Fields::default();
    for field in response.headers.iter() {
        fields.add(field.name, field.value)?;
    }
    let head = Head {
        status,
        event_stream: fields.event_stream,
        json: fields.json,
        encoded: fields.encoded,
        redirect: (300..400).contains(&status) && status != 304,
        length: None,
    };
    let mut keep = !fields.close && (!http_1_0 || fields.keep_alive);
    let framing = if status < 200 || status == 204 || status == 304 {
        Framing::Length(0)
    } else if fields.coded {
        // RFC 9112 §6.1: a length beside a transfer coding, or a transfer coding in HTTP/1.0, may be an attack on the framing;
        // the coding decides and the connection is not used again.
        keep &= fields.length.is_none() && !http_1_0;
        if fields.chunked {
            Framing::Chunked
        } else {
            Framing::UntilClose
        }
    } else if let Some(length) = fields.length {
        Framing::Length(length)
    } else {
        Framing::UntilClose
    };
    keep &= framing != Framing::UntilClose;
    let length = match framing {
        Framing::Length(n) => Some(n),
        _ => None,
    };
    Ok(Parsed {
        head: Head { length, ..head },
        framing,
        keep,
    })
}

/// The fields that matter, gathered over all lines.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    /// A transfer coding other than identity was named.
    coded: bool,
    /// The last transfer coding named is chunked.
    chunked: bool,
    encoded: bool,
    close: bool,
    keep_alive: bool,
    event_stream: bool,
    json: bool,
}

impl Fields {
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), HttpError> {
        if name.eq_ignore_ascii_case("content-length") {
            for item in list(value) {
                let length = decimal(item).ok_or(HttpError::BadHead("bad Content-Length"))?;
                if self.length.is_some_and(|known| known != length) {
                    return Err(HttpError::BadHead("conflicting Content-Length"));
                }
                self.length = Some(length);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            for item in list(value).filter(|i| !i.is_empty()) {
                if self.chunked {
                    return Err(HttpError::BadHead("a transfer coding after chunked"));
                }
                if item.eq_ignore_ascii_case(b"chunked") {
                    self.chunked = true;
                    self.coded = true;
                } else if !item.eq_ignore_ascii_case(b"identity") {
                    self.coded = true;
                    self.encoded = true;
                }
            }
        } else if name.eq_ignore_ascii_case("connection") {
            for item in list(value) {
                self.close |= item.eq_ignore_ascii_case(b"close");
                self.keep_alive |= item.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case("content-encoding") {
            self.encoded |=
                list(value).any(|i| !i.is_empty() && !i.eq_ignore_ascii_case(b"identity"));
        } else if name.eq_ignore_ascii_case("content-type") {
            let kind = value.split(|b| *b == b';').next().unwrap_or_default();
            let kind = kind.trim_ascii();
            self.event_stream = kind.eq_ignore_ascii_case(b"text/event-stream");
            self.json = kind.eq_ignore_ascii_case(b"application/json")
                || kind.len() > 5 && kind[kind.len() - 5..].eq_ignore_ascii_case(b"+json");
        }
        Ok(())
    }
}

/// The items of a comma-separated field value (RFC 9110 §5.6.1), blanks around them removed.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// `1*DIGIT` that fits in 64 bits; no sign, no blank.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |n, d| {
        let d = d.is_ascii_digit().then(|| u64::from(d - b'0'))?;
        n.checked_mul(10)?.checked_add(d)
    })
}

/// Slots for fields: a limit above it is this limit.
const MAX_FIELDS: usize = 256;
