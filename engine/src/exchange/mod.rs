//! Pure: one request's life over one connection. Bytes and instants in, a [`Record`] out.
//!
//! Order of calls: [`Exchange::begin`], then each event as it comes: `handle_connecting`, `handle_connected`,
//! `handle_sending`, `handle_sent`, `handle_received` …, until one of them answers [`Progress::Done`] or the caller
//! gives up with [`Exchange::fail`], [`Exchange::cancel`], [`Exchange::abandon`] or [`Exchange::let_go`]; then
//! [`Exchange::take_record`], once. Where the end of the body had not come by then, [`Exchange::handle_rest`] looks for
//! it, so that the connection may be used again.

mod body;
mod cause;
mod ending;
mod http2;
mod intervals;
mod job;
mod response;
mod set_up;
mod transmission;
mod unasked;

pub(crate) use cause::explain;
pub use response::KeepText;
pub use set_up::Stage;

use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::plan::{EndpointKind, Limits, OutputPath};
use crate::record::{Instants, Lags, PhaseKind, Record, Retry};
use crate::wire::Product;
use crate::wire::http1::{Decoder, HeadLimits, Part};
use crate::wire::sse::Sse;
use body::Mode;
use ending::empty_record;
use intervals::Ends;
use job::Polling;
use response::Response;

/// The state of a response after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Pending,
    /// The response has said that it is over (`[DONE]`, or the last event of its dialect), and the end of its body has
    /// not come. What follows changes nothing of the record, and only the connection's use depends on it. Said once.
    Complete,
    /// Its head says that it is no result, and the end of its body, which can only give words for that, has not come.
    /// Said once.
    Refused,
    /// It is over.
    Done {
        /// Whether the connection may serve another request.
        reusable: bool,
    },
}

/// A request before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Number of its session in its phase.
    pub k: u64,
    /// Its place in the session.
    pub turn: u32,
    /// Its number in its phase.
    pub index: u64,
    /// Its response is wanted for the next turn.
    pub threads: bool,
    /// The phase that it belongs to.
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
    /// As [`crate::api::Body::results`].
    pub results: u32,
    /// The value of its `X-Request-ID`: a UUID.
    pub request_id: u128,
    /// When the plan wanted it.
    pub scheduled: Nanos,
    /// When it was taken up.
    pub issued: Nanos,
    /// As [`Lags::dispatch`].
    pub lag: Nanos,
}

/// One request's life over one connection.
pub struct Exchange {
    decoder: Decoder,
    sse: Sse,
    response: Response,
    body: Vec<u8>,
    limits: Limits,
    streaming: bool,
    mode: Mode,
    active: bool,
    /// How often the request was retried.
    retries: u32,
    /// What became of the response is known: what follows says nothing more of it.
    settled: bool,
    /// Bytes of the body that came after that.
    after: usize,
    /// When the last of the response came, the end of its body included, or it was given up.
    released: Nanos,
    /// Since when that can have been, at the earliest.
    released_since: Nanos,
    /// Since when the connection can have ended, where that has been seen; [`Nanos::MAX`] else.
    over_since: Nanos,
    text_lost: bool,
    /// HTTP/2: the last read that brought something, and how many output events it brought.
    read: u64,
    read_events: u32,
    /// The address of the byte behind the last event, and the number of output events before it.
    event_end: usize,
    events_before: u32,
    /// The job that the request has become, where its dialect has jobs.
    polling: Polling,
}

impl Exchange {
    /// A life for requests of one plan; used again for one request after another.
    #[must_use]
    pub fn new(kind: EndpointKind, streaming: bool, keep_text: KeepText, limits: Limits) -> Self {
        Self {
            decoder: Decoder::new(HeadLimits { bytes: limits.head_bytes, fields: limits.head_fields }),
            sse: Sse::new(limits.event_bytes),
            response: Response::new(kind, keep_text, limits.text_bytes),
            body: Vec::new(),
            limits,
            streaming,
            mode: Mode::Head,
            active: false,
            retries: 0,
            settled: false,
            after: 0,
            released: 0,
            released_since: Nanos::MAX,
            over_since: Nanos::MAX,
            text_lost: false,
            read: 0,
            read_events: 0,
            event_end: 0,
            events_before: 0,
            polling: Polling::default(),
        }
    }

    /// The same, with the place where the output of responses of unknown shape is.
    #[must_use]
    pub fn looking_at(mut self, field: Option<OutputPath>) -> Self {
        self.response.look_at(field);
        self
    }

    /// The same, or without a look at what the server says of its time.
    #[must_use]
    pub fn timed(mut self, timed: bool) -> Self {
        self.response.look_at_time(timed);
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
        self.response.record.request_id
    }

    /// The record so far.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.response.record
    }

    /// `Server` and `Via` of the last response head.
    #[must_use]
    pub fn software(&self) -> [Product; 2] {
        [self.response.head.server, self.response.head.via]
    }

    /// Begins the next request.
    pub fn begin(&mut self, request: &Request) {
        self.reset_response();
        self.polling.begin();
        self.active = true;
        self.retries = 0;
        self.text_lost = false;
        let gaps = request.requested_osl.map_or(64, |n| n as usize).min(4096);
        let record = Record {
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
            lags: Lags { dispatch: request.lag, ..Lags::default() },
            gaps: Vec::with_capacity(gaps),
            ..empty_record()
        };
        self.response.begin(record, request);
    }

    fn reset_response(&mut self) {
        self.decoder.reset();
        self.sse.reset();
        self.response.reset();
        self.body.clear();
        self.mode = Mode::Head;
        self.settled = false;
        self.after = 0;
        (self.released_since, self.over_since) = (Nanos::MAX, Nanos::MAX);
    }

    /// Bytes of memory that the response holds: what of it has been read and is not done with, its text, and the
    /// record. It grows with what is received, and shrinks with [`Exchange::release`] alone.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.decoder.memory() + self.sse.memory() + self.response.memory() + self.body.capacity()
    }

    /// Gives the memory of a response back, its record having been taken.
    pub fn release(&mut self) {
        self.decoder.release();
        self.sse.release();
        self.response.release();
        self.body = Vec::new();
    }

    /// The first byte is about to be handed to the kernel. `reused` tells whether the connection served an earlier
    /// request.
    pub fn handle_sending(&mut self, now: Nanos, bytes: usize, reused: bool) {
        if self.polling.is_asking() {
            self.response.record.bytes_sent += bytes as u64;
            return;
        }
        let instants = &mut self.response.record.instants;
        instants.connection_ready = Some(now);
        instants.send_start = Some(now);
        instants.send_end = None;
        self.response.record.transmission = None;
        self.response.record.bytes_sent = bytes as u64;
        self.response.record.connection_reused = reused;
    }

    /// What the kernel knows of the round-trip time of the connection that the request is sent on.
    pub fn handle_round_trip(&mut self, least: Option<Nanos>) {
        self.response.record.round_trip = least;
    }

    /// Whether the end of its connection may have come before the request: it went out on a kept connection, and
    /// [may be retried](Self::may_be_retried).
    #[must_use]
    pub fn may_be_retried_after_close(&self) -> bool {
        self.response.record.connection_reused && self.may_be_retried(1)
    }

    /// Whether the request may be retried, where the server did not begin it: less than `most` times, and no byte came.
    #[must_use]
    pub fn may_be_retried(&self, most: u32) -> bool {
        self.active
            && self.retries < most
            && !self.decoder.started()
            && self.response.record.instants.first_byte.is_none()
    }

    /// The request is retried on another connection. The time on the one before becomes time in which it waited.
    pub fn handle_retry(&mut self, reason: Retry) {
        self.retries += 1;
        let record = &mut self.response.record;
        record.retry = Some(reason);
        record.connection_reused = false;
        record.handshake = None;
        record.transmission = None;
        // As the time in which it was added, what the client added before is of the wait from now on.
        record.lags = Lags { dispatch: record.lags.dispatch, queue: record.lags.set_up(), ..Lags::default() };
        record.instants =
            Instants { scheduled: record.instants.scheduled, issued: record.instants.issued, ..Instants::default() };
        self.reset_response();
    }

    /// Bytes arrived; returns how far the response is.
    pub fn handle_received(&mut self, bytes: &[u8], arrival: &Arrival<'_>) -> Progress {
        let (arrived, before) = self.read_begins(arrival);
        self.count_read(bytes.len(), arrived);
        let in_head = self.mode == Mode::Head;
        let progress = self.decode(bytes, arrived);
        self.read_ends(before, bytes, arrived, arrival);
        if in_head {
            self.bound_head(arrived, arrival);
        }
        if progress != Progress::Pending {
            self.bound_end(before, self.ends_with_read(bytes, progress), arrived, arrival);
        }
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
        let in_head = self.mode == Mode::Head;
        parts(&mut |part| {
            if std::mem::take(&mut first) {
                self.count_read(bytes, arrived);
            }
            progress = match progress {
                Progress::Pending => self.decode(part, arrived),
                before @ (Progress::Complete | Progress::Refused) => match self.decode(part, arrived) {
                    Progress::Pending => before,
                    progress => progress,
                },
                Progress::Done { .. } => Progress::Done { reusable: false },
            };
        });
        // What TLS carries arrived with its record or is not known: where an event ends in it makes no difference.
        self.read_ends(before, &[], arrived, arrival);
        if in_head && !first {
            self.bound_head(arrived, arrival);
        }
        if progress != Progress::Pending {
            self.bound_end(before, Ends::default(), arrived, arrival);
        }
        progress
    }

    /// The arrival that counts for a read, and the output events before it.
    #[inline]
    fn read_begins(&self, arrival: &Arrival<'_>) -> (Nanos, u32) {
        let record = &self.response.record;
        // A stamp from before the request was sent cannot be its response's: the read is then as good as its own send.
        let sent = record.instants.send_start.unwrap_or(0);
        (arrival.at.max(sent), record.events)
    }

    #[inline]
    fn count_read(&mut self, bytes: usize, arrived: Nanos) {
        let record = &mut self.response.record;
        record.instants.answered(arrived);
        record.reads += 1;
        record.bytes_received += bytes as u64;
    }

    fn decode(&mut self, bytes: &[u8], arrived: Nanos) -> Progress {
        let mut input = bytes;
        let before = self.settled;
        let mut refused = false;
        loop {
            match self.decoder.next(&mut input) {
                Ok(None) if self.settled && !before => return Progress::Complete,
                Ok(None) if refused => return Progress::Refused,
                Ok(None) => return Progress::Pending,
                Ok(Some(Part::Head(head))) => {
                    self.head(&head, arrived);
                    refused = self.refused();
                }
                Ok(Some(Part::Body(body))) => {
                    if let Err((cause, detail)) = self.body(body, arrived) {
                        return self.fail(cause, detail, arrived);
                    }
                }
                Ok(Some(Part::End { reusable })) => {
                    let before = self.response.record.events;
                    let progress = self.end_of_body(arrived, reusable && input.is_empty());
                    if self.response.record.events != before {
                        (self.event_end, self.events_before) = (input.as_ptr().addr(), before);
                    }
                    return progress;
                }
                Err(e) => return self.fail_http(e, arrived),
            }
        }
    }
}
