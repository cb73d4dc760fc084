//! What Amazon SageMaker captures of an endpoint, a request a line: `{"captureData": {"endpointInput": {"data": "…",
//! "encoding": "JSON"}}, "eventMetadata": {"inferenceTime": "2026-01-01T00:00:00Z"}}`.
//!
//! The data is a request of a chat: its `messages` and `tools` are sent as they are, its `max_tokens` is the output
//! length. Requests come at their `inferenceTime`, counted from the first.

use super::azure::calendar;
use super::fields::tokens;
use super::lines::{Line, State};
use super::mooncake::verbatim;
use super::{Content, Read, Row, Spec, Turn};
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"a captured request a line: {"captureData": {"endpointInput": {"data": "{\"messages\": []}"}}, "eventMetadata": {"inferenceTime": "2026-01-01T00:00:00Z"}}"#,
    looks_like: |head| head.has("captureData") && head.has("eventMetadata"),
    fields: &[],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Captured {
    capture_data: Sides,
    event_metadata: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sides {
    endpoint_input: Data,
}

#[derive(Deserialize)]
struct Data {
    data: String,
    #[serde(default)]
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    inference_time: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    messages: Vec<Value>,
    tools: Option<Value>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let captured: Captured = line.json(SPEC.what)?;
    let time = captured.event_metadata.inference_time;
    let at = calendar(&time)
        .ok_or_else(|| Error::usage(format!("inferenceTime `{time}` is not a time"), "write YYYY-MM-DDTHH:MM:SSZ"))?;
    let asked: Asked = serde_json::from_slice(&plain(captured.capture_data.endpoint_input)?)
        .map_err(|e| Error::usage(format!("the captured data is no request ({e})"), "leave out what is no chat"))?;
    let extra = asked.tools.map(|tools| Map::from_iter([("tools".to_owned(), tools)]));
    rows.push(Row::single(Turn {
        at: Some(at),
        content: Content::Messages(verbatim(asked.messages)?),
        osl: asked.max_tokens.or(asked.max_completion_tokens).map(|n| tokens("max_tokens", n)).transpose()?,
        extra,
        ..Turn::default()
    }));
    Ok(())
}

/// The data without its encoding.
fn plain(data: Data) -> Result<Vec<u8>> {
    match data.encoding.as_deref().unwrap_or("BASE64") {
        "JSON" => Ok(data.data.into_bytes()),
        "BASE64" => STANDARD
            .decode(data.data)
            .map_err(|e| Error::usage(format!("the captured data is not base64 ({e})"), "leave the line out")),
        other => Err(Error::usage(
            format!("captured data of the encoding {other} is not read"),
            "capture JSON: only requests of a chat are replayed",
        )),
    }
}
