//! A place in a JSON text: a JSON pointer, or a dotted path.

use crate::error::{Error, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A place in a JSON text.
///
/// `/choices/0/text` is a JSON pointer (RFC 6901); `choices[0].text` the part of JMESPath that names one place.
/// Wildcards, slices, filters, functions and pipes are not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPath {
    text: String,
    pointer: String,
}

impl OutputPath {
    /// Parses a place.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when it is neither, or uses what is not supported.
    pub fn parse(text: &str) -> Result<Self> {
        let pointer = if text.starts_with('/') { Some(text.to_owned()) } else { dotted(text) };
        let pointer = pointer.ok_or_else(|| {
            Error::usage(
                format!("response_field `{text}` names no place that can be looked up"),
                "write a JSON pointer (/choices/0/text) or names, dots and [index] (choices[0].text); \
                 wildcards, slices, filters and functions of JMESPath are not supported",
            )
        })?;
        Ok(Self { text: text.to_owned(), pointer })
    }

    /// What is there.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.pointer)
    }

    /// The objects within `value` that what is there stands in, but for `value` itself.
    pub fn around<'v>(&self, value: &'v Value) -> impl Iterator<Item = &'v Map<String, Value>> {
        let ends = self.pointer.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        ends.filter_map(|at| value.pointer(&self.pointer[..at])?.as_object())
    }
}

/// The pointer of `a.b[0]."c d"`.
fn dotted(text: &str) -> Option<String> {
    let mut pointer = String::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = quoted.split_once('"')?;
            step(&mut pointer, name);
            rest = after;
        } else if !rest.starts_with('[') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || !name.chars().all(plain) {
                return None;
            }
            step(&mut pointer, name);
            rest = &rest[end..];
        }
        while let Some(index) = rest.strip_prefix('[') {
            let (digits, after) = index.split_once(']')?;
            digits.parse::<usize>().ok()?;
            step(&mut pointer, digits);
            rest = after;
        }
        if rest.is_empty() {
            return Some(pointer);
        }
        rest = rest.strip_prefix('.')?;
        if rest.starts_with('[') {
            return None;
        }
    }
}

fn step(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

impl<'de> Deserialize<'de> for OutputPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::parse(&name).ok().ok_or_else(|| D::Error::custom(format!("no field is called `{name}`")))
    }
}

impl Serialize for OutputPath {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_and_dotted_paths_find_their_place() {
        let value = json!({"choices": [{"text": "a"}, {"text": "b"}], "a/b": {"c d": 1}, "list": [[7]]});
        for (text, found) in [
            ("/choices/1/text", Some(json!("b"))),
            ("choices[0].text", Some(json!("a"))),
            ("choices[2].text", None),
            ("/a~1b/c d", Some(json!(1))),
            (r#""a/b"."c d""#, Some(json!(1))),
            ("list[0][0]", Some(json!(7))),
            ("nothing", None),
        ] {
            let field = OutputPath::parse(text).expect(text);
            assert_eq!(field.find(&value), found.as_ref(), "{text}");
        }
    }

    #[test]
    fn objects_around_a_place_are_those_on_the_way_to_it() {
        let value = json!({"a": [{"b": {"text": "x"}}]});
        let around = |text: &str| {
            let path = OutputPath::parse(text).expect(text);
            path.around(&value).map(|map| Value::Object(map.clone())).collect::<Vec<_>>()
        };
        assert_eq!(around("a[0].b.text"), [json!({"b": {"text": "x"}}), json!({"text": "x"})]);
        assert_eq!(around("a"), [] as [Value; 0]);
    }

    #[test]
    fn what_is_not_supported_is_said() {
        for bad in ["", "a[*].b", "a[1:2]", "a | b", "length(a)", "a..b", "a.", "a[x]", "a[0", "@"] {
            let e = OutputPath::parse(bad).expect_err(bad).to_string();
            assert!(e.contains("JSON pointer"), "{e}");
        }
    }
}
