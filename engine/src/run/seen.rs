//! What was seen of the records of a log while it was written: what else would have to be read out of them.

use super::shift::Shift;
use crate::clock::{Nanos, shifted};
use crate::error::Result;
use crate::measure::Timeline;
use crate::record::{PhaseKind, Record};
use serde::{Deserialize, Serialize};

/// What was seen of the records of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct RecordSpan {
    /// The first issue in the measured phase.
    first_issue: Option<Nanos>,
    /// The last end of a request of that phase, and its issue, by which its instants are moved.
    last_end: Option<(Nanos, Nanos)>,
}

impl RecordSpan {
    /// Of these records.
    pub(super) fn of(records: impl IntoIterator<Item = Result<Record>>) -> Result<Self> {
        let mut seen = Self::default();
        for record in records {
            seen.add(&record?);
        }
        Ok(seen)
    }

    pub(super) fn add(&mut self, record: &Record) {
        if record.phase != PhaseKind::Profiling {
            return;
        }
        let (issued, end) = (record.instants.issued, record.instants.end);
        self.first_issue = Some(self.first_issue.map_or(issued, |first| first.min(issued)));
        self.last_end = self.last_end.max(Some((end, issued)));
    }

    /// The timeline of the measured phase on the clock of the run; `None` without a request in it.
    pub(super) fn timeline(&self, shift: &Shift) -> Option<Timeline> {
        let (first, (end, issued)) = self.first_issue.zip(self.last_end)?;
        Some(Timeline { start: shifted(first, shift.at(first)), end: shifted(end, shift.at(issued)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::streamed;

    #[test]
    fn it_is_what_the_records_say_on_the_clock_of_the_run() {
        let warmup = Record { phase: PhaseKind::Warmup, ..streamed(0, 1, 1, &[]) };
        let records = [streamed(1, 200, 50, &[10]), warmup, streamed(0, 100, 300, &[])];
        let mut seen = RecordSpan::default();
        assert_eq!(seen.timeline(&Shift::default()), None);
        records.iter().for_each(|record| seen.add(record));
        assert_eq!(seen.timeline(&Shift::default()), Timeline::of(&records));
        let moved: Vec<Record> = records.into_iter().map(|record| record.shifted(1_000)).collect();
        assert_eq!(seen.timeline(&Shift::constant(1_000)), Timeline::of(&moved));
    }
}
