//! Token counts as servers give them, and which of them cannot be true.

use crate::clock::{MILLI, Nanos};
use serde::{Deserialize, Serialize};

/// Token counts as the server gave them; absent fields were absent, or [refused](Usage::possible).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, those that came from a cache or went into one included, once the response is complete.
    /// Before that, as the API counts: Anthropic's `input_tokens` are without them.
    pub prompt: Option<u32>,
    /// Tokens of the output, reasoning included.
    pub completion: Option<u32>,
    /// Tokens of both.
    pub total: Option<u32>,
    /// Tokens of reasoning.
    pub reasoning: Option<u32>,
    /// Tokens of the prompt that were read from a cache.
    pub cached: Option<u32>,
    /// Tokens of the prompt that were written to a cache.
    pub cache_written: Option<u32>,
}

impl Usage {
    /// These counts, with those that `newer` has in their place. Every prompt has tokens: a newer count of 0 is no
    /// count of it, nor of what of it came from a cache or went into one.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        if newer.prompt == Some(0) && self.prompt.is_some_and(|prompt| prompt > 0) {
            return self.updated(Self { prompt: None, cached: None, cache_written: None, ..newer });
        }
        Self {
            prompt: newer.prompt.or(self.prompt),
            completion: newer.completion.or(self.completion),
            total: newer.total.or(self.total),
            reasoning: newer.reasoning.or(self.reasoning),
            cached: newer.cached.or(self.cached),
            cache_written: newer.cache_written.or(self.cache_written),
        }
    }

    /// The prompt with what came from a cache and what went into one, for an API that counts the three apart
    /// (Anthropic's).
    #[must_use]
    pub fn with_cache_in_prompt(self) -> Self {
        let of_cache = [self.cached, self.cache_written].into_iter().flatten();
        let prompt = self.prompt.map(|prompt| of_cache.clone().fold(prompt, u32::saturating_add));
        // A total that is the sum of the other two is without the cache as well.
        let apart = self.prompt.zip(self.completion).map(|(prompt, completion)| prompt.saturating_add(completion));
        let total = match self.total {
            total @ Some(_) if total == apart => total.map(|total| of_cache.fold(total, u32::saturating_add)),
            total => total,
        };
        Self { prompt, total, ..self }
    }

    /// The output with its reasoning, where the total shows that the server counts the two apart (xAI).
    #[must_use]
    pub fn with_reasoning_in_completion(self) -> Self {
        let (Some(prompt), Some(completion), Some(total), Some(reasoning)) =
            (self.prompt, self.completion, self.total, self.reasoning)
        else {
            return self;
        };
        let apart = [prompt, completion, reasoning];
        let sum: u64 = apart.into_iter().map(u64::from).sum();
        Self {
            completion: match sum == u64::from(total) {
                true => Some(completion.saturating_add(reasoning)),
                false => Some(completion),
            },
            ..self
        }
    }

    /// The counts without those that cannot be true, and whether there were any. Impossible are: a prompt of more
    /// tokens than [`Sizes::most_prompt`]; an output of more than [`Sizes::most_output`]; more in all than both may
    /// have, or less than both have; more reasoning than output; more from a cache than the prompt has.
    #[must_use]
    pub fn possible(self, sizes: Sizes) -> (Self, bool) {
        let (most_prompt, most_output) = (sizes.most_prompt(), sizes.most_output());
        let prompt = self.prompt.filter(|n| *n <= most_prompt);
        let completion = self.completion.filter(|n| *n <= most_output);
        let at_most = |most: Option<u32>, otherwise| move |n: &u32| *n <= most.unwrap_or(otherwise);
        let of_prompt = at_most(prompt, most_prompt);
        let least = prompt.unwrap_or(0).saturating_add(completion.unwrap_or(0));
        let most = most_prompt.saturating_add(most_output);
        let possible = Self {
            prompt,
            completion,
            total: self.total.filter(|n| (least..=most).contains(n)),
            reasoning: self.reasoning.filter(at_most(completion, most_output)),
            cached: self.cached.filter(&of_prompt),
            cache_written: self.cache_written.filter(&of_prompt),
        };
        (possible, possible != self)
    }

    /// The counts of a response that has output, and whether they said that it has none. Then none of the others that
    /// are 0 is believed, nor the total.
    #[must_use]
    pub fn beside_output(self) -> (Self, bool) {
        if self.completion != Some(0) {
            return (self, false);
        }
        let more = |count: Option<u32>| count.filter(|n| *n > 0);
        let others = Self { prompt: more(self.prompt), reasoning: more(self.reasoning), ..self };
        (Self { completion: None, total: None, ..others }, true)
    }
}

/// What bounds the token counts of a response.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens that were asked for.
    pub asked: Option<u32>,
    /// Bytes of the request.
    pub sent: u64,
    /// Bytes of the response.
    pub received: u64,
    /// From the request to the end of the response, in ns.
    pub took: Nanos,
}

impl Sizes {
    /// Most tokens of the prompt: 2²⁰ that were not sent (images, videos and documents behind a URL, what the server
    /// adds), or 16 for each byte of the request.
    #[must_use]
    pub fn most_prompt(self) -> u32 {
        many(self.sent, OVER_BYTE).clamp(MOST_NOT_SENT, MOST_PROMPT)
    }

    /// Most tokens of the output: 16 times as many as were asked for; or what a byte of the response may stand for, and
    /// what a server may make in the time without sending it (4 096 at once, 100 in each millisecond), up to 2²⁴.
    #[must_use]
    pub fn most_output(self) -> u32 {
        let asked = self.asked.map_or(0, |asked| asked.saturating_mul(OVER_ASKED));
        let made = many(self.took / MILLI, MADE_PER_MS).saturating_add(MADE_AT_ONCE);
        many(self.received, OVER_BYTE).max(made).min(MOST_OUTPUT).max(asked)
    }
}

fn many(of: u64, each: u64) -> u32 {
    u32::try_from(of.saturating_mul(each)).unwrap_or(u32::MAX)
}

/// Most tokens of one prompt, a batch of inputs included: 2³¹. The longest contexts of 2026 have some 10⁷.
const MOST_PROMPT: u32 = 1 << 31;
/// Most tokens of a prompt that are not in the request.
const MOST_NOT_SENT: u32 = 1 << 20;
/// Most tokens of one output, all its choices and hidden reasoning included, unless more were asked for: 2²⁴.
const MOST_OUTPUT: u32 = 1 << 24;
/// Tokens of output of which nothing is sent, hidden reasoning for the most part: so many at once, and so many in a
/// millisecond, some ten times what the fastest server of 2026 makes of one response.
const MADE_AT_ONCE: u32 = 4096;
const MADE_PER_MS: u64 = 100;
/// How many tokens a byte may stand for.
const OVER_BYTE: u64 = 16;
/// How many times more tokens than were asked for an output may have: several choices, and servers that ignore the
/// length.
const OVER_ASKED: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes that bound nothing by bytes and time.
    const ANY: Sizes = Sizes { asked: None, sent: u64::MAX, received: u64::MAX, took: Nanos::MAX };

    fn usage(prompt: u32, completion: u32) -> Usage {
        Usage { prompt: Some(prompt), completion: Some(completion), ..Usage::default() }
    }

    #[test]
    fn impossible_counts_are_refused_one_by_one() {
        let refused = |counts: Usage, asked| counts.possible(Sizes { asked, ..ANY });
        for (counts, asked, left) in [
            (usage(5, u32::MAX), Some(2), (Some(5), None)),
            (usage(5, MOST_OUTPUT + 1), Some(2), (Some(5), None)),
            (usage(5, MOST_OUTPUT + 1), None, (Some(5), None)),
            (usage(MOST_PROMPT + 1, 3), Some(2), (None, Some(3))),
        ] {
            let (possible, was) = refused(counts, asked);
            assert!(was, "{counts:?}");
            assert_eq!((possible.prompt, possible.completion), left, "{counts:?}");
        }
        let more_reasoning = Usage { reasoning: Some(9), ..usage(5, 8) };
        assert_eq!(more_reasoning.possible(ANY), (usage(5, 8), true));
        for (total, left) in [(12, None), (13, Some(13)), (4, None), (20, Some(20))] {
            let counts = Usage { total: Some(total), ..usage(5, 8) };
            assert_eq!(counts.possible(ANY), (Usage { total: left, ..counts }, left.is_none()), "{total} of 5 and 8");
        }
        let more_cached = Usage { cached: Some(6), cache_written: Some(5), ..usage(5, 8) };
        let (left, was) = more_cached.possible(ANY);
        assert_eq!((left.cached, left.cache_written, was), (None, Some(5), true));
        let huge =
            Usage { total: Some(u32::MAX), cached: Some(u32::MAX), reasoning: Some(u32::MAX), ..Usage::default() };
        assert_eq!(huge.possible(ANY), (Usage::default(), true));
    }

    #[test]
    fn an_output_of_which_hardly_a_byte_was_sent_is_as_long_as_the_time_allows() {
        for (tokens, received, took, possible) in [
            (MADE_AT_ONCE, 500, 0, true),
            (131_072, 500, 10 * MILLI, false),
            (131_072, 500, 2_000 * MILLI, true),
            (MOST_OUTPUT, 1 << 20, 0, true),
            (MOST_OUTPUT, (1 << 20) - 1, 0, false),
        ] {
            let sizes = Sizes { asked: Some(2), sent: 100, received, took };
            let (left, was) = usage(5, tokens).possible(sizes);
            assert_eq!((left.completion.is_some(), was), (possible, !possible), "{tokens} in {received}, {took}");
        }
        let asked = Sizes { asked: Some(100_000), sent: 100, received: 500, took: 0 };
        assert_eq!(usage(5, 200_000).possible(asked), (usage(5, 200_000), false), "as asked");
    }

    #[test]
    fn a_prompt_is_not_far_longer_than_its_request() {
        for (tokens, sent, possible) in [
            (MOST_NOT_SENT, 200, true),
            (MOST_NOT_SENT + 1, 200, false),
            (1 << 31, 200, false),
            (16_000_000, 1_000_000, true),
            (16_000_001, 1_000_000, false),
        ] {
            let (left, was) = usage(tokens, 3).possible(Sizes { asked: None, sent, received: 500, took: MILLI });
            assert_eq!((left.prompt.is_some(), was), (possible, !possible), "{tokens} of {sent} bytes");
        }
    }

    #[test]
    fn a_later_prompt_of_no_tokens_is_no_count() {
        let start = Usage { cached: Some(100), cache_written: Some(7), ..usage(5, 1) };
        let zeros = Usage { cached: Some(0), cache_written: Some(0), ..usage(0, 9) };
        assert_eq!(start.updated(zeros), Usage { completion: Some(9), ..start });
        assert_eq!(usage(0, 1).updated(usage(0, 9)), usage(0, 9));
        let restated = Usage { cached: Some(0), ..usage(112, 9) };
        assert_eq!(start.updated(restated), Usage { cache_written: Some(7), ..restated });
    }

    #[test]
    fn no_tokens_beside_output_are_refused() {
        let zeros = Usage { total: Some(0), ..usage(0, 0) };
        assert_eq!(zeros.beside_output(), (Usage::default(), true));
        let cached = Usage { total: Some(5), cached: Some(4), ..usage(5, 0) };
        let left = Usage { prompt: Some(5), cached: Some(4), ..Usage::default() };
        assert_eq!(cached.beside_output(), (left, true));
        assert_eq!(usage(0, 1).beside_output(), (usage(0, 1), false));
        assert_eq!(Usage::default().beside_output(), (Usage::default(), false));
    }

    #[test]
    fn large_counts_of_honest_servers_pass() {
        let hidden = Usage {
            total: Some(MOST_PROMPT + MOST_OUTPUT),
            reasoning: Some(MOST_OUTPUT - 1),
            cached: Some(MOST_PROMPT),
            ..usage(MOST_PROMPT, MOST_OUTPUT)
        };
        let asked_for_more = usage(1, 16 << 24);
        let ignores_the_length = usage(1, 300_000);
        for (counts, asked) in [
            (hidden, Some(2)),
            (asked_for_more, Some(1 << 24)),
            (ignores_the_length, Some(2)),
            (usage(0, 0), Some(0)),
            (Usage::default(), None),
        ] {
            assert_eq!(counts.possible(Sizes { asked, ..ANY }), (counts, false));
        }
    }

    #[test]
    fn a_prompt_has_its_cached_tokens_and_an_output_its_reasoning() {
        let anthropic = Usage { cached: Some(512), cache_written: Some(7), ..usage(32, 4) };
        assert_eq!(anthropic.with_cache_in_prompt().prompt, Some(551));
        let none = Usage { prompt: None, ..anthropic };
        assert_eq!(none.with_cache_in_prompt().prompt, None);
        let summed = Usage { total: Some(36), ..anthropic };
        assert_eq!(summed.with_cache_in_prompt().total, Some(555), "a total without the cache");
        assert_eq!(Usage { total: Some(555), ..anthropic }.with_cache_in_prompt().total, Some(555));
        let all = usage(u32::MAX, 1);
        let saturated = Usage { cached: Some(2), ..all };
        assert_eq!(saturated.with_cache_in_prompt().prompt, Some(u32::MAX));
        for (total, completion) in [(Some(315), Some(310)), (Some(15), Some(10)), (None, Some(10))] {
            let counted = Usage { total, reasoning: Some(300), ..usage(5, 10) };
            let whole = counted.with_reasoning_in_completion();
            assert_eq!(whole.completion, completion, "{total:?}");
        }
    }
}
