//! How long a prompt is, without keeping it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The size of `messages` or of a `prompt`: strings, lists of token ids, or lists of objects with `content` or `text`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Text {
    words: u64,
    ids: u64,
    /// Items of the list, if it is one.
    items: u32,
}

impl Text {
    /// How many tokens it is: one per id, one per word, one per sign that is no part of a word; at least 1. A prompt of
    /// the built-in vocabulary's words has as many tokens here as there.
    pub(crate) fn tokens(self) -> u32 {
        u32::try_from(self.ids + self.words).unwrap_or(u32::MAX).max(1)
    }

    /// How many texts it is.
    pub(crate) fn items(self) -> u32 {
        self.items.max(1)
    }

    /// This and another text.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.add(other);
        self
    }

    fn add(&mut self, other: Self) {
        self.words += other.words;
        self.ids += other.ids;
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sizes)
    }
}

/// The words of a text, runs of letters and digits, and its other signs that are no blanks. What is not ASCII is taken
/// for letters.
fn words(text: &[u8]) -> u64 {
    let mut words = 0;
    let mut within = false;
    for byte in text {
        let letter = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        let sign = !letter && byte.is_ascii_graphic();
        words += u64::from(sign || letter && !within);
        within = letter;
    }
    words
}

struct Sizes;

impl<'de> Visitor<'de> for Sizes {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, token ids, or messages")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text { words: words(text.as_bytes()), ..Text::default() })
    }

    fn visit_u64<E: Error>(self, _id: u64) -> Result<Text, E> {
        Ok(Text { ids: 1, ..Text::default() })
    }

    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        let mut sum = Text::default();
        while let Some(item) = items.next_element::<Text>()? {
            sum.add(item);
            sum.items += 1;
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Text, A::Error> {
        let mut sum = Text::default();
        while let Some(name) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            match name.as_ref() {
                "content" | "text" => sum.add(fields.next_value()?),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn tokens(json: &str) -> Option<u32> {
        serde_json::from_str::<Text>(json).ok().map(Text::tokens)
    }

    #[test]
    fn a_prompt_is_counted_in_all_its_forms() {
        assert_eq!(tokens(r#""one two, caf\u00e9""#), Some(4));
        assert_eq!(tokens("[1, 2, 3]"), Some(3));
        assert_eq!(tokens("[[1, 2], [3]]"), Some(3));
        assert_eq!(tokens(r#"[{"role":"user","content":"1234"},{"role":"x","content":null}]"#), Some(1));
        let parts = r#"[{"content":[{"type":"text","text":"12 34"},{"type":"image_url","image_url":{"url":"u"}}]}]"#;
        assert_eq!(tokens(parts), Some(2));
        assert_eq!(tokens("true"), None);
        assert_eq!(tokens(r#""""#), Some(1));
    }
}
