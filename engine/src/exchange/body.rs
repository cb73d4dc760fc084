//! What the body of a response is, and what becomes of the request by it.

use super::response::Fault;
use super::{Exchange, Progress};
use crate::api;
use crate::clock::Nanos;
use crate::record::{Cause, Outcome};
use crate::setting::Setting::{BodyBytes, EventBytes};
use crate::wire::http1::{Head, Part};
use crate::wire::sse;

/// Bytes of an error body that are kept to say what the server said.
const DETAIL_BYTES: usize = 4096;

/// Bytes of a stream that are kept to say what it is, should it be none, until it has output. As many as of an error:
/// what is shown of them is cut after secrets are redacted.
const FRONT_BYTES: usize = DETAIL_BYTES;

/// The way in which the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Head,
    /// By its first bytes: some servers send a stream under another content type, or none.
    Unknown,
    Events,
    Whole,
    /// A body that only says what went wrong.
    Detail(Cause),
}

impl Exchange {
    /// Whether the head says that this is no result: what comes of the body only gives words for that.
    #[must_use]
    pub fn refused(&self) -> bool {
        matches!(self.mode, Mode::Detail(_))
    }

    pub(super) fn head(&mut self, head: &Head, arrived: Nanos) {
        self.response.record.instants.head_end = Some(arrived);
        self.response.record.status = head.status;
        self.response.set_head(head);
        self.mode = if head.redirect {
            Mode::Detail(Cause::Redirect)
        } else if !(200..300).contains(&head.status) {
            Mode::Detail(Cause::HttpStatus)
        } else if head.encoded || head.transfer_coded {
            Mode::Detail(Cause::UnexpectedEncoding)
        } else if head.event_stream || (self.streaming && !head.json) {
            Mode::Events
        } else {
            Mode::Unknown
        };
    }

    #[inline]
    pub(super) fn body(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if self.mode == Mode::Events && !self.settled {
            return self.events(body, arrived);
        }
        self.body_without_events(body, arrived)
    }

    #[inline(never)]
    fn body_without_events(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if self.settled {
            // Of the connection alone: what became of the response stays.
            return if self.passes(body.len()) { Ok(()) } else { Err((Cause::BodyLimit, None)) };
        }
        match self.mode {
            Mode::Events => self.events(body, arrived),
            Mode::Unknown => self.front(body, arrived),
            Mode::Whole => {
                self.room_for(self.body.len() + body.len())?;
                self.body.extend_from_slice(body);
                Ok(())
            }
            Mode::Detail(_) | Mode::Head => {
                // Blanks at the front say nothing, and would leave less of the rest.
                let body = if self.body.is_empty() { body.trim_ascii_start() } else { body };
                let room = DETAIL_BYTES.saturating_sub(self.body.len()).min(body.len());
                self.body.extend_from_slice(&body[..room]);
                Ok(())
            }
        }
    }

    /// Whether a body that is read whole may have this length.
    fn room_for(&self, length: usize) -> Result<(), Fault> {
        let most = self.limits.body_bytes;
        if length <= most {
            return Ok(());
        }
        let what = format!("a body over {most} bytes ({BodyBytes})");
        Err((Cause::BodyLimit, Some(what)))
    }

    /// The front of a body that may be a stream: it is held until that is known.
    fn front(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        self.body.extend_from_slice(body);
        self.room_for(sse::lead(&self.body))?;
        match sse::begins_stream(&self.body) {
            Some(true) => {
                self.mode = Mode::Events;
                let held = std::mem::take(&mut self.body);
                self.events(&held, arrived)
            }
            Some(false) => {
                self.mode = Mode::Whole;
                self.room_for(self.body.len())
            }
            None => Ok(()),
        }
    }

    #[inline]
    fn events(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        let kept = self.body.len();
        if self.response.record.events == 0 && kept < FRONT_BYTES {
            self.keep_front(body);
        }
        let mut input = body;
        loop {
            match self.sse.next(&mut input) {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => {
                    self.event_end = input.as_ptr().addr();
                    self.events_before = self.response.record.events;
                    self.response.event(event.data, event.name, arrived)?;
                    if self.response.done_seen {
                        // What comes after the end says nothing, however the reads were cut.
                        self.body.truncate(kept + body.len() - input.len());
                        self.settle(arrived);
                        return Ok(());
                    }
                }
                Err(_) => return Err(self.event_over_limit()),
            }
        }
    }

    /// Keeps the first bytes of a stream: what it was if it turns out to be none.
    #[cold]
    fn keep_front(&mut self, body: &[u8]) {
        let room = (FRONT_BYTES - self.body.len()).min(body.len());
        self.body.extend_from_slice(&body[..room]);
    }

    #[cold]
    fn event_over_limit(&self) -> Fault {
        (Cause::EventLimit, Some(format!("an event over {} bytes ({EventBytes})", self.limits.event_bytes)))
    }

    /// The response has said that it is over: what becomes of it is fixed.
    pub(super) fn settle(&mut self, now: Nanos) {
        match self.what_came() {
            Ok(()) => {
                self.response.settle(now);
                self.response.record.outcome = Outcome::Succeeded;
                self.response.record.instants.end = now;
            }
            Err((cause, detail)) => {
                self.fail(cause, detail, now);
            }
        }
        self.settled = true;
    }

    pub(super) fn end_of_body(&mut self, now: Nanos, reusable: bool) -> Progress {
        self.released = now;
        if self.settled {
            return Progress::Done { reusable };
        }
        if matches!(self.mode, Mode::Whole | Mode::Unknown)
            && let Some(job) = self.response.unfinished_job(&self.body)
        {
            self.note_job(job, now);
            return Progress::Done { reusable };
        }
        let outcome = match self.mode {
            // Its words are what has come of the body.
            Mode::Detail(cause) => Err((cause, None)),
            Mode::Head => Err((Cause::BadHead, None)),
            Mode::Whole | Mode::Unknown => self.response.whole(&self.body, now),
            Mode::Events => self.end_of_events(now),
        };
        match outcome {
            Ok(()) => {
                self.response.settle(now);
                self.response.record.outcome = Outcome::Succeeded;
                self.response.record.instants.end = now;
            }
            Err((cause, detail)) => {
                self.fail(cause, detail, now);
            }
        }
        // The body ended in order: the connection is as good as before, whatever the response said.
        Progress::Done { reusable }
    }

    fn end_of_events(&mut self, now: Nanos) -> Result<(), Fault> {
        loop {
            match self.sse.finish() {
                Ok(Some(event)) => self.response.event(event.data, event.name, now)?,
                Ok(None) => return self.what_came(),
                Err(_) => return Err(self.event_over_limit()),
            }
        }
    }

    /// What a stream that is over came to.
    fn what_came(&self) -> Result<(), Fault> {
        if !self.response.may_end() {
            if let Some(fault) = self.response.no_stream(&self.body) {
                return Err(fault);
            }
            let what = format!(
                "the stream ended after {} output events without [DONE] or a finish reason{}",
                self.response.record.events,
                if self.response.record.finished { " of each choice" } else { "" }
            );
            return Err((Cause::Truncated, Some(what)));
        }
        if let Some(missing) = self.response.missing_choices() {
            return Err((Cause::Truncated, Some(missing)));
        }
        if self.response.record.events == 0 {
            let mut what = "the stream ended in order without any output".to_owned();
            // It may say why in a shape of its own.
            if let Some(said) =
                self.body.split(|b| *b == b'\n').find_map(|line| api::message_at_top(line.strip_prefix(b"data:")?))
            {
                what = format!("{what}: {said}");
            }
            return Err((Cause::NoOutput, Some(what)));
        }
        Ok(())
    }

    /// Bytes that arrived after the record of a [complete](Self::complete) response was taken: the rest of its body, up
    /// to [`REST_BYTES`](Self::REST_BYTES).
    pub fn handle_rest(&mut self, bytes: &[u8]) -> Progress {
        let mut input = bytes;
        loop {
            match self.decoder.next(&mut input) {
                Ok(Some(Part::Body(body))) if self.passes(body.len()) => {}
                Ok(Some(Part::End { reusable })) => {
                    return Progress::Done { reusable: reusable && input.is_empty() };
                }
                Ok(None) if input.is_empty() => return Progress::Pending,
                _ => return Progress::Done { reusable: false },
            }
        }
    }

    /// Passes over bytes of the body of a response that is complete; false when they are too many.
    fn passes(&mut self, bytes: usize) -> bool {
        self.after = self.after.saturating_add(bytes);
        self.after <= Self::REST_BYTES
    }

    /// Most bytes of a body after the response in it is complete. With more of them, only the connection is given up.
    pub const REST_BYTES: usize = 64 << 10;
}
