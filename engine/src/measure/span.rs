//! How long a phase lasted: the seconds that its rates are divided by.

use crate::clock::Nanos;
use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// The benchmark duration: from the first issue of any request to the later of
///
/// * the last output of a successful request, and
/// * the last end of a request that failed, was cancelled or was cut off, but not later than the end of the load.
///
/// Where every request succeeded that is AIPerf's `benchmark_duration`. Where a server hangs, the time in which it hung
/// counts: a rate is of the time in which the load was on, not of the milliseconds in which answers came.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Span {
    first_issue: Option<Nanos>,
    /// First issue and last output of the successful requests.
    successes: Option<(Nanos, Nanos)>,
    longest_success: Nanos,
    last_other: Nanos,
    #[serde(skip, default = "never")]
    pub(super) load_end: Nanos,
}

fn never() -> Nanos {
    Nanos::MAX
}

impl Default for Span {
    fn default() -> Self {
        Self { first_issue: None, successes: None, longest_success: 0, last_other: 0, load_end: Nanos::MAX }
    }
}

impl Span {
    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.first_issue = self.first_issue.into_iter().chain(other.first_issue).min();
        self.successes = match (self.successes, other.successes) {
            (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
            (one, other) => one.or(other),
        };
        self.longest_success = self.longest_success.max(other.longest_success);
        self.last_other = self.last_other.max(other.last_other);
    }

    /// Moves it to another clock.
    pub(super) fn shift(&mut self, by: &dyn Fn(Nanos) -> Nanos) {
        self.first_issue = self.first_issue.map(by);
        self.successes = self.successes.map(|(first, last)| (by(first), by(last)));
        if self.last_other > 0 {
            self.last_other = by(self.last_other);
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        let at = &record.instants;
        let first = self.first_issue.map_or(at.issued, |f| f.min(at.issued));
        self.first_issue = Some(first);
        if record.outcome == Outcome::Succeeded {
            let last = at.last_token.unwrap_or(at.end);
            let (from, to) = self.successes.unwrap_or((at.issued, last));
            self.successes = Some((from.min(at.issued), to.max(last)));
            self.longest_success = self.longest_success.max(at.end.saturating_sub(at.issued));
        } else {
            self.last_other = self.last_other.max(at.end);
        }
    }

    /// The benchmark duration in seconds; 0 without a success.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds_with_output(0)
    }

    /// The same, stretched to an output at `last`.
    pub(super) fn seconds_with_output(&self, last: Nanos) -> f64 {
        let end = self.end().map(|end| end.max(last));
        let both = self.first_issue.zip(end);
        both.map_or(0.0, |(first, end)| seconds(first, end))
    }

    /// The end of the benchmark duration.
    pub(super) fn end(&self) -> Option<Nanos> {
        let (_, last_output) = self.successes?;
        Some(last_output.max(self.last_other.min(self.load_end)))
    }

    /// First issue → last output of the successful requests alone, in seconds.
    pub(super) fn successes_s(&self) -> f64 {
        self.successes.map_or(0.0, |(first, last)| seconds(first, last))
    }

    /// The longest time from the issue of a successful request to its end.
    pub(super) fn longest_success(&self) -> Option<Nanos> {
        self.successes.map(|_| self.longest_success)
    }
}

fn seconds(from: Nanos, to: Nanos) -> f64 {
    to.saturating_sub(from) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use crate::record::Cause;
    use crate::record::testing::{failed, streamed};

    fn span(load_end: Nanos, records: &[Record]) -> Span {
        let mut span = Span { load_end, ..Span::default() };
        records.iter().for_each(|r| span.add(r));
        span
    }

    /// An answer of ten milliseconds, and a request that hangs from the first second to the thirtieth.
    fn hung(outcome: Outcome) -> [Record; 2] {
        let answer = streamed(0, SECOND, SECOND / 100, &[]);
        let mut hung = streamed(1, SECOND, SECOND, &[]);
        hung.instants.end = 30 * SECOND;
        hung.outcome = outcome;
        [answer, hung]
    }

    #[test]
    fn where_all_succeed_it_goes_from_the_first_issue_to_the_last_output() {
        let records = [streamed(0, 5, 10, &[3]), streamed(1, 8, 20, &[4])];
        let all = span(1_000, &records);
        assert_eq!((all.end(), all.seconds()), (Some(32), 27e-9));
        assert_eq!(all.successes_s(), all.seconds());
        assert_eq!(all.longest_success(), Some(29));
    }

    #[test]
    fn the_time_in_which_requests_hang_counts_while_the_load_is_on() {
        for outcome in [Outcome::InFlight, Outcome::Failed(Cause::Timeout), Outcome::Cancelled] {
            let found = span(11 * SECOND, &hung(outcome));
            assert_eq!((found.seconds(), found.successes_s()), (10.0, 0.01), "{outcome:?}");
            // Without an end of the load, to the end of the request.
            assert_eq!(span(Nanos::MAX, &hung(outcome)).seconds(), 29.0);
            // A load that ended before the answer does not take the answer away.
            assert_eq!(span(SECOND, &hung(outcome)).seconds(), 0.01);
        }
    }

    #[test]
    fn failures_before_the_first_success_count_and_without_one_there_is_no_duration() {
        let early = failed(streamed(0, SECOND, 5, &[]), Cause::Reset, 0, "");
        let late = streamed(1, 3 * SECOND, SECOND, &[]);
        assert_eq!(span(Nanos::MAX, &[early.clone(), late]).seconds(), 3.0);
        let none = span(Nanos::MAX, &[early]);
        assert_eq!((none.seconds(), none.end(), none.longest_success()), (0.0, None, None));
    }
}
