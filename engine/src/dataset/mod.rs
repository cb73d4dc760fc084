//! Pure: what files say of requests: when they came, how long they and their answers were. One file of code for each format.

mod mooncake;

use crate::clock::Nanos;
use crate::error::{Error, Result};

/// What a file says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it came, nanoseconds on the file's own clock, where the file says so.
    pub at: Option<Nanos>,
    /// Input length, tokens.
    pub isl: u32,
    /// Output length, tokens, where the file says it.
    pub osl: Option<u32>,
}

/// The shape of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The traces of Mooncake (Qin et al., FAST '25), a JSON object a line; see AIPerf's `mooncake_trace`.
    MooncakeTrace,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::MooncakeTrace];

    /// Its name in `--custom-dataset-type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MooncakeTrace => "mooncake_trace",
        }
    }

    /// Finds the format that a text is in by its first line.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let first = text.lines().find(|line| !line.trim().is_empty())?;
        Self::ALL.into_iter().find(|format| match format {
            Self::MooncakeTrace => mooncake::looks_like(first),
        })
    }

    /// Reads a text, in its own order. At least one row.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`], with the number of the line that is wrong.
    pub fn parse(self, text: &str) -> Result<Vec<Row>> {
        let rows = match self {
            Self::MooncakeTrace => mooncake::parse(text)?,
        };
        if rows.is_empty() {
            return Err(Error::usage("it has no requests", "write one a line"));
        }
        Ok(rows)
    }
}
