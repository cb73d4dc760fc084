//! How much earlier than its stamp an event can have arrived: see [`Arrival`].

use super::{Exchange, Progress};
use crate::arrival::{Arrival, Exact, NARROW};
use crate::clock::Nanos;

/// Which ends of a response are the end of the part of a read that brought them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// The response's own.
    pub(super) response: bool,
    /// That of its body.
    pub(super) body: bool,
}

impl Exchange {
    /// Notes how much earlier than `arrived` the response can have begun, or its head have ended: a read had a part of
    /// the head.
    #[inline(never)]
    pub(super) fn bound_head(&mut self, arrived: Nanos, arrival: &Arrival<'_>) {
        let width = self.width(arrived, arrival);
        let by = &mut self.response.record.intervals;
        by.begin = by.begin.max(width);
    }

    /// Which ends of the response, whose state is now `progress`, are those of the read of `bytes`.
    pub(super) fn ends_with_read(&self, bytes: &[u8], progress: Progress) -> Ends {
        match progress {
            Progress::Pending | Progress::Refused => Ends::default(),
            Progress::Complete => Ends { response: self.is_behind_event(bytes), body: false },
            // Of a response that has said that it is over before the end of its body came, that is not known here.
            Progress::Done { .. } => Ends { response: !self.settled, body: true },
        }
    }

    /// Notes how much earlier than `arrived` what has ended in a read can have: the response, and the use of its
    /// connection. There were `before` output events before it.
    #[cold]
    #[inline(never)]
    pub(super) fn bound_end(&mut self, before: u32, ends: Ends, arrived: Nanos, arrival: &Arrival<'_>) {
        let record = &self.response.record;
        // An end is not before what an earlier read brought of the response.
        let known = match record.events == before {
            true => record.instants.last_token,
            false => record.instants.first_byte,
        };
        let most = arrived - known.filter(|at| *at < arrived).unwrap_or(0);
        let is_exact = |ends: bool| ends && arrival.exact == Exact::LastByte;
        if record.instants.end == arrived && !is_exact(ends.response) {
            let width = self.width(arrived, arrival).min(most);
            self.response.record.intervals.end = width;
        }
        if self.released == arrived && !is_exact(ends.body) {
            let width = self.width(arrived, arrival).min(most);
            self.released_since = self.released_since.min(arrived - width);
        }
    }

    /// How much earlier than `arrived` a byte of a read can have come.
    fn width(&self, arrived: Nanos, arrival: &Arrival<'_>) -> Nanos {
        let known = self.response.record.instants.send_start.unwrap_or(0);
        let width = arrived - arrival.earliest().max(known).min(arrived);
        // Only a wide one is worth the question.
        if width > NARROW && arrival.stamped && arrival.pieces() == 1 { 0 } else { width }
    }

    #[inline]
    pub(super) fn read_ends(&mut self, before: u32, part: &[u8], arrived: Nanos, arrival: &Arrival<'_>) {
        let new = self.response.record.events - before;
        if new > 1 {
            self.share_read(new - 1, new, arrived, arrival);
        }
        self.bound(new, part, arrival.exact, arrived, arrival);
    }

    /// Notes how much earlier than `arrived` the last `new` output events can have arrived. They came in `part`, of
    /// which `exact` arrived at the stamp.
    #[inline]
    pub(super) fn bound(&mut self, new: u32, part: &[u8], exact: Exact, arrived: Nanos, arrival: &Arrival<'_>) {
        if new == 0 {
            return;
        }
        let sure = match exact {
            Exact::Whole => true,
            Exact::LastByte => new == 1 && self.ends_with_event(part),
            Exact::Nothing => false,
        };
        if sure {
            self.response.record.intervals.last = 0;
        } else {
            let ends = exact == Exact::LastByte && self.ends_with_event(part);
            self.widen(new, ends, arrived, arrival);
        }
    }

    /// Whether the last event was output and is the end of `part`, but for what belongs to it: the LF of its last CR,
    /// and the CR LF that ends its chunk.
    #[inline]
    fn ends_with_event(&self, part: &[u8]) -> bool {
        let output = self.response.record.events != self.events_before;
        output && self.is_behind_event(part)
    }

    /// The same, whatever the last event was.
    #[inline]
    pub(super) fn is_behind_event(&self, part: &[u8]) -> bool {
        match part.as_ptr_range().end.addr().wrapping_sub(self.event_end) {
            0 => true,
            2 => part.ends_with(b"\r\n"),
            behind => ends_after_cr(part, behind),
        }
    }

    /// Notes that `coalesced` more events share their read, `in_read` of this response so far.
    ///
    /// The read was in time where all of it came in one piece; or within so short a time that less than one event would
    /// have come in it at the pace of that read, which is so many events since the event before it, or since the
    /// request. The client cannot then have made them share the read by reading late. Else it can have joined as many
    /// as the read had pieces.
    #[cold]
    #[inline(never)]
    pub(super) fn share_read(&mut self, coalesced: u32, in_read: u32, arrived: Nanos, arrival: &Arrival<'_>) {
        let record = &mut self.response.record;
        record.coalesced += coalesced;
        let sent = record.instants.send_start.unwrap_or(0);
        let before = record.gaps.len().checked_sub(in_read as usize).and_then(|first| record.gaps.get(first));
        let since_last = before.copied().unwrap_or(arrived.saturating_sub(sent));
        let pieces = arrival.pieces();
        let width = if pieces == 1 { 0 } else { arrived.saturating_sub(arrival.earliest().max(sent)) };
        if width <= NARROW.max(since_last / (2 * Nanos::from(in_read))) {
            record.merged += coalesced;
        } else {
            let joined = |events: u32| events.min(pieces).saturating_sub(1);
            record.merged += coalesced - (joined(in_read) - joined(in_read - coalesced)).min(coalesced);
        }
    }

    /// `ends`: the last of the events has its own stamp.
    #[cold]
    #[inline(never)]
    pub(super) fn widen(&mut self, new: u32, ends: bool, arrived: Nanos, arrival: &Arrival<'_>) {
        let record = &mut self.response.record;
        if arrival.stamped && arrival.pieces() == 1 {
            record.intervals.last = 0;
            return;
        }
        let intervals = &mut record.intervals;
        // A response does not begin before its request, nor is it stamped out of order: where the event before the new
        // ones ended a read that emptied the queue, they were stamped after that.
        let before = match record.gaps.len().checked_sub(new as usize) {
            Some(first) if intervals.last == 0 => record.gaps.get(first).copied(),
            _ => None,
        };
        let known = before.map_or(0, |gap| arrived.saturating_sub(gap));
        let known = known.max(record.instants.send_start.unwrap_or(0));
        let width = arrived - arrival.earliest().max(known).min(arrived);
        let unsure = new - u32::from(ends);
        intervals.last = if ends { 0 } else { width };
        if unsure == 0 {
            return;
        }
        if record.events == new {
            intervals.first = width;
        }
        intervals.widest = intervals.widest.max(width);
        if width > NARROW {
            intervals.wide += unsure;
        }
    }
}

#[cold]
fn ends_after_cr(part: &[u8], behind: usize) -> bool {
    match behind {
        1 => part.ends_with(b"\n"),
        3 => part.ends_with(b"\n\r\n"),
        _ => false,
    }
}
