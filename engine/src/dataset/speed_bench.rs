//! NVIDIA's SPEED-Bench, one conversation a line: `{"question_id": "…", "category": "coding", "messages": [{"role":
//! "user", "content": "…"}]}`.
//!
//! Each message of a user is a turn, sent with the turns and responses before it; the file has no responses. Where the
//! format names a category, the lines of others are left out.

use super::fields::id;
use super::lines::{Line, State};
use super::{Content, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Message};
use serde::Deserialize;
use serde_json::Value;

pub(super) const SPEC: Spec = Spec {
    what: r#"a conversation a line: {"question_id": "q1", "category": "coding", "messages": [{"role": "user", "content": "Hello"}]}"#,
    looks_like: |head| head.has("question_id") && head.has("category"),
    fields: &[],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Question {
    question_id: Value,
    #[serde(default)]
    category: String,
    #[serde(default)]
    messages: Vec<RawMessage>,
    #[serde(default)]
    turns: Vec<String>,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
}

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let question: Question = line.json(SPEC.what)?;
    if state.category.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&question.category)) {
        state.left_out = Some(LeftOut::OtherCategory);
        return Ok(());
    }
    let messages: Vec<(String, String)> = match question.messages.is_empty() {
        true => question.turns.into_iter().map(|text| ("user".to_owned(), text)).collect(),
        false => question.messages.into_iter().map(|message| (message.role, message.content)).collect(),
    };
    let mut system = None;
    let first = rows.len();
    for (role, text) in messages {
        if text.starts_with(PLACEHOLDER) {
            return Err(Error::usage(
                "the text of a message is left out of the file",
                "fetch the texts with the tools of SPEED-Bench, which write the complete file",
            ));
        }
        match role.as_str() {
            "system" => system = Some(text),
            "user" => rows.push(Row {
                session: Session::Named(id(&question.question_id)),
                alone: false,
                system: system.take(),
                ..Row::single(Turn { content: Content::Messages(vec![Message::text(text)]), ..Turn::default() })
            }),
            // The server makes the assistant's messages itself.
            _ => {}
        }
    }
    if rows.len() == first {
        return Err(Error::usage("it has no message of a user", format!("write {}", SPEC.what)));
    }
    Ok(())
}

/// What stands in the place of texts that the benchmark may not hand on itself.
const PLACEHOLDER: &str = "FULL BENCHMARK DATA SHOULD BE FETCHED";
