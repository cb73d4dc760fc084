//! How a request ends but for the end of its response, and its record.

use super::body::Mode;
use super::intervals::Ends;
use super::{Exchange, Progress};
use crate::api;
use crate::arrival::{Arrival, Exact, Since};
use crate::clock::Nanos;
use crate::record::{Cause, Instants, Intervals, Lags, Observed, Outcome, PhaseKind, Record};
use crate::wire::http1::Part;

impl Exchange {
    /// The peer closed its side, not before `since`; that was seen at `now`. What of the response ends with its
    /// connection is output of then, and came somewhere between the two.
    pub fn handle_closed(&mut self, since: Nanos, now: Nanos) -> Progress {
        self.handle_over(since);
        let before = self.response.record.events;
        let progress = match self.decoder.eof() {
            Ok(Some(Part::End { .. })) => self.end_of_body(now, false),
            // Nothing is lost of a stream that said that it is over.
            Err(_) if self.settled => self.end_of_body(now, false),
            Ok(_) => self.fail(Cause::Truncated, Some("the connection was closed".into()), now),
            Err(e) => self.fail_http(e, now),
        };
        let arrival = Arrival { at: now, stamped: false, exact: Exact::Nothing, since: Since::Known(since) };
        self.read_ends(before, &[], now, &arrival);
        self.bound_end(before, Ends::default(), now, &arrival);
        progress
    }

    /// The connection has ended, not before `since`: should the request fail of that, its place has been free since.
    pub fn handle_over(&mut self, since: Nanos) {
        let instants = &self.response.record.instants;
        let known = instants.last_token.or(instants.first_byte).or(instants.send_start);
        self.over_since = since.max(known.unwrap_or(instants.issued));
    }

    /// Whether the response has said that it is over: nothing is lost if it is then cut off.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.active && self.settled
    }

    /// Ends the request as failed. The connection must not be used again.
    ///
    /// A response that is [complete](Self::complete) stays what it is, be it by a `[DONE]` that no empty line ends. One
    /// whose status says that it failed has failed of that, with the words of its body as far as they have come.
    pub fn fail(&mut self, cause: Cause, detail: Option<String>, now: Nanos) -> Progress {
        (self.released, self.released_since) = (now, self.over_since);
        if self.settled {
            return Progress::Done { reusable: false };
        }
        if self.ends_with_done() {
            let last = self.response.record.instants.last_token;
            self.settle(last.map_or(now, |last| last.min(now)));
            return Progress::Done { reusable: false };
        }
        let (cause, detail) = match self.mode {
            Mode::Detail(cause) => {
                let said = self.response.detail(cause, &self.body);
                let said = Some(said).filter(|said| !said.is_empty());
                (cause, said.or(detail))
            }
            _ => (cause, detail),
        };
        self.response.record.outcome = Outcome::Failed(cause);
        self.response.record.detail = detail.filter(|d| !d.is_empty());
        self.response.record.instants.end = now;
        Progress::Done { reusable: false }
    }

    /// Whether a stream that was cut off ends with `[DONE]`, and nothing after it.
    fn ends_with_done(&mut self) -> bool {
        self.mode == Mode::Events && matches!(self.sse.finish(), Ok(Some(event)) if api::is_done(event.data)) && {
            self.response.set_done_seen();
            true
        }
    }

    /// Breaks the request off, as was planned. What has arrived of its response stays in the record; the connection
    /// must not be used again.
    pub fn cancel(&mut self, now: Nanos) {
        self.released = now;
        if self.settled {
            return;
        }
        self.response.record.outcome = Outcome::Cancelled;
        self.response.record.instants.end = now;
    }

    /// The run ends while the request is in flight.
    pub fn abandon(&mut self, now: Nanos) {
        self.released = now;
        if self.settled {
            return;
        }
        self.response.record.outcome = Outcome::InFlight;
        self.response.record.instants.end = now;
    }

    /// When the last of the response came, the end of its body included, or it was given up: its connection and its
    /// place were free from then on.
    #[must_use]
    pub fn released(&self) -> Nanos {
        self.released
    }

    /// Since when that can have been, at the earliest.
    #[must_use]
    pub fn released_since(&self) -> Nanos {
        self.released_since.min(self.released)
    }

    /// Nothing more of the response is waited for since `at`, be it that it is [complete](Self::complete) but for the
    /// end of its body, or that its time was over: that the client came to it later is the client's own lag.
    pub fn let_go(&mut self, at: Nanos) {
        self.released = at;
    }

    /// Whether the text of the last record that was taken was over the limit, and so left out.
    #[must_use]
    pub fn text_lost(&self) -> bool {
        self.text_lost
    }

    /// The visible text of the last response, still escaped, until the next request begins; `None` if it was over the
    /// limit. Empty unless the text was kept, for a tokenizer or because the request
    /// [`threads`](super::Request::threads).
    #[must_use]
    pub fn answered(&self) -> Option<&[u8]> {
        self.response.visible()
    }

    /// The record of the finished request, with its text unescaped.
    pub fn take_record(&mut self) -> Record {
        self.active = false;
        let mut record = std::mem::replace(&mut self.response.record, empty_record());
        // Events that were read with an `end` before them cannot be: instants of one request never run backwards.
        record.instants.end = record.instants.end.max(record.instants.issued);
        if record.outcome == Outcome::Succeeded {
            self.text_lost = self.response.hand_over(&mut record);
        }
        record
    }
}

pub(super) fn empty_record() -> Record {
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
        observed: Observed::default(),
        events: 0,
        coalesced: 0,
        merged: 0,
        intervals: Intervals::default(),
        lags: Lags::default(),
        reads: 0,
        bytes_sent: 0,
        bytes_received: 0,
        handshake: None,
        connection_reused: false,
        round_trip: None,
        transmission: None,
        retry: None,
        gaps: Vec::new(),
        usage_refused: false,
        text: None,
        reasoning_text: None,
        detail: None,
        timings: None,
    }
}
