//! The record log: where records wait on disk between the run and its summary, and what is left of a run that was
//! killed.
//!
//! ```text
//! file    = magic (8 bytes) version (u32 LE) entry*
//! entry   = kind (u8) length (u32 LE) body (length bytes)
//! kind    = 1: a `Record` in postcard's format; others: notes, JSON of the run and its caller ([`Note`])
//! ```
//!
//! postcard does not describe itself: the layout of `Record` is part of `VERSION`, and a change to it must raise the
//! number. A process that is killed leaves whole entries and at most one cut one.

mod reader;
mod writer;

pub use reader::{LogReader, Skimmed};
pub use writer::LogWriter;

use super::Record;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// First bytes of a record log.
const MAGIC: [u8; 8] = *b"RINGLOG\n";
/// Version of the format, the layout of [`Record`] and of the histograms in [`Note::Ended`] included.
const VERSION: u32 = 16;
/// Longest body of one entry, in bytes. A longer one is an error of the writer, and a sign of damage to the reader.
const MAX_ENTRY: usize = 1 << 30;
/// The kind of an entry that is a record.
const RECORD: u8 = 1;

/// An entry of a log beside records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Note {
    /// What the caller knows before the load.
    Head = 2,
    /// What is known of the run when its load begins.
    Begun = 3,
    /// What is known of the run when its load has ended: a log without it is of a run that was killed.
    Ended = 4,
    /// What the caller knows after the load.
    Tail = 5,
    /// The requests, summed up, in the place of their records.
    Sums = 6,
}

/// An entry of a log.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A request that ended.
    Record(Box<Record>),
    /// A note, as it was written.
    Note(Note, Vec<u8>),
}

/// A record log that has been written, to be read as often as wanted.
#[derive(Debug)]
pub struct RecordLog {
    name: String,
    file: File,
    end: u64,
    /// What the file did not take.
    rest: Vec<u8>,
    failure: Option<String>,
}

impl RecordLog {
    /// Opens a log that somebody else wrote.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let unreadable = |e: io::Error| {
            Error::environment(format!("{name}: {e}"), "give the path of a record log that this user may read")
        };
        let file = crate::files::regular(path, true).map_err(unreadable)?;
        let end = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, end, rest: Vec::new(), failure: None, name })
    }

    /// Leaves a note at its end, where its file takes it.
    pub fn note(&mut self, kind: Note, body: &[u8]) {
        let mut entry = vec![kind as u8];
        entry.extend((body.len() as u32).to_le_bytes());
        entry.extend_from_slice(body);
        // What is cut is not read: without the note the log is as good as before.
        if self.failure.is_none() && self.file.write_all_at(&entry, self.end).is_ok() {
            self.end += entry.len() as u64;
        }
    }

    /// Takes what lies at this offset and after it for not there.
    pub fn cut(&mut self, end: u64) {
        self.end = self.end.min(end);
    }

    /// Reads it from its start.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when it cannot be read.
    pub fn read(&self) -> Result<LogReader<impl Read + Send + '_>> {
        let written = At { file: &self.file, offset: 0, end: self.end };
        let input = BufReader::with_capacity(BUFFER, written).chain(self.rest.as_slice());
        LogReader::new(input, self.name.clone())
    }

    /// Why its file took no more, where it did not.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

/// A part of a file, read without moving its position.
struct At<'a> {
    file: &'a File,
    offset: u64,
    end: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let n = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

const BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests;
