//! AIPerf's `dag_jsonl`, a conversation a line, of which turns begin others: `{"session_id": "root", "turns":
//! [{"messages": […], "forks": ["a"], "spawns": ["b"]}]}`.
//!
//! A forked conversation has what was said before it; a spawned one begins anew. A turn waits for those that were
//! spawned to be joined at it: the next turn, unless `join_at` says another.

use super::branching::Branching;
use super::fields::{id, instant, tokens};
use super::lines::{Line, State};
use super::mooncake::verbatim;
use super::{Content, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"a conversation a line: {"session_id": "root", "turns": [{"messages": [{"role": "user", "content": "Hello"}], "forks": ["a"], "spawns": ["b"]}]}"#,
    looks_like: |head| {
        let turns = head.object.as_ref().and_then(|o| o.get("turns")?.as_array());
        let first = turns.and_then(|turns| turns.first()?.as_object());
        head.has("session_id") && first.is_some_and(|turn| turn.contains_key("messages") && !turn.contains_key("role"))
            || head.has("orchestrator")
    },
    fields: &[],
    read: Read::Lines(row),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversation {
    session_id: Value,
    #[serde(default)]
    turns: Vec<RawTurn>,
    #[serde(default)]
    pre_session_spawns: Vec<String>,
    #[serde(default)]
    context_mode: Option<String>,
    #[serde(default)]
    orchestrator: bool,
    /// Of an orchestrator.
    #[serde(default)]
    spawns: Vec<Value>,
    #[serde(default)]
    rounds: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTurn {
    messages: Vec<Value>,
    model: Option<String>,
    max_tokens: Option<u64>,
    tools: Option<Value>,
    extra: Option<Map<String, Value>>,
    #[serde(default)]
    forks: Vec<Fork>,
    #[serde(default)]
    spawns: Vec<Spawn>,
    delay: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Fork {
    Plain(String),
    Named {
        child: String,
        #[serde(default)]
        background: bool,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spawn {
    Plain(String),
    Joined { children: Vec<String>, join_at: Option<u32> },
}

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let read: Conversation = line.json(SPEC.what)?;
    if read.orchestrator || !read.spawns.is_empty() || read.rounds.is_some() {
        return Err(Error::usage(
            "a conversation that sends no request itself (orchestrator) is not replayed",
            "give it a first turn with spawns, or make its branches conversations of their own",
        ));
    }
    if read.turns.is_empty() {
        return Err(Error::usage("it has no turns", format!("write {}", SPEC.what)));
    }
    let alone = match read.context_mode.as_deref() {
        None | Some("deltas_without_responses") => false,
        Some("message_array_with_responses") => true,
        Some(other) => {
            return Err(Error::usage(
                format!("the context_mode {other} is not known"),
                "write deltas_without_responses, which sends earlier turns and responses, or message_array_with_responses",
            ));
        }
    };
    let id = id(&read.session_id);
    if !state.conversations.insert(id.clone()) {
        return Err(Error::usage(
            format!("the session_id {id} has a line already"),
            "write all turns of a conversation into one line, or give this one an id of its own",
        ));
    }
    let count = read.turns.len() as u32;
    let mut pre = read.pre_session_spawns;
    for (i, turn) in read.turns.into_iter().enumerate() {
        let place = |e: Error| e.within(format!("turn {i}"));
        let mut branches = branches(&turn, i as u32, count).map_err(place)?;
        if let Some(fork) = branches.iter().find(|branch| alone && branch.forked) {
            return Err(place(Error::usage(
                format!("{} is forked from a conversation whose turns say all of their context themselves", fork.child),
                "spawn it, or write the context_mode deltas_without_responses",
            )));
        }
        branches.extend(pre.drain(..).map(|child| Branching { child, forked: false, join_at: None, with_first: true }));
        let mut extra = turn.extra.unwrap_or_default();
        extra.extend(turn.model.map(|model| ("model".to_owned(), Value::String(model))));
        extra.extend(turn.tools.map(|tools| ("tools".to_owned(), tools)));
        rows.push(Row {
            session: Session::Named(id.clone()),
            alone,
            branches,
            ..Row::single(Turn {
                delay: turn.delay.map(|ms| instant("delay", ms)).transpose().map_err(place)?,
                content: Content::Messages(verbatim(turn.messages).map_err(place)?),
                osl: turn.max_tokens.map(|n| tokens("max_tokens", n)).transpose().map_err(place)?,
                extra: Some(extra).filter(|extra| !extra.is_empty()),
                ..Turn::default()
            })
        });
    }
    Ok(())
}

/// The conversations that turn `i` of `count` begins.
fn branches(turn: &RawTurn, i: u32, count: u32) -> Result<Vec<Branching>> {
    let mut found = Vec::new();
    for fork in &turn.forks {
        let (child, background) = match fork {
            Fork::Plain(child) => (child, false),
            Fork::Named { child, background } => (child, *background),
        };
        if !background && i + 1 < count {
            return Err(Error::usage(
                format!("the fork {child} ends its conversation, and turns follow"),
                format!(r#"write {{"child": "{child}", "background": true}}, or put the fork at the last turn"#),
            ));
        }
        found.push(Branching { child: child.clone(), forked: true, join_at: None, with_first: false });
    }
    for spawn in &turn.spawns {
        let next = Some(i + 1).filter(|next| *next < count);
        let (children, join_at) = match spawn {
            Spawn::Plain(child) => (std::slice::from_ref(child), next),
            Spawn::Joined { children, join_at } => (&children[..], join_at.or(next)),
        };
        if let Some(at) = join_at.filter(|at| *at <= i || *at >= count) {
            return Err(Error::usage(
                format!("join_at {at}: it is no turn after turn {i}"),
                format!("write a number from {} to {}, or leave it out", i + 1, count.saturating_sub(1)),
            ));
        }
        let spawned =
            children.iter().map(|child| Branching { child: child.clone(), forked: false, join_at, with_first: false });
        found.extend(spawned);
    }
    Ok(found)
}
