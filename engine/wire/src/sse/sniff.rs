//! Whether a body is an event stream, by how it begins.

use super::Sse;

/// Whether a body is an event stream, by its front: a byte order mark and blanks, then a field of the standard or a
/// comment, with which no JSON text begins. `None` while that is open.
#[must_use]
pub fn begins_stream(front: &[u8]) -> Option<bool> {
    if front.len() < BOM.len() && BOM.starts_with(front) {
        return None;
    }
    let front = &front[lead(front)..];
    let starts = FIELDS.iter().any(|field| front.starts_with(field));
    let may_start = FIELDS.iter().any(|field| field.starts_with(front));
    (starts || !may_start).then_some(starts)
}

/// Bytes before the first field of a body: a byte order mark and blanks.
#[must_use]
pub fn lead(body: &[u8]) -> usize {
    let first = body.strip_prefix(BOM).unwrap_or(body).trim_ascii_start();
    body.len() - first.len()
}

/// Whether any line of the front of a body is one of an event stream, as far as it can be seen.
#[must_use]
pub fn is_stream(front: &[u8]) -> bool {
    let front = front.strip_prefix(BOM).unwrap_or(front);
    let mut lines = front.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| FIELDS.iter().any(|field| line.starts_with(field)))
}

impl Sse {
    /// Passes over a byte order mark at the start of the body; false while it may still be one.
    pub(super) fn pass_bom(&mut self, input: &mut &[u8]) -> bool {
        while self.bom < BOM.len() {
            match input.split_first() {
                None => return false,
                Some((byte, rest)) if *byte == BOM[self.bom] => {
                    self.bom += 1;
                    *input = rest;
                }
                Some(_) => {
                    self.line.extend_from_slice(&BOM[..self.bom]);
                    self.bom = BOM.len();
                }
            }
        }
        true
    }
}

pub(super) const DATA: &[u8] = b"data:";

/// The beginnings of an event stream's lines.
pub(super) const FIELDS: [&[u8]; 5] = [DATA, b"event:", b"id:", b"retry:", b":"];

/// U+FEFF in UTF-8: one may stand at the start of a stream.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";
