//! Reads a record log, as far as it is whole.

use super::{BUFFER, Entry, MAGIC, MAX_ENTRY, Note, RECORD, VERSION};
use crate::error::{Error, Result};
use crate::record::{PhaseKind, Record};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Reads a record log: an iterator over its records, in the order of writing; notes are passed over. After an error it
/// ends.
#[derive(Debug)]
pub struct LogReader<R = BufReader<File>> {
    name: String,
    input: R,
    /// Bytes read so far; the offset of the entry under way.
    offset: u64,
    pub(super) body: Vec<u8>,
    ended: bool,
}

impl LogReader {
    /// Opens a log and checks its header.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be read, is no record log, or is of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = crate::files::regular(path, true).map_err(|e| {
            Error::environment(format!("{name}: {e}"), "give the path of a record log that this user may read")
        })?;
        LogReader::new(BufReader::with_capacity(BUFFER, file), name)
    }
}

impl<R: Read> LogReader<R> {
    /// Reads a log from `input`; `name` is how errors call it.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub fn new(mut input: R, name: String) -> Result<Self> {
        let mut header = [0; 12];
        let got = read_up_to(&mut input, &mut header).map_err(|e| unreadable(&name, 0, &e))?;
        if got < header.len() && MAGIC.starts_with(&header[..got.min(8)]) {
            return Err(Error::environment(
                format!("{name}: the log of a run that was ended before it had recorded anything"),
                "run again",
            ));
        }
        if got < header.len() || header[..8] != MAGIC {
            return Err(Error::environment(
                format!("{name}: not a record log"),
                "give a file that ringload wrote as its record log",
            ));
        }
        let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        if version != VERSION {
            return Err(Error::environment(
                format!("{name}: record log version {version}, this ringload reads {VERSION}"),
                "read it with the ringload that wrote it, or run again",
            ));
        }
        Ok(Self { name, input, offset: header.len() as u64, body: Vec::new(), ended: false })
    }

    /// Bytes read so far: where the next entry begins, or where the one that could not be read began.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry of any kind; none at the end. Kinds of a later version of the same layout are passed over.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] where the log is cut or damaged: what came before is good.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            let Some(kind) = self.read_body()? else {
                return Ok(None);
            };
            let length = self.body.len() as u64;
            let entry = match kind {
                RECORD => Some(self.record()?),
                kind => note(kind).map(|note| Entry::Note(note, self.body.clone())),
            };
            self.offset += 5 + length;
            if entry.is_some() {
                return Ok(entry);
            }
        }
    }

    /// The next entry of any kind, of a record no more than what it was asked with; none at the end. A record that is
    /// none from there on is not found here.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] where the log is cut, or its framing is damaged.
    pub fn skim(&mut self) -> Result<Option<Skimmed>> {
        loop {
            let Some(kind) = self.read_body()? else {
                return Ok(None);
            };
            let entry = match kind {
                RECORD => {
                    let head = postcard::take_from_bytes::<RecordHead>(&self.body);
                    let (head, _) = head.map_err(|_| self.damaged("an entry that is no record"))?;
                    Some(Skimmed::Record { entry: head.entry })
                }
                kind => note(kind).map(|note| Skimmed::Note(note, self.body.clone())),
            };
            self.offset += 5 + self.body.len() as u64;
            if entry.is_some() {
                return Ok(entry);
            }
        }
    }

    fn record(&self) -> Result<Entry> {
        let (record, rest) =
            postcard::take_from_bytes::<Record>(&self.body).map_err(|_| self.damaged("an entry that is no record"))?;
        if !rest.is_empty() {
            return Err(self.damaged("an entry longer than its record"));
        }
        Ok(Entry::Record(Box::new(record)))
    }

    /// Reads one entry; its kind, or none at the end.
    fn read_body(&mut self) -> Result<Option<u8>> {
        let mut head = [0; 5];
        let got = read_up_to(&mut self.input, &mut head).map_err(|e| unreadable(&self.name, self.offset, &e))?;
        if got == 0 {
            return Ok(None);
        }
        if got < head.len() {
            return Err(self.damaged("cut within the length of an entry"));
        }
        let [kind, a, b, c, d] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if kind == 0 || length > MAX_ENTRY {
            return Err(self.damaged("an entry over the limit"));
        }
        // Grows with what is there, not with what a damaged length promises.
        self.body.clear();
        let got = (&mut self.input)
            .take(length as u64)
            .read_to_end(&mut self.body)
            .map_err(|e| unreadable(&self.name, self.offset, &e))?;
        if got < length {
            return Err(self.damaged("cut within an entry"));
        }
        Ok(Some(kind))
    }

    fn read_one(&mut self) -> Result<Option<Record>> {
        loop {
            match self.next_entry()? {
                None => return Ok(None),
                Some(Entry::Record(record)) => return Ok(Some(*record)),
                Some(Entry::Note(..)) => {}
            }
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::environment(
            format!("{}: {what} at offset {}", self.name, self.offset),
            "the run was killed or the disk was full while it wrote: the records before that offset are good",
        )
    }
}

impl<R: Read> Iterator for LogReader<R> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read_one().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// An entry of a log, read in passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skimmed {
    /// A request that ended.
    Record {
        /// As [`Record::entry`].
        entry: u32,
    },
    /// A note, as it was written.
    Note(Note, Vec<u8>),
}

/// The first fields of a [`Record`], in its order: what follows them is not read.
#[derive(Deserialize)]
struct RecordHead {
    #[serde(rename = "k")]
    _k: u64,
    #[serde(rename = "turn")]
    _turn: u32,
    #[serde(rename = "index")]
    _index: u64,
    #[serde(rename = "phase")]
    _phase: PhaseKind,
    #[serde(rename = "worker")]
    _worker: u16,
    #[serde(rename = "target")]
    _target: u16,
    entry: u32,
}

fn note(kind: u8) -> Option<Note> {
    let all = [Note::Head, Note::Begun, Note::Ended, Note::Tail, Note::Sums];
    all.into_iter().find(|note| *note as u8 == kind)
}

/// Fills `buffer` as far as the input goes.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

fn unreadable(name: &str, offset: u64, e: &io::Error) -> Error {
    Error::environment(
        format!("{name}: cannot read the record log at offset {offset}: {e}"),
        "check the disk, and run again",
    )
}
