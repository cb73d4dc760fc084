//! Requests that were too long to leave at once: how long the client's kernel held them.

use crate::clock::{MILLI, Nanos};
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Successful requests whose last byte the kernel stamped when it left: those of more bytes than the initial window of
/// a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct LongSends {
    /// How many.
    pub requests: u64,
    /// Bytes of each, on average.
    pub mean_bytes: f64,
    /// How long the kernel held the last byte after it had taken it, in ms, on average over all of them.
    pub held_ms: f64,
    /// The longest, in ms.
    pub longest_held_ms: f64,
    /// Requests whose last byte it held for 1 ms and more.
    pub held: u64,
    /// How long it held those, in ms, on average.
    pub held_each_ms: f64,
    /// From when the last byte left until the peer's kernel had acknowledged it, in ms, on average; absent where no
    /// acknowledgement was stamped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_ms: Option<f64>,
}

/// What is summed of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct LongSendTally {
    requests: u64,
    bytes: u64,
    /// In nanoseconds, as are the others: sums of millions of seconds fit.
    all_held: u128,
    longest: Nanos,
    held: u64,
    long_held: u128,
    acknowledged: u64,
    until_acknowledged: u128,
}

impl LongSendTally {
    /// Adds a successful request.
    pub(super) fn add(&mut self, record: &Record) {
        let Some(transmission) = record.transmission else {
            return;
        };
        let held = transmission.held;
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(record.bytes_sent);
        self.all_held += u128::from(held);
        self.longest = self.longest.max(held);
        if held >= HELD {
            self.held += 1;
            self.long_held += u128::from(held);
        }
        if let Some(after) = transmission.acknowledged {
            self.acknowledged += 1;
            self.until_acknowledged += u128::from(after);
        }
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.all_held += other.all_held;
        self.longest = self.longest.max(other.longest);
        self.held += other.held;
        self.long_held += other.long_held;
        self.acknowledged += other.acknowledged;
        self.until_acknowledged += other.until_acknowledged;
    }

    /// The figures; `None` where no request was stamped.
    pub(super) fn finish(&self) -> Option<LongSends> {
        let mean = |sum: u128, of: u64| sum as f64 / 1e6 / of.max(1) as f64;
        (self.requests > 0).then(|| LongSends {
            requests: self.requests,
            mean_bytes: self.bytes as f64 / self.requests as f64,
            held_ms: mean(self.all_held, self.requests),
            longest_held_ms: self.longest as f64 / 1e6,
            held: self.held,
            held_each_ms: mean(self.long_held, self.held),
            acknowledged_ms: (self.acknowledged > 0).then(|| mean(self.until_acknowledged, self.acknowledged)),
        })
    }
}

/// What was held for so long counts as held: no model is so fast that less would matter.
const HELD: Nanos = MILLI;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Transmission;
    use crate::record::testing::streamed;

    #[test]
    fn what_was_held_is_added_up_over_the_requests_that_were_stamped() {
        let mut tally = LongSendTally::default();
        assert_eq!(tally.finish(), None);
        let request = |transmission| Record { transmission, bytes_sent: 40_000, ..streamed(0, 1_000, 2_000, &[]) };
        tally.add(&request(None));
        for (held, acknowledged) in [(0, Some(300_000)), (500_000, None), (5 * MILLI, Some(500_000)), (3 * MILLI, None)]
        {
            tally.add(&request(Some(Transmission { held, acknowledged })));
        }
        let expected = LongSends {
            requests: 4,
            mean_bytes: 40_000.0,
            held_ms: 2.125,
            longest_held_ms: 5.0,
            held: 2,
            held_each_ms: 4.0,
            acknowledged_ms: Some(0.4),
        };
        assert_eq!(tally.finish(), Some(expected));
    }
}
