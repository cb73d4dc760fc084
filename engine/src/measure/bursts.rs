//! Output events that arrived together although they were read in time: the server made several at once, or a proxy
//! between held them back.

use super::tokens::TokenCounts;
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Output events of the successful requests that arrived together, within 0.1 ms, and not because the client read late.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Bursts {
    /// Events that came with one before them.
    pub events: u64,
    /// `events` over all output events.
    pub share: f64,
    /// Events of a burst, on average.
    pub events_per_burst: f64,
    /// Time between arrivals, each counted by its length; where most responses are a single burst, from the request to
    /// it. In ms, on average.
    pub period_ms: f64,
    /// How long the first event waited for those that came with it, if the server made them one by one at the pace of
    /// the later ones. In ms, averaged over all requests.
    pub first_held_ms: f64,
    /// By how much the time per token is shorter for that, in ms, averaged over all requests.
    pub token_shorter_ms: f64,
}

/// Fills [`Bursts`]. The order of the records changes nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct BurstTally {
    requests: u64,
    all_events: u64,
    /// Events that came with one before them.
    joined: u64,
    /// Bursts of two events and more, and their events.
    bursts: u64,
    burst_events: u64,
    /// Times from one arrival to the next of requests with bursts: how many, and their sum; and those to the first.
    betweens: u64,
    between_s: f64,
    /// Sum of the squares of the times between.
    between_s2: f64,
    to_first: Nanos,
    firsts: u64,
    held: Nanos,
    shorter: f64,
}

impl BurstTally {
    /// Adds a successful request.
    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        self.requests += 1;
        self.all_events += u64::from(record.events);
        let shape = Shape::of(&record.gaps);
        let late = u64::from(record.coalesced - record.merged.min(record.coalesced));
        if shape.joined <= 2 * late {
            return;
        }
        self.joined += shape.joined - late;
        self.bursts += shape.bursts;
        self.burst_events += shape.burst_events;
        let at = &record.instants;
        let (Some(first), Some(last)) = (at.first_token, at.last_token) else { return };
        let to_first = first.saturating_sub(at.send_start.unwrap_or(at.issued));
        let span = last.saturating_sub(first);
        self.to_first += to_first;
        self.firsts += 1;
        let between = record.gaps.iter().filter(|gap| **gap > NARROW).map(|gap| *gap as f64 / 1e9);
        self.between_s += between.clone().sum::<f64>();
        self.between_s2 += between.map(|gap| gap * gap).sum::<f64>();
        self.betweens += shape.times - 1;
        let held = shape.first_held(u64::from(record.events), to_first, span);
        self.held += held;
        let tokens = tokens.osl().unwrap_or(record.events).max(record.events);
        self.shorter += held as f64 / f64::from(tokens.saturating_sub(1).max(1));
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.all_events += other.all_events;
        self.joined += other.joined;
        self.bursts += other.bursts;
        self.burst_events += other.burst_events;
        self.betweens += other.betweens;
        self.between_s += other.between_s;
        self.between_s2 += other.between_s2;
        self.to_first += other.to_first;
        self.firsts += other.firsts;
        self.held += other.held;
        self.shorter += other.shorter;
    }

    /// What they came to; `None` where no events came together.
    pub(super) fn finish(&self) -> Option<Bursts> {
        if self.bursts == 0 {
            return None;
        }
        let ms = |nanos: Nanos, of: u64| nanos as f64 / 1e6 / of.max(1) as f64;
        Some(Bursts {
            events: self.joined,
            share: self.joined as f64 / self.all_events as f64,
            events_per_burst: self.burst_events as f64 / self.bursts as f64,
            period_ms: if 2 * self.betweens >= self.firsts && self.between_s > 0.0 {
                1e3 * self.between_s2 / self.between_s
            } else {
                ms(self.to_first, self.firsts)
            },
            first_held_ms: ms(self.held, self.requests),
            token_shorter_ms: self.shorter / 1e6 / self.requests as f64,
        })
    }
}

/// How the events of a response came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Times at which any came.
    times: u64,
    /// Events that came with one before them.
    joined: u64,
    /// Times at which several came, and how many in all.
    bursts: u64,
    burst_events: u64,
    /// Events that came with the first, itself included.
    first: u64,
}

impl Shape {
    fn of(gaps: &[Nanos]) -> Self {
        let mut shape = Self { times: 1, first: 1, ..Self::default() };
        let mut size = 1;
        for gap in gaps {
            if *gap > NARROW {
                shape.times += 1;
                size = 1;
                continue;
            }
            size += 1;
            shape.joined += 1;
            if shape.times == 1 {
                shape.first = size;
            }
            let began = u64::from(size == 2);
            shape.bursts += began;
            shape.burst_events += 1 + began;
        }
        shape
    }

    /// How long the first of `events` waited, which came `to_first` after the request and `span` before the last. Those
    /// that came with it were made at the pace of the later ones, and no slower than evenly since the request.
    fn first_held(&self, events: u64, to_first: Nanos, span: Nanos) -> Nanos {
        let evenly = to_first / self.first;
        let pace = match events.saturating_sub(self.first) {
            0 => evenly,
            later => evenly.min(span / later),
        };
        (self.first - 1) * pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::record::Usage;
    use crate::record::testing::streamed;

    /// A response of 32 tokens 20 ms apart of which `sizes` came together each, as their last was made; read in time.
    fn held(sizes: &[u64]) -> Record {
        let mut gaps = Vec::new();
        for size in sizes {
            gaps.push(size * 20 * MILLI);
            gaps.extend(std::iter::repeat_n(0, *size as usize - 1));
        }
        let (first, gaps) = gaps.split_first().unwrap();
        let merged = sizes.iter().map(|size| *size as u32 - 1).sum();
        let usage = Some(Usage { completion: Some(32), ..Usage::default() });
        Record { coalesced: merged, merged, usage, ..streamed(0, 1_000 * MILLI, *first, gaps) }
    }

    fn bursts(records: &[Record]) -> Option<Bursts> {
        let mut tally = BurstTally::default();
        records.iter().for_each(|record| tally.add(record, &TokenCounts::of(record, None)));
        tally.finish()
    }

    #[test]
    fn what_a_proxy_holds_back_is_known_from_the_pace_of_what_it_passes_on() {
        // (bursts, events a burst, period, first token late by, time per token that is missing)
        for (sizes, k, period, late) in [
            (&[19, 13][..], 16.0, 260.0, 360.0),
            (&[10, 11, 11], 32.0 / 3.0, 220.0, 180.0),
            (&[32], 32.0, 640.0, 620.0),
            (&[4; 8], 4.0, 80.0, 60.0),
        ] {
            let got = bursts(&[held(sizes), held(sizes)]).unwrap();
            let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.001;
            assert!(near(got.events_per_burst, k) && near(got.period_ms, period), "{sizes:?} {got:?}");
            assert!(near(got.first_held_ms, late) && near(got.token_shorter_ms, late / 31.0), "{sizes:?} {got:?}");
            assert_eq!(got.events, 2 * (32 - sizes.len() as u64));
        }
    }

    #[test]
    fn a_first_event_that_came_alone_was_not_held() {
        let got = bursts(&[held(&[1, 8, 8, 8, 7])]).unwrap();
        assert_eq!((got.first_held_ms, got.token_shorter_ms), (0.0, 0.0));
        assert!((got.period_ms - (3.0 * 160.0 * 160.0 + 140.0 * 140.0) / 620.0).abs() < 0.001, "{got:?}");
    }

    #[test]
    fn a_long_wait_for_the_first_token_is_not_taken_for_the_pace() {
        let mut record = held(&[4; 8]);
        record.instants.issued -= 900 * MILLI;
        record.instants.send_start = Some(record.instants.issued);
        let got = bursts(&[record]).unwrap();
        assert!((got.first_held_ms - 60.0).abs() < 0.001, "{got:?}");
    }

    #[test]
    fn what_came_one_by_one_or_was_read_late_is_none() {
        assert_eq!(bursts(&[held(&[1; 32])]), None);
        let late = Record { merged: 0, ..held(&[16, 16]) };
        assert_eq!(bursts(std::slice::from_ref(&late)), None);
        // One of two.
        let got = bursts(&[late, held(&[16, 16])]).unwrap();
        assert_eq!((got.events, got.share), (30, 30.0 / 64.0));
    }

    #[test]
    fn a_burst_of_several_segments_is_one() {
        let mut record = held(&[16, 16]);
        record.gaps.iter_mut().filter(|gap| **gap == 0).for_each(|gap| *gap = 3_000);
        (record.coalesced, record.merged) = (0, 0);
        let got = bursts(&[record]).unwrap();
        assert!((got.events_per_burst - 16.0).abs() < 0.001 && (got.first_held_ms - 300.0).abs() < 1.0, "{got:?}");
    }
}
