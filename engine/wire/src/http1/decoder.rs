//! The response decoder: head, then body parts, then the end.

use super::chunked::{Chunk, Chunked};
use super::head::{self, Framing, Parsed};
use super::{Head, HttpError};

/// Decodes the responses of one connection, one after another.
///
/// **Order of calls.** Call [`next`](Self::next) until it gives `None`, then read more bytes and go on where it
/// stopped. Do not stop because `input` is empty: a body of known length ends without a further byte. After
/// [`Part::End`] every call gives `None` until [`reset`](Self::reset); if `input` is not empty then, the server sent
/// more than it was asked for and **the caller must not reuse the connection**, whatever `reusable` says. After an
/// error only a new connection and a `reset` help.
///
/// Nothing is copied but a head that is split between reads; nothing is allocated but the buffer for such a head, once.
#[derive(Debug)]
pub struct Decoder {
    limits: HeadLimits,
    state: State,
    /// The front of a head of which the rest has not come.
    held: Vec<u8>,
    /// Bytes of the heads of this response so far: interim heads count.
    spent: usize,
    started: bool,
    keep: bool,
}

/// Limits on a response head; trailers have the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, the interim (1xx) heads before it included.
    pub bytes: usize,
    /// Fields; at most 256.
    pub fields: usize,
}

/// A piece of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The final head. Interim responses (1xx) are swallowed.
    Head(Head),
    /// Bytes of the body, framing removed; never empty.
    Body(&'a [u8]),
    /// The response is complete.
    End {
        /// Whether the connection may serve another request.
        reusable: bool,
    },
}

impl Decoder {
    /// A decoder for a fresh connection.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head, held: Vec::new(), spent: 0, started: false, keep: false }
    }

    /// Makes ready for the next response. Buffers keep their capacity.
    #[inline]
    pub fn reset(&mut self) {
        self.state = State::Head;
        self.held.clear();
        self.spent = 0;
        self.started = false;
    }

    /// Bytes of memory that it holds.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.held.capacity()
    }

    /// Gives its memory back, between two responses.
    pub fn release(&mut self) {
        self.held = Vec::new();
    }

    /// Whether a byte of the response was seen.
    #[must_use]
    #[inline]
    pub fn started(&self) -> bool {
        self.started
    }

    /// The next part, consumed from the front of `input`; `None` needs more bytes.
    ///
    /// # Errors
    /// Any [`HttpError`] but those of a closed connection.
    #[inline]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, HttpError> {
        // Streams are chunked: theirs is the short way.
        if let State::Chunked(chunks) = &mut self.state {
            return match chunks.next(input)? {
                Some(Chunk::Data(body)) => Ok(Some(Part::Body(body))),
                Some(Chunk::End) => Ok(Some(self.end())),
                None => Ok(None),
            };
        }
        match &mut self.state {
            State::Length(0) => Ok(Some(self.end())),
            State::Length(left) => {
                let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= n as u64;
                Ok(body(input, n))
            }
            State::UntilClose => {
                let n = input.len();
                Ok(body(input, n))
            }
            State::Head => self.head(input),
            State::Ended | State::Chunked(_) => Ok(None),
        }
    }

    /// The peer closed: a body that is delimited by the close ends here; otherwise it is an error.
    ///
    /// # Errors
    /// [`HttpError::ClosedBeforeResponse`] if no byte of the response was seen; what is wrong with the front of a head,
    /// if it is wrong already; else [`HttpError::Truncated`].
    pub fn eof(&mut self) -> Result<Option<Part<'static>>, HttpError> {
        match self.state {
            State::Head if !self.started => Err(HttpError::ClosedBeforeResponse),
            State::UntilClose | State::Length(0) => {
                self.keep = false;
                Ok(Some(self.end()))
            }
            State::Ended => Ok(None),
            // A line that never ended was not looked at: the cause must not depend on how the bytes were cut.
            State::Head if !self.held.is_empty() => {
                head::parse(&self.held, self.limits.fields, &mut Parsed::default()).and(Err(HttpError::Truncated))
            }
            State::Head | State::Length(_) | State::Chunked(_) => Err(HttpError::Truncated),
        }
    }

    fn head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, HttpError> {
        let mut parsed = Parsed::default();
        while self.one_head(input, &mut parsed)? {
            match parsed.head.status {
                101 => return Err(HttpError::Upgraded),
                100..=199 => {
                    parsed = Parsed::default();
                    continue;
                }
                _ => {}
            }
            self.keep = parsed.keep;
            self.state = match parsed.framing {
                Framing::Length(n) => State::Length(n),
                Framing::Chunked => State::Chunked(Chunked::new(self.limits)),
                Framing::UntilClose => State::UntilClose,
            };
            return Ok(Some(Part::Head(parsed.head)));
        }
        Ok(None)
    }

    /// One head, interim or final: parsed where it lies when it is whole, held until it is whole otherwise. Whether it
    /// is whole.
    fn one_head(&mut self, input: &mut &[u8], parsed: &mut Parsed) -> Result<bool, HttpError> {
        if input.is_empty() {
            return Ok(false);
        }
        self.started = true;
        let room = self.limits.bytes.saturating_sub(self.spent);
        let before = self.held.len();
        // What is over the limit is not looked at: which of two faults is told must not depend on how the bytes were
        // cut.
        let (within, over) = input.split_at(input.len().min(room.saturating_sub(before)));
        let found = if before == 0 {
            head::parse(within, self.limits.fields, parsed)?
        } else {
            self.held.extend_from_slice(within);
            // A head ends in LF, so that other bytes need no second look once the version has been seen.
            if before > VERSION_BYTES && over.is_empty() && memchr::memchr(b'\n', within).is_none() {
                None
            } else {
                head::parse(&self.held, self.limits.fields, parsed)?
            }
        };
        match found {
            Some(used) => {
                *input = &input[used - before..];
                self.held.clear();
                self.spent += used;
                Ok(true)
            }
            None if !over.is_empty() => Err(HttpError::HeadTooLong),
            None => {
                if before == 0 {
                    self.held.extend_from_slice(within);
                }
                *input = &[];
                Ok(false)
            }
        }
    }

    fn end(&mut self) -> Part<'static> {
        self.state = State::Ended;
        Part::End { reusable: self.keep }
    }
}

/// The position of the decoder in the response.
#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Ended,
}

fn body<'a>(input: &mut &'a [u8], n: usize) -> Option<Part<'a>> {
    let (body, rest) = input.split_at(n);
    *input = rest;
    (!body.is_empty()).then_some(Part::Body(body))
}

/// `HTTP/1.1 200`: what is enough to know that this is not HTTP/1.
const VERSION_BYTES: usize = 12;
