//! A file of lines.

use super::{Each, Row};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Remarks};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::{BufRead, Read as _};

/// One line.
pub(super) struct Line<'a> {
    /// Without the blanks around it.
    pub(super) text: &'a str,
}

impl Line<'_> {
    /// Its JSON.
    pub(super) fn json<'a, T: serde::Deserialize<'a>>(&'a self, shape: &str) -> Result<T> {
        serde_json::from_str(self.text).map_err(|e| Error::usage(e.to_string(), format!("write {shape}")))
    }
}

/// State of a file that one line sets for those after it.
#[derive(Default)]
pub(super) struct State {
    /// Names of the columns.
    pub(super) columns: Option<Vec<String>>,
    /// The first timestamp, where a file has a calendar.
    pub(super) zero: Option<Nanos>,
    /// The session of each request seen, by its number.
    pub(super) sessions: HashMap<i64, i64>,
    /// The conversations that have had their line, where each has one.
    pub(super) conversations: HashSet<String>,
    /// The category of rows that are wanted, where not all are.
    pub(super) category: Option<&'static str>,
    /// Why the line gives no row, where it should.
    pub(super) left_out: Option<LeftOut>,
}

/// What reads a line, and the fields that it knows.
type Reader = (&'static [&'static str], fn(&Line<'_>, &mut State, &mut Vec<Row>) -> Result<()>);

pub(super) fn read(
    input: &mut dyn BufRead,
    (fields, read): Reader,
    category: Option<&'static str>,
    remarks: &mut Remarks,
    each: Each<'_>,
) -> Result<()> {
    let mut state = State { category, ..State::default() };
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    for n in 1.. {
        bytes.clear();
        let limited = &mut input.take(LONGEST_LINE + 1);
        let got = limited.read_until(b'\n', &mut bytes).map_err(unreadable)?;
        if got == 0 {
            return Ok(());
        }
        let place = |e: Error| e.within(format!("line {n}"));
        if got as u64 > LONGEST_LINE {
            return Err(place(Error::usage(
                format!("it is longer than {} MiB", LONGEST_LINE >> 20),
                "write one request a line",
            )));
        }
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            place(Error::usage(format!("it is not UTF-8 ({e})"), "convert the file, as with iconv -t UTF-8"))
        })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        read(&Line { text }, &mut state, &mut rows).map_err(place)?;
        let left_out = state.left_out.take();
        remarks.rows += u64::from(left_out.is_some() || !rows.is_empty());
        left_out.into_iter().for_each(|why| remarks.leave_out(why));
        if !fields.is_empty() {
            note_unknown(text, fields, remarks);
        }
        for row in rows.drain(..) {
            each(row).map_err(place)?;
        }
    }
    Ok(())
}

/// Notes the fields of a row that are none of these; those of its turns too.
fn note_unknown(text: &str, known: &[&str], remarks: &mut Remarks) {
    let Ok(Fields(names)) = serde_json::from_str::<Fields>(text) else { return };
    names.iter().filter(|name| !known.contains(&name.as_str())).for_each(|name| remarks.note_field(name));
}

/// The names of the fields of an object, and of those of the objects in its `turns`, each once.
struct Fields(BTreeSet<String>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields, A::Error> {
                let mut names = BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "turns" {
                        let turns = map.next_value::<Vec<Fields>>()?;
                        names.extend(turns.into_iter().flat_map(|Fields(names)| names));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                    names.insert(name);
                }
                Ok(Fields(names))
            }
        }
        d.deserialize_map(Names)
    }
}

pub(super) fn unreadable(e: std::io::Error) -> Error {
    Error::environment(format!("it cannot be read: {e}"), "check the path and its permissions")
}

/// Bytes of a line: a request of a hundred million tokens is none.
const LONGEST_LINE: u64 = 256 << 20;
