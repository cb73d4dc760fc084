//! `ringload dataset convert`: what a format cannot say is refused, by its reason.

use crate::export::Draft;
use crate::flags::FileArgs;
use crate::terminal::eprint_line;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::dataset::{Content, Row, Session};
use ringload_engine::plan::Format;
use ringload_engine::plan::Message;
use ringload_engine::workload::{self, Workload};
use ringload_engine::{Error, Result};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// Writes the requests of a file in another format.
///
/// # Errors
/// When the other format cannot say what the file says, or a file cannot be read or written.
pub(super) fn convert(args: &FileArgs, to: Format, output: &Path) -> anyhow::Result<()> {
    let unwritable = |e: io::Error| {
        Error::environment(
            format!("{}: {e}", output.display()),
            "name a file in a folder that is there and may be written to",
        )
    };
    if output.canonicalize().ok().is_some_and(|out| args.file.canonicalize().ok() == Some(out)) {
        return Err(Error::usage("--output is the file that is read", "name another file").into());
    }
    let mut out = Draft::of(output).map_err(unwritable)?;
    let plan = args.plan()?;
    let Some(replay) = &plan.prompts.replay else {
        return Ok(());
    };
    match to.name() {
        "inputs_json" => {
            let workload = Workload::prepare(&plan)?;
            workload.write_inputs(&mut out).map_err(unwritable)?;
        }
        "mooncake_trace" => {
            let mut ids = Ids::default();
            workload::rows(replay, plan.seed, &mut |row| {
                let id = ids.of(&row);
                if !replay.timing.takes(row.turn.at) {
                    return Ok(());
                }
                writeln!(out, "{}", mooncake(&row, id)?).map_err(unwritable)
            })?;
            if replay.block != to.block() {
                eprint_line(format_args!(
                    "note: its blocks have {} tokens: replay it with --isl-block-size {}",
                    replay.block, replay.block
                ));
            }
        }
        "multi_turn" => {
            let mut ids = Ids::default();
            let mut order: Vec<(String, Vec<Value>)> = Vec::new();
            let mut places: HashMap<String, usize> = HashMap::new();
            workload::rows(replay, plan.seed, &mut |row| {
                let id = ids.of(&row);
                if !replay.timing.takes(row.turn.at) {
                    return Ok(());
                }
                let at = *places.entry(id.clone()).or_insert_with(|| {
                    order.push((id, Vec::new()));
                    order.len() - 1
                });
                turns(&row, &mut order[at].1)
            })?;
            for (id, turns) in order {
                writeln!(out, "{}", json!({"session_id": id, "turns": turns})).map_err(unwritable)?;
            }
        }
        other => {
            return Err(Error::usage(
                format!("ringload does not write {other}"),
                "write --to mooncake_trace, multi_turn or inputs_json",
            )
            .into());
        }
    }
    out.finish(output).map_err(unwritable)?;
    Ok(())
}

/// The ids of sessions, those without a name included.
#[derive(Default)]
struct Ids(usize);

impl Ids {
    fn of(&mut self, row: &Row) -> String {
        match &row.session {
            Session::Named(id) => return id.clone(),
            Session::Fresh => self.0 += 1,
            Session::Same => self.0 = self.0.max(1),
        }
        format!("session_{:06}", self.0 - 1)
    }
}

/// Refuses a turn that begins other conversations: only its own format says that.
fn begins_none(row: &Row) -> Result<()> {
    match row.branches.first() {
        None => Ok(()),
        Some(_) => Err(cannot("a turn that begins other conversations", "replay the file as it is")),
    }
}

/// A line of a Mooncake trace.
fn mooncake(row: &Row, id: String) -> Result<String> {
    let turn = &row.turn;
    begins_none(row)?;
    let mut line = Map::new();
    let threaded = !row.alone;
    let self_contained =
        matches!(turn.content, Content::Payload(_)) || messages(&turn.content).iter().any(|m| m.verbatim.is_some());
    if matches!(row.session, Session::Named(_)) && row.alone && !self_contained {
        return Err(cannot(
            "a line of a session that says all of its context itself",
            "mooncake_trace would send it with the lines before it; write --to inputs_json",
        ));
    }
    if row.system.is_some() {
        return Err(cannot("a system prompt of a conversation", "write --to multi_turn or inputs_json"));
    }
    if threaded || matches!(row.session, Session::Named(_)) {
        line.insert("session_id".into(), id.into());
    }
    times(row, &mut line);
    match &turn.content {
        Content::Length { isl, hash_ids } => {
            line.insert("input_length".into(), (*isl).into());
            if !hash_ids.is_empty() {
                line.insert("hash_ids".into(), hash_ids.clone().into());
            }
        }
        Content::Payload(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let payload = RawValue::from_string(text).map_err(|e| Error::usage(e.to_string(), "fix the body"))?;
            return with_payload(&line, &payload);
        }
        Content::Messages(messages) if self_contained => {
            let all: Vec<Value> = messages.iter().filter_map(|m| m.verbatim.clone()).collect();
            line.insert("messages".into(), all.into());
        }
        Content::Messages(messages) => {
            let message = &messages[0];
            if has_media(message) || message.role.is_some() || message.contents().count() != 1 {
                return Err(cannot("a turn that is more than one text", "write --to multi_turn or inputs_json"));
            }
            line.insert("text_input".into(), message.contents().collect::<String>().into());
        }
    }
    Ok(Value::Object(line).to_string())
}

/// The payload goes in as it is: the digits of its numbers are part of what is sent.
fn with_payload(line: &Map<String, Value>, payload: &RawValue) -> Result<String> {
    let text = serde_json::to_string(line).map_err(|e| Error::bug(e.to_string()))?;
    let begun = text.trim_end_matches('}');
    let comma = if line.is_empty() { "" } else { "," };
    Ok(format!("{begun}{comma}\"payload\":{}}}", payload.get()))
}

/// The turns of a row in `multi_turn`: two where it brings a system prompt.
fn turns(row: &Row, out: &mut Vec<Value>) -> Result<()> {
    begins_none(row)?;
    let Content::Messages(all) = &row.turn.content else {
        return Err(cannot("a request without a text of its own", "write --to mooncake_trace or inputs_json"));
    };
    if all.iter().any(|m| m.verbatim.is_some()) || all.len() != 1 {
        return Err(cannot("messages in an endpoint's own shape", "write --to mooncake_trace or inputs_json"));
    }
    if row.alone && !out.is_empty() {
        return Err(cannot(
            "lines of a session that say all of their context themselves",
            "multi_turn would send each with those before it; write --to inputs_json",
        ));
    }
    if let Some(system) = &row.system {
        out.push(json!({"role": "system", "text": system}));
    }
    let message = &all[0];
    let mut turn = Map::new();
    if let Some(role) = &message.role {
        turn.insert("role".into(), role.clone().into());
    }
    let plain = message.texts.iter().all(|t| t.name.is_empty());
    let contents: Vec<&str> = message.contents().collect();
    match contents.as_slice() {
        [] => {}
        [text] if plain => {
            turn.insert("text".into(), (*text).into());
        }
        texts if plain => {
            turn.insert("texts".into(), json!(texts));
        }
        _ => {
            let named = message.texts.iter().map(|t| json!({"name": t.name, "contents": t.contents}));
            turn.insert("texts".into(), named.collect());
        }
    }
    for (name, media) in [("images", &message.images), ("audios", &message.audios), ("videos", &message.videos)] {
        if !media.is_empty() {
            turn.insert(name.into(), json!(media));
        }
    }
    times(row, &mut turn);
    out.push(turn.into());
    Ok(())
}

fn times(row: &Row, line: &mut Map<String, Value>) {
    let ms = |ns: Nanos| {
        let whole = ns / MILLI;
        if ns.is_multiple_of(MILLI) { Value::from(whole) } else { Value::from(ns as f64 / MILLI as f64) }
    };
    let turn = &row.turn;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            line.insert(name.into(), value);
        }
    };
    put("timestamp", turn.at.map(ms));
    put("delay", turn.delay.map(ms));
    put("output_length", turn.osl.map(Value::from));
    put("extra", turn.extra.clone().map(Value::Object));
}

fn messages(content: &Content) -> &[Message] {
    match content {
        Content::Messages(messages) => messages,
        _ => &[],
    }
}

fn has_media(message: &Message) -> bool {
    !message.images.is_empty() || !message.audios.is_empty() || !message.videos.is_empty()
}

fn cannot(what: &str, remedy: &str) -> Error {
    Error::usage(format!("the format cannot say: {what}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let format = Format::detect(text).unwrap();
        format
            .read(&mut text.as_bytes(), &mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        rows
    }

    /// The lines that the rows of a text become.
    fn traced(text: &str) -> Result<String> {
        let mut ids = Ids::default();
        let lines: Result<Vec<String>> = rows(text).iter().map(|row| mooncake(row, ids.of(row))).collect();
        Ok(lines?.join("\n"))
    }

    #[test]
    fn what_a_trace_says_is_the_same_after_it_is_written() {
        let text = "{\"timestamp\": 1.5, \"input_length\": 9, \"output_length\": 3, \"hash_ids\": [1, 2]}\n{\"input_length\": 4, \"session_id\": \"a\"}\n\
            {\"text_input\": \"x\", \"session_id\": \"a\", \"delay\": 20}\n{\"payload\": {\"a\": 1.10}, \"timestamp\": 4}\n\
            {\"messages\": [{\"role\": \"user\", \"content\": \"m\"}], \"extra\": {\"k\": 1}}";
        let written = traced(text).unwrap();
        assert_eq!(rows(&written), rows(text));
        assert!(written.contains("\"payload\":{\"a\":1.10}"), "{written}");
        let bailian =
            "{\"chat_id\": 1, \"parent_chat_id\": -1, \"timestamp\": 1, \"input_length\": 5, \"output_length\": 2}";
        assert!(traced(bailian).unwrap_err().remedy.contains("inputs_json"));
        let csv = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.5,48,10\n2023-11-16 18:17:05,31,8\n";
        assert_eq!(
            traced(csv).unwrap(),
            "{\"timestamp\":0,\"output_length\":10,\"input_length\":48}\n{\"timestamp\":1500,\"output_length\":8,\"input_length\":31}"
        );
    }

    #[test]
    fn conversations_keep_their_turns_and_what_has_no_text_is_refused() {
        let text = r#"{"session_id": "s", "turns": [{"role": "system", "text": "be"}, {"text": "a", "images": ["http://i"]}, {"texts": ["b", "c"], "delay": 5}]}"#;
        let mut out = Vec::new();
        rows(text).iter().for_each(|row| turns(row, &mut out).unwrap());
        let written = json!({"session_id": "s", "turns": out}).to_string();
        assert_eq!(rows(&written), rows(text));
        let e = turns(&rows("{\"input_length\": 3}")[0], &mut Vec::new()).unwrap_err();
        assert!(e.what.contains("without a text") && e.remedy.contains("mooncake_trace"), "{e}");
    }
}
