//! The load second by second: whether the arrivals of each second of the schedule were sent in it.

use super::timeline::Timeline;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Seconds of a schedule of which over 1 % of the arrivals, and more than one, were not sent in their second, others
/// that were sent in it counted against them. Delays of up to 10 ms are none.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct MissedSeconds {
    /// Seconds that missed their arrivals.
    pub missed: u64,
    /// Seconds of the schedule that had arrivals.
    pub of: u64,
    /// Arrivals that were missing in those seconds.
    pub arrivals: u64,
    /// `arrivals` over all arrivals.
    pub share: f64,
    /// The second that missed most of its arrivals: its place from 0, its arrivals, and how many of them were sent in
    /// it.
    pub worst_second: u64,
    /// Arrivals of that second.
    pub worst_scheduled: u64,
    /// Requests that were sent in it.
    pub worst_sent: u64,
    /// Arrivals that were sent in another second, or never, because they were taken up late: by a bound, a user or a
    /// turn before them, or by the client.
    pub taken_up_late: u64,
    /// The same because their connection was long in coming.
    pub connecting: u64,
    /// The same because they waited for a connection or a stream.
    pub waiting: u64,
}

/// Fills [`MissedSeconds`]. The order of the records changes nothing.
#[derive(Debug, Default)]
pub(super) struct SecondTally {
    start: Nanos,
    seconds: Vec<Second>,
    causes: [u64; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    scheduled: u64,
    /// Scheduled in it, and not sent in it.
    out: u64,
    /// Sent in it, and scheduled before.
    late: u64,
}

impl Second {
    fn missing(self) -> u64 {
        self.out.saturating_sub(self.late)
    }

    fn is_missed(self) -> bool {
        let missing = self.missing();
        missing > 1 && missing * 100 > self.scheduled
    }
}

impl SecondTally {
    /// For an open loop over that time; nothing is counted in a closed one, nor after [`MOST`] seconds.
    pub(super) fn new(timeline: Timeline, is_scheduled: bool) -> Self {
        let seconds = usize::try_from(timeline.length() / SECOND + 1).unwrap_or(MOST).min(MOST);
        let seconds = if is_scheduled { vec![Second::default(); seconds] } else { Vec::new() };
        Self { start: timeline.start, seconds, causes: [0; 3] }
    }

    /// Adds a request of the measured phase, in any state.
    pub(super) fn add(&mut self, record: &Record) {
        let at = &record.instants;
        let place = |instant: Nanos| (instant.saturating_sub(self.start) / SECOND) as usize;
        let wanted = place(at.scheduled);
        if wanted >= self.seconds.len() {
            return;
        }
        self.seconds[wanted].scheduled += 1;
        let sent = at.send_start.filter(|sent| sent.saturating_sub(at.scheduled) > ON_TIME).map(place);
        if at.send_start.is_some() && sent.is_none_or(|sent| sent == wanted) {
            return;
        }
        self.seconds[wanted].out += 1;
        if let Some(second) = sent.and_then(|sent| self.seconds.get_mut(sent)) {
            second.late += 1;
        }
        let phases = at.phases();
        let (queued, connecting) = (phases.queue, phases.dns + phases.tcp + phases.tls);
        let cause = match at.issued.saturating_sub(at.scheduled) {
            late if late >= queued + connecting => 0,
            _ if connecting >= queued => 1,
            _ => 2,
        };
        self.causes[cause] += 1;
    }

    /// What they came to; `None` where no second missed any.
    pub(super) fn finish(&self) -> Option<MissedSeconds> {
        let missed: Vec<&Second> = self.seconds.iter().filter(|second| second.is_missed()).collect();
        let part = |second: &Second| second.missing() as f64 / second.scheduled as f64;
        let (place, worst) = self
            .seconds
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, second)| second.is_missed())
            .max_by(|(_, a), (_, b)| part(a).total_cmp(&part(b)))?;
        let all: u64 = self.seconds.iter().map(|second| second.scheduled).sum();
        let arrivals: u64 = missed.iter().map(|second| second.missing()).sum();
        let [taken_up_late, connecting, waiting] = self.causes;
        Some(MissedSeconds {
            missed: missed.len() as u64,
            of: self.seconds.iter().filter(|second| second.scheduled > 0).count() as u64,
            arrivals,
            share: arrivals as f64 / all as f64,
            worst_second: place as u64,
            worst_scheduled: worst.scheduled,
            worst_sent: worst.scheduled - worst.missing(),
            taken_up_late,
            connecting,
            waiting,
        })
    }
}

/// How much later than scheduled a request may be sent.
const ON_TIME: Nanos = 10 * MILLI;
/// Seconds that are looked at.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::streamed;

    /// A hundred arrivals a second for ten seconds, each sent so long after it was issued, which was so long after it
    /// was scheduled.
    fn tally(late: impl Fn(Nanos) -> (Nanos, Nanos)) -> Option<MissedSeconds> {
        let mut tally = SecondTally::new(Timeline { start: 7 * SECOND, end: 17 * SECOND }, true);
        for k in 0..1_000 {
            let scheduled = k * 10 * MILLI;
            let (issued, sent) = late(scheduled);
            let mut record = streamed(k, 7 * SECOND + scheduled + issued, 50 * MILLI, &[MILLI]);
            record.instants.scheduled = 7 * SECOND + scheduled;
            record.instants.send_start = Some(record.instants.issued + sent);
            record.instants.send_end = record.instants.send_start;
            tally.add(&record);
        }
        tally.finish()
    }

    #[test]
    fn a_schedule_that_is_kept_misses_no_second_nor_does_one_that_is_as_late_all_the_time() {
        assert_eq!(tally(|_| (0, 40_000)), None);
        assert_eq!(tally(|_| (8 * MILLI, 0)), None);
        // What comes late into a second makes up for what leaves it, but for the first.
        let steady = tally(|_| (0, 35 * MILLI)).unwrap();
        assert_eq!((steady.missed, steady.worst_second, steady.arrivals), (1, 0, 3));
    }

    #[test]
    fn seconds_that_a_bound_empties_are_counted_with_their_cause() {
        // What is due in the third second's second half goes out at the beginning of the fifth.
        let held = |at: Nanos| {
            let from = 2 * SECOND + SECOND / 2;
            if (from..4 * SECOND).contains(&at) { (4 * SECOND + MILLI - at, 0) } else { (0, 40_000) }
        };
        let got = tally(held).unwrap();
        assert_eq!((got.missed, got.of, got.arrivals), (2, 10, 150));
        assert_eq!((got.worst_second, got.worst_scheduled, got.worst_sent), (3, 100, 0));
        assert_eq!((got.taken_up_late, got.connecting, got.waiting), (150, 0, 0));
        assert!((got.share - 0.15).abs() < 1e-12);
    }

    #[test]
    fn a_wait_for_a_stream_is_told_from_one_for_a_slot() {
        let got = tally(|at| if at < SECOND { (0, 2 * SECOND - at) } else { (0, 0) }).unwrap();
        assert_eq!((got.missed, got.waiting, got.taken_up_late), (1, 100, 0));
        assert_eq!(SecondTally::new(Timeline { start: 0, end: 9 * SECOND }, false).finish(), None);
    }
}
