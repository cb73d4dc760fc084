//! Mooncake's traces (Qin et al., FAST '25), as AIPerf's `mooncake_trace` extends them, one request a line:
//! `{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}`.
//!
//! Times are milliseconds. Instead of `input_length` a line may have `text_input`, `messages` (with `tools`) or a whole
//! `payload`. Lines of one `session_id` are a conversation: those with `messages` or a `payload` say all of their
//! context themselves, the others are sent with the turns and responses before them.

use super::fields::{id, instant, tokens};
use super::lines::{Line, State};
use super::{Content, Read, Row, Session, Spec, Turn, compact};
use crate::error::{Error, Result};
use crate::plan::Message;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"a request a line: {"timestamp": MS, "input_length": TOKENS, "output_length": TOKENS}"#,
    looks_like: |head| {
        ["input_length", "text_input", "payload"].iter().any(|f| head.has(f))
            || head.has("messages") && !head.has("model")
    },
    fields: &[
        "timestamp",
        "delay",
        "input_length",
        "output_length",
        "hash_ids",
        "session_id",
        "text_input",
        "messages",
        "tools",
        "payload",
        "extra",
        // AIPerf names the format in each line.
        "type",
    ],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Request<'a> {
    timestamp: Option<f64>,
    delay: Option<f64>,
    input_length: Option<u64>,
    output_length: Option<u64>,
    hash_ids: Option<Vec<u64>>,
    session_id: Option<Value>,
    text_input: Option<String>,
    messages: Option<Vec<Value>>,
    tools: Option<Value>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    extra: Option<Map<String, Value>>,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let row: Request<'_> = line.json(SPEC.what)?;
    let ways = [row.input_length.is_some(), row.text_input.is_some(), row.messages.is_some(), row.payload.is_some()];
    match ways.iter().filter(|there| **there).count() {
        0 => {
            return Err(Error::usage(
                "no input_length",
                format!("write {}; or text_input, messages or payload in its place", SPEC.what),
            ));
        }
        1 => {}
        _ => {
            return Err(Error::usage(
                "more than one of input_length, text_input, messages and payload",
                "leave one of them in",
            ));
        }
    }
    if row.hash_ids.is_some() && row.input_length.is_none() {
        return Err(Error::usage(
            "hash_ids without input_length",
            "leave them out: they are blocks of a synthetic text",
        ));
    }
    let alone = row.messages.is_some() || row.payload.is_some();
    let mut extra = row.extra;
    if let Some(tools) = row.tools {
        if row.messages.is_none() {
            return Err(Error::usage("tools without messages", "write messages, or put tools into the payload"));
        }
        extra.get_or_insert_default().insert("tools".into(), tools);
    }
    let content = match (row.input_length, row.text_input, row.messages, row.payload) {
        (Some(isl), ..) => {
            Content::Length { isl: tokens("input_length", isl)?, hash_ids: row.hash_ids.unwrap_or_default() }
        }
        (_, Some(text), ..) => Content::Messages(vec![Message::text(text)]),
        (.., Some(payload)) => Content::Payload(body(payload.get())?),
        (.., messages, _) => Content::Messages(verbatim(messages.unwrap_or_default())?),
    };
    let named = row.session_id.as_ref().map(|v| Session::Named(id(v)));
    rows.push(Row {
        alone: alone || named.is_none(),
        session: named.unwrap_or_default(),
        ..Row::single(Turn {
            at: row.timestamp.map(|ms| instant("timestamp", ms)).transpose()?,
            delay: row.delay.map(|ms| instant("delay", ms)).transpose()?,
            content,
            osl: row.output_length.map(|n| tokens("output_length", n)).transpose()?,
            extra,
            ..Turn::default()
        })
    });
    Ok(())
}

/// A request body that is an object and says something.
pub(super) fn body(json: &str) -> Result<Vec<u8>> {
    let bytes = compact(json);
    if bytes.first() != Some(&b'{') || bytes == b"{}" {
        return Err(Error::usage(
            "the request body is not an object with fields",
            r#"write {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}"#,
        ));
    }
    Ok(bytes)
}

pub(super) fn verbatim(messages: Vec<Value>) -> Result<Vec<Message>> {
    if messages.is_empty() {
        return Err(Error::usage("messages is empty", r#"write {"messages": [{"role": "user", "content": "Hello"}]}"#));
    }
    let each = |(i, message): (usize, Value)| {
        if message.get("role").is_none() {
            return Err(Error::usage(
                format!("message {} has no role", i + 1),
                r#"write {"role": "user", "content": "Hello"}"#,
            ));
        }
        Ok(Message { verbatim: Some(message), ..Message::default() })
    };
    messages.into_iter().enumerate().map(each).collect()
}
