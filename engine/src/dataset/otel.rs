//! Spans of OpenTelemetry's conventions for generative AI, in the JSON of its protocol, an export a line:
//! `{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "…", "attributes": […]}]}]}]}`.
//!
//! A span of a chat or a completion is a request: at its start, of `gen_ai.usage.input_tokens`, asking for
//! `gen_ai.usage.output_tokens`; where `gen_ai.input.messages` is there, these are sent instead of a synthetic text.
//! Spans of one `gen_ai.conversation.id` are a conversation. Other spans are left out. Times count from the earliest
//! start: exporters write spans when they end, so that a file is in no order of their starts.

use super::fields::tokens;
use super::lines::{Line, State};
use super::{Content, Read, Row, Session, Spec, Turn, chat_messages};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Message};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"an export of spans a line: {"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "1700000000000000000", "attributes": [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}}]}]}]}]}"#,
    looks_like: |head| head.has("resourceSpans"),
    fields: &[],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[serde(default)]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
struct ScopeSpans {
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    start_time_unix_nano: Value,
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    value: Map<String, Value>,
}

impl Span {
    /// The value of an attribute, whatever type it is written in.
    fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|a| a.key == key)?.value.values().next()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key)?.as_str()
    }

    /// A number, which the protocol's JSON writes as a text where it has 64 bits.
    fn number(&self, key: &str) -> Option<u64> {
        number(self.attribute(key)?)
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let export: Export = line.json(SPEC.what)?;
    let spans = export.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans);
    for span in spans {
        let operation = span.text("gen_ai.operation.name").unwrap_or("chat");
        let input = span.number("gen_ai.usage.input_tokens");
        if !OPERATIONS.contains(&operation) || input.is_none() && span.attribute("gen_ai.input.messages").is_none() {
            state.left_out = Some(LeftOut::Unasked);
            continue;
        }
        rows.push(request(&span, input)?);
    }
    // Where a line has both, only what is sent is told.
    state.left_out = state.left_out.filter(|_| rows.is_empty());
    Ok(())
}

fn request(span: &Span, input: Option<u64>) -> Result<Row> {
    let start: Nanos = number(&span.start_time_unix_nano).ok_or_else(|| {
        Error::usage("startTimeUnixNano is no number of nanoseconds", "write it as the protocol does")
    })?;
    let said = span.attribute("gen_ai.input.messages").map(messages).transpose()?;
    let content = match (said, input) {
        (Some(said), _) => Content::Messages(said),
        (None, tokens_in) => {
            Content::Length { isl: tokens("gen_ai.usage.input_tokens", tokens_in.unwrap_or(0))?, hash_ids: Vec::new() }
        }
    };
    let named = span.text("gen_ai.conversation.id").map(|id| Session::Named(id.to_owned()));
    let output = span.number("gen_ai.usage.output_tokens").filter(|n| *n > 0);
    Ok(Row {
        session: named.unwrap_or_default(),
        ..Row::single(Turn {
            at: Some(start),
            content,
            osl: output.map(|n| tokens("gen_ai.usage.output_tokens", n)).transpose()?,
            ..Turn::default()
        })
    })
}

/// The messages of a span.
fn messages(value: &Value) -> Result<Vec<Message>> {
    let said = chat_messages(value).ok_or_else(|| {
        Error::usage(
            "gen_ai.input.messages is no list of messages with a role and parts of text or of tools",
            "leave it out, and the lengths are sent",
        )
    })?;
    Ok(said.into_iter().map(|said| Message { verbatim: Some(said), ..Message::default() }).collect())
}

/// Operations that are requests of text.
const OPERATIONS: [&str; 3] = ["chat", "text_completion", "generate_content"];
