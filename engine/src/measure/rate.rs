//! Arrivals wanted against arrivals made.

use super::facts::Offered;
use super::seconds::MissedSeconds;
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// Arrivals wanted against arrivals made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RateFigures {
    /// Arrivals a second in the schedule, over the span of those that were due; of users, the rate that was asked for.
    pub offered: f64,
    /// Requests issued a second, over the span of those that were due and the time it took beyond it.
    pub achieved: f64,
    /// `achieved / offered`.
    pub ratio: f64,
    /// Seconds of the schedule whose arrivals were not sent in them; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_seconds: Option<MissedSeconds>,
}

/// The instants that the issued requests had and wanted to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Arrivals {
    pub(super) issued: u64,
    first_scheduled: Option<Nanos>,
    last_scheduled: Nanos,
    pub(super) last_issued: Nanos,
}

impl Arrivals {
    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        self.issued += other.issued;
        self.first_scheduled = self.first_scheduled.into_iter().chain(other.first_scheduled).min();
        self.last_scheduled = self.last_scheduled.max(other.last_scheduled);
        self.last_issued = self.last_issued.max(other.last_issued);
    }

    /// Moves them to another clock.
    pub(super) fn shift(&mut self, by: &dyn Fn(Nanos) -> Nanos) {
        if self.issued > 0 {
            self.first_scheduled = self.first_scheduled.map(by);
            self.last_scheduled = by(self.last_scheduled);
            self.last_issued = by(self.last_issued);
        }
    }

    pub(super) fn add(&mut self, scheduled: Nanos, issued: Nanos) {
        self.issued += 1;
        self.first_scheduled = Some(self.first_scheduled.map_or(scheduled, |first| first.min(scheduled)));
        self.last_scheduled = self.last_scheduled.max(scheduled);
        self.last_issued = self.last_issued.max(issued);
    }

    /// As if the schedule had been those requests and `dropped` more between them.
    pub(super) fn offered(&self, dropped: u64) -> Option<Offered> {
        Some(Offered { arrivals: self.issued + dropped, first: self.first_scheduled?, last: self.last_scheduled })
    }

    /// Both rates are gaps over time: n arrivals have n - 1 gaps, wherever in its first gap the schedule began. `None`
    /// under two arrivals, and for a schedule that takes no time.
    ///
    /// `asked` is the rate of users, in turns per second: their turns move while an answer is awaited, so that those
    /// that were due are not what was asked for.
    pub(super) fn rate(&self, offered: Offered, asked: Option<f64>) -> Option<RateFigures> {
        let span = offered.last.saturating_sub(offered.first);
        let wanted = offered.arrivals.checked_sub(1).filter(|gaps| *gaps > 0)?;
        if span == 0 {
            return None;
        }
        let late = self.last_issued.saturating_sub(offered.last);
        let per_second = |gaps: u64, span: Nanos| gaps as f64 * 1e9 / span as f64;
        let wanted = asked.unwrap_or_else(|| per_second(wanted, span));
        let achieved = per_second(self.issued.saturating_sub(1), span + late);
        Some(RateFigures { offered: wanted, achieved, ratio: achieved / wanted, missed_seconds: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLI, SECOND};

    /// 101 arrivals, one each 10 ms, issued `late(i)` after that; `None` was not issued.
    fn arrivals(late: impl Fn(u64) -> Option<Nanos>) -> Arrivals {
        let mut all = Arrivals::default();
        for i in 0..=100 {
            let scheduled = SECOND + i * 10 * MILLI;
            if let Some(late) = late(i) {
                all.add(scheduled, scheduled + late);
            }
        }
        all
    }

    #[test]
    fn a_schedule_that_is_kept_has_its_own_rate() {
        let all = arrivals(|_| Some(0));
        let rate = all.rate(all.offered(0).unwrap(), None).unwrap();
        assert!((rate.offered - 100.0).abs() < 1e-9, "{rate:?}");
        assert!((rate.ratio - 1.0).abs() < 1e-12, "{rate:?}");
    }

    #[test]
    fn lateness_that_grows_lowers_the_rate() {
        let all = arrivals(|i| Some(i * MILLI));
        let rate = all.rate(all.offered(0).unwrap(), None).unwrap();
        // 100 gaps in 1.0 s + 0.1 s.
        assert!((rate.achieved - 100.0 / 1.1).abs() < 1e-9, "{rate:?}");
    }

    #[test]
    fn arrivals_that_were_not_issued_lower_the_rate() {
        let half = arrivals(|i| (i % 2 == 0).then_some(0));
        let rate = half.rate(half.offered(50).unwrap(), None).unwrap();
        assert!((rate.ratio - 0.5).abs() < 1e-12, "{rate:?}");
    }

    /// 20 turns a second were asked of 4 users who wait 300 ms for each answer: a turn each 75 ms, moved by its user.
    #[test]
    fn turns_that_users_moved_are_held_against_the_rate_that_was_asked_for() {
        let mut all = Arrivals::default();
        for i in 0..=40 {
            all.add(i * 75 * MILLI, i * 75 * MILLI);
        }
        let rate = all.rate(all.offered(0).unwrap(), Some(20.0)).unwrap();
        assert!((rate.offered - 20.0).abs() < 1e-12, "{rate:?}");
        assert!((rate.achieved - 1.0 / 0.075).abs() < 1e-9, "{rate:?}");
        assert!((rate.ratio - 2.0 / 3.0).abs() < 1e-9, "{rate:?}");
    }

    #[test]
    fn one_arrival_has_no_rate() {
        let mut one = Arrivals::default();
        assert_eq!(one.offered(0), None);
        one.add(5, 6);
        assert!(one.rate(one.offered(0).unwrap(), None).is_none());
    }
}
