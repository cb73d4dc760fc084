//! The tokens of a text by a vocabulary: two files with one interface, of which the feature `tokenizers` chooses.

#[cfg(feature = "tokenizers")]
mod bpe;
#[cfg(any(test, not(feature = "tokenizers")))]
mod words;

#[cfg(feature = "tokenizers")]
use bpe as chosen;
#[cfg(not(feature = "tokenizers"))]
use words as chosen;

use crate::error::Result;
pub(super) use chosen::Vocabulary;

/// The tokens of a text.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Where each begins and ends in the text, in bytes.
    pub(super) offsets: Vec<(usize, usize)>,
    /// The piece of pre-tokenization that each belongs to.
    pub(super) pieces: Vec<Option<u32>>,
}

/// Refuses tokenizers that have to be read from a file where this build cannot read them.
///
/// # Errors
/// [`crate::Blame::Usage`], with the feature that reads them.
pub(super) fn check_can_read(name: &str) -> Result<()> {
    chosen::check_can_read(name)
}
