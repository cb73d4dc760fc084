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
    /// How many distinct prompts to prepare; request k uses prompt k modulo this.
    pub entries: usize,
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
