//! Pure: one request's life over one connection. Bytes and instants in, a [`Record`] out.
//!
//! Order of calls: [`Exchange::begin`], then what happened, as it happens: `handle_connecting`, `handle_connected`,
//! `handle_sending`, `handle_sent`, `handle_received` …, until one of them answers [`Progress::Done`] or the caller
//! gives up with [`Exchange::fail`], [`Exchange::cancel`], [`Exchange::abandon`] or [`Exchange::let_go`]; then
//! [`Exchange::take_record`], once. Where the end of the body had not come by then, [`Exchange::handle_rest`] looks for
//! it, so that the connection may be used again.

mod answer;
mod cause;
mod intervals;

pub use answer::KeepText;
pub(crate) use cause::explain;

use crate::arrival::{Arrival, Exact};
use crate::clock::Nanos;
use crate::endpoint;
use crate::plan::{EndpointKind, Limits, OutputPath};
use crate::record::{Cause, Handshake, Instants, Intervals, Outcome, PhaseKind, Record};
use crate::wire::http1::{Decoder, Head, HeadLimits, Part};
use crate::wire::sse::{self, Sse};
use answer::{Answer, Fault};

/// Bytes of an error body that are kept to say what the server said.
const DETAIL_BYTES: usize = 4096;

/// Bytes of a stream that are kept to say what it is, should it be none.
const FRONT_BYTES: usize = 256;

/// Whether the response goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Pending,
    /// The answer has said that it is over (`[DONE]`, or the last event of its dialect), and the end of its body has
    /// not come. What follows changes nothing of the record, and only the connection's use depends on it. Said once.
    Complete,
    /// It is over.
    Done {
        /// Whether the connection may serve another request.
        reusable: bool,
    },
}

/// What is known of a request before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Number of its session in its phase.
    pub k: u64,
    /// Its place in the session.
    pub turn: u32,
    /// Its number in its phase.
    pub index: u64,
    /// Its answer is wanted for the next turn.
    pub threads: bool,
    /// Which phase.
    pub phase: PhaseKind,
    /// Index of the worker.
    pub worker: u16,
    /// Index of the target.
    pub target: u16,
    /// Index of the dataset entry.
    pub entry: u32,
    /// Input length, tokens.
    pub isl: u32,
    /// Output length asked for, tokens.
    pub requested_osl: Option<u32>,
    /// `X-Request-ID`.
    pub request_id: u128,
    /// When the plan wanted it.
    pub scheduled: Nanos,
    /// When it was taken up.
    pub issued: Nanos,
}

/// One request's life over one connection.
pub struct Exchange {
    decoder: Decoder,
    sse: Sse,
    answer: Answer,
    body: Vec<u8>,
    limits: Limits,
    streaming: bool,
    mode: Mode,
    active: bool,
    /// What became of the answer is known: what follows says nothing more of it.
    settled: bool,
    /// Bytes of the body that came after that.
    after: usize,
    /// When the last of the answer came, the end of its body included, or it was given up.
    released: Nanos,
    text_lost: bool,
    /// HTTP/2: the last read that brought something, and how many output events it brought.
    read: u64,
    read_events: u32,
    /// The address of the byte behind the last event, and the number of output events before it.
    event_end: usize,
    events_before: u32,
}

/// How the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Head,
    /// By its first bytes: some servers send a stream under another content type, or none.
    Unknown,
    Events,
    Whole,
    /// A body that only says what went wrong.
    Detail(Cause),
}

impl Exchange {
    /// A life for requests of one plan; used again for one request after another.
    #[must_use]
    pub fn new(kind: EndpointKind, streaming: bool, keep_text: KeepText, limits: Limits) -> Self {
        Self {
            decoder: Decoder::new(HeadLimits { bytes: limits.head_bytes, fields: limits.head_fields }),
            sse: Sse::new(limits.event_bytes),
            answer: Answer::new(kind, keep_text, limits.text_bytes),
            body: Vec::new(),
            limits,
            streaming,
            mode: Mode::Head,
            active: false,
            settled: false,
            after: 0,
            released: 0,
            text_lost: false,
            read: 0,
            read_events: 0,
            event_end: 0,
            events_before: 0,
        }
    }

    /// The same, with the place where the output of answers of unknown shape is.
    #[must_use]
    pub fn looking_at(mut self, field: Option<OutputPath>) -> Self {
        self.answer.look_at(field);
        self
    }

    /// Whether a request is under way.
    #[must_use]
    pub fn active(&self) -> bool {
        self.active
    }

    /// The request under way: which one, and of which phase.
    #[must_use]
    pub fn request_id(&self) -> u128 {
        self.answer.record.request_id
    }

    /// The record so far.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.answer.record
    }

    /// Begins the next request.
    pub fn begin(&mut self, request: &Request) {
        self.reset_response();
        self.active = true;
        self.text_lost = false;
        self.answer.threads = request.threads;
        let gaps = request.requested_osl.map_or(64, |n| n as usize).min(4096);
        self.answer.record = Record {
            k: request.k,
            turn: request.turn,
            index: request.index,
            phase: request.phase,
            worker: request.worker,
            target: request.target,
            entry: request.entry,
            isl: request.isl,
            requested_osl: request.requested_osl,
            request_id: request.request_id,
            instants: Instants { scheduled: request.scheduled, issued: request.issued, ..Instants::default() },
            gaps: Vec::with_capacity(gaps),
            ..empty_record()
        };
    }

    fn reset_response(&mut self) {
        self.decoder.reset();
        self.sse.reset();
        self.answer.reset();
        self.body.clear();
        self.mode = Mode::Head;
        self.settled = false;
        self.after = 0;
    }

    /// Bytes of memory that the answer holds: what of it has been read and is not done with, its text, and the record.
    /// It grows with what is received, and shrinks with [`Exchange::release`] alone.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.decoder.memory() + self.sse.memory() + self.answer.memory() + self.body.capacity()
    }

    /// Gives the memory of an answer back, its record having been taken.
    pub fn release(&mut self) {
        self.decoder.release();
        self.sse.release();
        self.answer.release();
        self.body = Vec::new();
    }

    /// The name was looked up for this request.
    pub fn handle_resolved(&mut self, started: Nanos, ended: Nanos) {
        let instants = &mut self.answer.record.instants;
        (instants.dns_start, instants.dns_end) = (Some(started), Some(ended));
    }

    /// The name service is asked for this request.
    pub fn handle_asking(&mut self, now: Nanos) {
        let instants = &mut self.answer.record.instants;
        (instants.dns_start, instants.dns_end) = (Some(now), None);
    }

    /// A connection is begun for this request.
    pub fn handle_connecting(&mut self, now: Nanos) {
        let instants = &mut self.answer.record.instants;
        instants.tcp_start = Some(now);
        (instants.tcp_end, instants.tls_start, instants.tls_end) = (None, None, None);
    }

    /// The connection that was begun is there.
    pub fn handle_connected(&mut self, now: Nanos) {
        self.answer.record.instants.tcp_end = Some(now);
    }

    /// The TLS handshake is begun.
    pub fn handle_securing(&mut self, now: Nanos) {
        self.answer.record.instants.tls_start = Some(now);
    }

    /// The TLS handshake is done.
    pub fn handle_secured(&mut self, now: Nanos, handshake: Handshake) {
        self.answer.record.instants.tls_end = Some(now);
        self.answer.record.handshake = Some(handshake);
    }

    /// The first byte is about to be handed to the kernel. `reused` tells whether the connection served an earlier
    /// request.
    pub fn handle_sending(&mut self, now: Nanos, bytes: usize, reused: bool) {
        let instants = &mut self.answer.record.instants;
        instants.connection_ready = Some(now);
        instants.send_start = Some(now);
        instants.send_end = None;
        self.answer.record.bytes_sent = bytes as u64;
        self.answer.record.connection_reused = reused;
    }

    /// The kernel accepted the last byte. When that is noticed after the first byte of the answer arrived, it had been
    /// so by then.
    pub fn handle_sent(&mut self, now: Nanos) {
        let instants = &mut self.answer.record.instants;
        instants.send_end = Some(instants.first_byte.map_or(now, |first| first.min(now)));
    }

    /// Whether the request may move to a fresh connection: it went out on a kept one and no byte of a response was
    /// seen.
    #[must_use]
    pub fn may_move(&self) -> bool {
        self.answer.record.connection_reused && self.may_go_again()
    }

    /// Whether the request may go out once more, if it is known that the server did not begin it: it has not done so
    /// before, and no byte of a response was seen.
    #[must_use]
    pub fn may_go_again(&self) -> bool {
        self.active
            && self.answer.record.reconnects == 0
            && !self.decoder.started()
            && self.answer.record.instants.first_byte.is_none()
    }

    /// The request moves to another connection. What it paid for the one before is time in which it waited.
    pub fn handle_move(&mut self) {
        let record = &mut self.answer.record;
        record.reconnects += 1;
        record.connection_reused = false;
        record.handshake = None;
        record.instants =
            Instants { scheduled: record.instants.scheduled, issued: record.instants.issued, ..Instants::default() };
        self.reset_response();
    }

    /// Bytes arrived.
    pub fn handle_received(&mut self, bytes: &[u8], arrival: &Arrival<'_>) -> Progress {
        let (arrived, before) = self.read_begins(arrival);
        self.count_read(bytes.len(), arrived);
        let progress = self.decode(bytes, arrived);
        self.read_ends(before, bytes, arrived, arrival);
        progress
    }

    /// One read of `bytes` on the wire arrived; `parts` hands over what it carried, piece by piece (TLS records). Every
    /// event in them shares the read's stamp.
    ///
    /// Nothing is read when there is no part. Parts after the end of the response make the connection unfit for reuse.
    pub fn handle_read(
        &mut self,
        bytes: usize,
        arrival: &Arrival<'_>,
        parts: impl FnOnce(&mut dyn FnMut(&[u8])),
    ) -> Progress {
        let (arrived, before) = self.read_begins(arrival);
        let mut progress = Progress::Pending;
        let mut first = true;
        parts(&mut |part| {
            if std::mem::take(&mut first) {
                self.count_read(bytes, arrived);
            }
            progress = match progress {
                Progress::Pending => self.decode(part, arrived),
                Progress::Complete => match self.decode(part, arrived) {
                    Progress::Pending => Progress::Complete,
                    progress => progress,
                },
                Progress::Done { .. } => Progress::Done { reusable: false },
            };
        });
        // What TLS carries arrived with its record or is not known: where an event ends in it makes no difference.
        self.read_ends(before, &[], arrived, arrival);
        progress
    }

    /// The arrival that counts for a read, and the output events before it.
    #[inline]
    fn read_begins(&self, arrival: &Arrival<'_>) -> (Nanos, u32) {
        let record = &self.answer.record;
        // A stamp from before the request was sent cannot be its answer's: the read is then as good as its own send.
        let sent = record.instants.send_start.unwrap_or(0);
        (arrival.at.max(sent), record.events)
    }

    #[inline]
    fn count_read(&mut self, bytes: usize, arrived: Nanos) {
        let record = &mut self.answer.record;
        record.instants.answered(arrived);
        record.reads += 1;
        record.bytes_received += bytes as u64;
    }

    fn decode(&mut self, bytes: &[u8], arrived: Nanos) -> Progress {
        let mut input = bytes;
        let before = self.settled;
        loop {
            match self.decoder.next(&mut input) {
                Ok(None) if self.settled && !before => return Progress::Complete,
                Ok(None) => return Progress::Pending,
                Ok(Some(Part::Head(head))) => self.head(&head, arrived),
                Ok(Some(Part::Body(body))) => {
                    if let Err((cause, detail)) = self.body(body, arrived) {
                        return self.fail(cause, detail, arrived);
                    }
                }
                Ok(Some(Part::End { reusable })) => {
                    let before = self.answer.record.events;
                    let progress = self.end_of_body(arrived, reusable && input.is_empty());
                    if self.answer.record.events != before {
                        (self.event_end, self.events_before) = (input.as_ptr().addr(), before);
                    }
                    return progress;
                }
                Err(e) => return self.fail_http(e, arrived),
            }
        }
    }

    /// The head of a response arrived at `arrived` in a frame of the connection's read number `read` (HTTP/2).
    pub fn handle_head(&mut self, head: &Head, arrived: Nanos, read: u64) {
        let arrived = self.part_of_read(arrived, read);
        self.head(head, arrived);
    }

    /// Bytes of a body arrived in a frame of the connection's read number `read` (HTTP/2): events of one read share its
    /// stamp. `last`: nothing follows the frame in that read.
    pub fn handle_body(&mut self, bytes: &[u8], arrival: &Arrival<'_>, last: bool, read: u64) -> Progress {
        let arrived = self.part_of_read(arrival.at, read);
        self.answer.record.bytes_received += bytes.len() as u64;
        let before = self.answer.record.events;
        let before_settled = self.settled;
        let outcome = self.body(bytes, arrived);
        let new = self.answer.record.events - before;
        let alone = u32::from(self.read_events == 0);
        self.answer.record.coalesced += new.saturating_sub(alone);
        self.read_events += new;
        self.bound(new, bytes, arrival.exact.of_part(last), arrived, arrival);
        match outcome {
            Ok(()) if self.settled && !before_settled => Progress::Complete,
            Ok(()) => Progress::Pending,
            Err((cause, detail)) => self.fail(cause, detail, arrived),
        }
    }

    /// Whether the answer has said that it is over: nothing is lost if it is then cut off.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.active && self.settled
    }

    /// Bytes that arrived after the record of a [complete](Self::complete) answer was taken: the rest of its body, up
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

    /// Passes over bytes of the body of an answer that is complete; false when they are too many.
    fn passes(&mut self, bytes: usize) -> bool {
        self.after = self.after.saturating_add(bytes);
        self.after <= Self::REST_BYTES
    }

    /// Most bytes of a body after the answer in it is complete. With more of them, only the connection is given up.
    pub const REST_BYTES: usize = 64 << 10;

    /// When the last of the answer came, the end of its body included, or it was given up: its connection and its place
    /// were free from then on.
    #[must_use]
    pub fn released(&self) -> Nanos {
        self.released
    }

    /// The end of the body of a [complete](Self::complete) answer is not waited for any longer.
    pub fn let_go(&mut self, now: Nanos) {
        self.released = now;
    }

    /// The response is complete (HTTP/2).
    /// `last`: nothing follows its end in the read.
    pub fn handle_end(&mut self, arrival: &Arrival<'_>, last: bool) -> Progress {
        let sent = self.answer.record.instants.send_start.unwrap_or(0);
        let arrived = arrival.at.max(sent);
        let before = self.answer.record.events;
        let progress = self.end_of_body(arrived, true);
        let new = self.answer.record.events - before;
        if new > 0 {
            let ends = arrival.exact.of_part(last) != Exact::Nothing;
            self.widen(new, ends, arrived, arrival);
        }
        progress
    }

    /// Notes the read that a frame came in, once; when it counts as arrived.
    fn part_of_read(&mut self, arrived: Nanos, read: u64) -> Nanos {
        let record = &mut self.answer.record;
        let arrived = arrived.max(record.instants.send_start.unwrap_or(arrived));
        record.instants.answered(arrived);
        if record.reads == 0 || self.read != read {
            record.reads += 1;
            (self.read, self.read_events) = (read, 0);
        }
        arrived
    }

    /// The peer closed its side at `now`.
    pub fn handle_closed(&mut self, now: Nanos) -> Progress {
        match self.decoder.eof() {
            Ok(Some(Part::End { .. })) => self.end_of_body(now, false),
            // Nothing is lost of a stream that said that it is over, be it in an event that no empty line ends.
            Err(_) if self.settled || self.ends_with_done() => self.end_of_body(now, false),
            Ok(_) => self.fail(Cause::Truncated, Some("the connection was closed".into()), now),
            Err(e) => self.fail_http(e, now),
        }
    }

    /// Whether a stream that was cut off ends with `[DONE]`, and nothing after it.
    fn ends_with_done(&mut self) -> bool {
        self.mode == Mode::Events && self.sse.finish().is_some_and(|event| endpoint::is_done(event.data)) && {
            self.answer.done_seen = true;
            true
        }
    }

    fn head(&mut self, head: &Head, arrived: Nanos) {
        self.answer.record.instants.head_end = Some(arrived);
        self.answer.record.status = head.status;
        self.answer.media = head.media;
        self.mode = if head.redirect {
            Mode::Detail(Cause::Redirect)
        } else if !(200..300).contains(&head.status) {
            Mode::Detail(Cause::HttpStatus)
        } else if head.encoded {
            Mode::Detail(Cause::UnexpectedEncoding)
        } else if head.event_stream || (self.streaming && !head.json) {
            Mode::Events
        } else {
            Mode::Unknown
        };
    }

    fn body(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if self.settled {
            // Of the connection alone: what became of the answer stays.
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
        let what = format!("a body over {most} bytes (--max-body-bytes)");
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

    fn events(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if self.body.len() < FRONT_BYTES {
            let room = (FRONT_BYTES - self.body.len()).min(body.len());
            self.body.extend_from_slice(&body[..room]);
        }
        let mut input = body;
        loop {
            match self.sse.next(&mut input) {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => {
                    self.event_end = input.as_ptr().addr();
                    self.events_before = self.answer.record.events;
                    self.answer.event(event.data, event.name, arrived)?;
                    if self.answer.done_seen {
                        self.settle(arrived);
                        return Ok(());
                    }
                }
                Err(_) => {
                    let detail = format!("an event over {} bytes (--max-event-bytes)", self.limits.event_bytes);
                    return Err((Cause::EventLimit, Some(detail)));
                }
            }
        }
    }

    /// The answer has said that it is over: what becomes of it is fixed.
    fn settle(&mut self, now: Nanos) {
        match self.what_came() {
            Ok(()) => {
                self.answer.settle();
                self.answer.record.outcome = Outcome::Succeeded;
                self.answer.record.instants.end = now;
            }
            Err((cause, detail)) => {
                self.fail(cause, detail, now);
            }
        }
        self.settled = true;
    }

    fn end_of_body(&mut self, now: Nanos, reusable: bool) -> Progress {
        self.released = now;
        if self.settled {
            return Progress::Done { reusable };
        }
        let outcome = match self.mode {
            // Its words are what has come of the body.
            Mode::Detail(cause) => Err((cause, None)),
            Mode::Head => Err((Cause::BadHead, None)),
            Mode::Whole | Mode::Unknown => self.answer.whole(&self.body, now),
            Mode::Events => self.end_of_events(now),
        };
        match outcome {
            Ok(()) => {
                self.answer.settle();
                self.answer.record.outcome = Outcome::Succeeded;
                self.answer.record.instants.end = now;
            }
            Err((cause, detail)) => {
                self.fail(cause, detail, now);
            }
        }
        // The body ended in order: the connection is as good as before, whatever the answer said.
        Progress::Done { reusable }
    }

    fn end_of_events(&mut self, now: Nanos) -> Result<(), Fault> {
        if let Some(event) = self.sse.finish() {
            self.answer.event(event.data, event.name, now)?;
        }
        self.what_came()
    }

    /// What a stream that is over came to.
    fn what_came(&self) -> Result<(), Fault> {
        if !self.answer.may_end() {
            if let Some(fault) = self.answer.no_stream(&self.body) {
                return Err(fault);
            }
            let what = format!(
                "the stream ended after {} output events without [DONE] or a finish reason",
                self.answer.record.events
            );
            return Err((Cause::Truncated, Some(what)));
        }
        if self.answer.record.events == 0 {
            return Err((Cause::NoOutput, Some("the stream ended in order without any output".into())));
        }
        Ok(())
    }

    /// Ends the request as failed. The connection must not be used again.
    ///
    /// An answer that is [complete](Self::complete) stays what it is. One whose status says that it failed has failed
    /// of that, with the words of its body as far as they have come.
    pub fn fail(&mut self, cause: Cause, detail: Option<String>, now: Nanos) -> Progress {
        self.released = now;
        if self.settled {
            return Progress::Done { reusable: false };
        }
        let (cause, detail) = match self.mode {
            Mode::Detail(cause) => {
                let said = self.answer.detail(cause, &self.body);
                let said = Some(said).filter(|said| !said.is_empty());
                (cause, said.or(detail))
            }
            _ => (cause, detail),
        };
        self.answer.record.outcome = Outcome::Failed(cause);
        self.answer.record.detail = detail.filter(|d| !d.is_empty());
        self.answer.record.instants.end = now;
        Progress::Done { reusable: false }
    }

    /// Breaks the request off, as was planned. What has arrived of its answer stays in the record; the connection must
    /// not be used again.
    pub fn cancel(&mut self, now: Nanos) {
        self.released = now;
        if self.settled {
            return;
        }
        self.answer.record.outcome = Outcome::Cancelled;
        self.answer.record.instants.end = now;
    }

    /// The run ends while the request is in flight.
    pub fn abandon(&mut self, now: Nanos) {
        self.released = now;
        if self.settled {
            return;
        }
        self.answer.record.outcome = Outcome::InFlight;
        self.answer.record.instants.end = now;
    }

    /// Whether the text of the last record that was taken was over the limit, and so left out.
    #[must_use]
    pub fn text_lost(&self) -> bool {
        self.text_lost
    }

    /// The visible text of the last answer, still escaped, until the next request begins; `None` if it was over the
    /// limit. Empty unless the text was kept, for a tokenizer or because the request [`Request::threads`].
    #[must_use]
    pub fn answered(&self) -> Option<&[u8]> {
        self.answer.visible()
    }

    /// The record of the finished request, with its text unescaped.
    pub fn take_record(&mut self) -> Record {
        self.active = false;
        let mut record = std::mem::replace(&mut self.answer.record, empty_record());
        // Events that were read with an `end` before them cannot be: instants of one request never run backwards.
        record.instants.end = record.instants.end.max(record.instants.issued);
        if record.outcome == Outcome::Succeeded {
            self.text_lost = self.answer.hand_over(&mut record);
        }
        record
    }
}

fn empty_record() -> Record {
    Record {
        k: 0,
        turn: 0,
        index: 0,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: 0,
        isl: 0,
        requested_osl: None,
        request_id: 0,
        instants: Instants::default(),
        outcome: Outcome::InFlight,
        status: 0,
        usage: None,
        finished: false,
        events: 0,
        coalesced: 0,
        intervals: Intervals::default(),
        reads: 0,
        bytes_sent: 0,
        bytes_received: 0,
        handshake: None,
        connection_reused: false,
        reconnects: 0,
        gaps: Vec::new(),
        usage_refused: false,
        text: None,
        reasoning_text: None,
        detail: None,
    }
}
