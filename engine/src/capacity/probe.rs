//! Whether a load holds: a test that lasts only as long as it has to.
//!
//! Requests are looked at in the order in which they were due, not in which they ended: the first to end are the
//! fastest, and a test that saw them first would believe any server. What is due while the server fills up is left out.
//! The share of good requests is compared with the target with an interval that bears with dependence between
//! consecutive requests (batch means) and is never shorter than that of as many independent ones as their latencies are
//! worth (Wilson); and a load under which requests come in faster than they are answered does not hold however good the
//! responses still are: their number in flight drifts upwards by more than the walk of a stable queue explains.

use super::{Next, Search};
use crate::clock::Nanos;
use crate::statistics::{Interval, Sample, batch_means, mann_kendall, theil_sen, wilson};
use serde::Serialize;
use std::collections::BTreeMap;

/// The rule by which a probe is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// The share of requests that has to be good, 0 to 1.
    pub target: f64,
    /// Confidence of each look, 0.99 for 99 %.
    pub level: f64,
    /// What is due so soon after the first request is left out.
    pub settle: Nanos,
    /// The least time from then on before a load may hold.
    pub least: Nanos,
}

/// The least time of a probe before a load may hold ([`Rule::least`]). Near the capacity a queue takes its time to
/// grow: over by the width of what is left, it makes a request wait for as long as two take (`base`) in this time. A
/// probe that confirms lasts `longest`.
#[must_use]
pub fn least(next: Next, search: &Search, base: Nanos, longest: Nanos) -> Nanos {
    if next.confirms {
        return longest;
    }
    let grown = |width: f64| ((2 * base) as f64 / width).min(longest as f64 / 2.0) as Nanos;
    search.width().map_or(0, grown)
}

/// A request of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the schedule wanted it.
    pub scheduled: Nanos,
    /// When it ended.
    pub end: Nanos,
    /// Whether every SLO held.
    pub good: bool,
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Whether the load holds.
    pub holds: bool,
    /// Why the load did not hold.
    pub reason: Reason,
    /// Requests that were judged.
    pub requests: usize,
    /// Share of good ones.
    pub good_fraction: f64,
    /// Its interval at the level of the rule.
    pub interval: Option<Interval>,
}

/// The reason why a load holds or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The whole interval is over the target.
    EnoughGood,
    /// The whole interval is under the target.
    TooFewGood,
    /// Requests come in faster than they are answered: the load is over what the server serves.
    Saturating,
    /// Time ran out with the target inside the interval: the share itself decides.
    Undecided,
}

/// Judges a probe while it runs.
#[derive(Clone, Debug)]
pub struct Judge {
    rule: Rule,
    /// Those that ended before one that was due earlier.
    early: BTreeMap<u64, Observation>,
    next: u64,
    first: Option<Nanos>,
    /// Due while the server filled up.
    before: Vec<Observation>,
    judged: Vec<Observation>,
    looked_at: usize,
}

impl Judge {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            early: BTreeMap::new(),
            next: 0,
            first: None,
            before: Vec::new(),
            judged: Vec::new(),
            looked_at: 0,
        }
    }

    /// Request `k` of the probe has ended, in any order.
    pub fn observe(&mut self, k: u64, seen: Observation) {
        self.early.insert(k, seen);
        while let Some(seen) = self.early.remove(&self.next) {
            self.next += 1;
            self.take(seen);
        }
    }

    fn take(&mut self, seen: Observation) {
        let first = *self.first.get_or_insert(seen.scheduled);
        if seen.scheduled >= first.saturating_add(self.rule.settle) {
            self.judged.push(seen);
        } else {
            self.before.push(seen);
        }
    }

    /// The judgement, once it is clear. Looks again only after the number of requests has grown by a tenth, so that the
    /// chance of an error does not grow with the number of looks.
    pub fn look(&mut self) -> Option<Judgement> {
        let n = self.judged.len();
        if n < LEAST || n * 10 < self.looked_at * 11 {
            return None;
        }
        self.looked_at = n;
        let interval = self.interval()?;
        if interval.high < self.rule.target {
            return Some(self.judgement(false, Reason::TooFewGood));
        }
        let span = self.judged[n - 1].scheduled.saturating_sub(self.judged[0].scheduled);
        if span >= self.rule.settle && self.queue_grows() {
            return Some(self.judgement(false, Reason::Saturating));
        }
        let calm = self.trend().is_none_or(|t| t.p > MAYBE_RISING || t.growth < 0.1);
        (interval.low > self.rule.target && calm && span >= self.rule.least)
            .then(|| self.judgement(true, Reason::EnoughGood))
    }

    /// The judgement when time is up; without a request it is undecided, and the load holds. Those that ended out of
    /// order count too, and `waiting` requests that never ended as not good.
    #[must_use]
    pub fn end(mut self, waiting: u64) -> Judgement {
        for seen in std::mem::take(&mut self.early).into_values() {
            self.take(seen);
        }
        // So few came that all did while the server filled up: they are what there is to judge.
        if self.judged.is_empty() && waiting == 0 {
            self.judged = std::mem::take(&mut self.before);
        }
        let growing = self.queue_grows();
        let last = self.judged.last().map_or(0, |s| s.scheduled);
        self.judged.extend((0..waiting).map(|_| Observation { scheduled: last, end: last, good: false }));
        let clear = |i: Interval| i.low > self.rule.target || i.high < self.rule.target;
        let undecided = !self.interval().is_some_and(clear);
        let share = self.share();
        let (holds, reason) = match share >= self.rule.target {
            _ if growing => (false, Reason::Saturating),
            holds if undecided => (holds, Reason::Undecided),
            true => (true, Reason::EnoughGood),
            false => (false, Reason::TooFewGood),
        };
        self.judgement(holds, reason)
    }

    fn judgement(&self, holds: bool, reason: Reason) -> Judgement {
        Judgement { holds, reason, requests: self.judged.len(), good_fraction: self.share(), interval: self.interval() }
    }

    /// 1 where none was judged: none was bad.
    fn share(&self) -> f64 {
        let good = self.judged.iter().filter(|s| s.good).count();
        if self.judged.is_empty() { 1.0 } else { good as f64 / self.judged.len() as f64 }
    }

    /// The wider of both intervals, side by side: that of the batch means of good and not good, and Wilson's over as
    /// many requests as are independent. How many those are is seen in their latencies, as the share itself does not
    /// vary while all is good: requests that meet the same queue have one say together.
    fn interval(&self) -> Option<Interval> {
        if self.judged.is_empty() {
            return None;
        }
        let value = |of: fn(&Observation) -> f64| self.judged.iter().map(of).collect::<Vec<f64>>();
        let latencies = value(|s| s.end.saturating_sub(s.scheduled) as f64);
        let n = self.judged.len() as f64;
        let effective = batch_means(&latencies, self.rule.level).map_or(n, |b| b.effective);
        let independent =
            wilson((self.share() * effective).round() as u64, effective.round().max(1.0) as u64, self.rule.level)?;
        let share = value(|s| f64::from(u8::from(s.good)));
        let Some(batches) = batch_means(&share, self.rule.level) else {
            return Some(independent);
        };
        Some(Interval {
            low: independent.low.min(batches.interval.low).max(0.0),
            high: independent.high.max(batches.interval.high).min(1.0),
        })
    }

    /// Whether the number in flight drifts upwards: the increments between equal shares of the arrivals, tested against
    /// none by Student's t. The increments of a queue that is stable, or at its limit, have no mean; those of one that
    /// starts to fill have a small one beside their spread. Counts are whole, so the spread is taken as one at the
    /// least.
    fn queue_grows(&self) -> bool {
        let n = self.judged.len();
        if n < 2 * DRIFT_STEPS {
            return false;
        }
        let at: Vec<Nanos> = (0..=DRIFT_STEPS).map(|i| self.judged[i * (n - 1) / DRIFT_STEPS].scheduled).collect();
        // Arrivals less departures at each instant, as a difference array.
        let mut change = vec![0.0; at.len() + 1];
        for seen in self.before.iter().chain(&self.judged) {
            let reached = |time: Nanos| at.partition_point(|instant| *instant < time);
            change[reached(seen.scheduled)] += 1.0;
            change[reached(seen.end)] -= 1.0;
        }
        let Some(walk) = Sample::of(&change[1..at.len()]) else {
            return false;
        };
        let walk = Sample { sd: walk.sd.max(1.0), ..walk };
        walk.interval(SURELY_GROWING).is_some_and(|i| i.low > 0.0)
    }

    /// How the time from due to end moves over the probe.
    fn trend(&self) -> Option<Trend> {
        if self.judged.len() < 2 * BATCHES {
            return None;
        }
        let means: Vec<f64> = (0..BATCHES)
            .map(|i| {
                let n = self.judged.len();
                let batch = &self.judged[i * n / BATCHES..(i + 1) * n / BATCHES];
                let time = |s: &Observation| s.end.saturating_sub(s.scheduled) as f64;
                batch.iter().map(time).sum::<f64>() / batch.len() as f64
            })
            .collect();
        let p = mann_kendall(&means)?.p;
        let slope = theil_sen(&means, 0.95)?.per_step;
        let first = means[..3].iter().sum::<f64>() / 3.0;
        Some(Trend { p: if slope > 0.0 { p } else { 1.0 }, growth: slope * (BATCHES - 1) as f64 / first.max(1.0) })
    }
}

#[derive(Clone, Copy)]
struct Trend {
    /// How likely such a rise is without a trend.
    p: f64,
    /// The rise over the probe, as a share of its beginning.
    growth: f64,
}

/// Requests without which nothing can be said.
const LEAST: usize = 40;
const BATCHES: usize = 10;
/// Increments of the number in flight.
const DRIFT_STEPS: usize = 20;
/// Two-sided, at each look; a probe has some forty.
const SURELY_GROWING: f64 = 0.999;
const MAYBE_RISING: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLI, SECOND};
    use crate::random::{ItemRng, Stream};

    fn rule() -> Rule {
        Rule { target: 0.95, level: 0.99, settle: SECOND, least: 0 }
    }

    /// Requests due every 10 ms.
    fn request(k: u64, latency: Nanos, good: bool) -> Observation {
        let scheduled = SECOND + k * 10 * MILLI;
        Observation { scheduled, end: scheduled + latency, good }
    }

    fn decided(most: u64, one: impl Fn(u64) -> Observation) -> Option<(Judgement, u64)> {
        let mut judge = Judge::new(rule());
        (0..most).find_map(|k| {
            judge.observe(k, one(k));
            judge.look().map(|j| (j, k))
        })
    }

    #[test]
    fn a_load_that_brings_few_requests_is_judged_by_them_all_and_one_without_any_is_undecided() {
        let end = |goods: &[bool]| {
            let mut judge = Judge::new(rule());
            (0..).zip(goods).for_each(|(k, good)| judge.observe(k, request(k, 50 * MILLI, *good)));
            let j = judge.end(0);
            (j.holds, j.reason, j.requests, j.interval.is_some())
        };
        assert_eq!(end(&[]), (true, Reason::Undecided, 0, false));
        assert_eq!(end(&[true]), (true, Reason::Undecided, 1, true));
        assert_eq!(end(&[true, false]), (false, Reason::TooFewGood, 2, true));
        // One that never ended is no good one.
        let lone = Judge::new(rule()).end(1);
        assert_eq!((lone.holds, lone.requests), (false, 1));
    }

    #[test]
    fn a_load_of_which_all_is_good_holds_after_as_many_requests_as_it_takes() {
        let (judgement, k) = decided(10_000, |k| request(k, 50 * MILLI, true)).unwrap();
        assert!(judgement.holds && judgement.reason == Reason::EnoughGood);
        // z = 2.576: 127 good ones in a row put Wilson's lower end over 95 %; 100 before them were due while the server
        // filled up.
        assert!((100 + 126..100 + 150).contains(&k), "{k}");
    }

    #[test]
    fn a_load_of_which_little_is_good_fails_at_the_first_look() {
        let (judgement, k) = decided(10_000, |k| request(k, 50 * MILLI, k % 3 == 0)).unwrap();
        assert!(!judgement.holds && judgement.reason == Reason::TooFewGood);
        assert!(k < 150, "{k}");
    }

    #[test]
    fn a_load_under_which_answers_take_longer_and_longer_does_not_hold_though_all_are_good() {
        let (judgement, k) = decided(10_000, |k| request(k, (50 + k) * MILLI, true)).unwrap();
        assert!(!judgement.holds, "{judgement:?}");
        assert_eq!(judgement.reason, Reason::Saturating);
        assert!(k < 400, "{k}");
    }

    #[test]
    fn the_fast_that_end_first_do_not_decide() {
        // Two of three requests take a minute; the others end at once and are good.
        let mut judge = Judge::new(rule());
        for k in (0..3_000).step_by(3) {
            judge.observe(k, request(k, MILLI, true));
            assert_eq!(judge.look(), None);
        }
        let end = judge.end(2_000);
        assert!(!end.holds && end.good_fraction < 0.4);
    }

    #[test]
    fn requests_in_any_order_are_judged_alike() {
        let one = |k: u64| request(k, 50 * MILLI, !k.is_multiple_of(40));
        let mut forth = Judge::new(rule());
        let mut back = Judge::new(rule());
        (0..500).for_each(|k| forth.observe(k, one(k)));
        (0..500).rev().for_each(|k| back.observe(k, one(k)));
        assert_eq!(forth.end(0), back.end(0));
    }

    #[test]
    fn a_share_at_the_target_is_left_to_the_end() {
        let good = |k: u64| ItemRng::new(11, Stream::Bootstrap, k).below(100) < 95;
        assert_eq!(decided(400, |k| request(k, 50 * MILLI, good(k))), None);
        let mut judge = Judge::new(rule());
        (0..400).for_each(|k| judge.observe(k, request(k, 50 * MILLI, good(k))));
        let end = judge.end(0);
        assert_eq!(end.reason, Reason::Undecided);
        assert_eq!(end.holds, end.good_fraction >= 0.95);
    }

    /// Of loads that are 3 points better or worse than the target, few are judged wrongly however often the judge
    /// looks.
    #[test]
    fn errors_are_as_rare_as_the_level_says() {
        let wrong = |share: usize, right: bool| {
            (0..200u64)
                .filter(|run| {
                    let good = |k: u64| ItemRng::new(*run, Stream::Bootstrap, k).below(100) < share;
                    decided(4_000, |k| request(k, 50 * MILLI, good(k))).is_some_and(|(j, _)| j.holds != right)
                })
                .count()
        };
        assert!(wrong(98, true) <= 10, "{}", wrong(98, true));
        assert!(wrong(92, false) <= 10, "{}", wrong(92, false));
    }
}
