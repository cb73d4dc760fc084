//! How much earlier than its stamp an event can have arrived: see [`Arrival`].

use super::Exchange;
use crate::arrival::{Arrival, Exact, NARROW};
use crate::clock::Nanos;

impl Exchange {
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
        output
            && match part.as_ptr_range().end.addr().wrapping_sub(self.event_end) {
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
