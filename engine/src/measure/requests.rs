//! Of every request of a phase what its metrics are made of.

use super::basis::Basis;
use super::packed::{Half, Packed};
use super::row::NUMBERS;
use crate::clock::Nanos;

/// Of every request of a phase what its metrics are made of, in the order in which they were added.
///
/// Memory: some 20 bytes a request of one token, and up to 90 KiB for the last requests (tested in
/// `summarizer/tests.rs`).
#[derive(Debug)]
pub(super) struct Requests {
    rows: Packed<NUMBERS>,
    first_issue: Nanos,
    last_issue: Nanos,
}

impl Default for Requests {
    fn default() -> Self {
        Self { rows: Packed::default(), first_issue: Nanos::MAX, last_issue: 0 }
    }
}

impl Requests {
    pub(super) fn add(&mut self, request: &Basis) {
        self.rows.push(request.row());
        self.first_issue = self.first_issue.min(request.issued);
        self.last_issue = self.last_issue.max(request.issued);
    }

    /// The instant of the first issue.
    pub(super) fn first_issue(&self) -> Nanos {
        self.first_issue
    }

    /// The time from the first issue to the last, in nanoseconds; 0 without requests.
    pub(super) fn issue_span(&self) -> Nanos {
        self.last_issue.saturating_sub(self.first_issue)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Shows every request, in order.
    pub(super) fn each(&self, mut look: impl FnMut(&Basis)) {
        self.rows.each(|row| look(&Basis::from_row(row)));
    }

    /// How many are in the first half.
    pub(super) fn first_half(&self) -> usize {
        self.rows.first_half()
    }

    /// Shows every request of a half, in order.
    pub(super) fn each_of(&self, half: Half, mut look: impl FnMut(&Basis)) {
        self.rows.each_of(half, |row| look(&Basis::from_row(row)));
    }

    /// The request at a place below [`Self::len`].
    pub(super) fn at(&self, place: usize) -> Basis {
        Basis::from_row(&self.rows.row(place))
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::TokenCounts;
    use super::*;
    use crate::record::testing::any_record;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_request_is_kept_as_it_was(records in prop::collection::vec(any_record(), 1..20), times in 1..40usize) {
            let mut kept = Requests::default();
            let all: Vec<Basis> = records
                .iter()
                .map(|record| Basis::of(record, &TokenCounts::of(record, Some(&mut |text| text.len() as u32))))
                .collect();
            let all: Vec<Basis> = all.iter().cycle().take(all.len() * times).copied().collect();
            all.iter().for_each(|basis| kept.add(basis));
            let mut place = 0;
            kept.each(|basis| {
                assert_eq!(*basis, all[place]);
                place += 1;
            });
            prop_assert_eq!((place, kept.len()), (all.len(), all.len()));
            for (place, basis) in all.iter().enumerate() {
                prop_assert_eq!(kept.at(place), *basis);
            }
        }
    }
}
