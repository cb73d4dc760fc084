//! Anthropic Messages: events of content blocks; usage comes in two parts, which add up to the whole.

use super::parts::Parts;
use super::request::{RequestContent, TurnList};
use super::rules::{INPUT_OUTPUT_USAGE, KIND, Node, OutputKind, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::{Value, json};

pub(super) static MESSAGES: Dialect = Dialect {
    kind: EndpointKind::Messages,
    path: Path::Under("/v1/messages"),
    headers: &[("anthropic-version", "2023-06-01")],
    names_model: true,
    stream: StreamField::Flag,
    extras: Extras::Body,
    fill,
    turns: Some(TurnList { field: "messages", system_leads: false }),
    reading: Reading::Rules { event: &EVENT, body: &BODY },
};

/// The API takes no request without `max_tokens`: where no output length is asked for, this is said (as AIPerf does).
pub(super) const MAX_TOKENS: u32 = 1024;

fn fill(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    body.insert("messages".into(), content.messages.iter().map(message).collect());
    body.insert("max_tokens".into(), content.osl.unwrap_or(MAX_TOKENS).into());
    if let Some(system) = content.system {
        body.insert("system".into(), system.into());
    }
    Ok(())
}

fn message(message: &Message) -> Value {
    message.verbatim.clone().unwrap_or_else(|| json!({"role": message.role(), "content": PARTS.content(message)}))
}

static PARTS: Parts = Parts { text: "text", image, audio: None, video: None };

/// A `data:` URL is taken apart; any other URL the server fetches.
fn image(url: &str) -> Value {
    let source = match url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        Some((head, data)) => {
            let kind = head.split(';').next().unwrap_or(head);
            json!({"type": "base64", "media_type": kind, "data": data})
        }
        None => json!({"type": "url", "url": url}),
    };
    json!({"type": "image", "source": source})
}

/// The keys tell the events apart: `message_start` has `message`, `content_block_start` has `content_block`, and the
/// two deltas what they change. `error` is in error events alone, and `message_stop`, which ends the stream, is known
/// by its type.
static EVENT: Node = response![
    (KIND, Rule::LastIf("message_stop")),
    ("delta", Rule::Object(&DELTA)),
    ("content_block", Rule::Object(&BLOCK_START)),
    ("message", Rule::Object(&MESSAGE_START)),
    // `message` has another meaning here, so that a code is as sure a sign as both elsewhere.
    ("code", Rule::Sign(SURE)),
    ("usage", Rule::Object(&INPUT_OUTPUT_USAGE)),
];

/// `signature` signs the thoughts before it, and is no output.
static DELTA: Node = Node::of(&[
    ("text", Rule::Text(OutputKind::Visible)),
    ("thinking", Rule::Text(OutputKind::Reasoning)),
    ("partial_json", Rule::Text(OutputKind::Visible)),
    ("stop_reason", Rule::Reason),
]);

/// The name of a tool is output, as it is in a chat. Its input comes in deltas.
static BLOCK_START: Node = Node::of(&[
    ("text", Rule::Text(OutputKind::Visible)),
    ("thinking", Rule::Text(OutputKind::Reasoning)),
    ("name", Rule::Text(OutputKind::Visible)),
]);

static MESSAGE_START: Node = Node::of(&[("usage", Rule::Object(&INPUT_OUTPUT_USAGE)), ("error", Rule::Error)]);

static BODY: Node = response![
    ("content", Rule::List(&BLOCK)),
    ("stop_reason", Rule::Reason),
    ("usage", Rule::Object(&INPUT_OUTPUT_USAGE)),
];

static BLOCK: Node = Node::of(&[
    ("text", Rule::Text(OutputKind::Visible)),
    ("thinking", Rule::Text(OutputKind::Reasoning)),
    ("name", Rule::Text(OutputKind::Visible)),
    ("input", Rule::Tree(OutputKind::Visible)),
]);
