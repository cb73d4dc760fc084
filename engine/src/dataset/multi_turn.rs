//! AIPerf's `multi_turn`: `{"session_id": "a", "turns": [{"text": "Hello"}, {"text": "Hi", "delay": 1000}]}`, a
//! conversation a line.
//!
//! Turns are written as in `single_turn`; each is sent with the turns and responses before it. A first turn of
//! `"role": "system"` that is text alone stands before all turns instead of being one. Lines of one `session_id` are
//! one conversation.

use super::fields::id;
use super::lines::{Line, State};
use super::single_turn::{self, RawTurn};
use super::{Content, Read, Row, Session, Spec};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

pub(super) const SPEC: Spec = Spec {
    what: r#"a conversation a line: {"turns": [{"text": "Hello"}, {"text": "And then?", "delay": 1000}]}"#,
    looks_like: |head| head.has("turns"),
    fields: single_turn::FIELDS,
    read: Read::Lines(row),
};

#[derive(Deserialize)]
struct Conversation {
    session_id: Option<Value>,
    turns: Vec<RawTurn>,
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let row: Conversation = line.json(SPEC.what)?;
    let named = row.session_id.as_ref().map(|v| Session::Named(id(v)));
    // Two leading turns of instructions are turns, as is one that nothing follows.
    let leads =
        row.turns.first().is_some_and(RawTurn::is_system) && row.turns.get(1).is_some_and(|next| !next.is_system());
    let mut turns = row.turns.into_iter();
    let system = if leads { turns.next() } else { None };
    let system = match system.map(RawTurn::turn).transpose()?.map(|turn| turn.content) {
        Some(Content::Messages(messages)) => {
            let texts: Vec<&str> = messages.iter().flat_map(|m| m.contents()).collect();
            Some(texts.join("\n"))
        }
        _ => None,
    };
    for (i, turn) in turns.enumerate() {
        let place = |e: Error| e.within(format!("turn {}", i + 1 + usize::from(leads)));
        rows.push(Row {
            session: named.clone().unwrap_or(if i == 0 { Session::Fresh } else { Session::Same }),
            alone: false,
            system: system.clone().filter(|_| i == 0),
            ..Row::single(turn.turn().map_err(place)?)
        });
    }
    if rows.is_empty() {
        return Err(Error::usage("it has no turns", format!("write {}", SPEC.what)));
    }
    Ok(())
}
