//! Values of a metric that can be others than stated, and what that does to its statistics.

use super::counted::{Counted, Exchanged};
use crate::measure::stats::{Stats, TAILS};
use crate::plan::Statistic;
use crate::statistics::lerp;

/// The possible error of one statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) statistic: Statistic,
    pub(super) value: f64,
    pub(super) lower_by: f64,
    pub(super) higher_by: f64,
}

/// The values of one metric that can be others than stated: each with the least and the greatest that it can be. Where
/// they are many, they are [counted](Counted), so that they take no more room than a few do.
#[derive(Debug, Default)]
pub(super) struct Moved {
    stated: Vec<f64>,
    least: Vec<f64>,
    most: Vec<f64>,
    /// As stated, at least and at most, where they are many.
    counted: Option<Box<[Counted; 3]>>,
    /// By how much all of them can be less, and more.
    less: f64,
    more: f64,
    /// Sum of the squares of the largest differences.
    squares: f64,
}

impl Moved {
    /// Adds a value, where it can be another than stated.
    pub(super) fn add(&mut self, stated: f64, least: f64, most: f64) {
        if least >= stated && most <= stated {
            return;
        }
        let (least, most) = (least.min(stated), most.max(stated));
        self.less += stated - least;
        self.more += most - stated;
        self.squares += (stated - least).max(most - stated).powi(2);
        match &mut self.counted {
            Some(counted) => counted.iter_mut().zip([stated, least, most]).for_each(|(of, value)| of.add(value)),
            None => {
                self.stated.push(stated);
                self.least.push(least);
                self.most.push(most);
                if self.stated.len() == MANY {
                    self.count();
                }
            }
        }
    }

    /// Adds the values of later requests.
    pub(super) fn join(&mut self, mut later: Self) {
        self.less += later.less;
        self.more += later.more;
        self.squares += later.squares;
        let many = self.counted.is_some() || later.counted.is_some() || self.stated.len() + later.stated.len() >= MANY;
        if !many {
            self.stated.append(&mut later.stated);
            self.least.append(&mut later.least);
            self.most.append(&mut later.most);
            return;
        }
        [&mut *self, &mut later].into_iter().filter(|of| of.counted.is_none()).for_each(Self::count);
        if let (Some(mine), Some(theirs)) = (&mut self.counted, later.counted) {
            mine.iter_mut().zip(*theirs).for_each(|(mine, theirs)| mine.join(theirs));
        }
    }

    /// Counts the values from now on, those that were kept too.
    fn count(&mut self) {
        let mut counted: Box<[Counted; 3]> = Box::default();
        for (of, values) in counted.iter_mut().zip([&mut self.stated, &mut self.least, &mut self.most]) {
            std::mem::take(values).into_iter().for_each(|value| of.add(value));
        }
        self.counted = Some(counted);
    }

    /// How far each statistic can be off; nothing where no value can. `sorted` are all values as stated.
    pub(super) fn shifts(mut self, sorted: &[f64], stats: &Stats, tails: [f64; 2]) -> Vec<Shift> {
        if let Some(counted) = self.counted.take() {
            let [out, least, most] = counted.each_ref().map(Counted::cumulated);
            let least = Exchanged { all: sorted, out: &out, instead: &least };
            let most = Exchanged { all: sorted, out: &out, instead: &most };
            return self
                .between(sorted.len(), stats, tails, &|rank| least.bounds(rank)[0], &|rank| most.bounds(rank)[1]);
        }
        if self.stated.is_empty() {
            return Vec::new();
        }
        for values in [&mut self.stated, &mut self.least, &mut self.most] {
            values.sort_unstable_by(f64::total_cmp);
        }
        let least = Replaced { all: sorted, out: &self.stated, instead: &self.least };
        let most = Replaced { all: sorted, out: &self.stated, instead: &self.most };
        self.between(sorted.len(), stats, tails, &|rank| least.at(rank), &|rank| most.at(rank))
    }

    /// The same by the value of each rank at the least and at the most.
    fn between(&self, count: usize, stats: &Stats, tails: [f64; 2], least: Ranks<'_>, most: Ranks<'_>) -> Vec<Shift> {
        let shift = |statistic, value: f64, low: f64, high: f64| Shift {
            statistic,
            value,
            lower_by: (value - low).max(0.0),
            higher_by: (high - value).max(0.0),
        };
        let n = stats.count as f64;
        let mean = stats.mean();
        let rms = (self.squares / n).sqrt();
        let mut shifts = vec![
            shift(Statistic::Avg, mean, mean - self.less / n, mean + self.more / n),
            shift(Statistic::Min, stats.min, least(0), most(0)),
            shift(Statistic::Max, stats.max, least(count - 1), most(count - 1)),
            // A standard deviation is a seminorm: it differs by no more than that of the differences.
            shift(Statistic::Std, stats.std, (stats.std - rms).max(0.0), stats.std + rms),
        ];
        shifts.extend(percentiles(stats, tails).map(|(statistic, share, value)| {
            shift(statistic, value, percentile(count, share, least), percentile(count, share, most))
        }));
        shifts
    }
}

/// The value of each rank, from 0.
type Ranks<'a> = &'a dyn Fn(usize) -> f64;

/// A percentile by linear interpolation, as in [`Stats`].
fn percentile(count: usize, share: f64, at: Ranks<'_>) -> f64 {
    let place = share * (count - 1) as f64;
    let low = place.floor();
    let rank = low as usize;
    lerp(at(rank), at((rank + 1).min(count - 1)), place - low)
}

/// Statistic, share and value of each percentile.
fn percentiles(stats: &Stats, tails: [f64; 2]) -> impl Iterator<Item = (Statistic, f64, f64)> {
    [
        (Statistic::P1, 0.01, stats.p1),
        (Statistic::P5, 0.05, stats.p5),
        (Statistic::P10, 0.10, stats.p10),
        (Statistic::P25, 0.25, stats.p25),
        (Statistic::P50, 0.50, stats.p50),
        (Statistic::P75, 0.75, stats.p75),
        (Statistic::P90, 0.90, stats.p90),
        (Statistic::P95, 0.95, stats.p95),
        (Statistic::P99, 0.99, stats.p99),
        (Statistic::P999, TAILS[0], tails[0]),
        (Statistic::P9999, TAILS[1], tails[1]),
    ]
    .into_iter()
}

/// Sorted values of which some stand for others, without a copy: `instead`, as many as `out`, which are among `all`.
/// Each is sorted.
struct Replaced<'a> {
    all: &'a [f64],
    out: &'a [f64],
    instead: &'a [f64],
}

impl Replaced<'_> {
    /// The value of a rank, from 0.
    fn at(&self, rank: usize) -> f64 {
        let upto = |values: &[f64], x: f64| values.partition_point(|v| v.total_cmp(&x).is_le());
        let reached = |x: &f64| upto(self.all, *x) + upto(self.instead, *x) > rank + upto(self.out, *x);
        // The least value that so many are not over; it is in one of the two.
        let first = |values: &[f64]| values.get(values.partition_point(|x| !reached(x))).copied();
        [first(self.all), first(self.instead)].into_iter().flatten().min_by(f64::total_cmp).unwrap_or(f64::NAN)
    }
}

/// Values from which on they are counted.
const MANY: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::percentile_of_sorted;
    use proptest::prelude::*;

    fn shifts_of(values: &[(f64, f64, f64)]) -> (Vec<Shift>, Stats) {
        let mut moved = Moved::default();
        values.iter().for_each(|(stated, least, most)| moved.add(*stated, *least, *most));
        let mut stated: Vec<f64> = values.iter().map(|v| v.0).collect();
        let stats = Stats::of(&mut stated).unwrap();
        let tails = TAILS.map(|share| percentile_of_sorted(&stated, share));
        (moved.shifts(&stated, &stats, tails), stats)
    }

    fn of(shifts: &[Shift], statistic: Statistic) -> (f64, f64) {
        let found = shifts.iter().find(|s| s.statistic == statistic).unwrap();
        (found.lower_by, found.higher_by)
    }

    #[test]
    fn one_late_value_of_a_thousand_is_all_of_the_maximum_and_none_of_the_median() {
        let mut values: Vec<(f64, f64, f64)> = (0..1_000).map(|i| (50.0 + f64::from(i) / 1e3, 0.0, 0.0)).collect();
        values.iter_mut().for_each(|v| (v.1, v.2) = (v.0, v.0));
        values[7] = (550.0, 50.0, 550.0);
        let (shifts, stats) = shifts_of(&values);
        let (max, _) = of(&shifts, Statistic::Max);
        assert!((max - (550.0 - 50.999)).abs() < 1e-9, "{max}");
        assert!(of(&shifts, Statistic::P50).0 < 0.002);
        assert!((of(&shifts, Statistic::Avg).0 - 0.5).abs() < 1e-9);
        // Without it the deviation is 0.29; all of the stated one can be the client's.
        assert!(stats.std > 15.0 && of(&shifts, Statistic::Std).0 > stats.std - 0.3);
        assert!(of(&shifts, Statistic::P999).0 > 0.1);
    }

    #[test]
    fn many_values_are_counted_and_shift_as_much() {
        // Every second value up to 10 % late.
        let values: Vec<(f64, f64, f64)> = (0..MANY * 3)
            .map(|i| (20.0 + (i * 7_919 % 100_003) as f64 / 1e4, i))
            .map(|(at, i)| if i % 2 == 0 { (at, at * (1.0 - (i % 10) as f64 / 100.0), at) } else { (at, at, at) })
            .collect();
        let (shifts, stats) = shifts_of(&values);
        let mut least: Vec<f64> = values.iter().map(|v| v.1).collect();
        let least = Stats::of(&mut least).unwrap();
        for (statistic, stated, low) in [
            (Statistic::Avg, stats.mean(), least.mean()),
            (Statistic::Min, stats.min, least.min),
            (Statistic::P1, stats.p1, least.p1),
            (Statistic::P50, stats.p50, least.p50),
            (Statistic::P99, stats.p99, least.p99),
            (Statistic::Max, stats.max, least.max),
        ] {
            let (lower_by, higher_by) = of(&shifts, statistic);
            assert!((-1e-6..stated / 8_000.0).contains(&(lower_by - (stated - low))), "{statistic:?}: {lower_by}");
            assert!(higher_by <= stated / 8_000.0, "{statistic:?}: {higher_by}");
        }
    }

    #[test]
    fn what_cannot_be_another_has_no_shifts() {
        assert!(shifts_of(&[(1.0, 1.0, 1.0), (2.0, 2.0, 2.0)]).0.is_empty());
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_the_values_that_stand_there(
            values in prop::collection::vec((0..50i32, 0..40i32, any::<bool>()), 1..80)
        ) {
            let mut all: Vec<f64> = values.iter().map(|v| f64::from(v.0)).collect();
            let mut out: Vec<f64> = values.iter().filter(|v| v.2).map(|v| f64::from(v.0)).collect();
            let mut instead: Vec<f64> = values.iter().filter(|v| v.2).map(|v| f64::from(v.0 - v.1)).collect();
            let mut expected: Vec<f64> = values.iter().map(|v| f64::from(if v.2 { v.0 - v.1 } else { v.0 })).collect();
            for sorted in [&mut all, &mut out, &mut instead, &mut expected] {
                sorted.sort_unstable_by(f64::total_cmp);
            }
            let replaced = Replaced { all: &all, out: &out, instead: &instead };
            let got: Vec<f64> = (0..all.len()).map(|rank| replaced.at(rank)).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn the_truth_lies_within_the_shifts(
            values in prop::collection::vec((0..500u32, 0..300u32, 0.0..1.0f64), 1..60)
        ) {
            let bounds: Vec<(f64, f64, f64)> = values
                .iter()
                .map(|(truth, late, _)| {
                    let stated = f64::from(truth + late);
                    (stated, f64::from(*truth), stated)
                })
                .collect();
            let (shifts, _) = shifts_of(&bounds);
            let mut truth: Vec<f64> = values.iter().map(|(t, late, part)| f64::from(*t) + f64::from(*late) * part).collect();
            let truth = Stats::of(&mut truth).unwrap();
            let get = |statistic| match statistic {
                Statistic::Avg => Some(truth.mean()),
                Statistic::Min => Some(truth.min),
                Statistic::Max => Some(truth.max),
                Statistic::Std => Some(truth.std),
                Statistic::P50 => Some(truth.p50),
                Statistic::P99 => Some(truth.p99),
                _ => None,
            };
            for shift in shifts {
                if let Some(true_one) = get(shift.statistic) {
                    let low = shift.value - shift.lower_by - 1e-6;
                    let high = shift.value + shift.higher_by + 1e-6;
                    prop_assert!((low..=high).contains(&true_one), "{:?} {}", shift, true_one);
                }
            }
        }
    }
}
