//! Server-sent events: the event stream grammar of the WHATWG HTML standard, §9.2.5–9.2.6.
//!
//! ```text
//!   stream  = [ BOM ] *event
//!   event   = *( comment / field ) end-of-line
//!   comment = ":" *any-char end-of-line
//!   field   = name [ ":" [ SP ] *any-char ] end-of-line
//!   end-of-line = CR LF / CR / LF
//! ```
//!
//! `id` and `retry` serve reconnection, which a load generator never does: they are ignored, as unknown fields are.
//!
//! Three things go beyond the standard, since servers report failures in them: the field `error`, which makes the event
//! an `error` whose data is the value (llama.cpp until September 2025); an event named `error` without data, which
//! takes its comments as data (Dynamo); and JSON on lines of its own, without a field name, which is an event named
//! [`BARE`].

mod bare;
mod sniff;

pub use sniff::{begins_stream, is_stream, lead};

use memchr::memchr2;
use sniff::{BOM, DATA, FIELDS};

/// Splits a body into events.
///
/// **Order of calls.** Call [`next`](Self::next) until it gives `None`, then pass the next body bytes; at the end of
/// the body call [`finish`](Self::finish). Events come at the earliest byte that completes them: a CR ends a line
/// without waiting for an LF.
///
/// A single `data` line that lies whole in the input is handed out where it lies; other events are copied once.
#[derive(Debug)]
pub struct Sse {
    max_bytes: usize,
    /// The front of a line of which the rest has not come.
    line: Vec<u8>,
    /// The data lines of the event so far, joined by LF.
    data: Vec<u8>,
    /// The `event` field of the event so far.
    name: Vec<u8>,
    /// A line of JSON without a field name that came within an event, until that is handed out.
    bare: Vec<u8>,
    /// Whether there was a data line: its value may have been empty.
    has_data: bool,
    /// `data` and `name` are those of the event that was handed out last.
    handed_out: bool,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Bytes of the byte order mark seen; all of them once the stream has begun.
    bom: usize,
    /// Nothing is held, and the next byte begins an event: the short way is open.
    fresh: bool,
}

/// One event of a stream (WHATWG HTML §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The values of its `data` lines, joined by LF.
    pub data: &'a [u8],
    /// The value of its `event` field; empty when there was none. `error` where there was a field `error`; [`BARE`]
    /// where the data has no field.
    pub name: &'a [u8],
}

/// The name of an event that is JSON without a field name. No field can have it as its value.
pub const BARE: &[u8] = b"\n";

const ERROR: &[u8] = b"error";

/// A line, or the joined data of an event, is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is over its limit of bytes")]
pub struct EventTooLong;

impl Sse {
    /// A splitter at the start of a body; neither a line nor the data of an event may be longer than `max_event_bytes`.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_bytes: max_event_bytes,
            line: Vec::new(),
            data: Vec::new(),
            name: Vec::new(),
            bare: Vec::new(),
            has_data: false,
            handed_out: false,
            after_cr: false,
            bom: 0,
            fresh: false,
        }
    }

    /// Makes ready for the next body. Buffers keep their capacity.
    pub fn reset(&mut self) {
        self.line.clear();
        self.bare.clear();
        self.forget_event();
        self.after_cr = false;
        self.bom = 0;
        self.fresh = false;
    }

    /// Bytes of memory that it holds.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.line.capacity() + self.data.capacity() + self.name.capacity() + self.bare.capacity()
    }

    /// Gives its memory back, between two bodies.
    pub fn release(&mut self) {
        (self.line, self.data, self.name, self.bare) = Default::default();
    }

    /// The next complete event, consumed from the front of `input`; `None` has consumed all of it and kept the
    /// remainder.
    ///
    /// # Errors
    /// [`EventTooLong`], after which nothing is held and only [`reset`](Self::reset) is of use.
    #[inline]
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<Event<'s>>, EventTooLong> {
        if self.fresh {
            if input.is_empty() {
                return Ok(None);
            }
            match self.whole_event(input)? {
                Front::Event(data) => return Ok(Some(Event { data, name: b"" })),
                Front::Cut => {
                    self.fresh = false;
                    self.keep(input)?;
                    return Ok(None);
                }
                Front::Other => {}
            }
        }
        self.line_by_line(input)
    }

    fn line_by_line<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<Event<'s>>, EventTooLong> {
        self.fresh = false;
        if self.handed_out {
            self.forget_event();
            if self.take_waiting()? {
                return Ok(Some(self.event()));
            }
        }
        if self.bom < BOM.len() && !self.pass_bom(input) {
            return Ok(None);
        }
        loop {
            if self.after_cr && !input.is_empty() {
                *input = input.strip_prefix(b"\n").unwrap_or(input);
                self.after_cr = false;
            }
            if self.is_idle() {
                match self.whole_event(input)? {
                    Front::Event(data) => return Ok(Some(Event { data, name: b"" })),
                    Front::Cut => {
                        self.keep(input)?;
                        return Ok(None);
                    }
                    Front::Other => {}
                }
            }
            let Some(end) = memchr2(b'\n', b'\r', input) else {
                self.keep(input)?;
                self.fresh = !self.after_cr && self.is_idle();
                return Ok(None);
            };
            if self.joins(input, end)? {
                return Ok(Some(Event { data: value(&self.data), name: b"" }));
            }
            let line = &input[..end];
            self.after_cr = input[end] == b'\r';
            *input = &input[end + 1..];
            if self.take_line(line)? {
                self.handed_out = true;
                return Ok(Some(self.event()));
            }
        }
    }

    /// The body is over: the event whose empty line never came, if it has data. To be called until it gives `None`.
    ///
    /// The standard discards it; servers that end their stream without a final empty line are common enough to be heard
    /// out.
    ///
    /// # Errors
    /// [`EventTooLong`], after which nothing is held and only [`reset`](Self::reset) is of use.
    pub fn finish(&mut self) -> Result<Option<Event<'_>>, EventTooLong> {
        if self.handed_out {
            self.forget_event();
            if self.take_waiting()? {
                return Ok(Some(self.event()));
            }
        }
        if !self.line.is_empty() {
            self.take_line(&[])?;
        }
        self.handed_out = true;
        Ok((self.has_data || self.name == ERROR).then(|| self.event()))
    }

    /// The event at the front of `input`, if it is a single `data` line and lies there whole.
    #[inline]
    fn whole_event<'i>(&mut self, input: &mut &'i [u8]) -> Result<Front<'i>, EventTooLong> {
        if !input.starts_with(DATA) {
            return Ok(Front::Other);
        }
        let Some(end) = memchr2(b'\n', b'\r', input) else {
            return Ok(Front::Cut);
        };
        let (line, rest) = input.split_at(end);
        let Some((rest, after_cr)) = event_end(rest) else {
            return Ok(Front::Other);
        };
        if line.len() > self.max_bytes {
            return Err(self.too_long());
        }
        self.after_cr = after_cr;
        self.fresh = !after_cr;
        *input = rest;
        Ok(Front::Event(value(line)))
    }

    /// Whether the line that is held is the front of a whole event whose only line ends at `end` in `input`: it is then
    /// in `data`, field name and all, as if it had been handed out.
    fn joins(&mut self, input: &mut &[u8], end: usize) -> Result<bool, EventTooLong> {
        if self.has_data || !self.name.is_empty() || !self.line.starts_with(DATA) {
            return Ok(false);
        }
        let (line, rest) = input.split_at(end);
        let Some((rest, after_cr)) = event_end(rest) else {
            return Ok(false);
        };
        if self.line.len() + line.len() > self.max_bytes {
            return Err(self.too_long());
        }
        self.line.extend_from_slice(line);
        std::mem::swap(&mut self.line, &mut self.data);
        (self.after_cr, self.handed_out) = (after_cr, true);
        *input = rest;
        Ok(true)
    }

    /// Takes the end of a line, its front being held or empty; true when the line ended an event that has data.
    fn take_line(&mut self, end: &[u8]) -> Result<bool, EventTooLong> {
        if self.line.len() + end.len() > self.max_bytes {
            return Err(self.too_long());
        }
        if self.line.is_empty() {
            return self.take_whole_line(end);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(end);
        let taken = self.take_whole_line(&line);
        line.clear();
        self.line = line;
        taken
    }

    fn take_whole_line(&mut self, line: &[u8]) -> Result<bool, EventTooLong> {
        if line.is_empty() {
            let ended = self.has_data || self.name == ERROR;
            if !ended {
                self.name.clear();
            }
            return Ok(ended);
        }
        if let Some(ended) = self.take_bare(line)? {
            return Ok(ended);
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if !self.has_data {
                    self.data.clear();
                }
                self.add_data(value)?;
                self.has_data = true;
            }
            b"error" => {
                if !self.has_data {
                    self.data.clear();
                }
                self.add_data(value)?;
                self.has_data = true;
                self.name.clear();
                self.name.extend_from_slice(ERROR);
            }
            // A comment.
            b"" if self.name == ERROR && !self.has_data => self.add_data(value)?,
            b"event" => {
                if !self.has_data {
                    self.data.clear();
                }
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Adds a line to the data of the event.
    fn add_data(&mut self, value: &[u8]) -> Result<(), EventTooLong> {
        if self.data.len() + value.len() + 1 > self.max_bytes {
            return Err(self.too_long());
        }
        if self.has_data || !self.data.is_empty() {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        Ok(())
    }

    /// Keeps the front of a line.
    fn keep(&mut self, input: &mut &[u8]) -> Result<(), EventTooLong> {
        if self.line.len() + input.len() > self.max_bytes {
            return Err(self.too_long());
        }
        self.line.extend_from_slice(input);
        *input = &[];
        Ok(())
    }

    /// Drops what is held: the rest of an event that is over the limit is none, however the stream was cut.
    #[cold]
    fn too_long(&mut self) -> EventTooLong {
        self.reset();
        EventTooLong
    }

    fn is_idle(&self) -> bool {
        !self.has_data && self.line.is_empty() && self.name.is_empty()
    }

    fn event(&self) -> Event<'_> {
        Event { data: &self.data, name: &self.name }
    }

    fn forget_event(&mut self) {
        self.data.clear();
        self.name.clear();
        self.has_data = false;
        self.handed_out = false;
    }
}

/// The beginning of the input.
enum Front<'i> {
    /// An event, whose data this is.
    Event(&'i [u8]),
    /// A `data` line of which the end has not come.
    Cut,
    /// Anything else.
    Other,
}

/// What follows an end of line and an empty line, both at the front of `rest`; and whether the last byte of them was a
/// CR, whose LF may be still to come.
#[inline]
fn event_end(rest: &[u8]) -> Option<(&[u8], bool)> {
    let rest = match rest {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        [] => return None,
    };
    match rest {
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => Some((rest, false)),
        [b'\r', rest @ ..] => Some((rest, true)),
        _ => None,
    }
}

/// The value of a line that begins with [`DATA`].
#[inline]
fn value(line: &[u8]) -> &[u8] {
    let value = &line[DATA.len()..];
    value.strip_prefix(b" ").unwrap_or(value)
}

#[cfg(test)]
mod tests;
