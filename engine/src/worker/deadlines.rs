//! Deadlines: what ends at an instant unless something comes before it. One ordered set holds them all.
//!
//! A deadline is set once and moves lazily: only when it has come is it compared with what its request or connection
//! has come to. It is then expired, set again for the instant that holds now, or dropped. So a token costs nothing, and
//! a request one look for each of its deadlines that passes.

use crate::clock::{Nanos, earlier};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

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
    /// The wait for the words in the body of a response whose head says that it is no answer.
    Words,
    /// The pause before a job is asked for again.
    Job,
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

impl Deadline {
    /// The same at another instant.
    pub(super) fn moved_to(self, at: Nanos) -> Self {
        Self { at, ..self }
    }
}

/// The deadlines of a worker, the next first.
#[derive(Default)]
pub(super) struct Deadlines {
    /// Those that were set in their order, as the deadlines of whole requests are: nothing is sorted.
    queue: VecDeque<Deadline>,
    /// The others.
    heap: BinaryHeap<Reverse<Deadline>>,
    set: u64,
}

impl Deadlines {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Nanos, kind: DeadlineKind, slot: u32, id: u128) {
        self.set += 1;
        let deadline = Deadline { at, kind, order: self.set, slot, id };
        if self.queue.back().is_none_or(|last| *last < deadline) {
            self.queue.push_back(deadline);
        } else {
            self.heap.push(Reverse(deadline));
        }
    }

    /// The first deadline that has come by `now`. It is not set any more.
    #[inline]
    pub(super) fn poll(&mut self, now: Nanos) -> Option<Deadline> {
        self.next_at().filter(|at| *at <= now)?;
        self.pop()
    }

    fn pop(&mut self) -> Option<Deadline> {
        let queued_first = match (self.queue.front(), self.heap.peek()) {
            (Some(queued), Some(Reverse(sorted))) => queued < sorted,
            (queued, _) => queued.is_some(),
        };
        if queued_first { self.queue.pop_front() } else { self.heap.pop().map(|Reverse(deadline)| deadline) }
    }

    /// The instant of the first deadline.
    #[inline]
    pub(super) fn next_at(&self) -> Option<Nanos> {
        let queued = self.queue.front().map(|deadline| deadline.at);
        earlier(queued, self.heap.peek().map(|Reverse(deadline)| deadline.at))
    }

    /// Drops deadlines of what has ended, as `is_current` tells: the first ones, one by one, and only where more than
    /// `most` are set (behind one that holds, as that of a request that hangs) all of them, which takes its time.
    pub(super) fn prune(&mut self, most: usize, mut is_current: impl FnMut(&Deadline) -> bool) {
        while self.queue.front().is_some_and(|deadline| !is_current(deadline)) {
            self.queue.pop_front();
        }
        while self.heap.peek().is_some_and(|Reverse(deadline)| !is_current(deadline)) {
            self.heap.pop();
        }
        if self.queue.len() + self.heap.len() > most {
            self.queue.retain(&mut is_current);
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
    fn those_set_out_of_order_come_between_the_others() {
        let mut deadlines = Deadlines::default();
        for (at, slot) in [(10, 1), (20, 2), (5, 3), (15, 4), (30, 5), (20, 6)] {
            deadlines.set(at, DeadlineKind::NextToken, slot, 0);
        }
        assert_eq!(all(&mut deadlines, 40), [(5, 3), (10, 1), (15, 4), (20, 2), (20, 6), (30, 5)]);
    }

    #[test]
    fn ended_ones_are_dropped_in_front_and_over_the_bound_all() {
        let mut deadlines = Deadlines::default();
        for slot in 0..5 {
            deadlines.set(Nanos::from(slot), DeadlineKind::FirstToken, slot, 0);
        }
        let is_current = |deadline: &Deadline| deadline.slot % 2 == 1;
        deadlines.prune(4, is_current);
        assert_eq!((deadlines.next_at(), deadlines.queue.len()), (Some(1), 4));
        deadlines.prune(3, is_current);
        assert_eq!(all(&mut deadlines, 9), [(1, 1), (3, 3)]);
    }
}
