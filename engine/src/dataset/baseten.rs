//! Baseten's traces of completions, as JSON lines of their columns: `{"timestamp_start_unix_ms": 1764000000000,
//! "prompt": "Hello", "input_tokens": 812, "output_tokens": 96, "provided_session_id": "a"}`.
//!
//! A prompt is sent as it was, with the output length that was recorded as the least and the most; all of its context
//! is in it. Requests of one session are sent in order. Block hashes are not sent.

use super::fields::{id, instant, tokens};
use super::lines::{Line, State};
use super::{Content, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::Message;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"{"timestamp_start_unix_ms": 1764000000000, "prompt": "Hello", "input_tokens": 812, "output_tokens": 96, "provided_session_id": "a"}"#,
    looks_like: |head| ["timestamp_start_unix_ms", "prompt", "output_tokens"].iter().all(|field| head.has(field)),
    fields: &[],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Completion {
    timestamp_start_unix_ms: f64,
    prompt: String,
    output_tokens: u64,
    provided_session_id: Option<Value>,
    poor_man_session_id: Option<Value>,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let found: Completion = line.json(SPEC.what)?;
    if found.prompt.is_empty() {
        return Err(Error::usage("its prompt is empty", "leave the row out, or write what was asked"));
    }
    // A request that was given up had no output, and asks for one token, as AIPerf does.
    let osl = tokens("output_tokens", found.output_tokens.max(1))?;
    let session = found.provided_session_id.or(found.poor_man_session_id).filter(|id| !id.is_null());
    rows.push(Row {
        session: session.map_or(Session::Fresh, |session| Session::Named(id(&session))),
        ..Row::single(Turn {
            at: Some(instant("timestamp_start_unix_ms", found.timestamp_start_unix_ms)?),
            content: Content::Messages(vec![Message::text(found.prompt)]),
            osl: Some(osl),
            extra: Some(Map::from_iter([("min_tokens".to_owned(), osl.into())])),
            ..Turn::default()
        })
    });
    Ok(())
}
