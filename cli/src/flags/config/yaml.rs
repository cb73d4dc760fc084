//! YAML text (YAML 1.2, core schema) → a tree of JSON values. Keys are strings, and none stands twice in a mapping.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Reads one document; an empty text is null.
///
/// # Errors
/// What is wrong, with its line.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| format!("line {}: {}", e.marker().line(), e.info()))?;
        let done = builder.take(event, span)?;
        if done.is_some() && root.is_some() {
            return Err(format!("line {}: a second document: write one", span.start.line()));
        }
        root = root.or(done);
    }
    Ok(root.unwrap_or(Value::Null))
}

/// A collection that is still open.
enum Open {
    List(Vec<Value>),
    /// The key that waits for its value.
    Mapping(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Builder {
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, Value>,
    /// Values made of aliases: a few lines can name each other into any number of them.
    copied: usize,
}

impl Builder {
    /// Takes an event; the document, where it ends one.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Value>, String> {
        let line = span.start.line();
        let wrong = |what: &str| Err(format!("line {line}: {what}"));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == "str")) {
                    return wrong(&format!("the tag {}{} is not read", tag.handle, tag.suffix));
                }
                self.put(scalar(&text, style), anchor, line)
            }
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor).cloned() else {
                    return wrong("an alias inside of what it names");
                };
                self.copied += size(&value);
                if self.copied > MOST_COPIED {
                    return wrong(&format!("aliases name over {MOST_COPIED} values"));
                }
                self.put(value, 0, line)
            }
            Event::SequenceStart(anchor, _) => self.begin(Open::List(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => self.begin(Open::Mapping(Map::new(), None), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(list), anchor)) => self.put(list.into(), anchor, line),
                Some((Open::Mapping(map, _), anchor)) => self.put(map.into(), anchor, line),
                None => wrong("an end without a beginning"),
            },
            _ => Ok(None),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize, line: usize) -> Result<Option<Value>, String> {
        if let Some((Open::Mapping(_, None), _)) = self.open.last() {
            return Err(format!("line {line}: a key has to be a text"));
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("line {line}: nested over {DEEPEST} deep"));
        }
        self.open.push((open, anchor));
        Ok(None)
    }

    fn put(&mut self, value: Value, anchor: usize, line: usize) -> Result<Option<Value>, String> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => return Ok(Some(value)),
            Some((Open::List(list), _)) => list.push(value),
            Some((Open::Mapping(map, key), _)) => match (key.take(), value) {
                (Some(key), value) => {
                    map.insert(key, value);
                }
                (None, Value::String(name)) if map.contains_key(&name) => {
                    return Err(format!("line {line}: the key `{name}` stands twice"));
                }
                (None, Value::String(name)) => *key = Some(name),
                (None, _) => return Err(format!("line {line}: a key has to be a text")),
            },
        }
        Ok(None)
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match style {
        ScalarStyle::Plain => typed(text),
        _ => text.into(),
    }
}

/// A plain text as the core schema has it: null, a truth, a number, or the text.
pub(super) fn typed(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let digits = text.trim_start_matches(['-', '+']);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || text.len() - digits.len() > 1 {
        return text.into();
    }
    let radix = |prefix: &str, radix| text.strip_prefix(prefix).and_then(|d| u64::from_str_radix(d, radix).ok());
    let whole = text.trim_start_matches('+').parse::<i64>().map(Number::from);
    let whole = whole.or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    let whole = whole.or_else(|| radix("0x", 16).or_else(|| radix("0o", 8)).map(Number::from));
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64)).map_or_else(|| text.into(), Value::Number)
}

/// Most values that aliases may stand for.
const MOST_COPIED: usize = 100_000;
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_the_types_of_the_core_schema() {
        let text = "a: 1\nb: -2.5\nc: '3'\nd: [yes, true, ~, .5, 1e3, 0x10]\ne: {f: \"x: y\"}\ng: |\n  one\n  two\nh: inf\ni:\n";
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": 1, "b": -2.5, "c": "3", "d": ["yes", true, null, 0.5, 1000.0, 16], "e": {"f": "x: y"},
                "g": "one\ntwo\n", "h": "inf", "i": null,
            })
        );
        assert_eq!(parse("- &x {k: 1}\n- *x\n").unwrap(), json!([{"k": 1}, {"k": 1}]));
        assert_eq!(parse("# nothing\n").unwrap(), Value::Null);
        assert_eq!(parse("30s").unwrap(), json!("30s"));
    }

    #[test]
    fn what_is_strict_yaml_no_more_is_refused_with_its_line() {
        let deep = "[".repeat(100);
        let bombs: String = (1..40).map(|i| format!("- &x{i} [*x{0}, *x{0}, *x{0}]\n", i - 1)).collect();
        let bombs = format!("- &x0 [1, 2]\n{bombs}");
        for (text, said) in [
            ("a: 1\nb: 2\na: 3\n", "line 3: the key `a` stands twice"),
            ("a: 1\n1: 2\n", "a key has to be a text"),
            ("? [a]\n: 1\n", "a key has to be a text"),
            ("a: [1, 2\n", "line"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("a: !!python/object x\n", "tag"),
            (deep.as_str(), "deep"),
            (bombs.as_str(), "aliases name over"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
