//! Deadlines: what ends at an instant unless something comes before it. One heap holds them all.
//!
//! A deadline is set once and moves lazily: only when it has come is it compared with what its request or connection
//! has come to. It is then expired, set again for the instant that holds now, or dropped. So a token costs nothing, and
//! a request one look for each of its deadlines that passes.

use crate::clock::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a deadline ends. Of two that come at one instant, the earlier in this list is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DeadlineKind {
    /// The name, the connect and the handshake of a connection, together.
    Connect,
    /// The connect to one address of several.
    Address,
    /// A whole request, from its issue on.
    Request,
    /// The use of a connection whose request has ended while a part of it is still to be sent or read; and of one whose
    /// send failed.
    Drain,
    /// The wait for the first output event.
    FirstToken,
    /// The wait for the next output event.
    NextToken,
    /// The wait for the end of the body of a complete response.
    BodyEnd,
    /// A request that is cancelled as planned.
    Cancellation,
    /// The time in which a small rest of an HTTP/2 send window is not used.
    WithheldWindow,
}

/// One deadline of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline {
    pub(super) at: Nanos,
    pub(super) kind: DeadlineKind,
    /// Which was set first.
    order: u64,
    pub(super) slot: u32,
    /// Tells what the deadline is of from all that the slot had or will have: the id of a request, or a number of the
    /// connection.
    pub(super) id: u128,
}

/// The deadlines of a worker, the next first.
#[derive(Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<Deadline>>,
    set: u64,
}

impl Deadlines {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Nanos, kind: DeadlineKind, slot: u32, id: u128) {
        self.set += 1;
        self.heap.push(Reverse(Deadline { at, kind, order: self.set, slot, id }));
    }

    /// The first deadline that has come by `now`. It is not set any more.
    pub(super) fn poll(&mut self, now: Nanos) -> Option<Deadline> {
        self.next_at().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse(deadline)| deadline)
    }

    /// The instant of the first deadline.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse(deadline)| deadline.at)
    }

    /// Where more than `most` are set, drops those that `is_current` does not hold for: requests that have ended must
    /// not leave deadlines behind without bound.
    pub(super) fn prune(&mut self, most: usize, mut is_current: impl FnMut(&Deadline) -> bool) {
        if self.heap.len() > most {
            self.heap.retain(|Reverse(deadline)| is_current(deadline));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(deadlines: &mut Deadlines, now: Nanos) -> Vec<(Nanos, u32)> {
        std::iter::from_fn(|| deadlines.poll(now)).map(|d| (d.at, d.slot)).collect()
    }

    #[test]
    fn deadlines_come_in_order_and_none_too_early() {
        let mut deadlines = Deadlines::default();
        for (at, slot) in [(30, 1), (10, 2), (20, 3)] {
            deadlines.set(at, DeadlineKind::Request, slot, 0);
        }
        assert_eq!(deadlines.next_at(), Some(10));
        assert_eq!(all(&mut deadlines, 9), []);
        assert_eq!(all(&mut deadlines, 20), [(10, 2), (20, 3)]);
        assert_eq!(all(&mut deadlines, 30), [(30, 1)]);
        assert_eq!(deadlines.next_at(), None);
    }

    #[test]
    fn at_one_instant_the_kind_decides_and_then_who_was_first() {
        let mut deadlines = Deadlines::default();
        deadlines.set(5, DeadlineKind::Cancellation, 1, 0);
        deadlines.set(5, DeadlineKind::Request, 9, 7);
        deadlines.set(5, DeadlineKind::Request, 2, 8);
        deadlines.set(5, DeadlineKind::Connect, 3, 0);
        assert_eq!(all(&mut deadlines, 5), [(5, 3), (5, 9), (5, 2), (5, 1)]);
    }

    #[test]
    fn only_over_the_bound_are_ended_ones_dropped() {
        let mut deadlines = Deadlines::default();
        for slot in 0..4 {
            deadlines.set(Nanos::from(slot), DeadlineKind::FirstToken, slot, 0);
        }
        deadlines.prune(4, |_| false);
        assert_eq!(deadlines.next_at(), Some(0));
        deadlines.prune(3, |d| d.slot > 1);
        assert_eq!(all(&mut deadlines, 9), [(2, 2), (3, 3)]);
    }
}
