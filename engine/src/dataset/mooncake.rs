//! Mooncake's traces: `{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}`, one a line.
//!
//! Timestamps are milliseconds. `hash_ids`, which say what prompts begin alike, are not used yet: all prompts differ. Lines with
//! prompts of their own and sessions of several turns are refused by the name of what makes them so.

use super::Row;
use crate::clock::{MILLI, Nanos};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

#[derive(Deserialize)]
struct Line {
    timestamp: Option<f64>,
    input_length: Option<u64>,
    output_length: Option<u64>,
    session_id: Option<Value>,
    delay: Option<Value>,
    text_input: Option<Value>,
    messages: Option<Value>,
}

pub(super) fn looks_like(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|v| v.get("input_length").is_some())
}

pub(super) fn parse(text: &str) -> Result<Vec<Row>> {
    let mut sessions = HashSet::new();
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| row(line, &mut sessions).map_err(|e| e.within(&format!("line {}", i + 1))))
        .collect()
}

fn row(line: &str, sessions: &mut HashSet<String>) -> Result<Row> {
    let line: Line = serde_json::from_str(line).map_err(|e| Error::usage(e.to_string(), SHAPE))?;
    let own_text = [
        ("text_input", line.text_input.is_some()),
        ("messages", line.messages.is_some()),
    ];
    if let Some((field, _)) = own_text.iter().find(|(_, there)| *there) {
        return Err(Error::usage(
            format!("`{field}`: prompts of a trace's own are not supported yet"),
            "write input_length instead, for a synthetic prompt of that length",
        ));
    }
    let again = line
        .session_id
        .is_some_and(|id| !sessions.insert(id.to_string()));
    if again || line.delay.is_some() {
        return Err(Error::usage(
            "sessions of several turns are not supported yet",
            "leave out session_id and delay, so that each request stands for itself",
        ));
    }
    let Some(isl) = line.input_length else {
        return Err(Error::usage("no input_length", SHAPE));
    };
    Ok(Row {
        at: line.timestamp.map(instant).transpose()?,
        isl: tokens("input_length", isl)?,
        osl: line
            .output_length
            .map(|n| tokens("output_length", n))
            .transpose()?,
    })
}

fn instant(ms: f64) -> Result<Nanos> {
    if (0.0..=LONGEST_MS).contains(&ms) {
        return Ok((ms * MILLI as f64).round() as Nanos);
    }
    Err(Error::usage(
        format!("the timestamp {ms} is not a time"),
        "write milliseconds, from 0",
    ))
}

fn tokens(field: &str, n: u64) -> Result<u32> {
    match u32::try_from(n) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::usage(
            format!("{field} {n} is not a length"),
            "write a number of tokens, from 1",
        )),
    }
}

const SHAPE: &str = r#"write {"timestamp": MS, "input_length": TOKENS, "output_length": TOKENS}"#;
/// A hundred years.
const LONGEST_MS: f64 = 3e12;

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn lines_become_rows_in_their_own_order() {
        let text = r#"{"timestamp": 1500, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}

{"timestamp": 0.25, "input_length": 7}
{"input_length": 8, "output_length": 1, "session_id": "a", "priority": 3}
"#;
        let row = |at, isl, osl| Row { at, isl, osl };
        assert_eq!(Format::detect(text), Some(Format::MooncakeTrace));
        assert_eq!(
            Format::MooncakeTrace.parse(text).unwrap(),
            [
                row(Some(1_500 * MILLI), 6955, Some(52)),
                row(Some(MILLI / 4), 7, None),
                row(None, 8, Some(1)),
            ]
        );
    }

    #[test]
    fn what_is_no_trace_is_told_by_its_line() {
        let good = r#"{"timestamp": 1, "input_length": 5, "session_id": 9}"#;
        for (bad, what) in [
            ("5,6", "line 2: "),
            ("{}", "line 2: no input_length"),
            (r#"{"input_length": 0}"#, "line 2: input_length 0"),
            (
                r#"{"input_length": 5000000000}"#,
                "line 2: input_length 5000000000",
            ),
            (r#"{"input_length": -1}"#, "line 2: invalid value"),
            (
                r#"{"input_length": 5, "output_length": 0}"#,
                "line 2: output_length 0",
            ),
            (
                r#"{"input_length": 5, "timestamp": -3}"#,
                "line 2: the timestamp -3",
            ),
            (
                r#"{"input_length": 5, "text_input": "x"}"#,
                "line 2: `text_input`",
            ),
            (r#"{"messages": []}"#, "line 2: `messages`"),
            (
                r#"{"input_length": 5, "session_id": 9}"#,
                "line 2: sessions",
            ),
            (r#"{"input_length": 5, "delay": 9}"#, "line 2: sessions"),
        ] {
            let e = Format::MooncakeTrace
                .parse(&format!("{good}\n{bad}\n"))
                .unwrap_err();
            assert!(e.what.starts_with(what), "{bad}: {e}");
            assert_eq!(e.blame, crate::Blame::Usage);
        }
        assert!(Format::MooncakeTrace.parse("\n \n").is_err());
        assert_eq!(Format::detect("offset_s,rate"), None);
        assert_eq!(Format::detect(r#"{"text": "x"}"#), None);
    }
}
