//! AIPerf's `inputs.json`: what was sent, so that a run can be repeated by hand.

use super::{Conversation, Workload};
use crate::api;
use serde::Serialize;
use serde::ser::{Error as _, SerializeMap, SerializeSeq, Serializer};
use std::io;

/// Writes `{"data": [{"session_id": …, "payloads": [{…}, …]}, …]}` with two spaces of indentation and a final line
/// feed.
///
/// The payloads of a conversation are its turns, each with the client's own earlier messages: the responses between
/// them are not known before they are given. Payloads are written one by one: only one is held as a tree at a time.
pub(super) fn write(workload: &Workload, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let mut json = serde_json::Serializer::pretty(&mut out);
    let mut file = json.serialize_map(Some(1))?;
    file.serialize_entry("data", &Sessions(workload))?;
    SerializeMap::end(file)?;
    io::Write::write_all(&mut out, b"\n")?;
    io::Write::flush(&mut out)
}

struct Sessions<'a>(&'a Workload);

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // Those of the warm-up are not what is measured.
        let conversations = &self.0.conversations[..self.0.measured() + self.0.children];
        let mut seq = s.serialize_seq(Some(conversations.len()))?;
        for conversation in conversations {
            seq.serialize_element(&Session { session_id: &conversation.id, payloads: Payloads(self.0, conversation) })?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct Session<'a> {
    session_id: &'a str,
    payloads: Payloads<'a>,
}

struct Payloads<'a>(&'a Workload, &'a Conversation);

impl Serialize for Payloads<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let turns = self.1.turns.clone();
        let mut seq = s.serialize_seq(Some(turns.len()))?;
        let mut history = Vec::new();
        let mut body = Vec::new();
        for turn in turns {
            body.clear();
            self.0.write_body(turn, &history, &mut body).map_err(S::Error::custom)?;
            let tree = match api::read_form(&body) {
                Some(fields) => fields,
                None => serde_json::from_slice(&body).map_err(S::Error::custom)?,
            };
            seq.serialize_element(&tree)?;
            let before = history.len();
            self.0.own_messages(turn, &mut history).map_err(S::Error::custom)?;
            if history.len() > before {
                history.push(b',');
            }
        }
        seq.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::super::{Entry, Stored};
    use super::*;

    /// Conversations of these turns.
    fn workload(conversations: &[&[&str]]) -> Workload {
        let mut plan = plan(0, 1.0, 0.0);
        plan.prompts.entries = 0;
        let mut workload = Workload::prepare(&plan).unwrap();
        for (i, turns) in conversations.iter().enumerate() {
            let start = workload.entries.len() as u32;
            for (turn, body) in turns.iter().enumerate() {
                let own = body.find("[").map(|at| at + 1..body.rfind("]").unwrap());
                workload.entries.push(Entry {
                    conversation: i as u32,
                    turn: turn as u32,
                    body: Stored::new(crate::api::Body { bytes: body.as_bytes().to_vec(), own, results: 0 }),
                    isl: 1,
                    osl: None,
                    delay: 0,
                    at: None,
                });
            }
            workload
                .conversations
                .push(Conversation { id: format!("session_{i:06}"), turns: start..workload.entries.len() as u32 });
        }
        workload
    }

    #[test]
    fn the_file_has_the_shape_and_indentation_of_aiperf() {
        let workload = workload(&[
            &[
                r#"{"model":"m","messages":[{"role":"user","content":"grüße"}]}"#,
                r#"{"model":"m","messages":[{"role":"user","content":"b"}]}"#,
            ],
            &[r#"{"model":"m","n":1}"#],
        ]);
        let mut out = Vec::new();
        write(&workload, &mut out).unwrap();
        let expected = r#"{
  "data": [
    {
      "session_id": "session_000000",
      "payloads": [
        {
          "model": "m",
          "messages": [
            {
              "role": "user",
              "content": "grüße"
            }
          ]
        },
        {
          "model": "m",
          "messages": [
            {
              "role": "user",
              "content": "grüße"
            },
            {
              "role": "user",
              "content": "b"
            }
          ]
        }
      ]
    },
    {
      "session_id": "session_000001",
      "payloads": [
        {
          "model": "m",
          "n": 1
        }
      ]
    }
  ]
}
"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut small = [0u8; 20];
        assert!(write(&workload(&[&["{}"]]), &mut small.as_mut_slice()).is_err());
    }
}
