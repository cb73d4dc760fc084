//! Pure: when each byte of a stream arrived, by the segments that brought it.
//!
//! TCP hands bytes over in their order: one that came over a hole is of use when the hole is filled. So a byte counts
//! as arrived when it and all before it had come, each for the first time.

use crate::clock::Nanos;
use std::collections::VecDeque;

/// The segments of one direction of a connection that were seen, and how far their bytes were read.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The sequence number of the first byte.
    first: u32,
    /// Bytes that were read.
    read: u64,
    /// Bytes that came and were not read, in their order; none of them twice.
    pieces: VecDeque<Piece>,
    /// When the last byte that was read had arrived.
    latest: Nanos,
}

/// Bytes that came together, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    end: u64,
    at: Nanos,
}

impl Arrivals {
    /// Of a stream whose SYN has the sequence number before that of its first byte (RFC 9293 §3.4).
    pub(super) fn after_syn(syn: u32) -> Self {
        Self { first: syn.wrapping_add(1), read: 0, pieces: VecDeque::new(), latest: 0 }
    }

    /// Whether this is the stream of a SYN with that sequence number.
    pub(super) fn is_after_syn(&self, syn: u32) -> bool {
        self.first == syn.wrapping_add(1)
    }

    /// A segment of so many bytes, the first of which has that sequence number, came at `at`. It is not kept where
    /// `most` pieces wait already.
    pub(super) fn add(&mut self, sequence: u32, bytes: usize, at: Nanos, most: usize) {
        // Sequence numbers wrap; windows are under 2^30 bytes (RFC 7323 §2.3), so that the nearest place is meant.
        let place = sequence.wrapping_sub(self.first);
        let ahead = place.wrapping_sub(self.read as u32).cast_signed();
        let Some(start) = self.read.checked_add_signed(ahead.into()) else {
            return;
        };
        let end = start.saturating_add(bytes as u64);
        let mut from = start.max(self.read);
        if self.pieces.back().is_none_or(|last| last.end <= from) {
            if from < end && self.pieces.len() < most {
                self.pieces.push_back(Piece { start: from, end, at });
            }
            return;
        }
        // Out of order, or sent again: what is new of it.
        let mut place = self.pieces.partition_point(|piece| piece.end <= from);
        while from < end && self.pieces.len() < most {
            match self.pieces.get(place) {
                Some(next) if next.start <= from => from = next.end,
                next => {
                    let until = next.map_or(end, |next| next.start.min(end));
                    self.pieces.insert(place, Piece { start: from, end: until, at });
                    from = until;
                }
            }
            place += 1;
        }
    }

    /// Reads on, so many bytes at most: how many of them arrived together, and when.
    pub(super) fn read(&mut self, bytes: usize) -> (usize, Arrived) {
        let end = self.read + bytes as u64;
        let (until, arrived) = match self.pieces.front() {
            Some(piece) if piece.start <= self.read => {
                self.latest = self.latest.max(piece.at);
                (piece.end.min(end), Arrived::At(self.latest))
            }
            None => (end, Arrived::Unseen { between: None }),
            Some(later) => {
                let between = Some((self.latest, later.at.max(self.latest)));
                (later.start.min(end), Arrived::Unseen { between })
            }
        };
        let read = (until - self.read) as usize;
        self.read = until;
        if self.pieces.front().is_some_and(|piece| piece.end <= until) {
            self.pieces.pop_front();
        }
        (read, arrived)
    }

    /// Whether a segment with the next of so many bytes was seen for each of them.
    pub(super) fn knows(&self, bytes: usize) -> bool {
        let (mut at, end) = (self.read, self.read + bytes as u64);
        for piece in &self.pieces {
            if at >= end || piece.start > at {
                break;
            }
            at = piece.end;
        }
        at >= end
    }
}

/// When bytes arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// At that instant.
    At(Nanos),
    /// No segment with them was seen.
    Unseen {
        /// Where one behind them was seen: the arrivals of the byte before them, or 0, and of that behind them.
        between: Option<(Nanos, Nanos)>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: usize = 1_000;

    /// Reads all of so many bytes: the parts and their instants.
    fn parts(arrivals: &mut Arrivals, bytes: usize) -> Vec<(usize, Option<Nanos>)> {
        let known = |arrived| match arrived {
            Arrived::At(at) => Some(at),
            Arrived::Unseen { .. } => None,
        };
        arrived(arrivals, bytes).into_iter().map(|(n, arrived)| (n, known(arrived))).collect()
    }

    fn arrived(arrivals: &mut Arrivals, bytes: usize) -> Vec<(usize, Arrived)> {
        let mut left = bytes;
        let mut parts = Vec::new();
        while left > 0 {
            let (n, arrived) = arrivals.read(left);
            assert!(n > 0 && n <= left);
            left -= n;
            parts.push((n, arrived));
        }
        parts
    }

    #[test]
    fn segments_that_are_read_together_or_in_pieces_keep_their_instants() {
        let mut a = Arrivals::after_syn(999);
        for (k, at) in [10, 20, 30].into_iter().enumerate() {
            a.add(1_000 + 100 * k as u32, 100, at, MOST);
        }
        assert!(a.knows(300) && !a.knows(301));
        assert_eq!(parts(&mut a, 250), [(100, Some(10)), (100, Some(20)), (50, Some(30))]);
        assert_eq!(parts(&mut a, 50), [(50, Some(30))]);
        assert!(a.pieces.is_empty() && a.knows(0));
    }

    #[test]
    fn sequence_numbers_wrap_within_and_between_segments() {
        let mut a = Arrivals::after_syn(u32::MAX - 50);
        a.add(u32::MAX - 49, 40, 1, MOST);
        a.add(u32::MAX - 9, 40, 2, MOST);
        a.add(30, 10, 3, MOST);
        assert_eq!(parts(&mut a, 90), [(40, Some(1)), (40, Some(2)), (10, Some(3))]);
        // Four gibibytes later.
        let mut far = Arrivals { read: 5 << 32, ..Arrivals::after_syn(7) };
        far.add(8, 10, 4, MOST);
        far.add(18, 10, 5, MOST);
        assert_eq!(parts(&mut far, 20), [(10, Some(4)), (10, Some(5))]);
    }

    #[test]
    fn a_byte_that_is_sent_again_keeps_its_first_instant() {
        let mut a = Arrivals::after_syn(0);
        a.add(1, 100, 10, MOST);
        a.add(1, 100, 50, MOST);
        // More than before in one segment, as a sender may put it together.
        a.add(51, 100, 60, MOST);
        assert_eq!(parts(&mut a, 150), [(100, Some(10)), (50, Some(60))]);
        // Of what was read, nothing is kept.
        a.add(1, 150, 70, MOST);
        a.add(101, 60, 80, MOST);
        assert_eq!(a.pieces.len(), 1);
        assert_eq!(parts(&mut a, 10), [(10, Some(80))]);
    }

    #[test]
    fn what_came_over_a_hole_counts_when_the_hole_is_filled() {
        let mut a = Arrivals::after_syn(0);
        a.add(1, 10, 1, MOST);
        a.add(21, 10, 3, MOST);
        a.add(41, 10, 4, MOST);
        a.add(11, 10, 200, MOST);
        // One that covers several, of which it fills the rest.
        a.add(1, 60, 300, MOST);
        let expected =
            [(10, Some(1)), (10, Some(200)), (10, Some(200)), (10, Some(300)), (10, Some(300)), (10, Some(300))];
        assert_eq!(parts(&mut a, 60), expected);
    }

    #[test]
    fn bytes_of_no_segment_are_unknown_and_what_follows_is_not() {
        let mut a = Arrivals::after_syn(0);
        a.add(11, 10, 2, MOST);
        a.add(31, 10, 3, MOST);
        assert!(!a.knows(1));
        let unseen = |between| Arrived::Unseen { between };
        let expected = [
            (10, unseen(Some((0, 2)))),
            (10, Arrived::At(2)),
            (10, unseen(Some((2, 3)))),
            (10, Arrived::At(3)),
            (5, unseen(None)),
        ];
        assert_eq!(arrived(&mut a, 45), expected);
        // It came after it was read: that is over.
        a.add(41, 5, 9, MOST);
        assert!(a.pieces.is_empty());
    }

    #[test]
    fn a_retransmitted_syn_is_the_same_stream() {
        let mut a = Arrivals::after_syn(5);
        assert!(a.is_after_syn(5) && !a.is_after_syn(6));
        a.add(6, 1, 1, MOST);
        a.read(1);
        assert!(a.is_after_syn(5));
    }

    #[test]
    fn no_more_pieces_wait_than_may_and_what_is_over_is_unseen() {
        let mut a = Arrivals::after_syn(0);
        for k in 0..5 {
            a.add(1 + 10 * k, 10, 1 + u64::from(k), 3);
        }
        // One that fills holes takes no more either.
        a.add(1, 70, 9, 3);
        assert_eq!(parts(&mut a, 50), [(10, Some(1)), (10, Some(2)), (10, Some(3)), (20, None)]);
        a.add(51, 10, 10, 3);
        assert_eq!(parts(&mut a, 10), [(10, Some(10))]);
    }

    proptest! {
        /// Any segments of a stream, in any order and overlapping, against what each byte's instant is by definition.
        #[test]
        fn any_segments_give_each_byte_its_instant(
            first in any::<u32>(),
            segments in prop::collection::vec((0..60u32, 1..30usize), 0..20),
            cuts in prop::collection::vec(1..20usize, 1..12),
        ) {
            let mut a = Arrivals::after_syn(first.wrapping_sub(1));
            let mut came = [None; 100];
            for (at, (place, bytes)) in segments.iter().enumerate() {
                a.add(first.wrapping_add(*place), *bytes, at as Nanos + 1, MOST);
                for byte in &mut came[*place as usize..*place as usize + bytes] {
                    byte.get_or_insert(at as Nanos + 1);
                }
            }
            let mut byte = 0;
            let mut latest = 0;
            for cut in cuts {
                for (n, at) in parts(&mut a, cut.min(100 - byte)) {
                    for _ in 0..n {
                        let expected = came[byte].map(|at| { latest = latest.max(at); latest });
                        prop_assert_eq!(at, expected, "byte {}", byte);
                        byte += 1;
                    }
                }
            }
        }
    }
}
