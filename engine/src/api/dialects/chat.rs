//! OpenAI chat completions, as vLLM, llama.cpp, TGI, SGLang, TensorRT-LLM and the proxies speak it.

use super::parts::{Parts, image_url, input_audio, video_url};
use super::request::{RequestContent, TurnList};
use super::rules::{KIND, Node, OutputKind, Rule, SURE, USAGE, response};
use super::timings::META_INFO;
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::{Value, json};

pub(super) static CHAT: Dialect = Dialect {
    kind: EndpointKind::Chat,
    path: Path::Under("/v1/chat/completions"),
    headers: &[],
    names_model: true,
    stream: StreamField::FlagWithUsage,
    extras: Extras::Body,
    fill,
    turns: Some(TurnList { field: "messages", system_leads: true }),
    reading: Reading::Rules { event: &EVENT, body: &BODY },
};

fn fill(body: &mut Fields, plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    let system = content.system.map(|s| json!({"role": "system", "content": s}));
    let messages = system.into_iter().chain(content.messages.iter().map(message));
    body.insert("messages".into(), messages.collect::<Value>());
    if let Some(osl) = content.osl {
        let name = if plan.use_legacy_max_tokens { "max_tokens" } else { "max_completion_tokens" };
        body.insert(name.into(), osl.into());
    }
    Ok(())
}

fn message(message: &Message) -> Value {
    message.verbatim.clone().unwrap_or_else(|| json!({"role": message.role(), "content": PARTS.content(message)}))
}

/// As many choices as are asked for.
pub(in crate::api) fn results(body: &Fields) -> usize {
    let n = body.get("n").and_then(Value::as_u64).filter(|n| *n > 1);
    n.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

static PARTS: Parts = Parts { text: "text", image: image_url, audio: Some(input_audio), video: Some(video_url) };

static EVENT: Node = response![("choices", Rule::Choices(&EVENT_CHOICE)), ("usage", Rule::Object(&USAGE)),];

static EVENT_CHOICE: Node = Node::of(&[
    ("delta", Rule::Object(&MESSAGE)),
    // Some servers answer at once, in one event; MiniMax repeats the response in the last event.
    ("message", Rule::Whole),
    ("index", Rule::Index),
    ("finish_reason", Rule::Reason),
    ("native_finish_reason", Rule::ErrorName),
    ("error", Rule::Error),
    ("error_message", Rule::Error),
    ("usage", Rule::Object(&USAGE)),
]);

static BODY: Node = response![("choices", Rule::Choices(&BODY_CHOICE)), ("usage", Rule::Object(&USAGE)),];

static BODY_CHOICE: Node = Node::of(&[
    ("message", Rule::Object(&MESSAGE)),
    ("index", Rule::Index),
    ("finish_reason", Rule::Reason),
    ("native_finish_reason", Rule::ErrorName),
    ("error", Rule::Error),
    ("error_message", Rule::Error),
    ("meta_info", Rule::Object(&META_INFO)),
]);

/// `reasoning` is the newer name of `reasoning_content`, and `reasoning_details` says the same in parts: servers send
/// two of them or all, and the first counts.
pub(super) static MESSAGE: Node = Node::of(&[
    ("content", Rule::Parts(OutputKind::Visible, &PART)),
    ("reasoning_content", Rule::Text(OutputKind::Reasoning)),
    ("reasoning", Rule::Text(OutputKind::Reasoning)),
    ("reasoning_details", Rule::Parts(OutputKind::Reasoning, &REASONING_DETAIL)),
    ("tool_calls", Rule::List(&TOOL_CALL)),
    ("function_call", Rule::Object(&FUNCTION)),
    ("refusal", Rule::Text(OutputKind::Visible)),
    ("audio", Rule::Object(&SOUND)),
    ("images", Rule::Given),
]);

/// A part of a content: Mistral's text and thinking parts, and images.
pub(super) static PART: Node = Node::of(&[
    (KIND, Rule::Kinds(&[("thinking", &THINKING_PART), ("reasoning", &THINKING_PART)])),
    ("text", Rule::Text(OutputKind::Visible)),
    ("refusal", Rule::Text(OutputKind::Visible)),
    ("image_url", Rule::Given),
]);

static THINKING_PART: Node = Node::of(&[
    ("thinking", Rule::Parts(OutputKind::Reasoning, &THOUGHT)),
    ("reasoning", Rule::Parts(OutputKind::Reasoning, &THOUGHT)),
    ("text", Rule::Text(OutputKind::Reasoning)),
]);

static THOUGHT: Node = Node::of(&[("text", Rule::Text(OutputKind::Reasoning))]);

/// OpenRouter's: a text, or a summary of it. What is encrypted is no output.
static REASONING_DETAIL: Node =
    Node::of(&[("text", Rule::Text(OutputKind::Reasoning)), ("summary", Rule::Text(OutputKind::Reasoning))]);

/// A spoken response: its transcript is text, and its samples are output without any.
static SOUND: Node = Node::of(&[("transcript", Rule::Text(OutputKind::Visible)), ("data", Rule::Given)]);

static TOOL_CALL: Node = Node::of(&[("function", Rule::Object(&FUNCTION)), ("custom", Rule::Object(&CUSTOM))]);

/// Some servers send the arguments as an object.
static FUNCTION: Node =
    Node::of(&[("name", Rule::Text(OutputKind::Visible)), ("arguments", Rule::Tree(OutputKind::Visible))]);

/// A tool of the caller's own form.
static CUSTOM: Node =
    Node::of(&[("name", Rule::Text(OutputKind::Visible)), ("input", Rule::Tree(OutputKind::Visible))]);
