//! Answers of unknown shape: where the user says, else by the names that such answers usually have (those that AIPerf looks for).

use super::field::Field;
use super::full::{escaped, object, tree};
use super::rules::{Count, Found, Node, Rule, Slot};
use serde_json::{Map, Value};

/// Reads an event or a body. What is not JSON is output as it is.
pub(super) fn read(data: &[u8], field: Option<&Field>, found: &mut Found<'_>) {
    let Ok(value) = tree(data) else {
        let text = String::from_utf8_lossy(data);
        if !text.trim().is_empty() {
            output(&text, found);
        }
        return;
    };
    if let Value::Object(map) = &value {
        object(map, &AROUND, found);
    }
    match field {
        Some(field) => field.find(&value).map_or((), |value| put(value, found)),
        None => match &value {
            Value::Object(map) => guess(map, found),
            other => put(other, found),
        },
    }
}

/// The first of the usual names that has something.
fn guess(map: &Map<String, Value>, found: &mut Found<'_>) {
    let vectors = map
        .get("data")
        .and_then(|data| data.get(0)?.get("embedding"));
    let lists = ["embeddings", "embedding", "rankings", "results"]
        .iter()
        .filter_map(|name| map.get(*name).filter(|value| value.is_array()));
    if let Some(value) = vectors.into_iter().chain(lists).next() {
        return put(value, found);
    }
    let plain = [
        "text",
        "content",
        "response",
        "output",
        "result",
        "generated_text",
    ]
    .iter()
    .filter_map(|name| map.get(*name).filter(|value| is_text(value)));
    let choice = map.get("choices").and_then(|choices| choices.get(0));
    let paths: [&[&str]; 3] = [&["text"], &["message", "content"], &["delta", "content"]];
    let chosen = paths.iter().filter_map(|path| {
        let found = path.iter().try_fold(choice?, |value, name| value.get(name));
        found.filter(|value| is_text(value))
    });
    let token = map.get("token").and_then(|token| token.get("text"));
    if let Some(value) = plain.chain(chosen).chain(token).next() {
        put(value, found);
    }
}

fn is_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        _ => false,
    }
}

/// Text is output with its text; a list of numbers or objects is output without.
fn put(value: &Value, found: &mut Found<'_>) {
    match value {
        Value::String(text) if !text.is_empty() => output(text, found),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
            let joined: String = items.iter().filter_map(Value::as_str).collect();
            if !joined.is_empty() {
                output(&joined, found);
            }
        }
        Value::Array(items) if !items.is_empty() => found.given(),
        _ => {}
    }
}

fn output(text: &str, found: &mut Found<'_>) {
    found.texts += 1;
    found.output(Slot::Visible, &escaped(text));
}

/// What is the same in most APIs.
static AROUND: Node = Node(&[
    ("error", Rule::Error),
    ("usage", Rule::Object(&USAGES)),
    ("choices", Rule::List(&CHOICE)),
]);

static USAGES: Node = Node(&[
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("input_tokens", Rule::Count(Count::Prompt)),
    ("completion_tokens", Rule::Count(Count::Completion)),
    ("output_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
]);

static CHOICE: Node = Node(&[("finish_reason", Rule::Finish)]);
