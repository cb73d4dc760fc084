//! The record log: where records wait on disk between the run and its summary, and what is left of a run that was
//! killed.
//!
//! ```text
//! file    = magic (8 bytes) version (u32 LE) entry*
//! entry   = kind (u8) length (u32 LE) body (length bytes)
//! kind    = 1: a `Record` in postcard's format; others: notes, JSON that the run and its caller leave beside the records ([`Note`])
//! ```
//!
//! postcard does not describe itself: the layout of `Record` is part of `VERSION`, and a change to it must raise the
//! number. A process that is killed leaves whole entries and at most one cut one.

use super::Record;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// First bytes of a record log.
const MAGIC: [u8; 8] = *b"RINGLOG\n";
/// Version of the format, the layout of [`Record`] included.
const VERSION: u32 = 7;
/// Longest body of one entry, in bytes. A longer one is an error of the writer, and a sign of damage to the reader.
const MAX_ENTRY: usize = 1 << 30;
/// Bytes that a log whose file takes no more holds in memory, so that what is in flight can end in order.
const MOST_HELD: usize = 64 << 20;
/// The kind of an entry that is a record.
const RECORD: u8 = 1;

/// What stands in a log beside records.
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
}

/// An entry of a log.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A request that ended.
    Record(Box<Record>),
    /// A note, as it was written.
    Note(Note, Vec<u8>),
}

/// Writes a record log. When the file takes no more (a full disk, a limit of its size), records are held in memory up
/// to a limit, and [`LogWriter::failure`] says why.
pub struct LogWriter<W = File> {
    name: String,
    output: W,
    /// Entries that are not written yet.
    pending: Vec<u8>,
    scratch: Vec<u8>,
    /// Bytes that the file has taken.
    written: u64,
    failure: Option<io::Error>,
}

impl LogWriter {
    /// Creates the log, or empties an old one.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .map_err(|e| unwritable(&name, &e))?;
        LogWriter::new(file, name)
    }

    /// The log for reading, by the descriptor that it was written to: whatever became of its name.
    #[must_use]
    pub fn finish_to_read(mut self) -> RecordLog {
        self.flush();
        RecordLog {
            name: self.name,
            file: self.output,
            end: self.written,
            rest: self.pending,
            failure: self.failure.map(|e| e.to_string()),
        }
    }
}

impl<W: Write> LogWriter<W> {
    /// Writes a log to `output`; `name` is how errors call it.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when it cannot be written.
    pub fn new(output: W, name: String) -> Result<Self> {
        let mut log =
            Self { name, output, pending: Vec::with_capacity(BUFFER), scratch: Vec::new(), written: 0, failure: None };
        log.pending.extend(MAGIC);
        log.pending.extend(VERSION.to_le_bytes());
        log.flush();
        match &log.failure {
            Some(e) => Err(unwritable(&log.name, e)),
            None => Ok(log),
        }
    }

    /// Appends one record.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when it is lost, because the file takes no more and the memory beside it is full;
    /// [`crate::Blame::Bug`] for a record over `MAX_ENTRY`.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.scratch.clear();
        let body = postcard::to_extend(record, std::mem::take(&mut self.scratch))
            .map_err(|e| Error::bug(format!("a record could not be encoded: {e}")))?;
        self.scratch = body;
        self.entry(RECORD)
    }

    /// Leaves a note, and writes it out.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn note(&mut self, kind: Note, body: &[u8]) -> Result<()> {
        self.scratch.clear();
        self.scratch.extend_from_slice(body);
        self.entry(kind as u8)?;
        self.flush();
        Ok(())
    }

    fn entry(&mut self, kind: u8) -> Result<()> {
        let length = u32::try_from(self.scratch.len())
            .ok()
            .filter(|n| *n as usize <= MAX_ENTRY)
            .ok_or_else(|| Error::bug(format!("a record of {} bytes", self.scratch.len())))?;
        if let Some(e) = &self.failure
            && self.pending.len() + self.scratch.len() > MOST_HELD
        {
            return Err(unwritable(&self.name, e));
        }
        self.pending.push(kind);
        self.pending.extend(length.to_le_bytes());
        self.pending.extend_from_slice(&self.scratch);
        if self.pending.len() >= BUFFER {
            self.flush();
        }
        Ok(())
    }

    /// Hands what is buffered to the kernel. After a failure it does nothing: an entry that was cut stays the last of
    /// the file.
    pub fn flush(&mut self) {
        let mut done = 0;
        while done < self.pending.len() && self.failure.is_none() {
            match self.output.write(&self.pending[done..]) {
                Ok(0) => self.failure = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => self.failure = Some(e),
            }
        }
        self.written += done as u64;
        self.pending.drain(..done);
    }

    /// Why the file takes no more, where it does not.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Writes out what is buffered. A log that was not finished may lack its last records.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.flush();
        match &self.failure {
            Some(e) => Err(unwritable(&self.name, e)),
            None => Ok(()),
        }
    }
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
    pub fn read(&self) -> Result<LogReader<impl Read + '_>> {
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

/// Reads a record log: an iterator over its records, in the order of writing; notes are passed over. After an error it
/// ends.
#[derive(Debug)]
pub struct LogReader<R = BufReader<File>> {
    name: String,
    input: R,
    /// Bytes read so far; the offset of the entry under way.
    offset: u64,
    body: Vec<u8>,
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

fn note(kind: u8) -> Option<Note> {
    let all = [Note::Head, Note::Begun, Note::Ended, Note::Tail];
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

fn unwritable(name: &str, e: &io::Error) -> Error {
    Error::environment(
        format!("{name}: cannot write the record log: {e}"),
        format!("choose an {} that is writable and has space", crate::setting::Setting::RecordFolder),
    )
}

fn unreadable(name: &str, offset: u64, e: &io::Error) -> Error {
    Error::environment(
        format!("{name}: cannot read the record log at offset {offset}: {e}"),
        "check the disk, and run again",
    )
}

const BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests;
