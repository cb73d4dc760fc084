//! What came when, in bins of equal length: the series behind the intervals of rates.

use super::timeline::{Timeline, arrivals};
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::record::{Outcome, Record};

/// Requests and tokens of the successful requests over the timeline, as their output arrives. Memory does not grow with
/// the run.
///
/// Each of a request's m output events stands for 1/m of the request and n/m of its n tokens. The mean of that is the
/// rate at which requests are served, as that of counted ends is, without the jumps that ends make where requests of
/// equal length go in step.
#[derive(Debug)]
pub(super) struct TimeBins {
    timeline: Timeline,
    requests: Vec<f64>,
    good: Vec<f64>,
    tokens: Vec<f64>,
    /// Whether every successful request had a known number of tokens.
    pub(super) all_counted: bool,
}

/// Which series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    /// Requests.
    Requests,
    /// Good requests.
    Good,
    /// Tokens that arrived; of m events each stands for n/m tokens.
    Tokens,
}

impl TimeBins {
    pub(super) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            requests: vec![0.0; COUNT],
            good: vec![0.0; COUNT],
            tokens: vec![0.0; COUNT],
            all_counted: true,
        }
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, good: bool) {
        if record.outcome != Outcome::Succeeded || record.events == 0 {
            return;
        }
        self.all_counted &= tokens.osl().is_some();
        let share = 1.0 / f64::from(record.events);
        let good = if good { share } else { 0.0 };
        let counted = f64::from(tokens.osl().unwrap_or(0)) * share;
        for arrived in arrivals(record) {
            let at = (self.place(arrived) as usize).min(COUNT - 1);
            self.requests[at] += share;
            self.good[at] += good;
            self.tokens[at] += counted;
        }
    }

    /// Amounts a second in the bins that lie within `from` and `to`, in order.
    pub(super) fn rates(&self, series: Series, from: Nanos, to: Nanos) -> Vec<f64> {
        let all = match series {
            Series::Requests => &self.requests,
            Series::Good => &self.good,
            Series::Tokens => &self.tokens,
        };
        let seconds = self.timeline.length() as f64 / COUNT as f64 / 1e9;
        if seconds <= 0.0 {
            return Vec::new();
        }
        let first = self.place(from).ceil() as usize;
        let last = (self.place(to).floor() as usize).max(first);
        all[first..last].iter().map(|n| n / seconds).collect()
    }

    /// Where an instant lies: whole bins and the part of the next, from 0 to the number of bins.
    fn place(&self, at: Nanos) -> f64 {
        let since = at.saturating_sub(self.timeline.start) as f64;
        (since / self.timeline.length().max(1) as f64 * COUNT as f64).min(COUNT as f64)
    }
}

/// 32 batches of 128 bins.
const COUNT: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLI, SECOND};
    use crate::record::Usage;
    use crate::record::testing::streamed;

    #[test]
    fn cells_hold_what_arrives_in_them() {
        let line = Timeline { start: SECOND, end: 9 * SECOND };
        let mut bins = TimeBins::new(line);
        // 80 requests, each with an output event after 20 and after 40 ms, of three tokens in all.
        for k in 0..80 {
            let record = Record {
                usage: Some(Usage { completion: Some(3), ..Usage::default() }),
                ..streamed(k, SECOND + k * 100 * MILLI, 20 * MILLI, &[20 * MILLI])
            };
            bins.add(&record, &TokenCounts::of(&record, None), k % 2 == 0);
        }
        let total = |series, from, to| {
            let rates = bins.rates(series, from, to);
            rates.iter().sum::<f64>() * 8.0 / 4_096.0
        };
        for (series, expected) in [(Series::Requests, 80.0), (Series::Good, 40.0), (Series::Tokens, 240.0)] {
            let (all, half) = (total(series, SECOND, 9 * SECOND), total(series, SECOND, 5 * SECOND));
            assert!((all - expected).abs() < 1e-6, "{series:?}: {all}");
            assert!((half - expected / 2.0).abs() < 1e-6, "{series:?}: {half}");
        }
        assert!(bins.all_counted);
        assert_eq!(bins.rates(Series::Tokens, 5 * SECOND, 5 * SECOND).len(), 0);
    }

    #[test]
    fn a_request_that_waits_is_not_served() {
        // Answers of ten events, one a millisecond, that come one after the other though all were asked for at once.
        let mut bins = TimeBins::new(Timeline { start: 0, end: SECOND });
        for k in 0..100 {
            let record = streamed(k, 0, (k * 10 + 1) * MILLI - 1, &[MILLI; 9]);
            bins.add(&record, &TokenCounts::UNKNOWN, true);
        }
        let rates = bins.rates(Series::Requests, 0, SECOND);
        for quarter in rates.chunks(1_024) {
            let mean = quarter.iter().sum::<f64>() / 1_024.0;
            assert!((mean - 100.0).abs() < 1.0, "{mean}");
        }
    }

    #[test]
    fn a_request_without_a_count_is_told() {
        let mut bins = TimeBins::new(Timeline { start: 0, end: 10 });
        bins.add(&streamed(0, 0, 5, &[]), &TokenCounts::UNKNOWN, false);
        assert!(!bins.all_counted);
        assert!(TimeBins::new(Timeline::default()).rates(Series::Good, 0, 9).is_empty());
    }
}
