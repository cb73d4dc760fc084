//! Between which instants a run is divided.

use crate::clock::Nanos;
use crate::record::{PhaseKind, Record};

/// A time on the monotonic clock. Slices are cut from that between the first issue and the last end of the requests of
/// the measured phase; the rest of a summary from the bounds of the phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Its begin.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
}

impl Timeline {
    /// From the first issue to the last end of records in any order; those of the warm-up do not count. `None` without
    /// any.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<Self> {
        let measured = records.into_iter().filter(|record| record.phase == PhaseKind::Profiling);
        let lines = measured.map(|record| Self { start: record.instants.issued, end: record.instants.end });
        lines.reduce(Self::with)
    }

    /// The least timeline with both in it.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Nanos {
        self.end.saturating_sub(self.start)
    }
}

/// The instants at which a request's output events arrived.
pub(super) fn arrivals(record: &Record) -> impl Iterator<Item = Nanos> + '_ {
    record.instants.first_token.into_iter().flat_map(|first| {
        std::iter::once(first).chain(record.gaps.iter().scan(first, |at, gap| {
            *at = at.saturating_add(*gap);
            Some(*at)
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::streamed;

    #[test]
    fn a_timeline_goes_from_the_first_issue_to_the_last_end_of_the_measured_phase() {
        let warmup = Record { phase: PhaseKind::Warmup, ..streamed(0, 1, 1, &[]) };
        let records = [streamed(1, 200, 50, &[10]), warmup, streamed(0, 100, 300, &[])];
        let expected = Timeline { start: 100, end: 405 };
        assert_eq!(Timeline::of(&records), Some(expected));
        assert_eq!(Timeline::of(&records[1..2]), None);
    }

    #[test]
    fn events_arrive_one_gap_after_the_other_and_the_last_as_the_record_says() {
        let record = streamed(0, 100, 50, &[10, 20]);
        assert_eq!(arrivals(&record).collect::<Vec<_>>(), [150, 160, 180]);
        assert_eq!(arrivals(&record).last(), record.instants.last_token);
    }
}
