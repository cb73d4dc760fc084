//! Alibaba's Bailian traces (`qwen-bailian-usagetraces-anon`), one request a line:
//!
//! ```text
//! {"chat_id": 160, "parent_chat_id": 159, "timestamp": 62.5, "input_length": 400, "output_length": 80,
//!  "type": "text", "turn": 2, "hash_ids": [1089, 1090]}
//! ```
//!
//! Timestamps are seconds, a block of `hash_ids` is 16 tokens. A request whose parent is there belongs to its parent's
//! session, by `turn`. Its length and blocks are those of the whole prompt, history included: it says all of its
//! context itself.

use super::fields::{seconds, tokens};
use super::lines::{Line, State};
use super::{Content, Read, Row, Session, Spec, Turn};
use crate::error::Result;
use serde::Deserialize;

pub(super) const SPEC: Spec = Spec {
    what: r#"a request a line: {"chat_id": N, "parent_chat_id": -1, "timestamp": SECONDS, "input_length": TOKENS, "output_length": TOKENS}"#,
    looks_like: |head| head.has("chat_id") && head.has("input_length"),
    fields: &["chat_id", "parent_chat_id", "timestamp", "input_length", "output_length", "type", "turn", "hash_ids"],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Request {
    chat_id: i64,
    #[serde(default = "none")]
    parent_chat_id: i64,
    timestamp: f64,
    input_length: u64,
    output_length: u64,
    #[serde(default = "first")]
    turn: i64,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

fn none() -> i64 {
    -1
}

fn first() -> i64 {
    1
}

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let row: Request = line.json(SPEC.what)?;
    let root = state.sessions.get(&row.parent_chat_id).copied().unwrap_or(row.chat_id);
    state.sessions.insert(row.chat_id, root);
    rows.push(Row {
        session: Session::Named(root.to_string()),
        order: row.turn,
        ..Row::single(Turn {
            at: Some(seconds("timestamp", row.timestamp)?),
            content: Content::Length { isl: tokens("input_length", row.input_length)?, hash_ids: row.hash_ids },
            osl: Some(tokens("output_length", row.output_length)?),
            ..Turn::default()
        })
    });
    Ok(())
}
