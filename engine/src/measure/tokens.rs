//! How many tokens a request's output had, and who says so.

use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Tokens of a request's output, from the source that is trusted most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens of the prompt by the server's usage, where nobody else counts; else the record says them.
    pub input: Option<u32>,
    /// Output tokens without reasoning.
    pub output: Option<u32>,
    /// Reasoning tokens, where they are counted apart.
    pub reasoning: Option<u32>,
    /// Who counted them.
    pub source: TokenSource,
    /// The client's own count of the same output, kept beside the server's.
    pub client: Option<ClientTokens>,
}

/// The source of a count of output tokens, in order of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's usage.
    Usage,
    /// The client's tokenizer over the joined text.
    Tokenizer,
    /// Nobody: the number of events is not a number of tokens.
    Unknown,
}

/// A count by the client's tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTokens {
    /// Tokens of the output text.
    pub output: u32,
    /// Tokens of the reasoning text, if there was any.
    pub reasoning: Option<u32>,
}

impl TokenCounts {
    /// Nobody counted.
    pub const UNKNOWN: Self =
        Self { input: None, output: None, reasoning: None, source: TokenSource::Unknown, client: None };

    /// Counts the output of a record: the server's usage where it gave one, else `count` over the kept text, else
    /// unknown.
    ///
    /// `count` is the client's tokenizer, or `None` when only the server may count. It is asked even where usage
    /// exists, so that the two can be compared. A usage of no completion tokens beside output is no count. Where the
    /// server does not say how much of its count was reasoning, and reasoning was seen, the count is split as the
    /// client's tokenizer splits the text. A record whose text was over the limit must keep neither text nor reasoning
    /// text.
    pub fn of(record: &Record, count: Option<&mut dyn FnMut(&str) -> u32>) -> Self {
        let client = count.and_then(|count| ClientTokens::of(record, count));
        let usage = record.usage.and_then(|usage| Some((usage.completion.filter(|n| *n > 0)?, usage.reasoning)));
        match (usage, client) {
            (Some((completion, reasoning)), client) => {
                let split = || client.and_then(|client| client.reasoning_of(completion));
                let reasoning = reasoning.filter(|n| *n > 0).or_else(split).or(reasoning);
                Self {
                    input: None,
                    output: Some(completion.saturating_sub(reasoning.unwrap_or(0))),
                    reasoning: reasoning.map(|n| n.min(completion)),
                    source: TokenSource::Usage,
                    client,
                }
            }
            (None, Some(tokens)) => Self {
                input: None,
                output: Some(tokens.output),
                reasoning: tokens.reasoning,
                source: TokenSource::Tokenizer,
                client,
            },
            (None, None) => Self::UNKNOWN,
        }
    }

    /// Output sequence length: output and reasoning tokens.
    #[must_use]
    pub fn osl(&self) -> Option<u32> {
        self.output.map(|output| output.saturating_add(self.reasoning.unwrap_or(0)))
    }

    /// The server's and the client's length, where both counted.
    #[must_use]
    pub fn both(&self) -> Option<(u32, u32)> {
        match self.source {
            TokenSource::Usage => self.osl().zip(self.client.map(|c| c.osl())),
            TokenSource::Tokenizer | TokenSource::Unknown => None,
        }
    }

    /// Whether the server's and the client's length are over 10 % of the client's apart, and over one token: usage
    /// counts the end-of-text token, which has no text. `None` where not both counted.
    #[must_use]
    pub fn mismatch(&self) -> Option<bool> {
        self.both().map(|(server, client)| {
            let apart = server.abs_diff(client);
            apart > 1 && f64::from(apart) > 0.1 * f64::from(client)
        })
    }
}

impl ClientTokens {
    fn of(record: &Record, count: &mut dyn FnMut(&str) -> u32) -> Option<Self> {
        if record.text.is_none() && record.reasoning_text.is_none() {
            return None;
        }
        Some(Self {
            output: record.text.as_deref().map_or(0, &mut *count),
            reasoning: record.reasoning_text.as_deref().map(count),
        })
    }

    /// Output and reasoning tokens.
    #[must_use]
    pub fn osl(&self) -> u32 {
        self.output.saturating_add(self.reasoning.unwrap_or(0))
    }

    /// How many of `tokens` are reasoning, if it has the share that it has here; `None` without any.
    fn reasoning_of(&self, tokens: u32) -> Option<u32> {
        let reasoning = self.reasoning.filter(|n| *n > 0)?;
        let share = f64::from(reasoning) / (f64::from(reasoning) + f64::from(self.output));
        Some((f64::from(tokens) * share).round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Usage;
    use crate::record::testing::streamed;

    fn words(text: &str) -> u32 {
        text.split_whitespace().count() as u32
    }

    fn record(completion: Option<u32>, reasoning: Option<u32>, text: Option<&str>) -> Record {
        Record {
            usage: Some(Usage { completion, reasoning, ..Usage::default() }),
            text: text.map(Into::into),
            ..streamed(0, 0, 1, &[1, 1])
        }
    }

    #[test]
    fn usage_is_trusted_before_the_tokenizer() {
        let counts = TokenCounts::of(&record(Some(12), Some(4), Some("a b c")), Some(&mut words));
        assert_eq!(counts.source, TokenSource::Usage);
        assert_eq!((counts.output, counts.reasoning, counts.osl()), (Some(8), Some(4), Some(12)));
        assert_eq!((counts.both(), counts.mismatch()), (Some((12, 3)), Some(true)));
    }

    #[test]
    fn the_tokenizer_counts_where_usage_does_not() {
        let mut thinking = record(None, None, Some("a b c"));
        thinking.reasoning_text = Some("hm hm".into());
        for completion in [None, Some(0)] {
            thinking.usage = Some(Usage { completion, ..Usage::default() });
            let counts = TokenCounts::of(&thinking, Some(&mut words));
            assert_eq!(counts.source, TokenSource::Tokenizer);
            assert_eq!((counts.output, counts.reasoning, counts.osl()), (Some(3), Some(2), Some(5)));
            assert_eq!(counts.both(), None);
        }
    }

    #[test]
    fn a_count_of_both_is_split_as_the_text_is() {
        for (given, output, reasoning) in [(None, 5, Some(10)), (Some(0), 5, Some(10)), (Some(3), 12, Some(3))] {
            let mut thinking = record(Some(15), given, Some("a b"));
            thinking.reasoning_text = Some("r r r r".into());
            let counts = TokenCounts::of(&thinking, Some(&mut words));
            assert_eq!(counts.source, TokenSource::Usage);
            assert_eq!((counts.output, counts.reasoning), (Some(output), reasoning));
            assert_eq!(counts.osl(), Some(15));
        }
        let mut only = record(Some(15), None, Some(""));
        only.reasoning_text = Some("r r".into());
        let counts = TokenCounts::of(&only, Some(&mut words));
        assert_eq!((counts.output, counts.reasoning), (Some(0), Some(15)));
        let unknown = TokenCounts::of(&only, None);
        assert_eq!((unknown.output, unknown.reasoning), (Some(15), None));
    }

    #[test]
    fn events_are_never_a_count() {
        assert_eq!(TokenCounts::of(&record(None, None, None), Some(&mut words)), TokenCounts::UNKNOWN);
        assert_eq!(TokenCounts::of(&record(None, None, Some("a b")), None), TokenCounts::UNKNOWN);
        assert_eq!(TokenCounts::UNKNOWN.osl(), None);
    }

    #[test]
    fn the_end_of_text_token_is_no_mismatch() {
        let one_more = TokenCounts::of(&record(Some(4), None, Some("a b c")), Some(&mut words));
        assert_eq!(one_more.mismatch(), Some(false));
        let two_more = TokenCounts::of(&record(Some(5), None, Some("a b c")), Some(&mut words));
        assert_eq!(two_more.mismatch(), Some(true));
    }
}
