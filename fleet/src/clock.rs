//! How the clock of one machine stands to that of another: an interval that holds the truth. Pure.
//!
//! A sample is four instants of an echo: sent here (T1), received there (T2), answered there (T3), received here (T4).
//! Nothing arrives before it was sent, so that the other clock stands between T3 − T4 and T2 − T1 ahead of this one,
//! whatever the way there and the way back took. The best way there and the best way back need not be of one sample:
//! the bounds of all samples are cut. Where the clocks run at different rates, the bounds move: each bound is then the
//! convex hull of its samples, within which any straight line passes that fits them all.

use serde::{Deserialize, Serialize};

/// One echo, in nanoseconds on the clocks of the two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Sent here.
    pub sent: u64,
    /// Received there.
    pub received: u64,
    /// Answered there.
    pub answered: u64,
    /// The answer received here.
    pub returned: u64,
}

/// How far the other clock stands ahead of this one: between `least` and `most`, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Interval {
    /// At least so far.
    pub least: i64,
    /// At most so far.
    pub most: i64,
}

impl Interval {
    /// Of a clock with itself.
    pub const SAME: Self = Self { least: 0, most: 0 };

    /// Half its width: how wrong its middle can be, in nanoseconds.
    #[must_use]
    pub fn uncertainty(&self) -> u64 {
        self.most.saturating_sub(self.least).max(0).unsigned_abs().div_ceil(2)
    }

    /// What is added to an instant of this clock for one of the other; wrong by [`Self::uncertainty`] at most.
    #[must_use]
    pub fn middle(&self) -> i64 {
        self.least + (self.most - self.least) / 2
    }
}

impl Echo {
    /// What one echo tells.
    #[must_use]
    pub fn interval(&self) -> Interval {
        Interval { least: difference(self.answered, self.returned), most: difference(self.received, self.sent) }
    }

    /// The time that was spent on the way, in nanoseconds.
    #[must_use]
    pub fn round_trip(&self) -> u64 {
        (self.returned.saturating_sub(self.sent)).saturating_sub(self.answered.saturating_sub(self.received))
    }
}

fn difference(there: u64, here: u64) -> i64 {
    i64::try_from(i128::from(there) - i128::from(here)).unwrap_or(i64::MAX)
}

/// All echoes with one machine.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    /// Upper bounds at the instants here, of which the lower hull is kept.
    most: Vec<Point>,
    /// Lower bounds, of which the upper hull is kept.
    least: Vec<Point>,
    /// The least round trip.
    round_trip: Option<u64>,
}

/// A bound at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    at: f64,
    bound: f64,
}

impl Alignment {
    /// Adds an echo. One that is older than the last says nothing here.
    pub fn add(&mut self, echo: &Echo) {
        let interval = echo.interval();
        push(&mut self.most, Point { at: echo.sent as f64, bound: interval.most as f64 }, 1.0);
        push(&mut self.least, Point { at: echo.returned as f64, bound: interval.least as f64 }, -1.0);
        self.round_trip = Some(self.round_trip.map_or(echo.round_trip(), |least| least.min(echo.round_trip())));
    }

    /// The least round trip of an echo, in nanoseconds; `None` without one.
    #[must_use]
    pub fn round_trip(&self) -> Option<u64> {
        self.round_trip
    }

    /// How the other clock stands at `at`, an instant here, if the two run at rates that differ by at most `drift` (a
    /// share); `None` without an echo. The intersection of what all echoes tell, each widened by what the clocks can
    /// have drifted since; where that leaves nothing, the drift was larger than that, and the hulls alone say how far.
    #[must_use]
    pub fn at(&self, at: u64, drift: f64) -> Option<Interval> {
        let at = at as f64;
        let reach = |points: &[Point], sign: f64| {
            let bounds = points.iter().map(|p| sign * p.bound + drift * (at - p.at).abs());
            bounds.min_by(f64::total_cmp)
        };
        let most = reach(&self.most, 1.0)?;
        let least = -reach(&self.least, -1.0)?;
        if least <= most {
            return Some(Interval { least: least.floor() as i64, most: most.ceil() as i64 });
        }
        // A drift that was not allowed for: the nearest bounds, whichever way round they are.
        Some(Interval { least: most.floor() as i64, most: least.ceil() as i64 })
    }
}

/// Adds a point to a hull: the lower one of `sign` 1, the upper one of −1.
fn push(hull: &mut Vec<Point>, point: Point, sign: f64) {
    if hull.last().is_some_and(|last| last.at > point.at) {
        return;
    }
    if let Some(last) = hull.last().filter(|last| last.at == point.at) {
        if sign * (last.bound - point.bound) <= 0.0 {
            return;
        }
        hull.pop();
    }
    while let [.., a, b] = hull.as_slice() {
        let turns = sign * ((b.at - a.at) * (point.bound - a.bound) - (b.bound - a.bound) * (point.at - a.at));
        if turns > 0.0 {
            break;
        }
        hull.pop();
    }
    hull.push(point);
}

/// The share by which quartz clocks of machines differ at most: a hundred in a million, which is twice what their
/// makers allow them.
pub const QUARTZ: f64 = 100e-6;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000_000_000;

    /// An echo at `at`: the other clock stands `ahead`, there and back take so long.
    fn echo(at: u64, ahead: i64, there: u64, back: u64) -> Echo {
        let other = |here: u64| here.checked_add_signed(ahead).unwrap();
        let served = 5_000;
        let (received, returned) = (at + there, at + there + served + back);
        Echo { sent: at, received: other(received), answered: other(received + served), returned }
    }

    /// Numbers that look random.
    fn noise(i: u64, below: u64) -> u64 {
        (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % below
    }

    #[test]
    fn one_echo_holds_the_truth_and_its_middle_does_not_on_an_uneven_way() {
        let ahead = 7_200 * SECOND as i64;
        let one = echo(SECOND, ahead, MS, 9 * MS);
        let interval = one.interval();
        assert!(interval.least <= ahead && ahead <= interval.most, "{interval:?}");
        assert_eq!((interval.middle() - ahead, interval.uncertainty()), (-4 * MS as i64, 5 * MS));
        assert_eq!(one.round_trip(), 10 * MS);
    }

    #[test]
    fn the_best_way_there_and_the_best_way_back_are_of_different_samples() {
        let ahead = -500 * SECOND as i64;
        let mut all = Alignment::default();
        for (i, (there, back)) in [(50, 2_000), (3_000, 60), (900, 900)].into_iter().enumerate() {
            all.add(&echo(600 * SECOND + i as u64 * SECOND, ahead, there * 1_000, back * 1_000));
        }
        let interval = all.at(602 * SECOND, 0.0).unwrap();
        assert_eq!(interval, Interval { least: ahead - 60_000, most: ahead + 50_000 });
        assert_eq!((interval.uncertainty(), all.round_trip()), (55_000, Some(1_800_000)));
    }

    #[test]
    fn the_interval_holds_the_truth_a_hundred_times_of_a_hundred_at_any_skew_delay_and_drift() {
        for case in 0..100_u64 {
            let skew = [0, 7_200 * SECOND as i64, -500 * SECOND as i64][(case % 3) as usize];
            // Up to 80 millionths either way.
            let rate = (noise(case, 161) as f64 - 80.0) * 1e-6;
            let ahead = |at: u64| skew + (rate * (at - 1_000 * SECOND) as f64) as i64;
            let mut all = Alignment::default();
            for i in 0..60 {
                let at = 1_000 * SECOND + i * SECOND;
                let (there, back) = (MS + noise(case * 100 + i, MS), 9 * MS + noise(case * 77 + i, 3 * MS));
                all.add(&echo(at, ahead(at), there, back));
            }
            for at in [1_000, 1_030, 1_059].map(|s| s * SECOND) {
                let interval = all.at(at, QUARTZ).unwrap();
                let truth = ahead(at);
                // An echo's own clock moves by nanoseconds while it is under way.
                let slack = 2_000;
                assert!(
                    interval.least - slack <= truth && truth <= interval.most + slack,
                    "case {case}: {truth} in {interval:?}"
                );
                assert!(interval.uncertainty() < 8 * MS, "case {case}: {interval:?}");
            }
        }
    }

    #[test]
    fn what_comes_out_of_order_or_twice_makes_no_bound_tighter_than_it_is() {
        let mut all = Alignment::default();
        for (at, there, back) in [(3, 500, 400), (2, 10, 10), (3, 450, 450), (4, 700, 600)] {
            all.add(&echo(at * SECOND, 0, there, back));
        }
        assert_eq!(all.at(3 * SECOND, 0.0), Some(Interval { least: -400, most: 450 }));
    }

    #[test]
    fn a_hull_keeps_few_points_of_many() {
        let mut all = Alignment::default();
        for i in 0..10_000 {
            all.add(&echo(SECOND + i * SECOND, 5, 100_000 + noise(i, 50_000), 100_000 + noise(i + 7, 50_000)));
        }
        assert!(all.most.len() < 60 && all.least.len() < 60, "{} and {}", all.most.len(), all.least.len());
        assert!(Alignment::default().at(5, 0.0).is_none());
    }
}
