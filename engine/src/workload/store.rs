//! Where prepared bodies are kept: in memory up to a budget, beyond it in an unlinked temporary file, from which they
//! are read when they are sent.

use crate::api::Body;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// A prepared body.
#[derive(Clone, Debug)]
pub struct Stored {
    place: Place,
    /// Where the messages of its turn stand in it: see [`Body::own`].
    pub own: Option<Range<u32>>,
    /// As [`Body::results`].
    pub results: u32,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Box<[u8]>),
    File { offset: u64, len: u32 },
}

impl Stored {
    /// A body that is kept in memory.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { own: own(&body), results: body.results, place: Place::Memory(body.bytes.into()) }
    }

    /// Its bytes, where they are in memory; else none.
    #[must_use]
    pub fn in_memory(&self) -> &[u8] {
        match &self.place {
            Place::Memory(bytes) => bytes,
            Place::File { .. } => &[],
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.place {
            Place::Memory(bytes) => bytes.len(),
            Place::File { len, .. } => *len as usize,
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The file behind bodies that are not in memory.
#[derive(Debug, Default)]
pub(super) struct Store {
    file: Option<io::BufWriter<File>>,
    written: u64,
    kept: u64,
    budget: u64,
}

impl Store {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Keeps a body.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] when it cannot be written to the temporary file.
    pub(super) fn keep(&mut self, body: Body) -> Result<Stored> {
        let len = body.bytes.len();
        if self.kept + len as u64 <= self.budget || u32::try_from(len).is_err() {
            self.kept += len as u64;
            return Ok(Stored::new(body));
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(io::BufWriter::with_capacity(1 << 20, tempfile::tempfile().map_err(no_room)?)),
        };
        file.write_all(&body.bytes).map_err(no_room)?;
        let offset = self.written;
        self.written += len as u64;
        Ok(Stored { own: own(&body), results: body.results, place: Place::File { offset, len: len as u32 } })
    }

    /// All bodies are kept.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub(super) fn finish(self) -> Result<Spilled> {
        let file = self.file.map(|file| file.into_inner().map_err(|e| no_room(e.into_error()))).transpose()?;
        Ok(Spilled { file, bytes: self.written })
    }
}

/// The bodies that are not in memory.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    file: Option<File>,
    pub(super) bytes: u64,
}

impl Spilled {
    /// Appends a part of a body.
    pub(super) fn read(&self, body: &Stored, part: Range<usize>, out: &mut Vec<u8>) -> io::Result<()> {
        match (&body.place, &self.file) {
            (Place::Memory(bytes), _) => out.extend_from_slice(&bytes[part]),
            (Place::File { offset, .. }, Some(file)) => {
                let start = out.len();
                out.resize(start + part.len(), 0);
                file.read_exact_at(&mut out[start..], offset + part.start as u64)?;
            }
            (Place::File { .. }, None) => return Err(io::ErrorKind::NotFound.into()),
        }
        Ok(())
    }
}

fn own(body: &Body) -> Option<Range<u32>> {
    let own = body.own.clone()?;
    Some(u32::try_from(own.start).ok()?..u32::try_from(own.end).ok()?)
}

fn no_room(e: io::Error) -> Error {
    Error::environment(
        format!(
            "request bodies beyond the {} MiB kept in memory cannot be written to a temporary file: {e}",
            BUDGET >> 20
        ),
        "point TMPDIR at a folder on a disk with room for them (on a tmpfs they would be in memory after all)",
    )
}

/// Bytes of bodies that are kept in memory.
pub(super) const BUDGET: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_beyond_the_budget_come_back_from_the_file() {
        let mut store = Store::new(10);
        let body = |text: &str, own| Body { bytes: text.into(), own, results: 0 };
        let kept: Vec<Stored> =
            [body("0123456", None), body("abcdefgh", Some(2..5)), body("xyz", None), body("tail of it", None)]
                .into_iter()
                .map(|b| store.keep(b).unwrap())
                .collect();
        let spilled = store.finish().unwrap();
        assert_eq!(spilled.bytes, 8 + 10);
        let mut out = b">".to_vec();
        for stored in &kept {
            spilled.read(stored, 0..stored.len(), &mut out).unwrap();
        }
        assert_eq!(out, b">0123456abcdefghxyztail of it");
        assert_eq!(kept[0].in_memory(), b"0123456");
        assert!(kept[1].in_memory().is_empty() && !kept[1].is_empty());
        out.clear();
        let own = kept[1].own.clone().unwrap();
        spilled.read(&kept[1], own.start as usize..own.end as usize, &mut out).unwrap();
        assert_eq!(out, b"cde");
    }
}
