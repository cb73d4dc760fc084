//! OpenAI (legacy) completions.

use super::Dialect;
use super::ask::{Ask, Message};
use super::rules::{ERROR_OBJECT, Node, Rule, Slot, USAGE};
use crate::plan::{EndpointKind, Plan};
use serde_json::{Map, Value};

pub(super) static COMPLETIONS: Dialect = Dialect {
    kind: EndpointKind::Completions,
    path: "/v1/completions",
    ask,
    thread: None,
    event: &ANSWER,
    body: &ANSWER,
};

fn ask(body: &mut Map<String, Value>, _plan: &Plan, ask: &Ask<'_>) {
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
}

/// Events and whole bodies have the same shape.
static ANSWER: Node = Node(&[
    ("choices", Rule::List(&CHOICE)),
    ("usage", Rule::Object(&USAGE)),
    ("error", Rule::Error),
    ("object", ERROR_OBJECT),
]);

static CHOICE: Node = Node(&[
    ("text", Rule::Text(Slot::Visible)),
    ("finish_reason", Rule::Finish),
    ("usage", Rule::Object(&USAGE)),
]);
