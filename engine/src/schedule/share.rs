//! Which numbers of a load are a process's, where several processes share it.

use crate::plan::{CoreRange, Load};

/// The numbers that some cores have of a load, in order. Number k belongs to slot k modulo `slots`, and slot j to core
/// j modulo the cores of all processes. The numbers of a process that has the load to itself are all, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    range: CoreRange,
    slots: u64,
    /// Slots of them that are these cores'.
    own: u64,
}

impl Share {
    /// The share of some cores in a load. Slots are the places of a closed loop, or users; requests of a schedule come
    /// to the cores in turn.
    #[must_use]
    pub fn of(load: &Load, range: CoreRange) -> Self {
        match load {
            Load::Closed { concurrency, .. } => Self::of_slots(u64::from(*concurrency), range),
            Load::Users { users, .. } => Self::of_slots(u64::from(*users), range),
            Load::Open { .. } | Load::Fixed { .. } => Self::of_slots(range.of as u64, range),
        }
    }

    /// The share of some cores in so many slots.
    #[must_use]
    pub fn of_slots(slots: u64, range: CoreRange) -> Self {
        let slots = slots.max(1);
        Self { range, slots, own: slots_below(slots, range) }
    }

    /// How many slots there are for these cores.
    #[must_use]
    pub fn own_slots(&self) -> u64 {
        self.own
    }

    /// Number `i`, from 0, of those that are these cores'; [`u64::MAX`] where they have none.
    #[must_use]
    pub fn nth(&self, i: u64) -> u64 {
        if self.own == 0 {
            return u64::MAX;
        }
        let (count, of) = (self.range.count as u64, self.range.of as u64);
        let (round, place) = (i / self.own, i % self.own);
        let slot = place / count * of + self.range.first as u64 + place % count;
        round.saturating_mul(self.slots).saturating_add(slot)
    }

    /// How many of the numbers below `limit` are these cores'.
    #[must_use]
    pub fn below(&self, limit: u64) -> u64 {
        limit / self.slots * self.own + slots_below(limit % self.slots, self.range)
    }
}

/// How many of the first `slots` slots are some cores'.
fn slots_below(slots: u64, range: CoreRange) -> u64 {
    let (first, count, of) = (range.first as u64, range.count as u64, (range.of as u64).max(1));
    slots / of * count + (slots % of).saturating_sub(first).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_alone_has_all_numbers() {
        for (slots, cores) in [(1, 1), (10, 4), (3, 8)] {
            let share = Share::of_slots(slots, CoreRange::whole(cores));
            assert_eq!((0..50).map(|i| share.nth(i)).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
            assert_eq!((share.own_slots(), share.below(37)), (slots, 37));
        }
    }

    #[test]
    fn known_shares() {
        // Five places of a closed loop on four cores: the first core has two.
        let of = |first| Share::of_slots(5, CoreRange { first, count: 1, of: 4 });
        let numbers = |share: Share| (0..5).map(|i| share.nth(i)).collect::<Vec<_>>();
        assert_eq!(numbers(of(0)), [0, 4, 5, 9, 10]);
        assert_eq!(numbers(of(3)), [3, 8, 13, 18, 23]);
        // A schedule comes to the cores in turn: two of three are the second process's.
        let load = Load::Open { rate: 1.0.into(), pattern: crate::plan::Arrival::Constant, cap: None };
        assert_eq!(numbers(Share::of(&load, CoreRange { first: 1, count: 2, of: 3 })), [1, 2, 4, 5, 7]);
        // Fewer slots than cores: the last core has none.
        let none = Share::of_slots(2, CoreRange { first: 2, count: 1, of: 3 });
        assert_eq!((none.nth(0), none.below(1_000), none.own_slots()), (u64::MAX, 0, 0));
    }

    #[test]
    fn a_thousand_processes_have_each_number_once() {
        for slots in [40, 1_000, 1_700] {
            let mut had = vec![0_u8; 5_000];
            for range in CoreRange::stretches(&[1; 1_000]) {
                let share = Share::of_slots(slots, range);
                (0..).map(|i| share.nth(i)).take_while(|k| *k < 5_000).for_each(|k| had[k as usize] += 1);
            }
            assert!(had.iter().all(|times| *times == 1), "{slots} slots");
        }
    }

    #[test]
    fn the_shares_of_any_processes_are_all_numbers_once() {
        for counts in [&[1, 1, 1, 1][..], &[2, 1, 4], &[3], &[5, 5]] {
            for slots in [1, 2, 3, 4, 5, 7, 12, 40] {
                let shares: Vec<_> =
                    CoreRange::stretches(counts).into_iter().map(|range| Share::of_slots(slots, range)).collect();
                let limit = 100;
                let mut all: Vec<u64> = Vec::new();
                for share in &shares {
                    let mine: Vec<u64> = (0..limit).map(|i| share.nth(i)).take_while(|k| *k < limit).collect();
                    assert!(mine.is_sorted());
                    assert_eq!(mine.len() as u64, share.below(limit));
                    all.extend(mine);
                }
                all.sort_unstable();
                assert_eq!(all, (0..limit).collect::<Vec<_>>(), "{slots} slots on {counts:?} cores");
                assert_eq!(shares.iter().map(Share::own_slots).sum::<u64>(), slots);
            }
        }
    }
}
