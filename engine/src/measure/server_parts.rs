//! The server's part of the time to first token, by what the server says of it in its answer.
//!
//! ```text
//!   issued ─ before the server ─ server queue ─ prefill ─ front end ─ remainder ─ first token
//! ```
//!
//! The parts of a request add up to its time to first token, to the nanosecond: the remainder is what the client's
//! clock has and the server does not tell apart. Durations of the server's are taken from a duration of the client's;
//! no instant of one clock meets one of another. Where the two are at odds the remainder is negative, and is counted as
//! it is.

use super::first_token::{HEAD, parts};
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// The parts of the time to first token, in ms: averages over the successful requests of the measured phase of whose
/// queue, prefill, front end or own time to first token the server tells. They add up to `ttft_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct ServerParts {
    /// How many requests.
    pub requests: u64,
    /// Of them those whose queue is told: of the others it is in the remainder.
    pub with_queue: u64,
    /// The same of the prefill.
    pub with_prefill: u64,
    /// The same of the front end.
    pub with_front_end: u64,
    /// Requests whose remainder is negative: the server tells of more time than passed for the client.
    pub negative_remainders: u64,
    /// The time to first token.
    pub ttft_ms: f64,
    /// What is not the server's: the wait for a connection, and the network.
    pub before_ms: f64,
    /// Before the server began to work on the request.
    pub queue_ms: f64,
    /// Work on the prompt.
    pub prefill_ms: f64,
    /// Validation and tokenising; else what is left of the server's own time to first token.
    pub front_end_ms: f64,
    /// What is left: what the server does not report, and proxies between it and the client.
    pub remainder_ms: f64,
}

/// The parts of one request, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    before: i128,
    /// Queue, prefill, front end.
    told: [i128; 3],
    pub(super) remainder: i128,
}

/// The split of a request that succeeded; `None` where it has no first token, or the server does not tell of the time
/// until then.
pub(super) fn split(record: &Record) -> Option<Split> {
    let told = record.timings.as_ref()?.before_first_token()?;
    let parts = parts(record)?;
    let (before, server) = parts.split_at(HEAD);
    let remainder = server.iter().sum::<i128>() - told.iter().sum::<i128>();
    Some(Split { before: before.iter().sum(), told, remainder })
}

/// What is summed of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct ServerTally {
    requests: u64,
    with: [u64; 3],
    negative: u64,
    before: i128,
    told: [i128; 3],
    remainder: i128,
}

impl ServerTally {
    /// Adds a successful request of a stream.
    pub(super) fn add(&mut self, record: &Record) {
        let Some((split, timings)) = split(record).zip(record.timings.as_deref()) else {
            return;
        };
        let front_end = timings.front_end.or(timings.first_token);
        self.requests += 1;
        for (with, told) in self.with.iter_mut().zip([timings.queue, timings.prefill, front_end]) {
            *with += u64::from(told.is_some());
        }
        self.negative += u64::from(split.remainder < 0);
        self.before += split.before;
        self.told.iter_mut().zip(split.told).for_each(|(sum, part)| *sum += part);
        self.remainder += split.remainder;
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.with.iter_mut().zip(other.with).for_each(|(sum, with)| *sum += with);
        self.negative += other.negative;
        self.before += other.before;
        self.told.iter_mut().zip(other.told).for_each(|(sum, part)| *sum += part);
        self.remainder += other.remainder;
    }

    /// The averages; `None` where no server told.
    pub(super) fn finish(&self) -> Option<ServerParts> {
        let of = |sum: i128| sum as f64 / 1e6 / self.requests as f64;
        let [with_queue, with_prefill, with_front_end] = self.with;
        let [queue_ms, prefill_ms, front_end_ms] = self.told.map(of);
        (self.requests > 0).then(|| ServerParts {
            requests: self.requests,
            with_queue,
            with_prefill,
            with_front_end,
            negative_remainders: self.negative,
            ttft_ms: of(self.before + self.told.iter().sum::<i128>() + self.remainder),
            before_ms: of(self.before),
            queue_ms,
            prefill_ms,
            front_end_ms,
            remainder_ms: of(self.remainder),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::record::testing::{any_record, streamed};
    use crate::record::{Outcome, Timings};
    use proptest::prelude::*;

    /// A first token after 36 ms, of which 0.1 ms are before the first byte could be awaited, and 6 ms the round trip.
    fn told(timings: Timings) -> Record {
        let record = streamed(0, 100 * MILLI, 36 * MILLI, &[MILLI]);
        Record { round_trip: Some(6 * MILLI), timings: Some(Box::new(timings)), ..record }
    }

    fn of(records: &[Record]) -> Option<ServerParts> {
        let mut tally = ServerTally::default();
        records.iter().for_each(|record| tally.add(record));
        tally.finish()
    }

    fn ms(n: u64) -> Option<u64> {
        Some(n * MILLI)
    }

    #[test]
    fn queue_prefill_front_end_and_what_is_left() {
        let timings = Timings { queue: ms(4), prefill: ms(20), first_token: ms(25), ..Timings::default() };
        let parts = of(&[told(timings)]).unwrap();
        let lengths = [parts.before_ms, parts.queue_ms, parts.prefill_ms, parts.front_end_ms];
        assert_eq!(lengths, [6.0001, 4.0, 20.0, 1.0]);
        // 36 - 6.0001 - 25.
        assert_eq!((parts.remainder_ms, parts.ttft_ms, parts.negative_remainders), (4.9999, 36.0, 0));
        assert_eq!((parts.requests, parts.with_queue, parts.with_prefill, parts.with_front_end), (1, 1, 1, 1));
    }

    #[test]
    fn a_server_that_tells_of_more_than_passed_is_flagged_and_counts_as_it_is() {
        let parts = of(&[told(Timings { prefill: ms(50), ..Timings::default() })]).unwrap();
        assert_eq!((parts.remainder_ms, parts.negative_remainders), (-20.0001, 1));
        assert_eq!((parts.prefill_ms, parts.ttft_ms), (50.0, 36.0));
        assert_eq!((parts.with_queue, parts.with_prefill), (0, 1), "what is not told is not 0");
    }

    #[test]
    fn only_requests_of_which_the_server_tells_the_time_to_the_first_token_are_in_it() {
        let known = told(Timings { queue: ms(4), ..Timings::default() });
        let gateway = told(Timings { upstream: ms(30), total: ms(40), ..Timings::default() });
        let failed = Record { outcome: Outcome::InFlight, ..known.clone() };
        let silent = streamed(1, 0, 99 * MILLI, &[]);
        let parts = of(&[known, gateway.clone(), failed, silent.clone()]).unwrap();
        assert_eq!((parts.requests, parts.ttft_ms), (1, 36.0));
        assert_eq!(of(&[gateway, silent]), None);
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_time_to_first_token(record in any_record()) {
            if let Some(split) = split(&record) {
                let first = record.instants.first_token.unwrap().saturating_sub(record.instants.issued);
                let sum = split.before + split.told.iter().sum::<i128>() + split.remainder;
                prop_assert_eq!(sum, i128::from(first));
            }
        }
    }
}
