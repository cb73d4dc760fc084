//! OpenAI chat completions, as vLLM, llama.cpp, TGI, SGLang, TensorRT-LLM and the proxies speak it.

use super::Dialect;
use super::ask::{Ask, Message, Thread};
use super::rules::{ERROR_OBJECT, Node, Rule, Slot, USAGE};
use crate::plan::{EndpointKind, Plan};
use serde_json::{Map, Value, json};

pub(super) static CHAT: Dialect = Dialect {
    kind: EndpointKind::Chat,
    path: "/v1/chat/completions",
    ask,
    thread: Some(Thread {
        field: "messages",
        system_leads: true,
    }),
    event: &EVENT,
    body: &BODY,
};

fn ask(body: &mut Map<String, Value>, plan: &Plan, ask: &Ask<'_>) {
    let system = ask.system.map(|s| json!({"role": "system", "content": s}));
    let messages = system.into_iter().chain(ask.messages.iter().map(message));
    body.insert("messages".into(), messages.collect::<Value>());
    if let Some(osl) = ask.osl {
        let name = if plan.use_legacy_max_tokens {
            "max_tokens"
        } else {
            "max_completion_tokens"
        };
        body.insert(name.into(), osl.into());
    }
}

/// One text is a string; anything more is a list of parts.
fn message(message: &Message) -> Value {
    if let Some(verbatim) = &message.verbatim {
        return verbatim.clone();
    }
    let mut texts = message.contents();
    let content: Value = match (texts.next(), texts.next()) {
        (Some(text), None) => text.into(),
        _ => message
            .contents()
            .map(|text| json!({"type": "text", "text": text}))
            .collect::<Value>(),
    };
    json!({"role": message.role(), "content": content})
}

static EVENT: Node = Node(&[
    ("choices", Rule::List(&EVENT_CHOICE)),
    ("usage", Rule::Object(&USAGE)),
    ("error", Rule::Error),
    ("object", ERROR_OBJECT),
]);

static EVENT_CHOICE: Node = Node(&[
    ("delta", Rule::Object(&MESSAGE)),
    ("finish_reason", Rule::Finish),
    ("usage", Rule::Object(&USAGE)),
]);

static BODY: Node = Node(&[
    ("choices", Rule::List(&BODY_CHOICE)),
    ("usage", Rule::Object(&USAGE)),
    ("error", Rule::Error),
    ("object", ERROR_OBJECT),
]);

static BODY_CHOICE: Node = Node(&[
    ("message", Rule::Object(&MESSAGE)),
    ("finish_reason", Rule::Finish),
]);

/// `reasoning` is the newer name of `reasoning_content`; servers in transition send both with the same text, and the first counts.
static MESSAGE: Node = Node(&[
    ("content", Rule::Text(Slot::Visible)),
    ("reasoning_content", Rule::Text(Slot::Reasoning)),
    ("reasoning", Rule::Text(Slot::Reasoning)),
    ("tool_calls", Rule::List(&TOOL_CALL)),
]);

static TOOL_CALL: Node = Node(&[("function", Rule::Object(&FUNCTION))]);

static FUNCTION: Node = Node(&[
    ("name", Rule::Text(Slot::Visible)),
    ("arguments", Rule::Text(Slot::Visible)),
]);
