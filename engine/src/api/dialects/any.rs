//! Responses of unknown shape: where the user says, else by the names that such responses usually have (those that
//! AIPerf looks for).

use super::full::{escaped, object, tree};
use super::rules::{Count, Found, Node, OutputKind, Rule, SURE, response};
use super::timings::S;
use super::{chat, responses};
use crate::plan::OutputPath;
use crate::record::Timing;
use serde_json::{Map, Value};

/// Reads an event or a body. What is not JSON is output as it is.
pub(in crate::api) fn read(data: &[u8], field: Option<&OutputPath>, found: &mut Found<'_>) {
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
    if let Some(field) = field {
        field.around(&value).for_each(|map| object(map, &AROUND, found));
    }
    match (field, &value) {
        (Some(field), value) => field.find(value).map_or((), |value| put(value, found)),
        (None, Value::Object(map)) => guess(map, found),
        (None, Value::Array(items)) if items.iter().any(is_error) => found.seen.error = true,
        (None, other) => put(other, found),
    }
    found.conclude();
}

/// Whether an item of a list is an error rather than a result (Google's APIs).
fn is_error(item: &Value) -> bool {
    let mut alone = Found::new(None);
    if let Value::Object(map) = item {
        object(map, &AROUND, &mut alone);
    }
    alone.seen.error
}

/// The first of the usual names that has something.
fn guess(map: &Map<String, Value>, found: &mut Found<'_>) {
    let vectors = map.get("data").and_then(|data| data.get(0)?.get("embedding"));
    let lists = ["embeddings", "embedding", "rankings", "results"]
        .iter()
        .filter_map(|name| map.get(*name).filter(|value| value.is_array()));
    if let Some(value) = vectors.into_iter().chain(lists).next() {
        return put(value, found);
    }
    let mut plain = ["text", "content", "response", "output", "result", "generated_text"]
        .iter()
        .filter_map(|name| map.get(*name).filter(|value| is_text(value)));
    if let Some(value) = plain.next() {
        return put(value, found);
    }
    for shape in SHAPES {
        if !found.seen.output {
            object(map, shape, found);
        }
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
    found.output(OutputKind::Visible, &escaped(text));
}

/// Shapes of output that are known, in order.
static SHAPES: [&Node; 4] = [
    &Node::of(&[("choices", Rule::List(&CHOSEN))]),
    &Node::of(&[("content", Rule::Parts(OutputKind::Visible, &chat::PART))]),
    &Node::of(&[("output", Rule::List(&responses::ITEM))]),
    &Node::of(&[("token", Rule::Object(&TOKEN))]),
];

static CHOSEN: Node = Node::of(&[
    ("text", Rule::Text(OutputKind::Visible)),
    ("message", Rule::Object(&chat::MESSAGE)),
    ("delta", Rule::Object(&chat::MESSAGE)),
]);

static TOKEN: Node = Node::of(&[("text", Rule::Text(OutputKind::Visible))]);

/// What is the same in most APIs; `meta_info` is SGLang's.
static AROUND: Node = response![
    ("usage", Rule::Object(&USAGES)),
    ("meta_info", Rule::Object(&META)),
    ("choices", Rule::Choices(&CHOICE)),
    ("finish_reason", Rule::Reason),
];

static META: Node = Node::of(&[
    ("finish_reason", Rule::Reason),
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("completion_tokens", Rule::Count(Count::Completion)),
    ("cached_tokens", Rule::Count(Count::Cached)),
    // As `META_INFO` of timings.rs has it.
    ("queue_time", Rule::Duration(Timing::Queue, S)),
    ("first_token_latency", Rule::Duration(Timing::FirstToken, S)),
    ("e2e_latency", Rule::Duration(Timing::Total, S)),
]);

static USAGES: Node = Node::of(&[
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("input_tokens", Rule::Count(Count::Prompt)),
    ("completion_tokens", Rule::Count(Count::Completion)),
    ("output_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
]);

static CHOICE: Node = Node::of(&[
    ("index", Rule::Index),
    ("finish_reason", Rule::Reason),
    ("native_finish_reason", Rule::ErrorName),
    ("error", Rule::Error),
    ("error_message", Rule::Error),
]);
