//! Prompts: how many, how long, and who counts their tokens.

use super::Replay;
use serde::{Deserialize, Serialize};

/// What is said: synthetic prompts, or what a file says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Prompts {
    /// Where token counts come from.
    pub tokenizer: TokenizerSource,
    /// Input length in tokens.
    pub isl: Length,
    /// Output length to ask for, in tokens.
    pub osl: Option<Length>,
    /// How many distinct conversations to prepare; session k is conversation k modulo this. A conversation of one turn
    /// is a prompt.
    pub entries: usize,
    /// Conversations of this seed that other runs have: those of this run are made behind them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub offset: usize,
    /// Runs of the same process that have sent the same conversations before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_before: Option<u32>,
    /// There are no other conversations: the warm-up and further runs of the same seed send these too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// The turns of a synthetic conversation.
    #[serde(default = "Turns::one", skip_serializing_if = "Turns::is_one")]
    pub turns: Turns,
    /// How lengths are drawn around the means.
    #[serde(alias = "law", default, skip_serializing_if = "LengthDistribution::is_normal")]
    pub distribution: LengthDistribution,
    /// What stands before the prompts.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// Which conversation session k is.
    #[serde(default, skip_serializing_if = "Sampling::is_sequential")]
    pub sampling: Sampling,
    /// Count the tokens of a prompt as the model's chat template renders it, and make synthetic prompts of that length.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chat_template: bool,
    /// A file that says what is asked, instead of synthetic prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_none(offset: &usize) -> bool {
    *offset == 0
}

/// A length in tokens: normal around `mean`, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Length {
    /// Mean tokens.
    pub mean: f64,
    /// Standard deviation in tokens.
    pub stddev: f64,
}

/// The turns of a synthetic conversation: how many, and the time between the answer of one and the next, as by
/// AIPerf's `--session-turn-delay-*`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Turns {
    /// How many: normal, rounded, at least 1.
    pub count: Length,
    /// Mean of the time between an answer and the next turn, milliseconds.
    pub delay_mean_ms: f64,
    /// Its standard deviation, milliseconds.
    pub delay_stddev_ms: f64,
    /// What every such time is multiplied by.
    pub delay_ratio: f64,
}

impl Turns {
    /// One turn: a request that stands for itself.
    pub const ONE: Self =
        Self { count: Length { mean: 1.0, stddev: 0.0 }, delay_mean_ms: 0.0, delay_stddev_ms: 0.0, delay_ratio: 1.0 };

    fn one() -> Self {
        Self::ONE
    }

    /// Whether every conversation has one turn.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.count.mean <= 1.0 && self.count.stddev == 0.0
    }
}

/// Where the tokenizer comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", tag = "source", content = "name")]
pub enum TokenizerSource {
    /// The small vocabulary shipped with ringload: client-side lengths are approximate.
    Builtin,
    /// A file, a directory with `tokenizer.json`, or a hub name.
    Named {
        /// Path or hub name.
        name: String,
        /// Hub revision.
        revision: String,
    },
}

/// How lengths are drawn.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthDistribution {
    /// Normal, rounded.
    #[default]
    Normal,
    /// Log-normal of the same mean and deviation.
    Lognormal,
    /// Uniform of the same mean and deviation: from √3 deviations below the mean to √3 above it.
    Uniform,
    /// Uniform over the whole numbers from ⌊mean·(1 − r)⌋ to ⌈mean·(1 + r)⌉, as vLLM's `--random-range-ratio`.
    Ratio {
        /// r of the input length.
        isl: f64,
        /// r of the output length.
        osl: f64,
    },
    /// One of several pairs of lengths, each with its share; normal around it.
    Pairs(Vec<Pair>),
}

/// An input and an output length that go together.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Pair {
    /// Tokens of a prompt.
    pub isl: Length,
    /// Tokens of an output.
    pub osl: Length,
    /// Its share, percent.
    pub percent: f64,
}

impl LengthDistribution {
    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// What stands before the prompts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Context {
    /// How many prefixes there are for first turns to begin with; each takes one at random.
    pub prefixes: u32,
    /// Tokens of each, beside the input length.
    pub prefix_tokens: u32,
    /// Tokens of a system prompt that all conversations share.
    pub system_tokens: Option<u32>,
    /// Tokens of a message that stands before the first turn of each conversation, different in each.
    pub user_tokens: Option<u32>,
    /// A system prompt, as it is sent.
    pub system: Option<String>,
    /// Where a mark keeps conversations apart for a server's prefix cache.
    pub cache_bust: Option<Marker>,
}

impl Context {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the mark of a conversation is put; that of a system prompt goes to the first turn where there is no system
/// prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// Before the system prompt.
    SystemPrefix,
    /// After the system prompt.
    SystemSuffix,
    /// Before the first turn.
    FirstTurnPrefix,
    /// After the first turn.
    FirstTurnSuffix,
}

/// Which conversation session k is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// k modulo their number.
    #[default]
    Sequential,
    /// Any, with replacement.
    Random,
    /// Each once before any comes again, in another order each time.
    Shuffle,
}

impl Sampling {
    fn is_sequential(&self) -> bool {
        *self == Self::Sequential
    }
}
