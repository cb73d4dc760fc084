//! What is left when the load has ended.

use crate::clock::RealtimeOffset;
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
}

impl Finished {
    /// Leaves in its log what the caller knows after the load ([`crate::record::Note::Tail`]), where the log's file
    /// takes it.
    pub fn leave(&mut self, tail: &[u8]) {
        self.log.note(Note::Tail, tail);
    }

    /// Turns the run's instants into wall-clock time, for files.
    #[must_use]
    pub fn offset(&self) -> RealtimeOffset {
        self.offset
    }
}
