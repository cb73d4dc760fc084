//! Prompts: how many, how long, and who counts their tokens.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use std::path::PathBuf;
use std::sync::Arc;

/// Synthetic prompts.
#[derive(Clone, Debug, Serialize)]
pub struct Prompts {
    /// Where token counts come from.
    pub tokenizer: TokenizerSource,
    /// Input length in tokens.
    pub isl: Length,
    /// Output length to ask for, in tokens.
    pub osl: Option<Length>,
    /// How many distinct conversations to prepare; session k is conversation k modulo this. A conversation of one turn is a prompt.
    pub entries: usize,
    /// The turns of a synthetic conversation.
    #[serde(skip_serializing_if = "Turns::is_one")]
    pub turns: Turns,
    /// Lengths that a file says, entry by entry, instead of those drawn around the means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// A length in tokens: normal around `mean`, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Length {
    /// Mean tokens.
    pub mean: f64,
    /// Standard deviation in tokens.
    pub stddev: f64,
}

/// The turns of a synthetic conversation: how many, and the time between the answer of one and the next (AIPerf's
/// `--session-turn-delay-*`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
    pub const ONE: Self = Self {
        count: Length {
            mean: 1.0,
            stddev: 0.0,
        },
        delay_mean_ms: 0.0,
        delay_stddev_ms: 0.0,
        delay_ratio: 1.0,
    };

    /// Whether every conversation has one turn.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.count.mean <= 1.0 && self.count.stddev == 0.0
    }
}

/// Where the tokenizer comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// Lengths that a file says. Shown by the name of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The file.
    pub file: PathBuf,
    /// The name of its format.
    pub format: &'static str,
    /// Input length of each entry, and its output length where the file says that: others are drawn around the mean, if there is one.
    pub lengths: Arc<[(u32, Option<u32>)]>,
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut shown = s.serialize_struct("Said", 2)?;
        shown.serialize_field("file", &self.file.display().to_string())?;
        shown.serialize_field("format", self.format)?;
        shown.end()
    }
}
