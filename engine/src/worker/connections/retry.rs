//! What becomes of requests whose connection is lost or that the server did not begin, for both protocols: a request is
//! retried where it is known that the server did not begin it, for one of the reasons of [`Retry`] and once, or
//! [more often](UNPROCESSED) where servers end connections in order; else it fails. The reason stands in its record.

use super::Connections;
use super::h2_targets::none_allowed;
use super::pool::Pool;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key};
use crate::record::{Cause, Retry};
use crate::setting::Setting::Reuse;
use crate::wire::http2::Code;

impl Pool<'_> {
    /// Bytes that were sent since a connection was idle, while the server has sent nothing: what it may have closed
    /// before. `None` where it was not idle since it was made, or the server has sent something.
    fn bytes_since_idle(&self, key: Key) -> Option<u64> {
        let slot = self.slots.get(key)?;
        if let Some(h2) = &slot.h2 {
            return h2.unanswered_bytes();
        }
        let record = slot.exchange.record();
        let bytes = if slot.connection.is_untaken() { 0 } else { record.bytes_sent };
        record.connection_reused.then_some(bytes)
    }
}

impl<D: Driver> Connections<'_, D> {
    /// A connection is lost. Requests that waited for one that had been established find another. Those that were sent
    /// are retried where the server [has seen nothing](Self::is_unseen) of them, and fail otherwise.
    pub(super) fn lost(&mut self, key: Key, cause: Cause, detail: Option<String>, at: Nanos) {
        let Some(slot) = self.pool.slots.get(key) else {
            return;
        };
        if slot.state() == State::Http2 {
            self.lost_http2(key, cause, detail, at);
        } else if !slot.exchange.active() {
            self.close(key);
        } else {
            let kept = slot.exchange.may_be_retried_after_close();
            let unseen = kept && self.is_unseen(key, cause);
            if !(unseen && self.retry(key.slot, Retry::ClosedWhileIdle, 1, at)) {
                let crossed = kept && matches!(cause, Cause::Reset | Cause::ClosedBeforeResponse);
                let detail = if crossed { Some(crossed_words(detail)) } else { detail };
                self.fail(key.slot, cause, detail, at);
            }
        }
    }

    fn lost_http2(&mut self, key: Key, cause: Cause, detail: Option<String>, at: Nanos) {
        let unseen = self.is_unseen(key, cause);
        // The reason, in a GOAWAY or an alert; whether it arrives is no concern of ours.
        let _ = self.hand_over(key);
        let (cause, detail) = self.pool.close_reason(key, cause, detail);
        let slot = &self.pool.slots[key.slot];
        let target = slot.target();
        let (established, streams) =
            slot.h2.as_ref().map_or((false, Vec::new()), |h2| (h2.is_established(), h2.streams()));
        self.pool.handle_h2_closing(key, at);
        for stream in streams {
            let slot = &self.pool.slots[stream];
            if slot.h2_key() != Some(key) || !slot.exchange.active() {
                continue;
            }
            if established && slot.state() == State::Connecting {
                self.assign(stream, false, at);
            } else if !(unseen && self.retry(stream, Retry::ClosedWhileIdle, 1, at)) {
                let instants = &self.pool.slots[stream].exchange.record().instants;
                let cause = match cause {
                    Cause::ClosedBeforeResponse if instants.first_byte.is_some() => Cause::Truncated,
                    // What could not be sent was not the request: an acknowledgement, as a rule.
                    Cause::SendFailed if instants.send_end.is_some() => Cause::Reset,
                    cause => cause,
                };
                self.fail(stream, cause, Some(detail.clone()), at);
            }
        }
        self.close(key);
        if self.pool.h2_targets.has_waiting(target) {
            self.assign_waiting(target, at);
        }
    }

    /// Whether a connection was idle before, and it is known that the server has seen nothing of what was sent on it
    /// since.
    ///
    /// It is in two cases only: the kernel took no byte of it; or the server's end came in order (FIN), and its
    /// acknowledgements leave all of it out. A part that the kernel took counts as seen, and a reset says nothing of
    /// what the server has read.
    fn is_unseen(&mut self, key: Key, cause: Cause) -> bool {
        let in_order = cause == Cause::ClosedBeforeResponse;
        self.pool.bytes_since_idle(key).is_some_and(|bytes| {
            bytes == 0 || in_order && self.driver.unacknowledged(key).is_some_and(|n| n as u64 >= bytes)
        })
    }

    /// Sends a request again on another connection, unless that was done `most` times before or its response has begun.
    /// Whether it was done.
    fn retry(&mut self, slot: u32, reason: Retry, most: u32, at: Nanos) -> bool {
        let state = &mut self.pool.slots[slot];
        if !state.exchange.may_be_retried(most) {
            return false;
        }
        state.exchange.handle_retry(reason);
        // A stream that was refused early waits like those that were not opened yet; the others want a connection that
        // is made for them.
        let fresh = reason != Retry::RefusedEarly;
        if state.h2_key().is_some() {
            state.wait();
            self.assign(slot, fresh, at);
        } else {
            self.close_transport(self.pool.slots.key_of(slot));
            self.connect(slot, State::Connecting);
        }
        true
    }

    /// The server goes away without having begun a stream's request.
    pub(super) fn unprocessed(&mut self, stream: Key, code: Code, at: Nanos) {
        let Some(slot) = self.pool.slots.get(stream).filter(|slot| slot.exchange.active()) else {
            return;
        };
        let h2 = slot.h2_key();
        let most = if code == Code::NO_ERROR { UNPROCESSED } else { 1 };
        if !self.retry(stream.slot, Retry::Unprocessed, most, at) {
            let why = h2.map_or_else(String::new, |key| self.pool.why_away(key, code));
            let what = format!("the server went away ({code}) before it began the request{why}");
            self.fail(stream.slot, Cause::Http2Goaway, Some(what), at);
        }
    }

    /// The server refused a request that was sent before its settings came, and they allow no stream: it waits like the
    /// others.
    pub(super) fn refused_early(&mut self, stream: Key, at: Nanos) {
        if self.pool.slots.get(stream).is_none_or(|slot| !slot.exchange.active()) {
            return;
        }
        if !self.retry(stream.slot, Retry::RefusedEarly, 1, at) {
            self.fail(stream.slot, Cause::Http2Refused, Some(none_allowed(None)), at);
        }
    }
}

/// What is said of a request that met the end of a kept connection, and of which the server may have seen something.
fn crossed_words(detail: Option<String>) -> String {
    format!(
        "{}, on a kept connection before any byte of the response: if the server closes idle connections, raise its \
         keep-alive time-out, or try {Reuse} never",
        detail.unwrap_or_else(|| "the connection was closed".into())
    )
}

/// How often a request is sent again that servers did not begin before they ended its connection in order. Proxies end
/// connections after so many requests; those that were sent meanwhile go to the next one together, which can be too
/// many for it, too.
const UNPROCESSED: u32 = 32;
