//! The vocabulary of a `tokenizer.json`, by the `tokenizers` library.

use super::Encoded;
use crate::error;
use tokenizers::Tokenizer;

/// A vocabulary. Texts are encoded without special tokens, and never truncated or padded.
#[derive(Debug)]
pub(in crate::workload) struct Vocabulary(Tokenizer);

/// Whether files of tokenizers can be read.
pub(super) fn check_can_read(_name: &str) -> error::Result<()> {
    Ok(())
}

impl Vocabulary {
    /// The vocabulary of these bytes of a `tokenizer.json`, or in words why it is none.
    pub(in crate::workload) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut inner = Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
        // Many files carry the truncation and padding of the last training; both would falsify counts. Removing never
        // fails.
        let _ = inner.with_truncation(None);
        inner.with_padding(None);
        Ok(Self(inner))
    }

    /// The ids of a text, special tokens not added; none for a text that the model cannot express.
    pub(in crate::workload) fn ids_of(&self, text: &str) -> Vec<u32> {
        self.0.encode_fast(text, false).map_or_else(|_| Vec::new(), |encoding| encoding.get_ids().to_vec())
    }

    /// Tokens of a text.
    pub(in crate::workload) fn count(&self, text: &str) -> u32 {
        self.0.encode_fast(text, false).map_or(0, |encoding| encoding.len() as u32)
    }

    /// The tokens of a text and where they are in it.
    pub(in crate::workload) fn encode(&self, text: &str) -> Option<Encoded> {
        let encoding = self.0.encode(text, false).ok()?;
        Some(Encoded { offsets: encoding.get_offsets().to_vec(), pieces: encoding.get_word_ids().to_vec() })
    }

    /// Whether some added token is several words: added tokens are matched before a text is split.
    pub(in crate::workload) fn has_phrases(&self) -> bool {
        let added = self.0.get_added_vocabulary().get_vocab();
        added.keys().any(|text| text.trim().contains(char::is_whitespace))
    }

    /// How many ids there are.
    pub(in crate::workload) fn ids(&self) -> u32 {
        self.0.get_vocab_size(true) as u32
    }

    /// The text of one id; none for special tokens and for ids that mean nothing alone.
    pub(in crate::workload) fn text_of(&self, id: u32) -> Option<String> {
        self.0.decode(&[id], true).ok()
    }
}
