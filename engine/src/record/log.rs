//! The record log: where records wait on disk between the run and its summary.
//!
//! ```text
//! file    = magic (8 bytes) version (u32 LE) entry*
//! entry   = length (u32 LE) body (length bytes: one `Record` in postcard's format)
//! ```
//!
//! postcard does not describe itself: the layout of `Record` is part of `VERSION`, and a change to it must raise the number.

use super::Record;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// First bytes of a record log.
const MAGIC: [u8; 8] = *b"RINGLOG\n";
/// Version of the format, the layout of [`Record`] included.
const VERSION: u32 = 6;
/// Longest body of one entry, in bytes. A longer one is an error of the writer, and a sign of damage to the reader.
const MAX_ENTRY: usize = 1 << 30;

/// Writes a record log.
pub struct LogWriter<W = BufWriter<File>> {
    name: String,
    output: W,
    scratch: Vec<u8>,
}

impl LogWriter {
    /// Creates the log, or empties an old one.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|e| unwritable(&name, &e))?;
        LogWriter::new(BufWriter::with_capacity(BUFFER, file), name)
    }
}

impl<W: Write> LogWriter<W> {
    /// Writes a log to `output`; `name` is how errors call it.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when it cannot be written.
    pub fn new(mut output: W, name: String) -> Result<Self> {
        output
            .write_all(&MAGIC)
            .and_then(|()| output.write_all(&VERSION.to_le_bytes()))
            .map_err(|e| unwritable(&name, &e))?;
        Ok(Self {
            name,
            output,
            scratch: Vec::new(),
        })
    }

    /// Appends one record. Buffered: what a crash leaves behind is whole entries and at most one cut one.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be written; [`crate::Blame::Bug`] for a record over `MAX_ENTRY`.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.scratch.clear();
        let body = postcard::to_extend(record, std::mem::take(&mut self.scratch))
            .map_err(|e| Error::bug(format!("a record could not be encoded: {e}")))?;
        self.scratch = body;
        let length = u32::try_from(self.scratch.len())
            .ok()
            .filter(|n| *n as usize <= MAX_ENTRY)
            .ok_or_else(|| Error::bug(format!("a record of {} bytes", self.scratch.len())))?;
        self.output
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.output.write_all(&self.scratch))
            .map_err(|e| unwritable(&self.name, &e))
    }

    /// Writes out what is buffered. A log that was not finished may lack its last records.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.output.flush().map_err(|e| unwritable(&self.name, &e))
    }
}

/// Reads a record log: an iterator over its records, in the order of writing. After an error it ends.
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
        let file = File::open(path).map_err(|e| {
            Error::environment(
                format!("{name}: {e}"),
                "give the path of a record log that this user may read",
            )
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
        Ok(Self {
            name,
            input,
            offset: header.len() as u64,
            body: Vec::new(),
            ended: false,
        })
    }

    fn read_one(&mut self) -> Result<Option<Record>> {
        let mut length = [0; 4];
        let got = read_up_to(&mut self.input, &mut length)
            .map_err(|e| unreadable(&self.name, self.offset, &e))?;
        if got == 0 {
            return Ok(None);
        }
        if got < length.len() {
            return Err(self.damaged("cut within the length of an entry"));
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_ENTRY {
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
        let (record, rest) = postcard::take_from_bytes::<Record>(&self.body)
            .map_err(|_| self.damaged("an entry that is no record"))?;
        if !rest.is_empty() {
            return Err(self.damaged("an entry longer than its record"));
        }
        self.offset += 4 + length as u64;
        Ok(Some(record))
    }

    fn damaged(&self, what: &str) -> Error {
        Error::environment(
            format!("{}: {what} at offset {}", self.name, self.offset),
            "the run was killed or the disk was full while it wrote: the records before that offset are good; run again for all",
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
        "choose an --output-artifact-dir that is writable and has space",
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
