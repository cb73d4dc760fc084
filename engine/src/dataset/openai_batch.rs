//! The input of OpenAI's batch API, one request a line:
//! `{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}`. The bodies are sent as they are.

use super::lines::{Line, State};
use super::mooncake::body;
use super::{Content, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) const SPEC: Spec = Spec {
    what: r#"a request a line: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}}"#,
    looks_like: |head| head.has("custom_id") && head.has("body"),
    fields: &["custom_id", "method", "url", "body"],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Request<'a> {
    custom_id: Option<String>,
    method: Option<String>,
    url: Option<String>,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let row: Request<'_> = line.json(SPEC.what)?;
    if let Some(method) = row.method.filter(|m| m != "POST") {
        return Err(Error::usage(format!("the method is {method}"), "leave out what is not POST"));
    }
    rows.push(Row {
        session: row.custom_id.map_or(Session::Fresh, Session::Named),
        path: row.url,
        ..Row::single(Turn { content: Content::Payload(body(row.body.get())?), ..Turn::default() })
    });
    Ok(())
}
