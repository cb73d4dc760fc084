//! What a response head says, in any version of HTTP.

use crate::timing::HeadTimings;
use std::fmt;

/// The head of a final response, as far as the engine uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Status code, 200–599 in practice; never 1xx.
    pub status: u16,
    /// The body is `text/event-stream`.
    pub event_stream: bool,
    /// The body is `application/json` or another `+json`.
    pub json: bool,
    /// A content coding was applied: the body is not readable as it comes.
    pub encoded: bool,
    /// A transfer coding other than chunked was applied, or one that is not known: the same.
    pub transfer_coded: bool,
    /// A status that sends the client elsewhere (3xx but 304); never followed.
    pub redirect: bool,
    /// Body length, where `Content-Length` frames the body.
    pub length: Option<u64>,
    /// The type of the body.
    pub media: MediaType,
    /// `Server`: the software that made the response, or that handed it on (RFC 9110 §10.2.4).
    pub server: Product,
    /// `Via`: the intermediaries that name themselves (RFC 9110 §7.6.3).
    pub via: Product,
    /// What the server, or a gateway, says of the time that it took; absent where it says nothing.
    pub timings: Option<Box<HeadTimings>>,
}

/// The front of a field value that names software: its first bytes, of the last line that has it. What is neither
/// printable ASCII nor a blank is `?`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Product {
    bytes: [u8; LONGEST_PRODUCT],
    length: u8,
}

impl Default for Product {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_PRODUCT], length: 0 }
    }
}

impl Product {
    pub(super) fn new(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        let length = value.len().min(LONGEST_PRODUCT);
        let mut bytes = [0; LONGEST_PRODUCT];
        copy(&mut bytes[..length], &value[..length], b' ');
        Self { bytes, length: length as u8 }
    }

    /// Whether the field is absent or empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes[..usize::from(self.length)]))
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The type of a body as `Content-Type` has it, its parameters left out, if it has at most 32 bytes: a part of a longer
/// one could be the front of a secret. What is not printable ASCII is `?`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    bytes: [u8; LONGEST_TYPE],
    length: u8,
}

impl Default for MediaType {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_TYPE], length: 0 }
    }
}

impl MediaType {
    pub(super) fn new(value: &[u8]) -> Self {
        let mut media = Self::default();
        if value.len() > LONGEST_TYPE {
            media.length = LONGEST_TYPE as u8 + 1;
            return media;
        }
        copy(&mut media.bytes[..value.len()], value, b'!');
        media.length = value.len() as u8;
        media
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes.get(..usize::from(self.length)) {
            None => write!(f, "of over {LONGEST_TYPE} bytes"),
            Some([]) => f.write_str("none"),
            Some(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Copies printable ASCII, `first` and what comes after it; all else as `?`. Both are of one length.
fn copy(to: &mut [u8], from: &[u8], first: u8) {
    to.copy_from_slice(from);
    for byte in to {
        if *byte < first || *byte > b'~' {
            *byte = b'?';
        }
    }
}

/// Bytes of the longest name of software that is kept whole.
const LONGEST_PRODUCT: usize = 64;

/// Bytes of the longest type that is kept. Those of responses have some 20.
const LONGEST_TYPE: usize = 32;

impl Head {
    /// Reads one field that means the same in any version; what is wrong with it otherwise. `length` is then what
    /// `Content-Length` says, be the body framed by it or not.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name.eq_ignore_ascii_case(b"content-length") {
            for item in list(value) {
                let length = decimal(item).ok_or("bad Content-Length")?;
                if self.length.is_some_and(|known| known != length) {
                    return Err("conflicting Content-Length");
                }
                self.length = Some(length);
            }
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            self.encoded |= list(value).any(is_coding);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            let kind = value.split(|b| *b == b';').next().unwrap_or_default();
            let kind = kind.trim_ascii();
            self.media = MediaType::new(kind);
            self.event_stream = kind.eq_ignore_ascii_case(b"text/event-stream");
            self.json = kind.eq_ignore_ascii_case(b"application/json")
                || kind
                    .split_last_chunk::<5>()
                    .is_some_and(|(kind, end)| !kind.is_empty() && end.eq_ignore_ascii_case(b"+json"));
        } else if name.eq_ignore_ascii_case(b"server") {
            self.server = Product::new(value);
        } else if name.eq_ignore_ascii_case(b"via") {
            self.via = Product::new(value);
        } else {
            HeadTimings::add(&mut self.timings, name, value);
        }
        Ok(())
    }

    /// Notes the status.
    pub(super) fn set_status(&mut self, status: u16) {
        self.status = status;
        self.redirect = (300..400).contains(&status) && status != 304;
    }
}

/// Whether responses of this status have no body, whatever their fields say (RFC 9110 §6.4.1).
pub(super) fn bodiless(status: u16) -> bool {
    status < 200 || status == 204 || status == 304
}

/// The items of a comma-separated field value (RFC 9110 §5.6.1), blanks around them removed.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// Whether a name is that of a content coding that changes the bytes. Servers and proxies also write `none`, `utf-8`
/// and the like, which leave the body as it is.
fn is_coding(name: &[u8]) -> bool {
    CODINGS.iter().any(|coding| name.eq_ignore_ascii_case(coding))
}

/// The content codings of the IANA registry but `identity`, and those in use that are not registered.
const CODINGS: [&[u8]; 18] = [
    b"aes128gcm",
    b"br",
    b"bzip2",
    b"compress",
    b"dcb",
    b"dcz",
    b"deflate",
    b"exi",
    b"gzip",
    b"lz4",
    b"lzma",
    b"pack200-gzip",
    b"snappy",
    b"x-bzip2",
    b"x-compress",
    b"x-gzip",
    b"xz",
    b"zstd",
];

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

/// `tchar` of RFC 9110 §5.6.2.
pub(super) fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
