//! A run from its record log: one that ended, as it was summed up; or what was measured by one that did not.

use super::finished::{Finished, Log};
use super::seen::RecordSpan;
use crate::clock::RealtimeOffset;
use crate::error::{Error, Result};
use crate::measure::{PhaseFacts, RunFacts, Shard, Sums};
use crate::record::{Entry, LogWriter, Note, PhaseKind, Record, RecordLog, Skimmed};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a log tells of a run when its load begins.
#[derive(Deserialize, Serialize)]
struct Beginning<F> {
    offset: RealtimeOffset,
    facts: F,
}

/// What a log tells of a run when its load has ended.
#[derive(Deserialize, Serialize)]
struct Ending<S, F> {
    shard: S,
    facts: F,
    /// Absent in a log of which the records have to be asked.
    #[serde(default)]
    seen: Option<RecordSpan>,
}

/// Leaves in the log what is known before the load.
pub(super) fn note_begun<W: Write>(log: &mut LogWriter<W>, offset: RealtimeOffset, facts: &RunFacts) -> Result<()> {
    note(log, Note::Begun, &Beginning { offset, facts })
}

/// Leaves in the log what is known after it.
pub(super) fn note_ended<W: Write>(
    log: &mut LogWriter<W>,
    (shard, facts): (&Shard, &RunFacts),
    seen: Option<RecordSpan>,
) -> Result<()> {
    let noted = note(log, Note::Ended, &Ending { shard, facts, seen });
    // A log whose file is full is told of elsewhere.
    if log.failure().is_some() { Ok(()) } else { noted }
}

fn note<W: Write>(log: &mut LogWriter<W>, kind: Note, of: &impl Serialize) -> Result<()> {
    let body = serde_json::to_vec(of).map_err(|e| Error::bug(format!("a note of the log: {e}")))?;
    log.note(kind, &body)
}

/// A run from its log.
pub struct Reread {
    /// What the caller of the run had left at its head ([`Note::Head`]).
    pub head: Vec<u8>,
    /// What it had left at its end ([`Note::Tail`]), if it came to that.
    pub tail: Option<Vec<u8>>,
    /// How many prompts there are at least: one more than the last that a record names.
    pub prompts: u64,
    /// The run, to be summed up.
    pub finished: Finished,
}

/// Reads the log of a run. One that did not end has its records up to the last whole one, and counts that are made from
/// them.
///
/// # Errors
/// [`crate::Blame::Environment`] when the file cannot be read, is no log of this version, or of a run whose load had
/// not begun.
pub fn reread(path: &Path) -> Result<Reread> {
    let mut log = RecordLog::open(path)?;
    let mut found = Notes::default();
    let mut entries = log.read()?;
    // A log that was cut ends where it was cut.
    while let Ok(Some(entry)) = entries.skim() {
        match entry {
            Skimmed::Record { entry } => found.prompts = found.prompts.max(u64::from(entry) + 1),
            Skimmed::Note(note, body) => found.add(note, body),
        }
    }
    let mut end = entries.offset();
    drop(entries);
    // The records of a run that ended are counted already, and read once more when they are summed up.
    let mut tally = None;
    if found.ended.is_none() {
        let (counted, whole) = Tally::of(&log)?;
        (tally, end) = (Some(counted), whole);
    }
    log.cut(end);
    let Notes { head: Some(head), begun: Some(begun), ended, sums, tail, prompts } = found else {
        return Err(Error::environment(
            format!("{}: the load of its run had not begun", path.display()),
            "there is nothing to report: remove it, and run again",
        ));
    };
    let Beginning { offset, facts } = parsed::<Beginning<RunFacts>>(path, &begun)?;
    let (shard, facts, seen) = match ended {
        Some(body) => {
            let Ending { shard, facts, seen } = parsed::<Ending<Shard, RunFacts>>(path, &body)?;
            (shard, facts, seen)
        }
        None => tally.unwrap_or_default().finish(facts, offset),
    };
    let sums = sums.map(|body| Sums::parse(&body)).transpose().map_err(|e| damaged(path, &e))?;
    let logs = vec![Log::here(log, seen)];
    let finished = Finished { shard, facts, logs, sums, offset, here: false, failure: None };
    Ok(Reread { head, tail, prompts, finished })
}

/// As [`reread`], several at a time; what came of each, in their order.
pub fn reread_all(paths: &[&Path]) -> Vec<Result<Reread>> {
    let next = Mutex::new(paths.iter().enumerate());
    let read = Mutex::new(Vec::with_capacity(paths.len()));
    let work = || {
        loop {
            let Some((place, path)) = locked(&next).next() else { return };
            let one = reread(path);
            locked(&read).push((place, one));
        }
    };
    thread::scope(|scope| {
        for _ in 1..paths.len().min(AT_A_TIME) {
            if thread::Builder::new().name("records".into()).spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let mut read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    read.sort_by_key(|(place, _)| *place);
    read.into_iter().map(|(_, one)| one).collect()
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a log holds beside records.
#[derive(Default)]
struct Notes {
    head: Option<Vec<u8>>,
    begun: Option<Vec<u8>>,
    ended: Option<Vec<u8>>,
    sums: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
    /// One more than the last entry that a record names.
    prompts: u64,
}

impl Notes {
    fn add(&mut self, note: Note, body: Vec<u8>) {
        let place = match note {
            Note::Head => &mut self.head,
            Note::Begun => &mut self.begun,
            Note::Ended => &mut self.ended,
            Note::Sums => &mut self.sums,
            Note::Tail => &mut self.tail,
        };
        *place = Some(body);
    }
}

/// What the records say of a run that did not come to its end; `None` where no request had ended.
pub(super) fn left_by(
    log: &RecordLog,
    facts: RunFacts,
    offset: RealtimeOffset,
) -> Result<Option<(Shard, RunFacts, Option<RecordSpan>)>> {
    let (tally, _) = Tally::of(log)?;
    let any = tally.shard.is_some();
    Ok(any.then(|| tally.finish(facts, offset)))
}

fn parsed<'a, T: Deserialize<'a>>(path: &Path, body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|e| damaged(path, &e.to_string()))
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::environment(
        format!("{}: a note of the log is damaged ({why})", path.display()),
        "read it with the ringload that wrote it",
    )
}

/// Logs that are read at a time.
const AT_A_TIME: usize = 4;

/// What records alone say of a run.
#[derive(Default)]
struct Tally {
    shard: Option<Shard>,
    /// Start and end of the warm-up and of the measured phase.
    phases: [Option<(u64, u64)>; 2],
    seen: RecordSpan,
}

impl Tally {
    /// Of the whole records of a log, and where they end.
    fn of(log: &RecordLog) -> Result<(Self, u64)> {
        let mut tally = Self::default();
        let mut entries = log.read()?;
        while let Ok(Some(entry)) = entries.next_entry() {
            if let Entry::Record(record) = entry {
                tally.add(&record);
            }
        }
        Ok((tally, entries.offset()))
    }

    fn add(&mut self, record: &Record) {
        self.seen.add(record);
        let shard = self.shard.get_or_insert_default();
        shard.issued(record.phase);
        shard.record(record);
        let (begun, end) = (record.instants.issued, record.instants.end);
        let phase = &mut self.phases[record.phase as usize];
        let (from, to) = phase.unwrap_or((begun, end));
        *phase = Some((from.min(begun), to.max(end)));
    }

    fn finish(self, mut facts: RunFacts, offset: RealtimeOffset) -> (Shard, RunFacts, Option<RecordSpan>) {
        let shard = self.shard.unwrap_or_default();
        let of = |kind: PhaseKind, facts: PhaseFacts| {
            let began = offset.sampled_at();
            let (start, end) = self.phases[kind as usize].unwrap_or((began, began));
            let issued = shard.phase(kind).issued;
            PhaseFacts { start, end, never_due: facts.planned.map_or(0, |n| n.saturating_sub(issued)), ..facts }
        };
        facts.profiling = of(PhaseKind::Profiling, facts.profiling);
        facts.warmup = facts.warmup.map(|warmup| of(PhaseKind::Warmup, warmup));
        facts.wall_start_ns = offset.to_realtime(facts.profiling.start);
        facts.wall_end_ns = offset.to_realtime(facts.profiling.end);
        (shard, facts, Some(self.seen))
    }
}
