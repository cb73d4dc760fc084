//! OpenAI (legacy) completions.

use super::request::Ask;
use super::rules::{NAMED_ERROR, NATIVE_REASON, Node, Rule, SURE, Slot, USAGE, answer};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};

pub(super) static COMPLETIONS: Dialect = Dialect {
    kind: EndpointKind::Completions,
    path: Path::Under("/v1/completions"),
    headers: &[],
    names_model: true,
    stream: StreamField::WithUsage,
    extras: Extras::Body,
    ask,
    thread: None,
    reading: Reading::Rules { event: &ANSWER, body: &ANSWER },
};

fn ask(body: &mut Fields, _plan: &Plan, ask: &Ask<'_>) -> Result<()> {
    let mut prompt = String::new();
    for text in ask.messages.iter().flat_map(Message::contents) {
        if !prompt.is_empty() {
            prompt.push(' ');
        }
        prompt.push_str(text);
    }
    body.insert("prompt".into(), prompt.into());
    if let Some(osl) = ask.osl {
        body.insert("max_tokens".into(), osl.into());
    }
    Ok(())
}

/// Events and whole bodies have the same shape.
static ANSWER: Node = answer![("choices", Rule::Choices(&CHOICE)), ("usage", Rule::Object(&USAGE)),];

static CHOICE: Node = Node::of(&[
    ("text", Rule::Text(Slot::Visible)),
    ("reasoning_content", Rule::Text(Slot::Reasoning)),
    ("reasoning", Rule::Text(Slot::Reasoning)),
    ("index", Rule::Index),
    ("finish_reason", Rule::Reason),
    ("native_finish_reason", NATIVE_REASON),
    ("error", Rule::Error),
    ("error_message", Rule::Error),
    ("usage", Rule::Object(&USAGE)),
]);
