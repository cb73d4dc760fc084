//! Responses whose second arrival came about as long after the first as the kernel delays an acknowledgement.
//!
//! A server that leaves Nagle's algorithm on (RFC 896) sends a small segment at once only while nothing of the
//! connection waits to be acknowledged. Behind the head, or the first event, the next ones then wait for the client's
//! acknowledgement. The client's kernel delays that by 40 ms (`TCP_DELACK_MIN`) and up to a tick on a connection on
//! which both sides take turns; on a new one it acknowledges at once (`TCP_MAX_QUICKACKS`), so that a first request is
//! not held up.

use crate::arrival::NARROW;
use crate::clock::{MILLI, Nanos};
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// How the second arrivals of the successful responses came, where enough came as an acknowledgement would have it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct DelayedAcks {
    /// Responses on connections that had served others, of which something came 38 to 60 ms after the first bytes, and
    /// nothing between.
    pub delayed: u64,
    /// Responses on connections that had served others.
    pub of_reused: u64,
    /// The same on new connections.
    pub delayed_on_new: u64,
    /// Responses on new connections.
    pub of_new: u64,
    /// Of `delayed` those of which several output events came at that time.
    pub with_bursts: u64,
    /// How long they came after the first bytes, in ms, on average.
    pub wait_ms: f64,
    /// How long the first event waited, if it did, and the server made events at the pace of the later ones. In ms,
    /// averaged over all requests.
    pub first_held_ms: f64,
    /// By how much the time per token is shorter for that, in ms, averaged over all requests.
    pub token_shorter_ms: f64,
}

/// Fills [`DelayedAcks`]. The order of the records changes nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct DelayedAckTally {
    reused: Kind,
    new: Kind,
    with_bursts: u64,
    wait: Nanos,
    held: Nanos,
    shorter: f64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Kind {
    responses: u64,
    delayed: u64,
}

impl Kind {
    fn merge(&mut self, other: Self) {
        self.responses += other.responses;
        self.delayed += other.delayed;
    }

    fn share(self) -> f64 {
        self.delayed as f64 / self.responses.max(1) as f64
    }
}

impl DelayedAckTally {
    /// Adds a successful request of so many tokens.
    pub(super) fn add(&mut self, record: &Record, tokens: u32) {
        let Some(second) = Second::of(record) else { return };
        let kind = if record.connection_reused { &mut self.reused } else { &mut self.new };
        kind.responses += 1;
        if !DELAYED.contains(&second.wait) {
            return;
        }
        kind.delayed += 1;
        if record.connection_reused {
            self.wait += second.wait;
            self.with_bursts += u64::from(second.events > 1);
            let held = second.first_held();
            self.held += held;
            self.shorter += held as f64 / f64::from(tokens.saturating_sub(1).max(1));
        }
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.reused.merge(other.reused);
        self.new.merge(other.new);
        self.with_bursts += other.with_bursts;
        self.wait += other.wait;
        self.held += other.held;
        self.shorter += other.shorter;
    }

    /// What they came to: `None` where it is not the pattern of an acknowledgement. Most responses on used connections
    /// have to be delayed, and of most of these several events have to come at that time; where there are some new
    /// ones, they are delayed less than half as often.
    pub(super) fn finish(&self) -> Option<DelayedAcks> {
        let (reused, new) = (self.reused, self.new);
        let same_on_new = new.responses >= FEW && new.share() >= reused.share() / 2.0;
        let bursts = 2 * self.with_bursts > reused.delayed;
        if reused.responses < ENOUGH || reused.share() < MOST || same_on_new || !bursts {
            return None;
        }
        let all = (reused.responses + new.responses) as f64;
        Some(DelayedAcks {
            delayed: reused.delayed,
            of_reused: reused.responses,
            delayed_on_new: new.delayed,
            of_new: new.responses,
            with_bursts: self.with_bursts,
            wait_ms: self.wait as f64 / 1e6 / reused.delayed as f64,
            first_held_ms: self.held as f64 / 1e6 / all,
            token_shorter_ms: self.shorter / 1e6 / all,
        })
    }
}

/// The second time at which anything came of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Second {
    /// How long after the first.
    wait: Nanos,
    /// Output events that came then.
    events: u64,
    /// Whether the first event is one of them.
    has_first: bool,
    /// Output events that came later, and how long after it the last did.
    later: u64,
    span: Nanos,
}

impl Second {
    fn of(record: &Record) -> Option<Self> {
        let at = &record.instants;
        let (head, first, last) = (at.first_byte?, at.first_token?, at.last_token?);
        let has_first = first.saturating_sub(head) > NARROW;
        // Where the first event came with the head, the next that came later.
        let apart = |gap: &Nanos| *gap > NARROW;
        let place = if has_first { 0 } else { record.gaps.iter().position(apart)? + 1 };
        let together = record.gaps.get(place..)?;
        let events = together.iter().position(apart).unwrap_or(together.len()) as u64 + 1;
        let before: Nanos = record.gaps[..place].iter().sum();
        let second = first + before;
        let later = u64::from(record.events).saturating_sub(place as u64 + events);
        let wait = if has_first { first - head } else { record.gaps[place - 1] };
        Some(Self { wait, events, has_first, later, span: last.saturating_sub(second) })
    }

    fn first_held(&self) -> Nanos {
        if !self.has_first {
            return 0;
        }
        let evenly = self.wait / self.events;
        let pace = match self.later {
            0 => evenly,
            later => evenly.min(self.span / later),
        };
        (self.events - 1) * pace
    }
}

/// An acknowledgement that is delayed by 40 ms, to a tick of 100 Hz and the way there and back.
const DELAYED: std::ops::RangeInclusive<Nanos> = 38 * MILLI..=60 * MILLI;
/// The share of the responses on used connections that has to be delayed.
const MOST: f64 = 0.5;
/// Responses on used connections from which on a share is one.
const ENOUGH: u64 = 20;
/// Responses on new connections from which on they are compared with.
const FEW: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::streamed;

    /// A head at once, and eight tokens from 20 ms on, one each 5 ms; what is made by 40 ms comes then.
    fn delayed(reused: bool) -> Record {
        let gaps = [vec![0; 4], vec![5 * MILLI; 3]].concat();
        let mut record = streamed(0, 1_000 * MILLI, 41 * MILLI, &gaps);
        record.instants.first_byte = Some(1_001 * MILLI);
        record.instants.head_end = record.instants.first_byte;
        Record { coalesced: 4, merged: 4, connection_reused: reused, ..record }
    }

    /// The same on a connection whose client acknowledges at once.
    fn prompt(reused: bool) -> Record {
        let mut record = streamed(0, 1_000 * MILLI, 21 * MILLI, &[5 * MILLI; 7]);
        record.instants.first_byte = Some(1_001 * MILLI);
        Record { connection_reused: reused, ..record }
    }

    fn tally(records: impl IntoIterator<Item = Record>) -> Option<DelayedAcks> {
        let mut tally = DelayedAckTally::default();
        records.into_iter().for_each(|record| tally.add(&record, record.events));
        tally.finish()
    }

    fn times<T: Clone>(n: usize, of: T) -> Vec<T> {
        vec![of; n]
    }

    #[test]
    fn events_that_wait_for_an_acknowledgement_on_used_connections_are_found() {
        let got = tally([times(90, delayed(true)), times(10, prompt(false))].concat()).unwrap();
        assert_eq!((got.delayed, got.of_reused, got.delayed_on_new, got.of_new), (90, 90, 0, 10));
        assert_eq!((got.with_bursts, got.wait_ms), (90, 40.0));
        // The first of five that were made 5 ms apart waited for 20 ms, in nine of ten requests.
        assert!((got.first_held_ms - 18.0).abs() < 1e-9 && (got.token_shorter_ms - 18.0 / 7.0).abs() < 1e-9, "{got:?}");
        // With too few new connections to compare with, the burst tells.
        assert!(tally(times(30, delayed(true))).is_some());
    }

    #[test]
    fn a_rest_that_waits_behind_the_first_event_is_found() {
        let with_head = streamed(0, 1_000 * MILLI, 20 * MILLI, &[41 * MILLI, 0, 0, 0, 0, 5 * MILLI]);
        let got = tally(times(30, with_head)).unwrap();
        assert_eq!((got.delayed, got.first_held_ms), (30, 0.0));
    }

    #[test]
    fn a_server_that_takes_40_ms_to_its_first_token_is_not() {
        let mut slow = prompt(true);
        slow.instants.first_token = Some(1_041 * MILLI);
        slow.instants.last_token = Some(1_076 * MILLI);
        assert_eq!(tally(times(90, slow.clone())), None);
        // Nor where new connections are slower, as those of a cold server.
        assert_eq!(tally([times(90, slow.clone()), times(10, prompt(false))].concat()), None);
        // With new connections that show the same it is the server's, whatever comes together.
        let new = Record { connection_reused: false, ..delayed(true) };
        assert_eq!(tally([times(90, delayed(true)), times(10, new)].concat()), None);
        // Tokens 40 ms apart.
        assert_eq!(tally(times(90, streamed(0, 1_000 * MILLI, 20 * MILLI, &[40 * MILLI; 9]))), None);
        assert_eq!(tally([times(10, delayed(true)), times(10, prompt(false))].concat()), None, "too few");
    }
}
