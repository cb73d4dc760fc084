//! Lines as ringload and AIPerf write them, without blanks, read by the names of their fields: a line has some 2 KB, of
//! which a comparison needs seven numbers.

use super::{Line, Request};
use memchr::memmem::Finder;

/// The fields of a line that a comparison needs.
pub(super) struct Fields {
    start: Finder<'static>,
    end: Finder<'static>,
    phase: Finder<'static>,
    cancelled: Finder<'static>,
    error: Finder<'static>,
    tokens: Finder<'static>,
    values: [Finder<'static>; 3],
}

impl Fields {
    pub(super) fn new() -> Self {
        let finder = |name: &'static str| Finder::new(name.as_bytes());
        Self {
            start: finder("\"request_start_ns\":"),
            end: finder("\"request_end_ns\":"),
            phase: finder("\"benchmark_phase\":\""),
            cancelled: finder("\"was_cancelled\":"),
            error: finder("\"error\":"),
            tokens: finder("\"output_sequence_length\":{\"value\":"),
            values: [
                finder("\"time_to_first_token\":{\"value\":"),
                finder("\"inter_token_latency\":{\"value\":"),
                finder("\"request_latency\":{\"value\":"),
            ],
        }
    }

    /// What a line says; `None` where it is not spelt so, or tells of an error: then it has to be parsed.
    ///
    /// A name with its quotes and its colon stands in no string, where quotes have a backslash before them.
    pub(super) fn read(&self, line: &[u8]) -> Option<Line> {
        if !line.starts_with(METADATA) || !ENDS.iter().any(|end| line.ends_with(end)) {
            return None;
        }
        // Metadata has no object in it. A string with a brace hides the fields behind it, of which none may be missing.
        let braces = memchr::memchr(b'}', line)?;
        let (metadata, rest) = line.split_at(braces);
        let whole = |finder: &Finder<'_>| digits(after(finder, metadata)?);
        let phase = after(&self.phase, metadata)?;
        let measured = phase.starts_with(b"profiling\"");
        let cancelled = match after(&self.cancelled, metadata)? {
            [b't', ..] => true,
            [b'f', ..] => false,
            _ => return None,
        };
        let (start, end) = (whole(&self.start)?, whole(&self.end)?);
        if after(&self.error, rest).is_some_and(|error| !error.starts_with(b"null")) {
            return None;
        }
        if !measured || cancelled {
            return Some(Line::Skipped);
        }
        let mut values = [None; 3];
        for (value, finder) in values.iter_mut().zip(&self.values) {
            *value = after(finder, rest).map(number).map_or(Some(None), |found| found.map(Some))?;
        }
        let tokens = after(&self.tokens, rest).map_or(Some(0.0), number)?;
        Some(Line::Succeeded(Request { start, end, tokens, values }))
    }
}

/// What stands behind a name.
fn after<'a>(finder: &Finder<'_>, text: &'a [u8]) -> Option<&'a [u8]> {
    let at = finder.find(text)?;
    Some(&text[at + finder.needle().len()..])
}

/// A whole number, and nothing else up to the next field.
fn digits(text: &[u8]) -> Option<u64> {
    let token = token(text)?;
    token.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(token).ok()?.parse().ok())?
}

/// A number of JSON.
fn number(text: &[u8]) -> Option<f64> {
    let token = token(text)?;
    let is_number = token.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    is_number.then(|| std::str::from_utf8(token).ok()?.parse().ok())?
}

/// The text up to the next comma or brace.
fn token(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    Some(&text[..end])
}

const METADATA: &[u8] = b"{\"metadata\":{";
/// How a line of a request that succeeded ends, of ringload and of AIPerf. A line that was cut ends otherwise.
const ENDS: [&[u8]; 2] = [b"}}}", b",\"error\":null}"];
