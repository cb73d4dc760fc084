//! Traces of Weka's KV-cache-tester, a coding session a JSON object: `{"id": "t1", "block_size": 64, "requests": [{"t":
//! 0.0, "type": "n", "model": "m", "in": 640, "out": 90, "hash_ids": [1, 2]}]}`.
//!
//! Each request says all of its context by the blocks of its prompt. An entry with `requests` of its own, whatever its
//! type is called, is a conversation that the request before it begins, and for which the next one waits. Times are
//! seconds. What follows a request waits as long after its response as in the trace: the time between two requests less
//! the `api_time` of the first.

use super::branching::Branching;
use super::fields::{seconds, tokens};
use super::lines::unreadable;
use super::{Content, Each, Read, Row, Session, Spec, Turn};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Remarks};
use crate::random::derive;
use serde::Deserialize;
use std::io::BufRead;

pub(super) const SPEC: Spec = Spec {
    what: r#"a session an object: {"id": "t1", "block_size": 64, "requests": [{"t": 0.0, "type": "n", "model": "m", "in": 640, "out": 90, "hash_ids": [1]}]}"#,
    looks_like: |head| {
        let begins = head.text.trim_start().starts_with('{');
        begins && ["\"block_size\"", "\"requests\""].iter().all(|field| head.text.contains(field))
    },
    fields: &[],
    read: Read::Whole(read),
};

#[derive(Deserialize)]
struct Trace {
    id: String,
    block_size: u64,
    hash_id_scope: Option<String>,
    requests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    t: f64,
    model: Option<String>,
    #[serde(rename = "in")]
    input: Option<u64>,
    #[serde(rename = "out")]
    output: Option<u64>,
    hash_ids: Option<Vec<u64>>,
    api_time: Option<f64>,
    agent_id: Option<String>,
    requests: Option<Vec<Entry>>,
}

fn read(input: &mut dyn BufRead, remarks: &mut Remarks, each: Each<'_>) -> Result<()> {
    for (n, trace) in serde_json::Deserializer::from_reader(input).into_iter::<Trace>().enumerate() {
        let place = |e: Error| e.within(format!("session {}", n + 1));
        let trace = trace.map_err(|e| match e.is_io() {
            true => unreadable(e.into()),
            false => place(Error::usage(e.to_string(), format!("write {}", SPEC.what))),
        })?;
        rows(trace, remarks, each).map_err(place)?;
    }
    Ok(())
}

/// The turns of a session, and then those of each conversation that it begins.
fn rows(trace: Trace, remarks: &mut Remarks, each: Each<'_>) -> Result<()> {
    if trace.hash_id_scope.as_deref().is_some_and(|scope| scope != "local") {
        return Err(Error::usage(
            "its blocks are named across sessions (hash_id_scope), which is not replayed",
            "write blocks of the scope local: equal ids are equal blocks within a session",
        ));
    }
    let block = tokens("block_size", trace.block_size)?;
    let mut models = Vec::new();
    let mut begun: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut own: Vec<(Entry, Vec<Branching>)> = Vec::new();
    let last = trace.requests.iter().rposition(|entry| entry.requests.is_none());
    for (i, entry) in trace.requests.into_iter().enumerate() {
        if entry.requests.is_none() {
            own.push((entry, Vec::new()));
            continue;
        }
        // What no request comes before is begun by none; a session that is over is not waited for.
        let join_at = Some(own.len() as u32).filter(|_| last.is_some_and(|last| last > i));
        remarks.rows += 1;
        let inner = entry.requests.unwrap_or_default();
        let (Some((_, branches)), Some(first)) = (own.last_mut(), inner.first()) else {
            remarks.leave_out(LeftOut::Parentless);
            continue;
        };
        let number = format!("{:03}", begun.len());
        let name = entry.agent_id.unwrap_or_else(|| number.clone());
        let mut child = format!("{}::sa:{name}", trace.id);
        if begun.iter().any(|(id, _)| *id == child) {
            // An agent that is asked again begins anew.
            child = format!("{child}.{number}");
        }
        branches.push(Branching { child: child.clone(), forked: false, join_at, with_first: false });
        // Some traces count the time of such requests from the beginning of their conversation.
        let from = if first.t < entry.t { entry.t } else { 0.0 };
        let requests = inner.into_iter().map(|inner| Entry { t: inner.t + from, ..inner });
        begun.push((child, requests.collect()));
    }
    let scope = Scope { block, salt: derive(trace.id.bytes().fold(0, |sum, b| derive(sum, u64::from(b))), 0) };
    remarks.rows += own.len() as u64;
    let mut turns = Turns { id: trace.id, ..Turns::default() };
    for (entry, branches) in own {
        let row = turns.row(entry, &scope, &mut models)?;
        each(Row { branches, ..row })?;
    }
    for (id, requests) in begun {
        remarks.rows += requests.len() as u64;
        let mut turns = Turns { id, ..Turns::default() };
        requests.into_iter().try_for_each(|entry| each(turns.row(entry, &scope, &mut models)?))?;
    }
    Ok(())
}

/// What the blocks of a session have in common.
struct Scope {
    block: u32,
    /// What tells the blocks of a session from those of others: their ids are 48 bits of a hash of both.
    salt: u64,
}

/// The turns of one conversation.
#[derive(Default)]
struct Turns {
    id: String,
    /// When the response to the turn before had come.
    answered: Option<f64>,
}

impl Turns {
    fn row(&mut self, entry: Entry, scope: &Scope, models: &mut Vec<String>) -> Result<Row> {
        let (Some(input), Some(output)) = (entry.input, entry.output) else {
            return Err(Error::usage(
                format!("a request at {} s has no `in` or no `out`", entry.t),
                "write both, in tokens",
            ));
        };
        let at: Nanos = seconds("t", entry.t)?;
        let delay = self.answered.map(|answered| seconds("t", (entry.t - answered).max(0.0))).transpose()?;
        self.answered = Some(entry.t + entry.api_time.unwrap_or(0.0).max(0.0));
        let model = entry.model.unwrap_or_default();
        let which = models.iter().position(|known| *known == model).unwrap_or_else(|| {
            models.push(model);
            models.len() - 1
        });
        Ok(Row {
            session: Session::Named(self.id.clone()),
            alone: true,
            block: Some(scope.block),
            ..Row::single(Turn {
                at: Some(at),
                delay,
                content: Content::Length {
                    isl: tokens("in", input.max(1))?,
                    hash_ids: entry.hash_ids.iter().flatten().map(|id| derive(scope.salt, *id) >> 16).collect(),
                },
                osl: Some(tokens("out", output.max(1))?),
                model: u32::try_from(which).ok(),
                ..Turn::default()
            })
        })
    }
}
