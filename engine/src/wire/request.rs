//! What every request to one target says, in any version of HTTP.

use super::head::token;
use crate::endpoint;
use crate::error::{Error, Result};
use crate::plan::{Header, Plan, Reuse, Target};

/// What every request to one target says.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    /// Names and values, the defaults first. Fields given by the user replace the defaults of the same name, whatever
    /// their case.
    pub(super) fields: Vec<(String, String)>,
    /// Whether [`REQUEST_ID`] is ours to write.
    pub(super) request_id: bool,
    /// The field that names the session, where it is ours to write: [`SESSION_ID`], or [`Plan::session_header`].
    pub(super) session_id: Option<String>,
}

impl Request {
    /// Gathers what `plan` says.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] if the path cannot stand in a request line, or a field of the user's cannot stand in a
    /// head or would contradict the framing.
    pub(super) fn new(plan: &Plan, target: &Target) -> Result<Self> {
        let path = endpoint::path(plan, target);
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::usage(
                format!("the request path `{}` has blanks or characters outside ASCII", path.escape_debug()),
                "percent-encode them in --url and --custom-endpoint",
            ));
        }
        plan.headers.iter().try_for_each(check)?;
        let given = |name: &str| plan.headers.iter().any(|h| h.name.eq_ignore_ascii_case(name));
        let accept = if plan.streaming { "text/event-stream" } else { "application/json" };
        let mut fields = Vec::new();
        let host = target.host_header();
        let close = match plan.reuse {
            Reuse::Never => "close",
            Reuse::StickySessions | Reuse::Pooled => "",
        };
        for (name, value) in [
            ("Host", host.as_str()),
            ("User-Agent", USER_AGENT),
            ("Content-Type", "application/json"),
            ("Accept", accept),
            ("Connection", close),
        ] {
            if !value.is_empty() && !given(name) {
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
        for (name, value) in endpoint::headers(plan.endpoint) {
            if !given(name) {
                fields.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        for header in &plan.headers {
            fields.push((header.name.clone(), header.value.trim().to_owned()));
        }
        Ok(Self {
            path,
            fields,
            request_id: !given(REQUEST_ID),
            session_id: Some(plan.session_header.as_deref().unwrap_or(SESSION_ID))
                .filter(|name| !given(name))
                .map(str::to_owned),
        })
    }
}

fn check(header: &Header) -> Result<()> {
    let name = header.name.escape_debug();
    if header.name.is_empty() || !header.name.bytes().all(token) {
        return Err(Error::usage(
            format!("--header: `{name}` is not a field name"),
            "write NAME:VALUE with letters, digits and dashes in NAME",
        ));
    }
    // The value is never shown: it may be a secret.
    if header.value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(Error::usage(
            format!("--header: the value of `{name}` has control characters"),
            "remove line ends and other control characters from it; a file read into it often ends in one",
        ));
    }
    for framing in ["Content-Length", "Transfer-Encoding"] {
        if header.name.eq_ignore_ascii_case(framing) {
            return Err(Error::usage(
                format!("--header: `{name}` belongs to the framing of the request"),
                "remove it: ringload writes it from the body",
            ));
        }
    }
    Ok(())
}

/// The bytes of a session's name; those that cannot stand in a field are `_`.
pub(super) fn session(id: &str) -> impl Iterator<Item = u8> {
    id.bytes().map(|b| if b.is_ascii_graphic() { b } else { b'_' })
}

/// The hyphenated form of RFC 9562 §4, in lower case.
pub(super) fn uuid(id: u128) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut nibbles = (0..32).rev().map(|i| (id >> (4 * i) & 15) as usize);
    for (at, out) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23)
            && let Some(nibble) = nibbles.next()
        {
            *out = b"0123456789abcdef"[nibble];
        }
    }
    text
}

/// Appends a number.
pub(super) fn decimal(out: &mut Vec<u8>, mut n: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

const USER_AGENT: &str = concat!("ringload/", env!("CARGO_PKG_VERSION"));
pub(super) const REQUEST_ID: &str = "X-Request-ID";
const SESSION_ID: &str = "X-Correlation-ID";
