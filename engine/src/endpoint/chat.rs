//! OpenAI chat completions, as vLLM, llama.cpp, TGI, SGLang, TensorRT-LLM and the proxies speak it.

use super::ask::{Ask, Message, Thread};
use super::parts::{Parts, image_url, input_audio, video_url};
use super::rules::{ERROR_OBJECT, Node, Rule, Slot, USAGE};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::{EndpointKind, Plan};
use serde_json::{Value, json};

pub(super) static CHAT: Dialect = Dialect {
    kind: EndpointKind::Chat,
    path: Path::Under("/v1/chat/completions"),
    headers: &[],
    names_model: true,
    stream: StreamField::WithUsage,
    extras: Extras::Body,
    ask,
    thread: Some(Thread {
        field: "messages",
        system_leads: true,
    }),
    reading: Reading::Rules {
        event: &EVENT,
        body: &BODY,
    },
};

fn ask(body: &mut Fields, plan: &Plan, ask: &Ask<'_>) -> Result<()> {
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
    Ok(())
}

fn message(message: &Message) -> Value {
    message
        .verbatim
        .clone()
        .unwrap_or_else(|| json!({"role": message.role(), "content": PARTS.content(message)}))
}

static PARTS: Parts = Parts {
    text: "text",
    image: image_url,
    audio: Some(input_audio),
    video: Some(video_url),
};

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
    ("function_call", Rule::Object(&FUNCTION)),
    ("refusal", Rule::Text(Slot::Visible)),
    ("audio", Rule::Object(&SOUND)),
]);

/// A spoken answer: its transcript is text, and its samples are output without any.
static SOUND: Node = Node(&[
    ("transcript", Rule::Text(Slot::Visible)),
    ("data", Rule::Given),
]);

static TOOL_CALL: Node = Node(&[("function", Rule::Object(&FUNCTION))]);

static FUNCTION: Node = Node(&[
    ("name", Rule::Text(Slot::Visible)),
    ("arguments", Rule::Text(Slot::Visible)),
]);
