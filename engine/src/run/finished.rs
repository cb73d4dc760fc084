//! What is left when the load has ended.

use crate::clock::RealtimeOffset;
use crate::error::Error;
use crate::measure::{RunFacts, Shard};
use crate::record::{Note, RecordLog};

/// What the workers left: the merged shard, the facts of the run, and the record log.
pub struct Finished {
    pub(super) shard: Shard,
    pub(super) facts: RunFacts,
    pub(super) log: RecordLog,
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
        self.log.note(Note::Tail, tail);
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
}
