//! What arrives of a response over HTTP/2: frames of reads that streams share.

use super::intervals::Ends;
use super::{Exchange, Progress};
use crate::arrival::{Arrival, Exact};
use crate::clock::Nanos;
use crate::record::Cause;
use crate::wire::http1::Head;

impl Exchange {
    /// The head of a response arrived in a frame of the connection's read number `read` (HTTP/2).
    pub fn handle_head(&mut self, head: &Head, arrival: &Arrival<'_>, read: u64) {
        let arrived = self.part_of_read(arrival.at, read);
        self.head(head, arrived);
        self.bound_head(arrived, arrival);
    }

    /// Bytes of a body arrived in a frame of the connection's read number `read` (HTTP/2): events of one read share its
    /// stamp. `last`: nothing follows the frame in that read.
    pub fn handle_body(&mut self, bytes: &[u8], arrival: &Arrival<'_>, last: bool, read: u64) -> Progress {
        let arrived = self.part_of_read(arrival.at, read);
        self.response.record.bytes_received += bytes.len() as u64;
        let before = self.response.record.events;
        let before_settled = self.settled;
        let outcome = self.body(bytes, arrived);
        let new = self.response.record.events - before;
        let alone = u32::from(self.read_events == 0);
        self.read_events += new;
        if new > alone {
            self.share_read(new - alone, self.read_events, arrived, arrival);
        }
        self.bound(new, bytes, arrival.exact.of_part(last), arrived, arrival);
        match outcome {
            Ok(()) if self.settled && !before_settled => {
                let ends = Ends { response: last && self.is_behind_event(bytes), body: false };
                self.bound_end(before, ends, arrived, arrival);
                Progress::Complete
            }
            Ok(()) => Progress::Pending,
            Err((cause, detail)) => {
                self.fail(cause, detail, arrived);
                self.bound_end(before, Ends { response: last, body: last }, arrived, arrival);
                Progress::Done { reusable: false }
            }
        }
    }

    /// The server gave the stream up, or broke it, in a frame of the connection's read; `last`: nothing follows the
    /// frame in that read.
    pub fn handle_broken(&mut self, cause: Cause, detail: String, arrival: &Arrival<'_>, last: bool) -> Progress {
        let arrived = arrival.at.max(self.response.record.instants.send_start.unwrap_or(0));
        let before = self.response.record.events;
        let progress = self.fail(cause, Some(detail), arrived);
        self.bound_end(before, Ends { response: last, body: last }, arrived, arrival);
        progress
    }

    /// The response is complete (HTTP/2).
    /// `last`: nothing follows its end in the read.
    pub fn handle_end(&mut self, arrival: &Arrival<'_>, last: bool) -> Progress {
        let sent = self.response.record.instants.send_start.unwrap_or(0);
        let arrived = arrival.at.max(sent);
        let before = self.response.record.events;
        let progress = self.end_of_body(arrived, true);
        let new = self.response.record.events - before;
        if new > 0 {
            let ends = arrival.exact.of_part(last) != Exact::Nothing;
            self.widen(new, ends, arrived, arrival);
        }
        self.bound_end(before, Ends { response: last, body: last }, arrived, arrival);
        progress
    }

    /// Notes the read that a frame came in, once; when it counts as arrived.
    fn part_of_read(&mut self, arrived: Nanos, read: u64) -> Nanos {
        let record = &mut self.response.record;
        let arrived = arrived.max(record.instants.send_start.unwrap_or(arrived));
        record.instants.answered(arrived);
        if record.reads == 0 || self.read != read {
            record.reads += 1;
            (self.read, self.read_events) = (read, 0);
        }
        arrived
    }
}
