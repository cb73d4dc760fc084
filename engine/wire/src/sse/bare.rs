//! JSON on lines of its own, without a field name.

use super::{BARE, EventTooLong, FIELDS, Sse};

impl Sse {
    /// Takes a line of JSON without a field name: whether it ended that JSON; `None` if the line is none.
    ///
    /// JSON begins with a line that begins with a bracket, and ends with that line if its last byte closes the bracket,
    /// with a later line that begins with what closes it, with an empty line, or with the body. A field in between
    /// shows that it was none.
    pub(super) fn take_bare(&mut self, line: &[u8]) -> Result<Option<bool>, EventTooLong> {
        if self.name != BARE {
            if !matches!(line[0], b'{' | b'[') || self.has_data || !self.name.is_empty() {
                return Ok(None);
            }
            self.data.clear();
            self.add_data(line)?;
            self.has_data = true;
            self.name.extend_from_slice(BARE);
            return Ok(Some(line.trim_ascii_end().last() == Some(&closing(line[0]))));
        }
        if FIELDS.iter().any(|field| line.starts_with(field)) {
            self.forget_event();
            return Ok(None);
        }
        self.add_data(line)?;
        let opening = self.data.first().copied().unwrap_or_default();
        Ok(Some(line[0] == closing(opening)))
    }
}

/// The byte that closes a bracket.
fn closing(bracket: u8) -> u8 {
    match bracket {
        b'{' => b'}',
        _ => b']',
    }
}
