//! What is left when the load has ended.

use super::seen::RecordSpan;
use super::shift::Shift;
use crate::clock::RealtimeOffset;
use crate::error::{Error, Result};
use crate::measure::{FleetFigures, RunFacts, Shard, Sums};
use crate::record::{Note, Record, RecordLog};

/// What the workers left: the merged shard, the facts of the run, and the record logs.
pub struct Finished {
    pub(super) shard: Shard,
    pub(super) facts: RunFacts,
    /// One a process that had a share of the load.
    pub(super) logs: Vec<Log>,
    /// The requests of processes whose records are not here, summed up.
    pub(super) sums: Option<Sums>,
    pub(super) offset: RealtimeOffset,
    /// Of this process, whose memory goes on to count.
    pub(super) here: bool,
    /// What ended it before its time.
    pub(super) failure: Option<Error>,
}

impl Finished {
    /// Leaves in its log what the caller knows after the load ([`crate::record::Note::Tail`]), where the log's file
    /// takes it.
    pub fn leave(&mut self, tail: &[u8]) {
        if let [log] = self.logs.as_mut_slice() {
            log.log.note(Note::Tail, tail);
        }
    }

    /// The failure of a worker that ended the run, for the first who asks. What was measured by then is kept, as of a
    /// run that was killed.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Turns the run's instants into wall-clock time, for files.
    #[must_use]
    pub fn offset(&self) -> RealtimeOffset {
        self.offset
    }

    /// The facts of the run.
    #[must_use]
    pub fn facts(&self) -> &RunFacts {
        &self.facts
    }

    /// What its workers have counted.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Whether requests of it are summed up, and have no records.
    #[must_use]
    pub fn is_condensed(&self) -> bool {
        self.sums.is_some()
    }

    /// Adds what is known of the processes that shared the load.
    #[must_use]
    pub fn of_fleet(mut self, fleet: FleetFigures) -> Self {
        self.facts.fleet = Some(fleet);
        self
    }
}

/// A record log, and how the clock of its process stands to that of the run.
pub(super) struct Log {
    pub(super) log: RecordLog,
    /// What is added to its instants.
    pub(super) shift: Shift,
    /// What was seen of its records; `None` where they have to be asked.
    pub(super) seen: Option<RecordSpan>,
}

impl Log {
    /// The log of a process whose clock is the run's.
    pub(super) fn here(log: RecordLog, seen: Option<RecordSpan>) -> Self {
        Self { log, shift: Shift::default(), seen }
    }

    /// Its records, on the clock of the run. One shift for all instants of a record: its lengths are those of one
    /// clock.
    pub(super) fn records(&self) -> Result<impl Iterator<Item = Result<Record>> + Send + '_> {
        let moved = |record: Record| {
            let by = self.shift.at(record.instants.issued);
            record.shifted(by)
        };
        Ok(self.log.read()?.map(move |record| record.map(moved)))
    }
}

/// The records of all logs, one log after the other, on the clock of the run.
pub(super) fn read_all(logs: &[Log]) -> Result<impl Iterator<Item = Result<Record>> + '_> {
    Ok(logs.iter().map(Log::records).collect::<Result<Vec<_>>>()?.into_iter().flatten())
}
