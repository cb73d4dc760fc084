//! Pure: the interval in which the bytes of a read can have arrived.
//!
//! A kernel stamp belongs to a buffer of the receive queue, and a read has the stamp of the last one that it takes:
//! every byte arrived at it or before. Only the last byte of a read that emptied the queue arrived at the stamp itself.
//! Others may have waited in the queue for it, though not since before the queue was last known to be empty.

use crate::clock::{MICRO, Nanos};
use std::fmt;

/// An interval over this counts as wide: the event's arrival is not known to 0.1 ms.
pub const NARROW: Nanos = 100 * MICRO;

/// The arrival of the bytes of one read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The arrival of the last byte: its kernel stamp, else the time of the read.
    pub at: Nanos,
    /// Whether `at` is the kernel's.
    pub stamped: bool,
    /// The part of the read that arrived at `at`.
    pub exact: Exact,
    /// An instant before which none of the bytes arrived.
    pub since: Since<'a>,
}

/// The part of a read that arrived at its stamp; the rest arrived at it or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// All of it: the read is one segment, or a piece that is of use only as a whole (a TLS record).
    Whole,
    /// Its last byte: the read took all that was there.
    LastByte,
    /// Perhaps nothing: more may have been there, or the stamp is the time of the read.
    Nothing,
}

/// An instant before which none of the bytes arrived.
#[derive(Clone, Copy)]
pub enum Since<'a> {
    /// It is known.
    Known(Nanos),
    /// Whoever waited for the bytes knows it, at a cost: asked only where it matters.
    Asked(&'a dyn Earliest),
}

/// Knows from when on the bytes of a read can have arrived.
pub trait Earliest {
    /// Pieces in which the bytes of the read came at most, those of the reads before it included that left some of the
    /// same segment behind: segments, of which full ones and the rest of one send are one; [`u32::MAX`] where nothing
    /// is known. Costs a system call.
    fn pieces(&self) -> u32 {
        u32::MAX
    }

    /// An instant before which none of them arrived; 0 where none is known. `at` is the stamp of those that the
    /// question is about: what lies less than [`NARROW`] before it is not worth a system call.
    fn earliest(&self, at: Nanos) -> Nanos;
}

impl Arrival<'_> {
    /// Pieces in which the bytes of the read came at most. All of one arrived together, at the stamp where there is
    /// one.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        match (self.exact, self.since) {
            (Exact::Whole, _) => 1,
            (_, Since::Known(_)) => u32::MAX,
            (_, Since::Asked(who)) => who.pieces(),
        }
    }

    /// An instant before which no byte of the read arrived; 0 where none is known. One after the stamp is none: the
    /// kernel has put its receive work off, and the queue was empty though the bytes had been stamped.
    #[must_use]
    #[inline]
    pub fn earliest(&self) -> Nanos {
        let since = match self.since {
            Since::Known(since) => since,
            Since::Asked(who) => who.earliest(self.at),
        };
        if since > self.at { 0 } else { since }
    }
}

impl Exact {
    /// The same for a part of the read; `last`: nothing follows it.
    #[inline]
    #[must_use]
    pub fn of_part(self, last: bool) -> Self {
        match self {
            Self::LastByte if !last => Self::Nothing,
            exact => exact,
        }
    }
}

impl From<Nanos> for Arrival<'_> {
    /// Bytes of which all arrived at that instant.
    fn from(at: Nanos) -> Self {
        Self { at, stamped: true, exact: Exact::Whole, since: Since::Known(at) }
    }
}

impl fmt::Debug for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(since) => f.debug_tuple("Known").field(since).finish(),
            Self::Asked(_) => f.write_str("Asked"),
        }
    }
}
