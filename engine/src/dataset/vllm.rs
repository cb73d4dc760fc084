//! vLLM's custom dataset, a request a line: `{"prompt": "What is deep learning?", "output_tokens": 128}`.

use super::fields::tokens;
use super::lines::{Line, State};
use super::{Content, Read, Row, Spec, Turn};
use crate::error::Result;
use crate::plan::Message;
use serde::Deserialize;

pub(super) const SPEC: Spec = Spec {
    what: r#"a request a line: {"prompt": "Hello", "output_tokens": 128}"#,
    looks_like: |head| {
        head.object.as_ref().is_some_and(|o| o.get("prompt").is_some_and(serde_json::Value::is_string))
            && !head.has("model")
    },
    fields: &["prompt", "output_tokens"],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Request {
    prompt: String,
    output_tokens: Option<u64>,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let read: Request = line.json(SPEC.what)?;
    rows.push(Row::single(Turn {
        content: Content::Messages(vec![Message::text(read.prompt)]),
        osl: read.output_tokens.map(|n| tokens("output_tokens", n)).transpose()?,
        ..Turn::default()
    }));
    Ok(())
}
