//! What the server did for each request: the truth that a client's figures are compared with.
//!
//! Noted only with [`Config::truth`](crate::Config::truth). In memory until it is asked for, at most [`WRITES_KEPT`]
//! writes in all, so that nothing is formatted or written to a disk beside the serving loops.
//!
//! As a file it is JSON by lines: a [`Header`], then a [`Served`] for each request, in the order in which they ended.

use std::io::{self, BufRead, Write as Output};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::{now_ns, wall_ns};

/// One request, and every write that had output for it. Instants are on `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// In the order of arrival over all threads.
    pub number: u64,
    /// Its `X-Request-ID`.
    pub request_id: Option<String>,
    /// When its last byte had been read.
    pub received_ns: u64,
    /// Answered to its end, be it a scripted fault; else the client went away first, or it is not over.
    pub finished: bool,
    /// Output tokens written.
    pub tokens: u32,
    /// Its writes that carried output events, in order.
    pub writes: Vec<Write>,
}

/// One write to the socket. All its events share it. In a file: `[begun_ns, took_ns, events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u32, u32)", into = "(u64, u32, u32)")]
pub struct Write {
    /// Right before the system call.
    pub begun_ns: u64,
    /// From there until the socket had taken its last byte; at most 4.2 s. Over HTTP/2: until the connection had been
    /// given it, which may write it later.
    pub took_ns: u32,
    /// Output events in it.
    pub events: u32,
}

impl Write {
    /// When the socket had taken its last byte.
    #[must_use]
    pub fn ended_ns(self) -> u64 {
        self.begun_ns + u64::from(self.took_ns)
    }
}

impl From<(u64, u32, u32)> for Write {
    fn from((begun_ns, took_ns, events): (u64, u32, u32)) -> Self {
        Self { begun_ns, took_ns, events }
    }
}

impl From<Write> for (u64, u32, u32) {
    fn from(write: Write) -> Self {
        (write.begun_ns, write.took_ns, write.events)
    }
}

impl Served {
    /// The write of each output event, in order.
    pub fn events(&self) -> impl Iterator<Item = Write> {
        let repeated = |write: &Write| std::iter::repeat_n(*write, write.events as usize);
        self.writes.iter().flat_map(repeated)
    }

    fn end_write(&mut self, now_ns: u64) {
        if let Some(write) = self.writes.last_mut() {
            let took_ns = now_ns.saturating_sub(write.begun_ns);
            write.took_ns = u32::try_from(took_ns).unwrap_or(u32::MAX);
        }
    }
}

/// The first line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format: 1.
    pub truth_log: u32,
    /// `CLOCK_REALTIME` − `CLOCK_MONOTONIC` when it was written: what turns a client's wall-clock instants into these.
    pub wall_offset_ns: u64,
    /// Bound of the error of that offset.
    pub offset_error_ns: u64,
    /// Writes that were not noted, as there were [`WRITES_KEPT`] already.
    pub writes_lost: u64,
}

/// All that is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// What holds for all of it.
    pub header: Header,
    /// The requests that are over, in the order in which they ended.
    pub served: Vec<Served>,
}

impl Truth {
    /// Writes it as lines.
    ///
    /// # Errors
    /// Of the output.
    pub fn write(&self, mut to: impl Output) -> io::Result<()> {
        serde_json::to_writer(&mut to, &self.header)?;
        to.write_all(b"\n")?;
        for served in &self.served {
            serde_json::to_writer(&mut to, served)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    /// Reads what [`write`](Truth::write) wrote.
    ///
    /// # Errors
    /// Of the input, or when it is no such file.
    pub fn read(from: impl BufRead) -> io::Result<Self> {
        let mut lines = from.lines();
        let header = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let header: Header = serde_json::from_str(&header)?;
        if header.truth_log != VERSION {
            return Err(io::Error::other("not version 1 of a truth log"));
        }
        let served = lines.map(|line| Ok(serde_json::from_str(&line?)?));
        let served = served.collect::<io::Result<_>>()?;
        Ok(Self { header, served })
    }
}

/// The log into which the threads note what they do.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    on: bool,
    noted: AtomicU64,
    lost: AtomicU64,
    served: Mutex<Vec<Served>>,
}

/// What is being noted of one request; nothing when notes are not wanted.
pub(crate) type Note = Option<Box<Served>>;

impl Notes {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// A request was received.
    pub(crate) fn begin(&self, number: u64, request_id: Option<&[u8]>, received_ns: u64) -> Note {
        self.on.then(|| {
            Box::new(Served {
                number,
                request_id: request_id.map(|id| String::from_utf8_lossy(id).into_owned()),
                received_ns,
                ..Served::default()
            })
        })
    }

    /// A write that was begun then has been made, or is begun and blocked.
    pub(crate) fn note_write(&self, note: &mut Note, begun_ns: u64, events: u32, tokens: u32) {
        let Some(served) = note.as_mut().filter(|_| events > 0) else {
            return;
        };
        if self.noted.fetch_add(1, Relaxed) >= WRITES_KEPT {
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        served.tokens += tokens;
        served.writes.push(Write { begun_ns, took_ns: 0, events });
        served.end_write(now_ns());
    }

    /// The rest of a blocked write has been taken now.
    pub(crate) fn note_flushed(note: &mut Note) {
        if let Some(served) = note {
            served.end_write(now_ns());
        }
    }

    /// A request is over.
    pub(crate) fn end(&self, note: &mut Note, finished: bool) {
        if let Some(served) = note.take() {
            let served = Served { finished, ..*served };
            self.lock().push(served);
        }
    }

    /// All that is over.
    pub(crate) fn truth(&self) -> Truth {
        let (wall_offset_ns, offset_error_ns) = wall_offset();
        Truth {
            header: Header {
                truth_log: VERSION,
                wall_offset_ns,
                offset_error_ns,
                writes_lost: self.lost.load(Relaxed),
            },
            served: self.lock().clone(),
        }
    }

    /// Forgets all that is over.
    pub(crate) fn clear(&self) {
        let served = std::mem::take(&mut *self.lock());
        let writes: usize = served.iter().map(|served| served.writes.len()).sum();
        self.noted.fetch_sub(writes as u64, Relaxed);
        self.noted.fetch_sub(self.lost.swap(0, Relaxed), Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `CLOCK_REALTIME` − `CLOCK_MONOTONIC`, and the bound of its error: the best of some tries.
fn wall_offset() -> (u64, u64) {
    let tries = (0..20).map(|_| {
        let (before, wall, after) = (now_ns(), wall_ns(), now_ns());
        let gap = after - before;
        (wall.saturating_sub(before + gap / 2), gap)
    });
    tries.min_by_key(|(_, gap)| *gap).unwrap_or_default()
}

const VERSION: u32 = 1;
/// The most writes that are noted, over all requests (16 bytes each: 256 MiB); later ones are counted as lost.
pub const WRITES_KEPT: u64 = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_was_noted() {
        let notes = Notes::new(true);
        for (number, id) in [(0, Some(&b"one"[..])), (1, None)] {
            let mut note = notes.begin(number, id, 5);
            notes.note_write(&mut note, now_ns(), 1, 1);
            notes.note_write(&mut note, now_ns(), 0, 0);
            notes.note_write(&mut note, now_ns(), 2, 4);
            notes.end(&mut note, number == 0);
        }
        let truth = notes.truth();
        assert_eq!(truth.served[0].request_id.as_deref(), Some("one"));
        assert_eq!(truth.served[0].tokens, 5);
        assert_eq!((truth.served[0].finished, truth.served[1].finished), (true, false));
        let events: Vec<u32> = truth.served[0].events().map(|write| write.events).collect();
        assert_eq!(events, [1, 2, 2], "a write without output is not noted");
        let mut file = Vec::new();
        truth.write(&mut file).unwrap();
        assert_eq!(Truth::read(&file[..]).unwrap(), truth);
        assert!(Truth::read(&b"{}\n"[..]).is_err());
    }

    #[test]
    fn a_write_lasts_until_the_socket_has_taken_all_of_it() {
        let notes = Notes::new(true);
        let mut note = notes.begin(0, None, 5);
        let begun_ns = now_ns();
        notes.note_write(&mut note, begun_ns, 1, 1);
        let at_once = note.as_ref().unwrap().writes[0].ended_ns();
        std::thread::sleep(std::time::Duration::from_millis(1));
        Notes::note_flushed(&mut note);
        assert!(note.unwrap().writes[0].ended_ns() >= at_once + 1_000_000);
    }

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let notes = Notes::new(true);
        notes.noted.store(WRITES_KEPT - 1, Relaxed);
        let mut note = notes.begin(0, None, 5);
        for _ in 0..3 {
            notes.note_write(&mut note, 7, 1, 1);
        }
        notes.end(&mut note, true);
        let truth = notes.truth();
        assert_eq!((truth.served[0].writes.len(), truth.header.writes_lost), (1, 2));
        notes.clear();
        assert_eq!(notes.noted.load(Relaxed), WRITES_KEPT - 1);
        assert_eq!(notes.truth().served, []);
    }

    #[test]
    fn nothing_is_noted_unless_asked() {
        assert_eq!(Notes::new(false).begin(0, None, 5), None);
    }
}
