//! Whether the run stood still: requests were in flight, and nothing came.

use super::timeline::{Timeline, arrivals};
use crate::clock::Nanos;
use crate::record::{Cause, Outcome, Record};
use serde::{Deserialize, Serialize};

/// The longest stretch of a run without output or answer while requests were in flight.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Standstill {
    /// Its start, in seconds after the start of the run.
    pub from_s: f64,
    /// Its length in seconds, to a 4 096th of the run.
    pub length_s: f64,
    /// Its part before the end of the load, in seconds.
    pub under_load_s: f64,
    /// The length of the run in seconds: first issue to last end.
    pub run_s: f64,
    /// The longest successful request, from its issue to its end, in seconds.
    pub longest_success_s: f64,
    /// Requests that did not succeed and were in flight over the whole stretch.
    pub unanswered: u64,
}

/// Finds the [`Standstill`]. The order of the records changes nothing, and memory does not grow with the run.
#[derive(Debug)]
pub(super) struct Stillness {
    timeline: Timeline,
    /// Output events and ends of answers, by bin.
    signs: Vec<u64>,
    /// Requests that begin in a bin, and that have ended before it.
    began: Vec<u64>,
    ended: Vec<u64>,
    /// The same of those that did not succeed.
    failed_began: Vec<u64>,
    failed_ended: Vec<u64>,
}

impl Stillness {
    pub(super) fn new(timeline: Timeline) -> Self {
        let bins = || vec![0; BINS + 1];
        Self { timeline, signs: bins(), began: bins(), ended: bins(), failed_began: bins(), failed_ended: bins() }
    }

    /// Adds one record of the measured phase.
    pub(super) fn add(&mut self, record: &Record) {
        for arrived in arrivals(record) {
            let bin = self.bin(arrived);
            self.signs[bin] += 1;
        }
        let (issued, end) = (record.instants.issued, record.instants.end);
        let (began, ended) = (self.bin(issued), self.bin(end.max(issued)));
        if answered(record.outcome) {
            self.signs[ended] += 1;
        }
        self.began[began] += 1;
        self.ended[ended + 1] += 1;
        if record.outcome != Outcome::Succeeded {
            self.failed_began[began] += 1;
            self.failed_ended[ended + 1] += 1;
        }
    }

    /// The longest stretch; `None` without a success, in a run of no time, and where each bin has an output event or
    /// an end. `load_end` as in the benchmark duration.
    pub(super) fn finish(&self, longest_success: Option<Nanos>, load_end: Nanos) -> Option<Standstill> {
        let longest_success = longest_success?;
        let (mut longest, mut still) = ((0, 0), 0);
        let mut in_flight = 0;
        for bin in 0..BINS {
            in_flight += self.began[bin];
            in_flight -= self.ended[bin];
            still = if in_flight > 0 && self.signs[bin] == 0 { still + 1 } else { 0 };
            if still > longest.1 {
                longest = (bin + 1 - still, still);
            }
        }
        let (first, length) = longest;
        if length == 0 || self.timeline.length() == 0 {
            return None;
        }
        let per_bin = self.timeline.length() as f64 / BINS as f64 / 1e9;
        let (from_s, length_s) = (first as f64 * per_bin, length as f64 * per_bin);
        let load_s = load_end.saturating_sub(self.timeline.start) as f64 / 1e9;
        let before: u64 = self.failed_began[..=first].iter().sum();
        let gone: u64 = self.failed_ended[..first + length].iter().sum();
        Some(Standstill {
            from_s,
            length_s,
            under_load_s: (load_s - from_s).clamp(0.0, length_s),
            run_s: self.timeline.length() as f64 / 1e9,
            longest_success_s: longest_success as f64 / 1e9,
            unanswered: before.saturating_sub(gone),
        })
    }

    fn bin(&self, at: Nanos) -> usize {
        let since = u128::from(at.saturating_sub(self.timeline.start));
        let length = u128::from(self.timeline.length().max(1));
        ((since * BINS as u128 / length) as usize).min(BINS - 1)
    }
}

/// Whether the end of the request was the server's doing, not that of a clock of the client.
fn answered(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Succeeded => true,
        Outcome::Failed(cause) => {
            !matches!(cause, Cause::Timeout | Cause::TtftTimeout | Cause::InterTokenTimeout | Cause::ConnectTimeout)
        }
        Outcome::InFlight | Outcome::Cancelled => false,
    }
}

const BINS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLI, SECOND};
    use crate::record::testing::streamed;

    fn found(records: &[Record], load_end: Nanos) -> Option<Standstill> {
        let mut still = Stillness::new(Timeline::of(records).unwrap());
        records.iter().for_each(|r| still.add(r));
        let successes = records.iter().filter(|r| r.outcome == Outcome::Succeeded);
        let longest = successes.map(|r| r.instants.end - r.instants.issued).max();
        still.finish(longest, load_end)
    }

    fn hung(k: u64, issued: Nanos, end: Nanos, outcome: Outcome) -> Record {
        let mut record = streamed(k, issued, MILLI, &[]);
        record.instants.first_token = None;
        record.instants.last_token = None;
        record.instants.end = end;
        Record { outcome, events: 0, ..record }
    }

    #[test]
    fn four_answers_and_a_server_that_hangs_stood_still_for_the_rest() {
        for outcome in [Outcome::InFlight, Outcome::Failed(Cause::Timeout)] {
            let mut records: Vec<Record> = (0..4).map(|k| streamed(k, SECOND, 2 * MILLI, &[])).collect();
            records.extend((4..8).map(|k| hung(k, SECOND + 3 * MILLI, 4 * SECOND, outcome)));
            let s = found(&records, 3 * SECOND).unwrap();
            assert!(s.length_s > 2.99 && s.run_s == 3.0 && s.from_s < 0.01, "{s:?}");
            assert!(s.under_load_s > 1.99 && s.under_load_s < 2.0, "{s:?}");
            assert_eq!(s.unanswered, 4);
            assert!(s.longest_success_s < 0.003);
        }
    }

    #[test]
    fn a_pause_of_the_load_and_failures_that_come_at_once_are_no_standstill() {
        // Nothing in flight for two seconds.
        let records = [streamed(0, 0, MILLI, &[]), streamed(1, 2 * SECOND, MILLI, &[])];
        assert!(found(&records, Nanos::MAX).is_none_or(|s| s.length_s < 0.01));
        let mut refused: Vec<Record> =
            (0..1_000).map(|k| hung(k, k * MILLI, (k + 1) * MILLI, Outcome::Failed(Cause::HttpStatus))).collect();
        refused.push(streamed(1_000, 0, MILLI, &[]));
        assert!(found(&refused, Nanos::MAX).is_none_or(|s| s.length_s < 0.01));
    }

    #[test]
    fn without_a_success_there_is_nothing_to_hold_it_against() {
        assert_eq!(found(&[hung(0, 0, SECOND, Outcome::InFlight)], Nanos::MAX), None);
    }
}
