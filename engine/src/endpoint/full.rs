//! The full parse: applies the rules to a `serde_json` tree. Slow, and right by construction.

use super::rules::{Found, KIND, Node, Rule, Slot, of_kind};
use super::scan::BadJson;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Reads one JSON text by the rules of `node`: an object, or a list of objects. Any other text says nothing.
///
/// Of a key that comes twice the last value counts, as `serde_json` has it.
pub(super) fn parse(
    json: &[u8],
    node: &'static Node,
    found: &mut Found<'_>,
) -> Result<(), BadJson> {
    match &tree(json)? {
        Value::Object(map) => object(map, node, found),
        Value::Array(items) => list(items, node, found),
        _ => {}
    }
    Ok(())
}

/// The tree of a JSON text; lone surrogates in it are U+FFFD.
pub(super) fn tree(json: &[u8]) -> Result<Value, BadJson> {
    serde_json::from_slice(&without_lone_surrogates(json)).map_err(|_| BadJson)
}

/// The body of the JSON string that has this text.
pub(super) fn escaped(text: &str) -> Vec<u8> {
    let quoted = Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn list(items: &[Value], node: &'static Node, found: &mut Found<'_>) {
    let maps = items.iter().filter_map(Value::as_object);
    maps.for_each(|map| object(map, node, found));
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
            (Rule::Text(slot), Value::String(text)) if !text.is_empty() => {
                found.texts += 1;
                if slot != Slot::Reasoning || !std::mem::replace(&mut reasoned, true) {
                    found.output(slot, &escaped(text));
                }
            }
            (Rule::Tree(slot), Value::Object(tree)) if !tree.is_empty() => {
                found.texts += 1;
                found.output(slot, &escaped(&value.to_string()));
            }
            (Rule::Given, value) if !is_empty(value) => found.given(),
            (Rule::Finish, Value::String(reason)) => found.seen.finish |= !reason.is_empty(),
            (Rule::Count(count), Value::Number(n)) => {
                if let Some(tokens) = n.as_u64().and_then(|n| u32::try_from(n).ok()) {
                    found.count(count, tokens);
                }
            }
            (Rule::Error, _) => found.seen.error = true,
            (Rule::ErrorIf(word), Value::String(text)) => found.seen.error |= text == word,
            _ => {}
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// `serde_json` refuses a string with an escaped surrogate that has no partner. Servers do send them, when they cut text between the
/// halves of a pair, so here they become U+FFFD.
fn without_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        let first = unit(json, at);
        let pair = matches!(first, Some(0xD800..0xDC00))
            && matches!(unit(json, at + 6), Some(0xDC00..0xE000));
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
