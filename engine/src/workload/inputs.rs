//! AIPerf's `inputs.json`: what was sent, so that a run can be repeated by hand.

use super::Entry;
use serde::Serialize;
use serde::ser::{Error as _, SerializeMap, SerializeSeq, Serializer};
use std::io;

/// Writes `{"data": [{"session_id": …, "payloads": [{…}]}, …]}` with two spaces of indentation and a final line feed.
///
/// Entries are written one by one: only one body is held as a tree at a time.
pub(super) fn write(entries: &[Entry], out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let mut json = serde_json::Serializer::pretty(&mut out);
    let mut file = json.serialize_map(Some(1))?;
    file.serialize_entry("data", &Sessions(entries))?;
    SerializeMap::end(file)?;
    io::Write::write_all(&mut out, b"\n")?;
    io::Write::flush(&mut out)
}

struct Sessions<'a>(&'a [Entry]);

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(Some(self.0.len()))?;
        for entry in self.0 {
            seq.serialize_element(&Session {
                session_id: &entry.session_id,
                payloads: [Body(&entry.body)],
            })?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct Session<'a> {
    session_id: &'a str,
    payloads: [Body<'a>; 1],
}

struct Body<'a>(&'a [u8]);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let tree: serde_json::Value = serde_json::from_slice(self.0).map_err(S::Error::custom)?;
        tree.serialize(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(i: usize, body: &str) -> Entry {
        Entry {
            session_id: format!("session_{i:06}"),
            body: body.into(),
            isl: 1,
            osl: None,
        }
    }

    #[test]
    fn the_file_has_the_shape_and_indentation_of_aiperf() {
        let entries = [
            entry(
                0,
                r#"{"model":"m","messages":[{"role":"user","content":"grüße"}]}"#,
            ),
            entry(1, r#"{"model":"m","n":1}"#),
        ];
        let mut out = Vec::new();
        write(&entries, &mut out).unwrap();
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
        assert!(write(&[entry(0, "{}")], &mut small.as_mut_slice()).is_err());
    }
}
