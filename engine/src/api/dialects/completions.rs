//! OpenAI (legacy) completions.

use super::request::RequestContent;
use super::rules::{Node, OutputKind, Rule, SURE, USAGE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField, chat};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::Value;

pub(super) static COMPLETIONS: Dialect = Dialect {
    kind: EndpointKind::Completions,
    path: Path::Under("/v1/completions"),
    headers: &[],
    names_model: true,
    stream: StreamField::FlagWithUsage,
    extras: Extras::Body,
    fill,
    turns: None,
    reading: Reading::Rules { event: &RESPONSE, body: &RESPONSE },
};

fn fill(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    let mut prompt = String::new();
    for text in content.messages.iter().flat_map(Message::contents) {
        if !prompt.is_empty() {
            prompt.push(' ');
        }
        prompt.push_str(text);
    }
    body.insert("prompt".into(), prompt.into());
    if let Some(osl) = content.osl {
        body.insert("max_tokens".into(), osl.into());
    }
    Ok(())
}

/// So many choices for each prompt: a text, or a list of tokens.
pub(in crate::api) fn results(body: &Fields) -> usize {
    let prompts = match body.get("prompt") {
        Some(Value::Array(prompts)) if !prompts.first().is_some_and(Value::is_number) => prompts.len(),
        _ => 1,
    };
    let choices = chat::results(body).max(1).saturating_mul(prompts);
    if choices > 1 { choices } else { 0 }
}

/// Events and whole bodies have the same shape.
static RESPONSE: Node = response![("choices", Rule::Choices(&CHOICE)), ("usage", Rule::Object(&USAGE)),];

static CHOICE: Node = Node::of(&[
    ("text", Rule::Text(OutputKind::Visible)),
    ("reasoning_content", Rule::Text(OutputKind::Reasoning)),
    ("reasoning", Rule::Text(OutputKind::Reasoning)),
    ("index", Rule::Index),
    ("finish_reason", Rule::Reason),
    ("native_finish_reason", Rule::ErrorName),
    ("error", Rule::Error),
    ("error_message", Rule::Error),
    ("usage", Rule::Object(&USAGE)),
]);
