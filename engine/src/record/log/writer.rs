//! Writes a record log, also where its file takes no more.

use super::{BUFFER, MAGIC, MAX_ENTRY, Note, RECORD, RecordLog, VERSION};
use crate::error::{Error, Result};
use crate::record::Record;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a record log. When the file takes no more (a full disk, a limit of its size), records are held in memory up
/// to a limit, and [`LogWriter::failure`] says why.
pub struct LogWriter<W = File> {
    name: String,
    pub(super) output: W,
    /// Entries that are not written yet.
    pub(super) pending: Vec<u8>,
    scratch: Vec<u8>,
    /// Bytes that the file has taken.
    pub(super) written: u64,
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

fn unwritable(name: &str, e: &io::Error) -> Error {
    Error::environment(
        format!("{name}: cannot write the record log: {e}"),
        format!("choose an {} that is writable and has space", crate::setting::Setting::RecordFolder),
    )
}

/// Bytes that a log whose file takes no more holds in memory, so that what is in flight can end in order.
pub(super) const MOST_HELD: usize = 64 << 20;
