//! Prompts that were sent more than once, and what that did to the time to first token.

use super::super::request::ms;
use super::super::tally::SparseTally;
use crate::clock::Nanos;
use crate::plan::metric as tags;
use crate::record::{Outcome, PhaseKind, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Prompts of the measured phase that were sent more than once, or in the warm-up.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RepeatFigures {
    /// Requests of the measured phase.
    pub sent: u64,
    /// Prompts among them.
    pub distinct: u64,
    /// Requests whose prompt had been sent before, in the warm-up or in the measured phase.
    pub again: u64,
    /// Of those, the ones whose prompt the warm-up had sent.
    pub after_warmup: u64,
    /// The metric of the two below: `time_to_first_token`, or `request_latency` without streams.
    pub metric: String,
    /// Of successful requests whose prompt was sent for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Sending>,
    /// Of successful requests whose prompt had been sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later: Option<Sending>,
}

/// A metric over some requests.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Sending {
    /// How many they are.
    pub count: u64,
    /// Mean, in ms.
    pub mean_ms: f64,
    /// Standard deviation, ms.
    pub std_ms: f64,
    /// Median, ms, to three significant digits.
    pub p50_ms: f64,
}

/// Watches which prompts are sent. Records come in the order in which requests ended: of two that were in flight with
/// one prompt, the one that ended first counts as the first.
#[derive(Debug)]
pub(super) struct Repeats {
    streaming: bool,
    warmup: Marks,
    seen: Marks,
    sent: u64,
    distinct: u64,
    again: u64,
    after_warmup: u64,
    first: Times,
    later: Times,
}

impl Repeats {
    pub(super) fn new(streaming: bool) -> Self {
        Self {
            streaming,
            warmup: Marks::default(),
            seen: Marks::default(),
            sent: 0,
            distinct: 0,
            again: 0,
            after_warmup: 0,
            first: Times::default(),
            later: Times::default(),
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        if record.phase == PhaseKind::Warmup {
            self.warmup.set(record.entry);
            return;
        }
        let warmed = self.warmup.has(record.entry);
        let seen = !self.seen.set(record.entry);
        self.sent += 1;
        self.distinct += u64::from(!seen);
        self.again += u64::from(seen || warmed);
        self.after_warmup += u64::from(warmed);
        let at = &record.instants;
        let until = if self.streaming { at.first_token } else { at.last_token };
        if let (Outcome::Succeeded, Some(until)) = (record.outcome, until) {
            let times = if seen || warmed { &mut self.later } else { &mut self.first };
            times.add(until.saturating_sub(at.issued));
        }
    }

    pub(super) fn finish(self) -> Option<RepeatFigures> {
        let metric = if self.streaming { &tags::TIME_TO_FIRST_TOKEN } else { &tags::REQUEST_LATENCY };
        (self.again > 0).then(|| RepeatFigures {
            sent: self.sent,
            distinct: self.distinct,
            again: self.again,
            after_warmup: self.after_warmup,
            metric: metric.tag.to_owned(),
            first: self.first.finish(),
            later: self.later.finish(),
        })
    }
}

#[derive(Debug, Default)]
struct Times {
    count: u64,
    sum: f64,
    squares: f64,
    tally: SparseTally,
}

impl Times {
    fn add(&mut self, time: Nanos) {
        let value = ms(time);
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        self.tally.record(time);
    }

    fn finish(self) -> Option<Sending> {
        let n = self.count as f64;
        let mean = self.sum / n;
        (self.count > 0).then(|| Sending {
            count: self.count,
            mean_ms: mean,
            std_ms: (self.squares / n - mean * mean).max(0.0).sqrt(),
            p50_ms: ms(self.tally.histogram().value_at_quantile(0.5)),
        })
    }
}

/// A set of numbers, a bit each where they lie close together.
#[derive(Debug, Default)]
struct Marks(BTreeMap<u32, Box<[u64; WORDS]>>);

impl Marks {
    /// Whether it is new.
    fn set(&mut self, number: u32) -> bool {
        let page = self.0.entry(number / PAGE).or_insert_with(|| Box::new([0; WORDS]));
        let (word, bit) = place(number);
        let new = page[word] & bit == 0;
        page[word] |= bit;
        new
    }

    fn has(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.0.get(&(number / PAGE)).is_some_and(|page| page[word] & bit != 0)
    }
}

fn place(number: u32) -> (usize, u64) {
    ((number % PAGE / 64) as usize, 1 << (number % 64))
}

const WORDS: usize = 64;
/// Numbers of a page.
const PAGE: u32 = 64 * WORDS as u32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::record::testing::streamed;

    fn sent(phase: PhaseKind, entry: u32, ttft_ms: u64) -> Record {
        Record { phase, entry, ..streamed(0, 0, ttft_ms * MILLI, &[MILLI; 3]) }
    }

    #[test]
    fn prompts_that_are_sent_once_are_no_repeats() {
        let mut repeats = Repeats::new(true);
        for entry in 0..20 {
            repeats.add(&sent(PhaseKind::Warmup, 100 + entry, 60));
            repeats.add(&sent(PhaseKind::Profiling, entry, 60));
        }
        assert_eq!(repeats.finish(), None);
    }

    #[test]
    fn first_and_later_sendings_have_their_own_times() {
        let mut repeats = Repeats::new(true);
        repeats.add(&sent(PhaseKind::Warmup, 3, 60));
        for entry in [0, 1, 0, 70_000, 3, 70_000] {
            let known = repeats.seen.has(entry) || entry == 3;
            repeats.add(&sent(PhaseKind::Profiling, entry, if known { 2 } else { 60 }));
        }
        let got = repeats.finish().unwrap();
        assert_eq!((got.sent, got.distinct, got.again, got.after_warmup), (6, 4, 3, 1));
        assert_eq!(got.metric, "time_to_first_token");
        let (first, later) = (got.first.unwrap(), got.later.unwrap());
        assert_eq!((first.count, first.mean_ms, first.std_ms), (3, 60.0, 0.0));
        assert_eq!((later.count, later.mean_ms), (3, 2.0));
        assert!((first.p50_ms / 60.0 - 1.0).abs() < 1e-3 && (later.p50_ms / 2.0 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn without_streams_it_is_the_whole_latency() {
        let mut repeats = Repeats::new(false);
        repeats.add(&sent(PhaseKind::Profiling, 0, 60));
        repeats.add(&sent(PhaseKind::Profiling, 0, 60));
        let got = repeats.finish().unwrap();
        assert_eq!((got.metric.as_str(), got.later.unwrap().mean_ms), ("request_latency", 63.0));
    }
}
