//! Values that several formats have.

use crate::clock::{MILLI, Nanos};
use crate::error::{Error, Result};
use serde_json::Value;

/// Milliseconds from 0.
pub(super) fn instant(field: &str, ms: f64) -> Result<Nanos> {
    if (0.0..=LONGEST_MS).contains(&ms) {
        return Ok((ms * MILLI as f64).round() as Nanos);
    }
    Err(Error::usage(format!("the {field} {ms} is not a time"), "write milliseconds, from 0"))
}

/// Seconds from 0.
pub(super) fn seconds(field: &str, s: f64) -> Result<Nanos> {
    instant(field, s * 1e3).map_err(|e| Error::usage(e.what, "write seconds, from 0"))
}

/// A number of tokens, from 1.
pub(super) fn tokens(field: &str, n: u64) -> Result<u32> {
    match u32::try_from(n) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::usage(format!("{field} {n} is not a length"), "write a number of tokens, from 1")),
    }
}

/// An id that is a text or a number.
pub(super) fn id(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JSON without the blanks between its tokens; all else, as the digits of numbers, stays as it is written.
#[must_use]
pub fn compact(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for byte in json.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            quoted = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// A hundred years.
const LONGEST_MS: f64 = 3e12;
