//! What the server says of the time of one request, and what of its time to first token that leaves.

use super::row::{Reader, Writer, unzigzag, zigzag};
use super::server_parts::split;
use crate::clock::Nanos;
use crate::record::{Record, Timings};

/// Durations on the server's clock, and what they leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerTimes {
    pub(super) told: Timings,
    /// What of the time to first token is neither the client's, nor the network's, nor told by the server.
    pub(super) remainder: Option<i64>,
}

impl ServerTimes {
    pub(super) fn of(record: &Record) -> Self {
        let Some(timings) = record.timings.as_deref() else {
            return Self::default();
        };
        let remainder = split(record).and_then(|split| i64::try_from(split.remainder).ok());
        Self { told: *timings, remainder }
    }

    pub(super) fn put(&self, row: &mut Writer) {
        let t = &self.told;
        for length in [t.queue, t.prefill, t.decode, t.inference, t.front_end, t.first_token, t.total, t.upstream] {
            row.time(length, 0);
        }
        row.time(self.remainder.map(|n| zigzag(n.cast_unsigned())), 0);
    }

    /// From the last numbers of a row, all of which may be absent.
    pub(super) fn take(row: &mut Reader<'_>) -> Self {
        if row.is_absent_from_here() {
            return Self::default();
        }
        let mut time = || -> Option<Nanos> { row.time(0) };
        let told = Timings {
            queue: time(),
            prefill: time(),
            decode: time(),
            inference: time(),
            front_end: time(),
            first_token: time(),
            total: time(),
            upstream: time(),
        };
        Self { told, remainder: time().map(|n| unzigzag(n).cast_signed()) }
    }
}
