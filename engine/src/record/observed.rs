//! What a response shows of its tokens beside its usage.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Observations of a response's tokens beside its usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Why it stopped, where it says so; of several choices, the first to stop.
    pub reason: Option<FinishReason>,
    /// Whether an event of it carried reasoning.
    pub reasoned: bool,
    /// Output tokens that the usage in the first output event counts.
    pub first_tokens: Option<u32>,
    /// Bytes of its text, reasoning included, as the events have it; 0 where the text was not kept.
    pub text_bytes: u32,
    /// Of them those of the first output event.
    pub first_text_bytes: u32,
    /// By how much its count of prompt tokens grew from its first usage to its last.
    pub prompt_growth: u32,
}

impl Observed {
    /// The share of the text that the first output event carries; `None` where the text was not kept.
    #[must_use]
    pub fn first_share(&self) -> Option<f64> {
        (self.text_bytes > 0).then(|| f64::from(self.first_text_bytes) / f64::from(self.text_bytes))
    }
}

/// The reason why a response stopped. Each API has its own words for the same reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its text, or wrote a stop sequence.
    Stop,
    /// The output is as long as was asked for, or as the context allows.
    Length,
    /// The model calls a tool.
    ToolCalls,
    /// A filter, or a refusal.
    ContentFilter,
    /// Any other word.
    Other,
    /// The response names no reason.
    Unsaid,
}

impl FinishReason {
    /// The reason that a server's word stands for, in any case of letters.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        let known = WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        known.map_or(Self::Other, |(_, reason)| *reason)
    }

    /// Its name, as in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other => "other",
            Self::Unsaid => "unsaid",
        }
    }
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The words of OpenAI's chat and completions, its Responses (a status, and the reason of an incomplete one),
/// Anthropic's Messages, and text-generation-inference.
const WORDS: &[(&str, FinishReason)] = &[
    ("stop", FinishReason::Stop),
    ("eos", FinishReason::Stop),
    ("eos_token", FinishReason::Stop),
    ("end_turn", FinishReason::Stop),
    ("stop_sequence", FinishReason::Stop),
    ("completed", FinishReason::Stop),
    ("length", FinishReason::Length),
    ("max_tokens", FinishReason::Length),
    ("max_output_tokens", FinishReason::Length),
    ("model_context_window_exceeded", FinishReason::Length),
    ("tool_calls", FinishReason::ToolCalls),
    ("function_call", FinishReason::ToolCalls),
    ("tool_use", FinishReason::ToolCalls),
    ("content_filter", FinishReason::ContentFilter),
    ("refusal", FinishReason::ContentFilter),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_each_api_are_the_same_reasons() {
        for (word, reason) in [
            ("stop", FinishReason::Stop),
            ("end_turn", FinishReason::Stop),
            ("LENGTH", FinishReason::Length),
            ("max_output_tokens", FinishReason::Length),
            ("tool_use", FinishReason::ToolCalls),
            ("refusal", FinishReason::ContentFilter),
            ("incomplete", FinishReason::Other),
            ("", FinishReason::Other),
        ] {
            assert_eq!(FinishReason::of(word.as_bytes()), reason, "{word}");
        }
    }

    #[test]
    fn a_name_is_what_files_say() {
        for (_, reason) in WORDS {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
