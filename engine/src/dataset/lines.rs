//! A file of lines.

use super::{Each, Row};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use std::collections::HashMap;
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

/// What one line of a file says about those after it.
#[derive(Default)]
pub(super) struct State {
    /// Names of the columns.
    pub(super) columns: Option<Vec<String>>,
    /// The first timestamp, where a file has a calendar.
    pub(super) zero: Option<Nanos>,
    /// The session of each request seen, by its number.
    pub(super) sessions: HashMap<i64, i64>,
}

pub(super) fn read(
    input: &mut dyn BufRead,
    read: fn(&Line<'_>, &mut State, &mut Vec<Row>) -> Result<()>,
    each: Each<'_>,
) -> Result<()> {
    let mut state = State::default();
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
        for row in rows.drain(..) {
            each(row).map_err(place)?;
        }
    }
    Ok(())
}

pub(super) fn unreadable(e: std::io::Error) -> Error {
    Error::environment(format!("it cannot be read: {e}"), "check the path and its permissions")
}

/// Bytes of a line: a request of a hundred million tokens is none.
const LONGEST_LINE: u64 = 256 << 20;
