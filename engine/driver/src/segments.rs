//! In how many pieces came what was read.
//!
//! The stamp of a read is that of its last segment. Where the read took one segment only, all of its bytes arrived at
//! the stamp, however late they were read; so they did, within the time that the wire takes, where it took full
//! segments and the rest of one send. The kernel counts the data segments of a connection (`TCP_INFO`:
//! `tcpi_data_segs_in`, Linux 4.6), and a connection's reads are counted here: where there are as many of the former as
//! of the latter, each read took one.
//!
//! The kernel's count costs a system call. It is read only for a read in which an event was followed by other bytes.

use super::socket::{self, Count};
use super::window::Window;
use crate::arrival::{Earliest, Since};
use crate::clock::Nanos;
use socket2::Socket;
use std::cell::Cell;
use std::os::fd::AsRawFd;

/// The reads of a connection since the kernel's count of its segments was last read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    /// The kernel's count then, less one for the run that was under way.
    base: u32,
    /// Runs of reads that are over: each ended with one that emptied the queue.
    runs: u32,
    /// Bytes of the last run.
    bytes: usize,
    /// It is over.
    over: bool,
    /// Pieces in which it came at most, as far as was asked.
    pieces: u32,
}

impl Reads {
    /// So many bytes were read. `emptied`: that was all that was there.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize, emptied: bool) {
        if self.over {
            self.runs += 1;
            self.bytes = 0;
            self.pieces = 0;
        }
        self.bytes += bytes;
        self.over = emptied;
    }

    /// Pieces in which the last run came at most, by what the kernel has counted by now: segments, but one where they
    /// are as few as its bytes need. Those that are still to be read count too.
    fn pieces(&mut self, count: Count) -> u32 {
        let came = count.segments.wrapping_sub(self.base);
        let most = self.bytes.div_ceil(count.largest.max(1) as usize).max(1);
        let pieces = match came.checked_sub(self.runs) {
            None | Some(0) => u32::MAX,
            Some(segments) if segments as usize <= most => 1,
            Some(segments) => segments,
        };
        self.pieces = self.pieces.max(pieces);
        (self.base, self.runs) = (count.segments.wrapping_sub(1), 0);
        self.pieces
    }
}

/// One read, to be asked when its bytes can have arrived.
pub(super) struct OneRead<'a> {
    window: &'a Window,
    unread_since: Nanos,
    socket: &'a Socket,
    reads: &'a Cell<Reads>,
    pieces: Cell<Option<u32>>,
}

impl<'a> OneRead<'a> {
    /// Of a connection that may have had bytes which no wait could read since `unread_since`; 0 without.
    #[inline]
    pub(super) fn new(window: &'a Window, unread_since: Nanos, socket: &'a Socket, reads: &'a Cell<Reads>) -> Self {
        Self { window, unread_since, socket, reads, pieces: Cell::new(None) }
    }
}

impl Earliest for OneRead<'_> {
    fn earliest(&self, at: Nanos) -> Nanos {
        match self.window.since(self.unread_since) {
            Since::Known(since) => since,
            Since::Asked(window) => window.earliest(at),
        }
    }

    fn pieces(&self) -> u32 {
        if let Some(known) = self.pieces.get() {
            return known;
        }
        let count = socket::segments(self.socket.as_raw_fd());
        let mut reads = self.reads.get();
        let pieces = count.map_or(u32::MAX, |count| reads.pieces(count));
        self.reads.set(reads);
        self.pieces.set(Some(pieces));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of a connection whose segments have 1 000 bytes at most.
    struct Script {
        reads: Reads,
        segments: u32,
    }

    impl Script {
        fn new() -> Self {
            Self { reads: Reads::default(), segments: 0 }
        }

        fn read(&mut self, segments: u32, bytes: usize, emptied: bool) {
            self.segments += segments;
            self.reads.add(bytes, emptied);
        }

        fn as_one(&mut self) -> bool {
            self.pieces() == 1
        }

        fn pieces(&mut self) -> u32 {
            self.reads.pieces(Count { segments: self.segments, largest: 1_000 })
        }
    }

    #[test]
    fn as_many_segments_as_reads_are_one_each() {
        let mut script = Script::new();
        for _ in 0..3 {
            (0..5).for_each(|_| script.read(1, 200, true));
            assert!(script.as_one());
            assert!(script.as_one(), "asked again");
        }
    }

    #[test]
    fn small_segments_that_were_read_together_are_not() {
        let mut script = Script::new();
        (0..5).for_each(|_| script.read(1, 200, true));
        script.read(3, 600, true);
        assert_eq!(script.pieces(), 3);
        // The next is known again.
        script.read(1, 600, true);
        assert!(script.as_one());
        // One of the reads before may have taken the second.
        script.read(2, 400, true);
        script.read(1, 600, true);
        assert!(!script.as_one());
    }

    #[test]
    fn a_send_of_several_full_segments_is_one() {
        let mut script = Script::new();
        script.read(3, 2_500, true);
        assert!(script.as_one());
        script.read(1, 200, true);
        script.read(4, 2_500, true);
        assert!(!script.as_one());
    }

    #[test]
    fn a_segment_that_takes_several_reads_is_one() {
        let mut script = Script::new();
        script.read(1, 600, false);
        assert!(script.as_one());
        script.read(0, 300, true);
        assert!(script.as_one());
        script.read(1, 300, true);
        assert!(script.as_one());
        // Not where another came behind it.
        script.read(2, 600, false);
        assert!(!script.as_one());
        script.read(0, 300, true);
        assert!(!script.as_one());
        script.read(1, 300, true);
        assert!(script.as_one());
    }

    #[test]
    fn segments_that_are_still_to_be_read_make_it_a_no() {
        let mut script = Script::new();
        script.read(1, 200, true);
        script.segments += 1;
        assert!(!script.as_one());
        script.read(0, 200, true);
        assert!(!script.as_one());
        script.read(1, 200, true);
        assert!(script.as_one());
    }
}
