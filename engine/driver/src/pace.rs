//! Readers that take their time: how much of a connection is read at once, and when it is read again.

use super::Key;
use crate::clock::{Nanos, SECOND};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The pace at which connections are read, and those that are not read for now. Each by itself is read at no more than
/// the rate: after n bytes it is left alone for as long as n bytes may take.
pub(super) struct Pace {
    rate: Option<u64>,
    resting: BinaryHeap<Reverse<(Nanos, u32, u32)>>,
}

impl Pace {
    /// `rate` is bytes per second of each connection; `None` reads whatever is there.
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self { rate: rate.map(|rate| u64::from(rate).max(1)), resting: BinaryHeap::new() }
    }

    /// Whether there is one.
    pub(super) fn limits(&self) -> bool {
        self.rate.is_some()
    }

    /// Most bytes of one read: so few that a fast sender is not taken in by steps of more than a moment.
    pub(super) fn most(&self) -> usize {
        self.rate.map_or(LARGEST_READ, |rate| ((rate / READS_PER_SECOND) as usize).clamp(1, LARGEST_READ))
    }

    /// So many bytes of a connection were read: it rests.
    pub(super) fn read(&mut self, key: Key, bytes: usize, now: Nanos) {
        if let Some(rate) = self.rate {
            let rest = (bytes as u64).saturating_mul(SECOND) / rate;
            self.resting.push(Reverse((now.saturating_add(rest), key.slot, key.generation)));
        }
    }

    /// When the next one has rested enough.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.resting.peek().map(|Reverse((at, _, _))| *at)
    }

    /// One that has rested enough; it may be gone.
    pub(super) fn rested(&mut self, now: Nanos) -> Option<Key> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, slot, generation)) = self.resting.pop()?;
        Some(Key { slot, generation })
    }
}

const READS_PER_SECOND: u64 = 50;
/// Bytes taken by one read at most.
pub(super) const LARGEST_READ: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;

    #[test]
    fn a_connection_rests_for_as_long_as_its_bytes_may_take() {
        let key = |slot| Key { slot, generation: 1 };
        let mut pace = Pace::new(Some(100_000));
        assert_eq!(pace.most(), 2_000);
        pace.read(key(1), 2_000, SECOND);
        pace.read(key(2), 500, SECOND);
        assert_eq!(pace.next(), Some(SECOND + 5 * MILLI));
        assert_eq!(pace.rested(SECOND + 4 * MILLI), None);
        assert_eq!(pace.rested(SECOND + 20 * MILLI), Some(key(2)));
        assert_eq!(pace.rested(SECOND + 20 * MILLI), Some(key(1)));
        assert_eq!((pace.rested(2 * SECOND), pace.next()), (None, None));
    }

    #[test]
    fn without_a_rate_nothing_rests() {
        let mut pace = Pace::new(None);
        let key = Key { slot: 0, generation: 0 };
        pace.read(key, 5, 0);
        assert_eq!((pace.limits(), pace.next()), (false, None));
    }
}
