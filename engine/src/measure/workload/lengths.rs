//! Lengths asked for against lengths counted.

use super::super::tokens::TokenCounts;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Prompts: tokens by the client's tokenizer, and by the server's usage where it counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct InputFigures {
    /// Requests of which both counted the prompt.
    pub compared: u64,
    /// Tokens of their prompts by the client's tokenizer.
    pub tokens: u64,
    /// Tokens of their prompts by the server's usage.
    pub usage_tokens: u64,
    /// Of `compared` those whose counts are over 10 % and over 64 tokens apart. A chat template and a model's default
    /// system prompt are fewer tokens than that.
    pub differing: u64,
    /// Requests whose count of prompt tokens grew while the response came.
    pub growing: u64,
    /// By how many tokens, all together.
    pub growth: u64,
    /// Characters for each token of the prompts, by the client's tokenizer; absent where prompts have no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters_per_token: Option<f64>,
}

/// Responses of which a length was asked for and is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct OutputFigures {
    /// How many they are.
    pub compared: u64,
    /// Those of them that are over 10 % and over one token longer than was asked for.
    pub longer: u64,
    /// Those that are shorter by as much.
    pub shorter: u64,
    /// Tokens asked for.
    pub asked: u64,
    /// Tokens counted: by usage, else by the client's tokenizer.
    pub tokens: u64,
    /// The differences of `longer` and `shorter`, in tokens, added up without their sign.
    pub apart: u64,
    /// Responses of `compared` that the client's tokenizer counted beside the server.
    pub client_compared: u64,
    /// Of those, the ones that are off by as much by the client's count.
    pub client_differing: u64,
    /// Responses with fewer tokens than output events.
    pub fewer_than_events: u64,
    /// Tokens of those responses.
    pub tokens_of_these: u64,
    /// Output events of those responses.
    pub events_of_these: u64,
}

/// Prompt tokens that the server says it read from a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CacheFigures {
    /// Requests whose usage says how much of the prompt came from a cache.
    pub told: u64,
    /// Of those, the ones of which any did.
    pub requests: u64,
    /// Tokens that did.
    pub tokens: u64,
    /// All prompt tokens of `told`.
    pub of: u64,
    /// By how much the first token came later for each prompt token that was not read from a cache, in ms (least
    /// squares over `told`); absent where the requests do not differ enough to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms_per_token: Option<f64>,
}

/// Whether a length is another than the one asked for: by over a tenth, and over a token, which may be the end-of-text
/// token that some servers count.
fn differs(asked: u32, got: u32) -> bool {
    let apart = asked.abs_diff(got);
    apart > 1 && f64::from(apart) > TOLERANCE * f64::from(asked)
}

const TOLERANCE: f64 = 0.1;
/// Tokens that a chat template and a default system prompt may add to a prompt.
const TEMPLATE: u32 = 64;

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(in crate::measure) struct Lengths {
    input: InputFigures,
    output: OutputFigures,
    cache: CacheFigures,
    prefill: Slope,
}

impl Lengths {
    /// Adds those of other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        let (input, others) = (&mut self.input, &other.input);
        input.compared += others.compared;
        input.tokens += others.tokens;
        input.usage_tokens += others.usage_tokens;
        input.differing += others.differing;
        input.growing += others.growing;
        input.growth += others.growth;
        let (output, others) = (&mut self.output, &other.output);
        output.compared += others.compared;
        output.longer += others.longer;
        output.shorter += others.shorter;
        output.asked += others.asked;
        output.tokens += others.tokens;
        output.apart += others.apart;
        output.client_compared += others.client_compared;
        output.client_differing += others.client_differing;
        output.fewer_than_events += others.fewer_than_events;
        output.tokens_of_these += others.tokens_of_these;
        output.events_of_these += others.events_of_these;
        let (cache, others) = (&mut self.cache, &other.cache);
        cache.told += others.told;
        cache.requests += others.requests;
        cache.tokens += others.tokens;
        cache.of += others.of;
        self.prefill.merge(&other.prefill);
    }

    pub(super) fn add_input(&mut self, record: &Record) {
        let (input, cache) = (&mut self.input, &mut self.cache);
        let growth = record.observed.prompt_growth;
        input.growing += u64::from(growth > 0);
        input.growth += u64::from(growth);
        let Some(usage) = record.usage else { return };
        if let (Some(cached), Some(prompt)) = (usage.cached, usage.prompt) {
            cache.told += 1;
            cache.requests += u64::from(cached > 0);
            cache.tokens += u64::from(cached);
            cache.of += u64::from(prompt);
            if let Some(first) = record.instants.first_token {
                let ttft = first.saturating_sub(record.instants.issued) as f64 / 1e6;
                self.prefill.add(f64::from(prompt.saturating_sub(cached)), ttft);
            }
        }
        if let (Some(prompt @ 1..), isl @ 1..) = (usage.prompt, record.isl) {
            input.compared += 1;
            input.tokens += u64::from(isl);
            input.usage_tokens += u64::from(prompt);
            input.differing += u64::from(differs(isl, prompt) && isl.abs_diff(prompt) > TEMPLATE);
        }
    }

    pub(super) fn add_output(&mut self, record: &Record, tokens: &TokenCounts) {
        let output = &mut self.output;
        let Some(osl) = tokens.osl() else { return };
        // The last event may be shared by two tokens of which one has no text.
        if record.events > osl.saturating_add(1) {
            output.fewer_than_events += 1;
            output.tokens_of_these += u64::from(osl);
            output.events_of_these += u64::from(record.events);
        }
        let Some(asked) = record.requested_osl.filter(|asked| *asked > 0) else { return };
        output.compared += 1;
        output.asked += u64::from(asked);
        output.tokens += u64::from(osl);
        if differs(asked, osl) {
            output.longer += u64::from(osl > asked);
            output.shorter += u64::from(osl < asked);
            output.apart += u64::from(asked.abs_diff(osl));
        }
        if let Some((_, client)) = tokens.both() {
            output.client_compared += 1;
            output.client_differing += u64::from(differs(asked, client));
        }
    }

    pub(super) fn finish(self, characters_per_token: Option<f64>) -> (InputFigures, OutputFigures, CacheFigures) {
        let cache = CacheFigures { ms_per_token: self.prefill.finish(), ..self.cache };
        (InputFigures { characters_per_token, ..self.input }, self.output, cache)
    }
}

/// A straight line through points, by least squares.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Slope {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Slope {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.x += other.x;
        self.y += other.y;
        self.xx += other.xx;
        self.xy += other.xy;
        self.yy += other.yy;
    }

    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// How steep it rises; `None` where that is within [`ERRORS`] standard errors of nothing, or the points are few.
    fn finish(&self) -> Option<f64> {
        let n = self.count;
        let (sxx, sxy) = (self.xx - self.x * self.x / n, self.xy - self.x * self.y / n);
        let syy = (self.yy - self.y * self.y / n).max(0.0);
        if n < FEWEST || sxx <= n {
            return None;
        }
        let slope = sxy / sxx;
        let rest = (syy - slope * sxy).max(0.0);
        let error = (rest / (n - 2.0) / sxx).sqrt();
        (slope > ERRORS * error).then_some(slope)
    }
}

/// Points from which on a line is one.
const FEWEST: f64 = 20.0;
const ERRORS: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::TokenSource;
    use crate::measure::tokens::ClientTokens;
    use crate::record::testing::streamed;
    use crate::record::{Observed, Usage};

    fn counts(osl: u32, client: Option<u32>) -> TokenCounts {
        let client = client.map(|output| ClientTokens { output, reasoning: None });
        TokenCounts { input: None, output: Some(osl), reasoning: None, source: TokenSource::Usage, client }
    }

    #[test]
    fn a_length_differs_from_a_tenth_and_a_token_on() {
        for (asked, got, expected) in
            [(100, 100, false), (100, 110, false), (100, 111, true), (100, 89, true), (5, 6, false), (5, 7, true)]
        {
            assert_eq!(differs(asked, got), expected, "{asked} {got}");
        }
    }

    #[test]
    fn responses_are_compared_by_both_counts() {
        let mut lengths = Lengths::default();
        for (osl, client) in [(100, Some(98)), (300, Some(300)), (20, None)] {
            let record = Record { requested_osl: Some(100), ..streamed(0, 0, 1, &[1; 4]) };
            lengths.add_output(&record, &counts(osl, client));
        }
        let (_, output, _) = lengths.finish(None);
        assert_eq!((output.compared, output.longer, output.shorter), (3, 1, 1));
        assert_eq!((output.asked, output.tokens, output.apart), (300, 420, 280));
        assert_eq!((output.client_compared, output.client_differing), (2, 1));
        assert_eq!(output.fewer_than_events, 0);
    }

    #[test]
    fn events_are_more_than_tokens_from_two_on() {
        let mut lengths = Lengths::default();
        let record = streamed(0, 0, 1, &[1; 9]);
        lengths.add_output(&record, &counts(9, None));
        lengths.add_output(&record, &counts(4, None));
        let (_, output, _) = lengths.finish(None);
        assert_eq!((output.fewer_than_events, output.tokens_of_these, output.events_of_these), (1, 4, 10));
    }

    #[test]
    fn a_template_is_no_other_prompt() {
        let mut lengths = Lengths::default();
        let usage = |prompt, cached| Some(Usage { prompt: Some(prompt), cached, ..Usage::default() });
        for (isl, prompt, cached) in [(20, 60, Some(0)), (550, 700, Some(512)), (550, 590, None)] {
            lengths.add_input(&Record { isl, usage: usage(prompt, cached), ..streamed(0, 0, 1, &[]) });
        }
        let observed = Observed { prompt_growth: 7, ..Observed::default() };
        lengths.add_input(&Record { observed, ..streamed(0, 0, 1, &[]) });
        let (input, _, cache) = lengths.finish(Some(5.5));
        assert_eq!((input.compared, input.differing, input.tokens, input.usage_tokens), (3, 1, 1_120, 1_350));
        assert_eq!((input.growing, input.growth, input.characters_per_token), (1, 7, Some(5.5)));
        assert_eq!((cache.told, cache.requests, cache.tokens, cache.of), (2, 1, 512, 760));
        assert_eq!(cache.ms_per_token, None);
    }

    #[test]
    fn what_a_prompt_token_takes_is_known_where_prompts_differ() {
        let slope = |points: &[(f64, f64)]| {
            let mut slope = Slope::default();
            points.iter().for_each(|(x, y)| slope.add(*x, *y));
            slope.finish()
        };
        let line: Vec<(f64, f64)> = (0..30)
            .map(|k| (f64::from(100 + k * 7), 40.0 + 0.25 * f64::from(100 + k * 7) + f64::from(k % 3)))
            .collect();
        assert!((slope(&line).unwrap() - 0.25).abs() < 0.01);
        assert_eq!(slope(&line[..19]), None, "too few");
        assert_eq!(slope(&[(100.0, 65.0); 30]), None, "all alike");
        let noise: Vec<(f64, f64)> = (0..30).map(|k| (f64::from(k * 7), f64::from(k * 13 % 8))).collect();
        assert_eq!(slope(&noise), None);
    }
}
