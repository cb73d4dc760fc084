//! Hugging Face text-generation-inference's own API.

use super::request::RequestContent;
use super::rules::{Count, Node, OutputKind, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::{Map, Value};

pub(super) static GENERATE: Dialect = Dialect {
    kind: EndpointKind::HuggingfaceGenerate,
    path: Path::ByStream { whole: "/generate", stream: "/generate_stream" },
    headers: &[],
    names_model: false,
    stream: StreamField::Absent,
    extras: Extras::Field("parameters"),
    fill,
    turns: None,
    reading: Reading::Rules { event: &EVENT, body: &BODY },
};

/// `details` is asked for: it is how this server says how many tokens it made, and why it stopped.
fn fill(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    let texts = content.messages.iter().flat_map(Message::contents);
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    body.insert("inputs".into(), texts.join(" ").into());
    let mut parameters = Map::new();
    if let Some(osl) = content.osl {
        parameters.insert("max_new_tokens".into(), osl.into());
    }
    parameters.insert("details".into(), Value::Bool(true));
    body.insert("parameters".into(), parameters.into());
    Ok(())
}

/// The last event repeats all text as `generated_text`: that is how the stream says that it is over.
static EVENT: Node =
    response![("token", Rule::Object(&TOKEN)), ("generated_text", Rule::Last), ("details", Rule::Object(&DETAILS)),];

static TOKEN: Node = Node::of(&[("text", Rule::Text(OutputKind::Visible))]);

static DETAILS: Node = Node::of(&[
    ("finish_reason", Rule::Reason),
    ("generated_tokens", Rule::Count(Count::Completion)),
    ("input_length", Rule::Count(Count::Prompt)),
]);

static BODY: Node =
    response![("generated_text", Rule::Text(OutputKind::Visible)), ("details", Rule::Object(&DETAILS)),];
