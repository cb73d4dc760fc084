//! OpenAI (legacy) completions.

use super::Dialect;
use super::rules::{ERROR_OBJECT, Node, Rule, Slot, USAGE};
use crate::plan::{EndpointKind, Plan};
use serde_json::{Map, Value};

pub(super) static COMPLETIONS: Dialect = Dialect {
    kind: EndpointKind::Completions,
    path: "/v1/completions",
    ask,
    event: &ANSWER,
    body: &ANSWER,
};

fn ask(body: &mut Map<String, Value>, _plan: &Plan, prompt: &str, osl: Option<u32>) {
    body.insert("prompt".into(), prompt.into());
    if let Some(osl) = osl {
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
