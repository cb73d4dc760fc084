//! JSON on lines of its own, without a field name.

use super::{BARE, EventTooLong, FIELDS, Sse};

impl Sse {
    /// Takes a line of JSON without a field name: whether an event ends with it; `None` if the line is none.
    ///
    /// JSON begins with a line that begins with a bracket, and ends with that line if its last byte (but for a comma)
    /// closes the bracket, with a later line that begins with what closes it, with an empty line, or with the body. A
    /// field in between shows that it was none. Behind blanks, and where an event has begun without having ended, only
    /// a line that is whole counts; the event ends before it.
    pub(super) fn take_bare(&mut self, line: &[u8]) -> Result<Option<bool>, EventTooLong> {
        if self.name != BARE {
            let first = line.trim_ascii_start();
            let Some(opening @ (b'{' | b'[')) = first.first().copied() else {
                return Ok(None);
            };
            let text = without_comma(first);
            let whole = text.last() == Some(&closing(opening));
            if !whole && (first.len() < line.len() || self.has_data || !self.name.is_empty()) {
                return Ok(None);
            }
            if self.has_data {
                self.bare.extend_from_slice(text);
                return Ok(Some(true));
            }
            self.begin_bare(if whole { text } else { line })?;
            return Ok(Some(whole));
        }
        if FIELDS.iter().any(|field| line.starts_with(field)) {
            self.forget_event();
            return Ok(None);
        }
        self.add_data(line)?;
        let opening = self.data.first().copied().unwrap_or_default();
        Ok(Some(line[0] == closing(opening)))
    }

    /// Makes a line the front of the data of an event.
    fn begin_bare(&mut self, line: &[u8]) -> Result<(), EventTooLong> {
        self.data.clear();
        self.name.clear();
        self.add_data(line)?;
        self.has_data = true;
        self.name.extend_from_slice(BARE);
        Ok(())
    }

    /// Whether a line waited for the event before it to be handed out; it is then the data of the next.
    pub(super) fn take_waiting(&mut self) -> Result<bool, EventTooLong> {
        if self.bare.is_empty() {
            return Ok(false);
        }
        let mut line = std::mem::take(&mut self.bare);
        let begun = self.begin_bare(&line);
        line.clear();
        self.bare = line;
        begun?;
        self.handed_out = true;
        Ok(true)
    }
}

/// A line without the comma, and the blanks, behind what it says.
fn without_comma(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.strip_suffix(b",").unwrap_or(line).trim_ascii_end()
}

/// The byte that closes a bracket.
fn closing(bracket: u8) -> u8 {
    match bracket {
        b'{' => b'}',
        _ => b']',
    }
}
