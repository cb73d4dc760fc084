//! The full parse: applies the rules to a `serde_json` tree. Slow, and right by construction.

use super::failed::{denies, names_error};
use super::rules::{Found, KIND, Node, OutputKind, Rule, of_kind};
use super::scan::BadJson;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Reads one JSON text by the rules of `node`: an object, or a list of objects. Any other text says nothing.
///
/// Of a key that comes twice the last value counts, as `serde_json` has it.
pub(super) fn parse(json: &[u8], node: &'static Node, found: &mut Found<'_>) -> Result<(), BadJson> {
    match &tree(json)? {
        Value::Object(map) => object(map, node, found),
        Value::Array(items) => list(items, node, found),
        _ => {}
    }
    found.conclude();
    Ok(())
}

/// The tree of a JSON text; lone surrogates in it are U+FFFD, as are bytes that are not UTF-8 (WHATWG HTML §9.2.5
/// decodes streams so): servers cut text within a character.
pub(super) fn tree(json: &[u8]) -> Result<Value, BadJson> {
    let json = String::from_utf8_lossy(json);
    serde_json::from_slice(&without_lone_surrogates(json.as_bytes())).map_err(|_| BadJson)
}

/// The body of the JSON string that has this text.
pub(super) fn escaped(text: &str) -> Vec<u8> {
    let quoted = Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn list(items: &[Value], node: &'static Node, found: &mut Found<'_>) {
    let maps = items.iter().filter_map(Value::as_object);
    maps.for_each(|map| {
        found.items = true;
        object(map, node, found);
    });
}

/// Applies the rules of `node` to an object.
pub(super) fn object(map: &Map<String, Value>, node: &'static Node, found: &mut Found<'_>) {
    let mut reasoned = false;
    let node = match node.kinds() {
        Some(kinds) => {
            let kind = map.get(KIND).and_then(Value::as_str);
            of_kind(node, kinds, kind.map(str::as_bytes))
        }
        None => node,
    };
    for (key, value) in map {
        let Some((_, rule)) = node.rule(key.as_bytes()) else {
            continue;
        };
        match (rule, value) {
            (_, Value::Null) => {}
            (Rule::Object(node), Value::Object(map)) => object(map, node, found),
            (Rule::List(node), Value::Array(items)) => list(items, node, found),
            (Rule::Choices(node), Value::Array(items)) => {
                for choice in items.iter().filter_map(Value::as_object) {
                    found.items = true;
                    found.enter_choice();
                    object(choice, node, found);
                    found.leave_choice();
                }
            }
            (Rule::Index, value) => found.index(tokens(value).unwrap_or(0)),
            (Rule::Text(kind) | Rule::Parts(kind, _) | Rule::Tree(kind), Value::String(said)) => {
                text(said, kind, &mut reasoned, found);
            }
            (Rule::Parts(kind, node), Value::Array(items)) => {
                let outer = found.enter(reasoned);
                for item in items {
                    match item {
                        Value::String(said) => text(said, kind, &mut false, found),
                        Value::Object(map) => object(map, node, found),
                        _ => {}
                    }
                }
                reasoned |= found.leave(outer);
            }
            (Rule::Tree(kind), Value::Object(tree)) if !tree.is_empty() => {
                found.texts += 1;
                found.output(kind, &escaped(&value.to_string()));
            }
            (Rule::Given, value) if !is_empty(value) => found.given(),
            (Rule::Count(count), value) => match tokens(value) {
                Some(tokens) => found.count(count, tokens),
                None => found.seen.refused = true,
            },
            (Rule::Duration(timing, unit), value) => {
                if let Some(number) = value.as_f64() {
                    found.duration(timing, unit, number);
                }
            }
            (Rule::Whole, _) => found.seen.whole = true,
            (Rule::Last, _) => found.seen.ends(),
            (Rule::LastIf(word), value) if value == word => found.seen.ends(),
            (Rule::LastIf(_), value) => ends(Rule::ErrorName, value, found),
            (rule, value) => ends(rule, value, found),
        }
    }
}

/// A count of tokens: a whole number of 32 bits, however it is written.
fn tokens(value: &Value) -> Option<u32> {
    let whole = |n: f64| (n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&n)).then_some(n);
    match value.as_u64() {
        Some(n) => u32::try_from(n).ok(),
        None => value.as_f64().and_then(whole).map(|n| n as u32),
    }
}

/// Notes a text, if it is not empty.
fn text(said: &str, kind: OutputKind, reasoned: &mut bool, found: &mut Found<'_>) {
    if said.is_empty() {
        return;
    }
    found.texts += 1;
    if kind != OutputKind::Reasoning || !(std::mem::replace(reasoned, true) || found.muted) {
        found.output(kind, &escaped(said));
    }
}

/// The rules by which a response says that it ends, or that it failed.
fn ends(rule: Rule, value: &Value, found: &mut Found<'_>) {
    match (rule, value) {
        (Rule::Reason, Value::String(reason)) => found.reason(reason.as_bytes()),
        (Rule::Reason, Value::Object(reason)) => {
            if let Some(Value::String(kind)) = reason.get(KIND) {
                found.reason(kind.as_bytes());
            }
        }
        (Rule::Status, Value::String(status)) => found.status(status.as_bytes()),
        (Rule::Error, value) => found.seen.error |= says_something(value),
        (Rule::ErrorIf(words), Value::String(text)) => {
            found.seen.error |= words.contains(&text.as_str());
        }
        (Rule::ErrorName, Value::String(text)) => found.seen.error |= names_error(text.as_bytes()),
        (Rule::Denial(weight), value) if denied(value) => found.sign(weight),
        (Rule::Sign(weight), value) if says_something(value) && value != OK => found.sign(weight),
        _ => {}
    }
}

/// Whether a status says that the request failed.
fn denied(value: &Value) -> bool {
    match value {
        Value::Bool(well) => !well,
        Value::Number(n) => n.as_f64().is_some_and(|status| status >= 400.0),
        Value::String(status) => denies(status.as_bytes()),
        _ => false,
    }
}

/// Whether a value can be an error: it is not empty, `false` or 0, nor an object of such, and of fields that say that
/// all is well.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(said) => *said,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::Object(fields) => fields.values().any(|field| says_something(field) && !is_well(field)),
        value => !is_empty(value),
    }
}

/// Whether a field of an error object says that there is none.
fn is_well(value: &Value) -> bool {
    match value {
        Value::String(word) => WELL.iter().any(|well| word.eq_ignore_ascii_case(well)),
        value => value == OK,
    }
}

/// What fields of an error object say where nothing went wrong.
const WELL: [&str; 6] = ["ok", "success", "succeeded", "none", "0", "200"];

/// The status that says that all is well, where a body repeats it.
const OK: u16 = 200;

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.first().is_none_or(Value::is_null),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// `serde_json` refuses a string with an escaped surrogate that has no partner. Servers do send them, when they cut
/// text between the halves of a pair, so here they become U+FFFD.
fn without_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        let first = unit(json, at);
        let pair = matches!(first, Some(0xD800..0xDC00)) && matches!(unit(json, at + 6), Some(0xDC00..0xE000));
        match first {
            Some(_) if pair => at += 12,
            Some(0xD800..0xE000) => {
                out.to_mut()[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            _ => at += 2,
        }
    }
    out
}

/// The code unit of the escape `\uXXXX` at `at`, if there is one.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |n, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(n << 4 | digit as u16)
    })
}
