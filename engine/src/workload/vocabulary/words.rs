//! A vocabulary for builds without the feature `tokenizers`: a token is a word, or a sign that is no part of a word.
//! Prompts are made of the words of the built-in vocabulary, whose merges are not applied.

use super::Encoded;
use crate::error::{self, Error};
use crate::setting::Setting;
use serde_json::Value;

/// The words by their ids; empty where an id is no word.
#[derive(Debug)]
pub(in crate::workload) struct Vocabulary(Vec<String>);

/// Whether files of tokenizers can be read: they cannot.
pub(super) fn check_can_read(name: &str) -> error::Result<()> {
    Err(Error::usage(
        format!("tokenizer {name}: this build counts words, and reads no tokenizer"),
        format!("build ringload-engine with its feature `tokenizers`, or leave {} at builtin", Setting::Tokenizer),
    ))
}

impl Vocabulary {
    /// The words of a `tokenizer.json`, or why it has none.
    pub(in crate::workload) fn read(bytes: &[u8]) -> Result<Self, String> {
        let tree: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let entries = tree["model"]["vocab"].as_object().ok_or("it has no model.vocab")?;
        let mut words = vec![String::new(); entries.len()];
        for (text, id) in entries {
            let id = id.as_u64().and_then(|id| usize::try_from(id).ok());
            if let Some(word) = id.and_then(|id| words.get_mut(id)) {
                // As byte-level vocabularies write the blank before a word.
                text.trim_start_matches('Ġ').clone_into(word);
            }
        }
        Ok(Self(words))
    }

    /// How a library failed at a text: there is none.
    pub(in crate::workload) fn failure(&self) -> Option<&str> {
        None
    }

    /// The ids of the words that are known.
    pub(in crate::workload) fn ids_of(&self, text: &str) -> Vec<u32> {
        let id = |(from, to): (usize, usize)| self.0.iter().position(|word| *word == text[from..to]);
        tokens(text).filter_map(id).map(|id| id as u32).collect()
    }

    /// Tokens of a text.
    pub(in crate::workload) fn count(&self, text: &str) -> u32 {
        tokens(text).count() as u32
    }

    /// The tokens of a text and where they are in it.
    pub(in crate::workload) fn encode(&self, text: &str) -> Option<Encoded> {
        let offsets: Vec<_> = tokens(text).collect();
        let pieces = (0..offsets.len() as u32).map(Some).collect();
        Some(Encoded { offsets, pieces })
    }

    /// Whether some token is several words.
    pub(in crate::workload) fn has_phrases(&self) -> bool {
        false
    }

    /// How many ids there are.
    pub(in crate::workload) fn ids(&self) -> u32 {
        self.0.len() as u32
    }

    /// The text of one id.
    pub(in crate::workload) fn text_of(&self, id: u32) -> Option<String> {
        self.0.get(id as usize).cloned()
    }
}

/// The begins and ends of a text's tokens, in bytes: the longest runs of letters and digits, and each other sign that
/// is not blank.
fn tokens(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].find(|c: char| !c.is_whitespace())?;
        let rest = &text[at..];
        let word = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let length = if word == 0 { rest.chars().next()?.len_utf8() } else { word };
        at += length;
        Some((at - length, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary::read(br#"{"model": {"vocab": {"<s>": 0, "the": 2, "\u0120terms": 1}}}"#).unwrap()
    }

    #[test]
    fn words_and_signs_are_tokens_and_blanks_are_none() {
        let words = vocabulary();
        let text = " the term\u{e9}s,  12 \u{1f980}\u{65e5}\n";
        let encoded = words.encode(text).unwrap();
        let found: Vec<_> = encoded.offsets.iter().map(|(from, to)| &text[*from..*to]).collect();
        assert_eq!(found, ["the", "term\u{e9}s", ",", "12", "\u{1f980}", "\u{65e5}"]);
        assert_eq!(encoded.pieces, (0..6).map(Some).collect::<Vec<_>>());
        assert_eq!((words.count(text), words.count(" \n")), (6, 0));
    }

    #[test]
    fn ids_are_those_of_the_file() {
        let words = vocabulary();
        assert_eq!((words.ids(), words.has_phrases(), words.failure()), (3, false, None));
        assert_eq!(
            [0, 1, 2, 3].map(|id| words.text_of(id)).map(Option::unwrap_or_default),
            ["<s>", "terms", "the", ""]
        );
        assert_eq!(words.ids_of("the new terms"), [2, 1]);
        assert!(Vocabulary::read(b"{}").is_err());
    }

    #[test]
    fn a_named_tokenizer_is_refused_with_the_feature_that_reads_it() {
        let e = check_can_read("org/model").unwrap_err();
        assert!(e.what.contains("org/model") && e.remedy.contains("`tokenizers`"), "{e}");
    }
}
