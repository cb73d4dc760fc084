//! Output tokens that arrived, whatever came of their requests.

use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// Output of all requests. A request that did not succeed has no count of its tokens in most cases, as usage comes
/// last: each of its output events stands for as many tokens as those of the successful requests did on average.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Arrived {
    counted: Counted,
    /// Tokens of unsuccessful requests with a count of their own.
    partial_tokens: u64,
    /// Output events of unsuccessful requests without one.
    partial_events: u64,
    /// The last output of an unsuccessful request.
    pub(super) last_output: Nanos,
}

/// Events and tokens of the successful requests whose tokens are known.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Counted {
    events: u64,
    tokens: u64,
}

impl Counted {
    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        if record.outcome == Outcome::Succeeded
            && let Some(osl) = tokens.osl()
        {
            self.events += u64::from(record.events);
            self.tokens += u64::from(osl);
        }
    }

    /// Tokens that an event stands for; `None` where nothing was counted.
    pub(super) fn per_event(&self) -> Option<f64> {
        (self.events > 0).then(|| self.tokens as f64 / self.events as f64)
    }
}

/// The tokens of an unsuccessful request by the server's own count, where it gave one while it streamed.
pub(super) fn own_count(record: &Record) -> Option<u32> {
    record.usage?.completion.filter(|n| *n > 0)
}

impl Arrived {
    /// Adds the output of other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counted.events += other.counted.events;
        self.counted.tokens += other.counted.tokens;
        self.partial_tokens += other.partial_tokens;
        self.partial_events += other.partial_events;
        self.last_output = self.last_output.max(other.last_output);
    }

    /// Moves it to another clock.
    pub(super) fn shift(&mut self, by: &dyn Fn(Nanos) -> Nanos) {
        if self.last_output > 0 {
            self.last_output = by(self.last_output);
        }
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        self.counted.add(record, tokens);
        if record.outcome == Outcome::Succeeded || record.events == 0 {
            return;
        }
        self.last_output = self.last_output.max(record.instants.last_token.unwrap_or(0));
        match own_count(record) {
            Some(own) => self.partial_tokens += u64::from(own),
            None => self.partial_events += u64::from(record.events),
        }
    }

    /// Tokens of all requests; `None` where no unsuccessful request had output, so that there is nothing beside
    /// `total_osl`, or where nobody knows how many tokens an event stands for.
    pub(super) fn tokens(&self) -> Option<f64> {
        if self.partial_tokens + self.partial_events == 0 {
            return None;
        }
        let known = (self.counted.tokens + self.partial_tokens) as f64;
        match self.partial_events {
            0 => Some(known),
            events => Some(known + events as f64 * self.counted.per_event()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Usage;
    use crate::record::testing::streamed;

    fn with(outcome: Outcome, events: usize, completion: Option<u32>) -> Record {
        Record {
            outcome,
            usage: completion.map(|n| Usage { completion: Some(n), ..Usage::default() }),
            ..streamed(0, 0, 1, &vec![1; events - 1])
        }
    }

    fn tokens(records: &[Record]) -> Option<f64> {
        let mut all = Arrived::default();
        records.iter().for_each(|r| all.add(r, &TokenCounts::of(r, None)));
        all.tokens()
    }

    #[test]
    fn events_of_what_was_cut_off_stand_for_as_many_tokens_as_those_of_successes() {
        let whole = with(Outcome::Succeeded, 10, Some(25));
        assert_eq!(tokens(std::slice::from_ref(&whole)), None);
        for outcome in [Outcome::InFlight, Outcome::Cancelled, Outcome::Failed(crate::record::Cause::Truncated)] {
            assert_eq!(tokens(&[whole.clone(), with(outcome, 4, None)]), Some(35.0));
            assert_eq!(tokens(&[whole.clone(), with(outcome, 4, Some(12))]), Some(37.0));
            assert_eq!(tokens(&[with(outcome, 4, None)]), None);
        }
    }
}
