//! OpenAI embeddings, and NVIDIA NIM's, which take images as well. Their responses are vectors: no tokens come out.

use super::request::RequestContent;
use super::rules::{INPUT_USAGE, Node, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::Result;
use crate::plan::Message;
use crate::plan::{EndpointKind, Plan};
use serde_json::Value;

pub(super) const EMBEDDINGS: Dialect = Dialect {
    kind: EndpointKind::Embeddings,
    path: Path::Under("/v1/embeddings"),
    headers: &[],
    names_model: true,
    stream: StreamField::Absent,
    extras: Extras::Body,
    fill: |body, _, content| texts(body, content),
    turns: None,
    reading: Reading::Rules { event: &BODY, body: &BODY },
};

pub(super) static NIM_EMBEDDINGS: Dialect =
    Dialect { kind: EndpointKind::NimEmbeddings, fill: texts_and_images, ..EMBEDDINGS };

fn texts(body: &mut Fields, content: &RequestContent<'_>) -> Result<()> {
    let texts = content.messages.iter().flat_map(Message::contents);
    body.insert("input".into(), texts.collect::<Value>());
    Ok(())
}

/// A text and an image are one input; so is an image alone.
fn texts_and_images(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    let images: Vec<&str> = content.messages.iter().flat_map(|m| m.images.iter().map(String::as_str)).collect();
    if images.is_empty() {
        return texts(body, content);
    }
    let texts = content.messages.iter().flat_map(Message::contents);
    let mut texts = texts.filter(|text| !text.is_empty());
    let inputs = images.iter().map(|image| match texts.next() {
        Some(text) => format!("{text} {image}"),
        None => (*image).to_owned(),
    });
    let mut inputs: Vec<Value> = inputs.map(Value::from).collect();
    inputs.extend(texts.map(Value::from));
    body.insert("input".into(), inputs.into());
    Ok(())
}

/// A vector for each input: a text, or a list of tokens.
pub(in crate::api) fn results(body: &Fields) -> usize {
    match body.get("input") {
        Some(Value::Array(inputs)) if inputs.first().is_some_and(Value::is_number) => 1,
        Some(Value::Array(inputs)) => inputs.len(),
        Some(_) => 1,
        None => 0,
    }
}

static BODY: Node = response![("data", Rule::List(&VECTOR)), ("usage", Rule::Object(&INPUT_USAGE)),];

/// Numbers, or their bytes in base64.
static VECTOR: Node = Node::of(&[("embedding", Rule::Given), ("error", Rule::Error)]);
