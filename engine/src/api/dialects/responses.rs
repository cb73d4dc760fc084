//! OpenAI Responses: typed events, of which the deltas carry output.

use super::parts::{Parts, input_audio};
use super::request::{RequestContent, TurnList};
use super::rules::{INPUT_OUTPUT_USAGE, KIND, Node, OutputKind, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::{Value, json};

pub(super) static RESPONSES: Dialect = Dialect {
    kind: EndpointKind::Responses,
    path: Path::Under("/v1/responses"),
    headers: &[],
    names_model: true,
    stream: StreamField::Flag,
    extras: Extras::Body,
    fill,
    turns: Some(TurnList { field: "input", system_leads: false }),
    reading: Reading::Rules { event: &EVENT, body: &BODY },
};

fn fill(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    body.insert("input".into(), content.messages.iter().map(message).collect());
    if let Some(system) = content.system {
        body.insert("instructions".into(), system.into());
    }
    if let Some(osl) = content.osl {
        body.insert("max_output_tokens".into(), osl.into());
    }
    Ok(())
}

fn message(message: &Message) -> Value {
    message
        .verbatim
        .clone()
        .unwrap_or_else(|| json!({"type": "message", "role": message.role(), "content": PARTS.content(message)}))
}

static PARTS: Parts = Parts {
    text: "input_text",
    image: |url| json!({"type": "input_image", "image_url": url}),
    audio: Some(input_audio),
    video: None,
};

/// Events of other kinds repeat what deltas have said (`….done`, `…content_part…`), or say nothing.
static EVENT: Node = response![(
    KIND,
    Rule::Kinds(&[
        ("response.output_text.delta", &VISIBLE_DELTA),
        ("response.refusal.delta", &VISIBLE_DELTA),
        ("response.function_call_arguments.delta", &VISIBLE_DELTA),
        ("response.custom_tool_call_input.delta", &VISIBLE_DELTA),
        ("response.mcp_call_arguments.delta", &VISIBLE_DELTA),
        ("response.code_interpreter_call_code.delta", &VISIBLE_DELTA),
        ("response.audio.transcript.delta", &VISIBLE_DELTA),
        ("response.output_audio_transcript.delta", &VISIBLE_DELTA),
        ("response.audio.delta", &SOUND_DELTA),
        ("response.output_audio.delta", &SOUND_DELTA),
        ("response.reasoning_text.delta", &REASONING_DELTA),
        ("response.reasoning.delta", &REASONING_DELTA),
        ("response.reasoning_summary_text.delta", &REASONING_DELTA),
        ("response.output_item.added", &ITEM_ADDED),
        ("response.created", &STARTED),
        ("response.in_progress", &STARTED),
        ("response.completed", &ENDED),
        ("response.incomplete", &ENDED),
        ("response.failed", &FAILED_EVENT),
        ("response.cancelled", &FAILED_EVENT),
        ("response.error", &FAILED_EVENT),
        ("error", &FAILED_EVENT),
    ]),
),];

static VISIBLE_DELTA: Node = Node::of(&[("delta", Rule::Text(OutputKind::Visible))]);

static REASONING_DELTA: Node = Node::of(&[("delta", Rule::Text(OutputKind::Reasoning))]);

static SOUND_DELTA: Node = Node::of(&[("delta", Rule::Given)]);

/// The name of a tool is output, as it is in a chat.
static ITEM_ADDED: Node = Node::of(&[("item", Rule::Object(&NAMED))]);

static NAMED: Node = Node::of(&[("name", Rule::Text(OutputKind::Visible))]);

/// What repeats the response before it has output says an error, if it has one.
static STARTED: Node = Node::of(&[("response", Rule::Object(&RESPONSE_STARTED))]);

static RESPONSE_STARTED: Node = Node::of(&[("error", Rule::Error)]);

static ENDED: Node = Node::of(&[(KIND, Rule::Last), ("response", Rule::Object(&RESPONSE_ENDED))]);

static RESPONSE_ENDED: Node = Node::of(&[
    ("status", Rule::Reason),
    ("incomplete_details", Rule::Object(&INCOMPLETE)),
    ("error", Rule::Error),
    ("usage", Rule::Object(&INPUT_OUTPUT_USAGE)),
]);

/// Too few output tokens asked for, or a filter, is an end like any other.
static INCOMPLETE: Node = Node::of(&[("reason", Rule::Reason)]);

/// An event that is an error by its kind.
static FAILED_EVENT: Node =
    Node::of(&[(KIND, Rule::ErrorIf(&["response.failed", "response.cancelled", "response.error", "error"]))]);

static BODY: Node = response![
    ("output", Rule::List(&ITEM)),
    ("status", Rule::Status),
    ("incomplete_details", Rule::Object(&INCOMPLETE)),
    ("usage", Rule::Object(&INPUT_OUTPUT_USAGE)),
];

pub(super) static ITEM: Node = Node::of(&[(
    KIND,
    Rule::Kinds(&[
        ("message", &MESSAGE),
        ("reasoning", &REASONING),
        ("function_call", &CALL),
        ("custom_tool_call", &CALL),
        ("mcp_call", &CALL),
    ]),
)]);

static MESSAGE: Node = Node::of(&[("content", Rule::List(&CONTENT))]);

static CONTENT: Node =
    Node::of(&[("text", Rule::Text(OutputKind::Visible)), ("refusal", Rule::Text(OutputKind::Visible))]);

static REASONING: Node = Node::of(&[("content", Rule::List(&THOUGHT)), ("summary", Rule::List(&THOUGHT))]);

static THOUGHT: Node = Node::of(&[("text", Rule::Text(OutputKind::Reasoning))]);

static CALL: Node = Node::of(&[
    ("name", Rule::Text(OutputKind::Visible)),
    ("arguments", Rule::Text(OutputKind::Visible)),
    ("input", Rule::Text(OutputKind::Visible)),
]);
