//! Tokens that are counted and were in no event of their own: reasoning that was kept back, and first events that hold
//! many tokens. The time per token is then that of fewer tokens than it is divided by.

use super::super::tokens::TokenCounts;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Tokens that are counted and were in no event of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UnseenFigures {
    /// Streamed responses whose tokens are counted.
    pub responses: u64,
    /// Of those, the ones with reasoning tokens in their usage and without any reasoning in their events.
    pub hidden: u64,
    /// Reasoning tokens of `hidden`.
    pub hidden_tokens: u64,
    /// Responses whose first event holds many tokens: five or more, and over four times as many as later events do.
    pub bunched: u64,
    /// Tokens in the first events of `bunched`, by usage in that event, else by its share of the text.
    pub bunched_tokens: u64,
    /// All tokens of `hidden` and `bunched`.
    pub tokens: u64,
    /// Mean of `inter_token_latency` where it can be compared with `seen_ms`; absent where nothing was unseen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub itl_ms: Option<f64>,
    /// Mean, over the same responses, of the time from first to last output event divided by the tokens that came in
    /// that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<f64>,
    /// Responses with reasoning in their events whose usage says that they have no reasoning tokens.
    pub uncounted: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(in crate::measure) struct Unseen {
    streaming: bool,
    figures: UnseenFigures,
    /// Responses behind the two sums.
    timed: u64,
    itl_ms: f64,
    seen_ms: f64,
}

impl Unseen {
    /// Adds those of other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        let (figures, others) = (&mut self.figures, &other.figures);
        figures.responses += others.responses;
        figures.hidden += others.hidden;
        figures.hidden_tokens += others.hidden_tokens;
        figures.bunched += others.bunched;
        figures.bunched_tokens += others.bunched_tokens;
        figures.tokens += others.tokens;
        figures.uncounted += others.uncounted;
        self.timed += other.timed;
        self.itl_ms += other.itl_ms;
        self.seen_ms += other.seen_ms;
    }

    pub(super) fn new(streaming: bool) -> Self {
        Self { streaming, figures: UnseenFigures::default(), timed: 0, itl_ms: 0.0, seen_ms: 0.0 }
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        let figures = &mut self.figures;
        let (observed, said) = (&record.observed, record.usage.and_then(|usage| usage.reasoning));
        figures.uncounted += u64::from(observed.reasoned && said == Some(0));
        let Some(osl) = tokens.osl().filter(|_| self.streaming) else { return };
        figures.responses += 1;
        let hidden = said.filter(|n| *n > 0 && !observed.reasoned).unwrap_or(0).min(osl);
        let shown = osl - hidden;
        let first = first_of(record, shown, hidden);
        let rest = shown - first;
        let bunched = is_bunch(first, rest, record.events);
        if hidden > 0 {
            figures.hidden += 1;
            figures.hidden_tokens += u64::from(hidden);
        }
        if bunched {
            figures.bunched += 1;
            figures.bunched_tokens += u64::from(first);
        }
        if hidden > 0 || bunched {
            figures.tokens += u64::from(osl);
        }
        if let (Some(decode), 2.., 1..) = (decode_ms(record), osl, rest) {
            let itl = decode / f64::from(osl - 1);
            // A first event of some tokens is how a server that decodes several at a time begins.
            let steps = if bunched { rest } else { shown.saturating_sub(1).max(1) };
            self.timed += 1;
            self.itl_ms += itl;
            self.seen_ms += if hidden > 0 || bunched { decode / f64::from(steps) } else { itl };
        }
    }

    pub(super) fn finish(self) -> UnseenFigures {
        let any = self.timed > 0 && self.figures.hidden + self.figures.bunched > 0;
        let mean = |sum: f64| any.then(|| sum / self.timed as f64);
        UnseenFigures { itl_ms: mean(self.itl_ms), seen_ms: mean(self.seen_ms), ..self.figures }
    }
}

/// Tokens of the first output event, of those that are `shown`: all where there is no other, else by the usage in it,
/// which counts hidden ones too, else by its share of the text, else one.
fn first_of(record: &Record, shown: u32, hidden: u32) -> u32 {
    if record.events == 1 {
        return shown;
    }
    let by_usage = record.observed.first_tokens.map(|n| n.saturating_sub(hidden));
    let by_text = || record.observed.first_share().map(|share| (share * f64::from(shown)).round() as u32);
    by_usage.or_else(by_text).unwrap_or(1).clamp(1.min(shown), shown)
}

/// Whether so many tokens of a first event are many beside the `rest`, which the later events hold.
fn is_bunch(first: u32, rest: u32, events: u32) -> bool {
    let later = f64::from(events.saturating_sub(1));
    first >= MANY && (events == 1 || f64::from(first) * later > TIMES * f64::from(rest))
}

/// From the first to the last output event.
fn decode_ms(record: &Record) -> Option<f64> {
    let at = &record.instants;
    Some(at.last_token?.saturating_sub(at.first_token?) as f64 / 1e6)
}

const MANY: u32 = 5;
const TIMES: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::measure::TokenSource;
    use crate::record::testing::streamed;
    use crate::record::{Observed, Usage};

    fn figures(record: &Record, osl: u32, reasoning: Option<u32>) -> UnseenFigures {
        let mut unseen = Unseen::new(true);
        let usage = Usage { completion: Some(osl), reasoning, ..Usage::default() };
        let record = Record { usage: Some(usage), ..record.clone() };
        let counts = TokenCounts { output: Some(osl), source: TokenSource::Usage, ..TokenCounts::UNKNOWN };
        unseen.add(&record, &counts);
        unseen.finish()
    }

    fn ten() -> Record {
        streamed(0, 0, 500 * MILLI, &[10 * MILLI; 9])
    }

    #[test]
    fn hidden_reasoning_is_in_no_time_between_tokens() {
        let got = figures(&ten(), 110, Some(100));
        assert_eq!((got.hidden, got.hidden_tokens, got.tokens, got.bunched), (1, 100, 110, 0));
        assert!((got.seen_ms.unwrap() - 10.0).abs() < 1e-9, "{got:?}");
        assert!((got.itl_ms.unwrap() - 90.0 / 109.0).abs() < 1e-9, "{got:?}");
        let shown = Record { observed: Observed { reasoned: true, ..Observed::default() }, ..ten() };
        assert_eq!(figures(&shown, 110, Some(100)).hidden, 0);
        assert_eq!(figures(&shown, 110, Some(0)).uncounted, 1);
        assert_eq!(figures(&ten(), 10, Some(0)).uncounted, 0);
    }

    #[test]
    fn a_first_event_of_many_tokens_is_found_by_usage_and_by_text() {
        let by_usage = Observed { first_tokens: Some(91), ..Observed::default() };
        let by_text = Observed { text_bytes: 200, first_text_bytes: 182, ..Observed::default() };
        for observed in [by_usage, by_text] {
            let got = figures(&Record { observed, ..ten() }, 100, None);
            assert_eq!((got.bunched, got.bunched_tokens, got.tokens), (1, 91, 100), "{observed:?}");
            assert!((got.seen_ms.unwrap() - 10.0).abs() < 1e-9, "{got:?}");
        }
    }

    #[test]
    fn several_tokens_in_every_event_are_no_bunch() {
        let observed = Observed { first_tokens: Some(5), ..Observed::default() };
        let got = figures(&Record { observed, ..ten() }, 50, None);
        assert_eq!((got.bunched, got.seen_ms), (0, None));
        let unknown = figures(&ten(), 100, None);
        assert_eq!((unknown.responses, unknown.bunched), (1, 0), "text that was not kept tells nothing");
    }

    #[test]
    fn an_answer_in_one_event_is_a_bunch_without_a_time_between_tokens() {
        // Whether or not its text was kept.
        let got = figures(&streamed(0, 0, MILLI, &[]), 30, None);
        assert_eq!((got.bunched, got.bunched_tokens, got.itl_ms), (1, 30, None));
        let got = figures(&streamed(0, 0, MILLI, &[]), 30, Some(20));
        assert_eq!((got.hidden_tokens, got.bunched_tokens), (20, 10));
    }
}
