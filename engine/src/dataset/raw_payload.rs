//! AIPerf's `raw_payload`: a request body a line, `{"model": …, "messages": […]}`, sent as it is. In a folder, each
//! file is a session and its lines are the turns, in the order of the names.

use super::lines::{Line, State};
use super::mooncake::body;
use super::{Content, Read, Row, Spec, Turn};
use crate::error::Result;
use serde_json::value::RawValue;

pub(super) const SPEC: Spec = Spec {
    what: r#"a request body a line: {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}; or a folder of such files, each a session"#,
    looks_like: |head| head.has("model") && ["messages", "prompt", "input"].iter().any(|f| head.has(f)),
    fields: &[],
    read: Read::Lines(row),
};

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let payload: &RawValue = line.json(SPEC.what)?;
    rows.push(Row::single(Turn { content: Content::Payload(body(payload.get())?), ..Turn::default() }));
    Ok(())
}
