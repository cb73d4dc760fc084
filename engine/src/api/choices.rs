//! The choices of a request (`n`), and which of them have a reason to stop.

/// The choices of a request that were seen, and those that are finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choices {
    /// How many there were, those of the same number in several events included.
    pub(super) items: usize,
    /// By index, the last bit for all beyond.
    seen: u128,
    finished: u128,
}

impl Choices {
    pub(super) fn note(&mut self, (index, finished): (u32, bool)) {
        let bit = 1 << index.min(u128::BITS - 1);
        self.items += 1;
        self.seen |= bit;
        self.finished |= if finished { bit } else { 0 };
    }

    /// Adds those of a later event.
    pub(super) fn add(&mut self, later: &Self) {
        self.items = self.items.saturating_add(later.items);
        self.seen |= later.seen;
        self.finished |= later.finished;
    }

    /// Whether one that was seen is not finished.
    pub(super) fn any_open(&self) -> bool {
        self.seen & !self.finished != 0
    }

    /// How many were seen in the events of a stream; the most there can be, where numbers do not tell them apart.
    pub(super) fn distinct(&self) -> u32 {
        if self.seen >> (u128::BITS - 1) == 0 { self.seen.count_ones() } else { u32::MAX }
    }
}
