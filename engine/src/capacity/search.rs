//! The search for the largest load that holds: doubling until one fails, then halving what lies between, then once more
//! at length what is left, as a probe that ends early may have seen a queue before it had filled.

use super::{Judgement, Reason};
use serde::Serialize;

/// The range and the resolution of the search. Loads are arrivals per second or requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The first load to try, in arrivals per second or requests in flight.
    pub from: f64,
    /// The heaviest load to try, in the same unit.
    pub to: f64,
    /// How near the bounds have to come, as a share of the upper one.
    pub tolerance: f64,
    /// Only whole loads.
    pub whole: bool,
}

/// The next load to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Next {
    /// Arrivals per second, or requests in flight.
    pub load: f64,
    /// It held before, in a probe that ended early; the result rests on it, so this one may not end early for being
    /// good.
    pub confirms: bool,
}

/// The state of a search. Call [`next`](Self::next), probe, [`record`](Self::record), until there is no next.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Where it looks.
    pub range: Range,
    /// Every load that held, under the lightest that failed; ascending.
    held: Vec<f64>,
    fails: Option<f64>,
    confirmed: Option<f64>,
    /// The lightest load that could not be judged.
    unjudged: Option<f64>,
}

impl Search {
    /// Nothing is known.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Self { range, held: Vec::new(), fails: None, confirmed: None, unjudged: None }
    }

    /// The heaviest load that held, under every one that failed.
    #[must_use]
    pub fn holds(&self) -> Option<f64> {
        self.held.last().copied()
    }

    /// The lightest load that failed.
    #[must_use]
    pub fn fails(&self) -> Option<f64> {
        self.fails
    }

    /// The lightest load that could not be judged, where none as light failed.
    #[must_use]
    pub fn unjudged(&self) -> Option<f64> {
        self.unjudged.filter(|load| self.fails.is_none_or(|fails| *load < fails))
    }

    /// The next load to try; `None` when the bounds are near enough or the heaviest load holds, and that was confirmed,
    /// or when the lightest fails.
    #[must_use]
    pub fn next(&self) -> Option<Next> {
        let try_out = |load: f64| Next { load, confirms: false };
        match self.open() {
            Some(load) => Some(try_out(load)),
            None => self.holds().filter(|load| self.confirmed != Some(*load)).map(|load| Next { load, confirms: true }),
        }
    }

    /// A load between the bounds, while they are too far apart.
    fn open(&self) -> Option<f64> {
        let Range { from, to, tolerance, whole } = self.range;
        let lightest = if whole { 1.0 } else { from * LIGHTEST };
        match (self.holds(), [self.fails, self.unjudged].into_iter().flatten().reduce(f64::min)) {
            (None, None) => Some(from.min(to)),
            (Some(low), None) => (low < to).then(|| (low * 2.0).min(to)),
            (None, Some(high)) => {
                let half = if whole { (high / 2.0).floor() } else { high / 2.0 };
                (half >= lightest).then_some(half)
            }
            (Some(low), Some(high)) => {
                let near = high - low <= tolerance * high || (whole && high - low <= 1.0);
                let middle = (low + high) / 2.0;
                (!near).then_some(if whole { middle.floor() } else { middle })
            }
        }
    }

    /// How far apart the bounds are, as a share of the upper one; `None` until there are both.
    #[must_use]
    pub fn width(&self) -> Option<f64> {
        let (low, high) = (self.holds()?, self.fails?);
        Some((high - low) / high)
    }

    /// Between which loads the capacity lies when the intervals of the probes are asked and not their shares: from the
    /// heaviest load, of those that still hold, of which a whole interval was over the target, to the lightest of which
    /// a whole one was under it or that saturated. A load that held in a probe and failed in another holds no longer.
    #[must_use]
    pub fn sure(
        &self,
        judged: impl Iterator<Item = (f64, Judgement)> + Clone,
        target: f64,
    ) -> (Option<f64>, Option<f64>) {
        let over = |j: &Judgement| j.interval.is_some_and(|i| i.low > target);
        let under = |j: &Judgement| j.reason == Reason::Saturating || j.interval.is_some_and(|i| i.high < target);
        let loads = |held: bool, clear: &dyn Fn(&Judgement) -> bool| -> Vec<f64> {
            let clear = judged.clone().filter(|(_, j)| j.holds == held && clear(j));
            clear.map(|(load, _)| load).collect()
        };
        let holds = loads(true, &over).into_iter().filter(|load| self.held.contains(load)).reduce(f64::max);
        (holds, loads(false, &under).into_iter().reduce(f64::min))
    }

    /// A load could not be judged, as the client was in the figures: it is no bound, and nothing as heavy is tried
    /// again.
    pub fn give_up(&mut self, load: f64) {
        self.unjudged = Some(self.unjudged.map_or(load, |least| least.min(load)));
        self.held.retain(|held| *held < load);
    }

    /// What was asked for was tried. Of a heavier load that held and a lighter one that failed, the failure counts.
    pub fn record(&mut self, tried: Next, held: bool) {
        let Next { load, confirms } = tried;
        if held {
            self.held.push(load);
            self.held.sort_by(f64::total_cmp);
            self.held.dedup();
            if confirms {
                self.confirmed = Some(load);
            }
        } else {
            self.fails = Some(self.fails.map_or(load, |high| high.min(load)));
        }
        if let Some(high) = self.fails {
            self.held.retain(|low| *low < high);
        }
    }
}

impl Range {
    /// The most probes that a search in it takes, where each is judged at its first try: one more for each that a
    /// longer probe contradicts.
    #[must_use]
    pub fn most_probes(&self) -> usize {
        let probes = |capacity: f64| {
            let mut search = Search::new(*self);
            let mut probes = 0;
            while let Some(next) = search.next().filter(|_| probes < BEYOND) {
                search.record(next, next.load <= capacity);
                probes += 1;
            }
            probes
        };
        // A capacity under every load, over every load, and some between each two of the first ascent.
        let ascent = std::iter::successors(Some(self.from * LIGHTEST), |load| Some(load * 2.0));
        let loads = ascent.take_while(|load| *load < self.to * 2.0 && *load > 0.0).take(BEYOND);
        let within = [0.999, 1.001, 1.2, 1.4, 1.6, 1.8];
        let capacities = loads.flat_map(|load| within.map(|share| load * share)).chain([0.0, f64::INFINITY]);
        // Where whole loads are rounded, one more can come.
        capacities.map(probes).max().unwrap_or(0) + 1
    }
}

/// Probes that no search reaches.
const BEYOND: usize = 1_000;
/// How far below the first load a rate is still tried.
const LIGHTEST: f64 = 1.0 / 64.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;

    fn found(range: Range, capacity: f64) -> (Search, usize) {
        let mut search = Search::new(range);
        let mut probes = 0;
        while let Some(load) = search.next() {
            search.record(load, load.load <= capacity);
            probes += 1;
            assert!(probes < 100);
        }
        (search, probes)
    }

    #[test]
    fn the_bounds_come_as_near_as_asked_in_a_number_of_probes_that_grows_with_the_logarithm() {
        let range = Range { from: 1.0, to: 1e6, tolerance: 0.02, whole: false };
        for capacity in [0.3, 1.0, 41.0, 777.0, 54_321.0] {
            let (search, probes) = found(range, capacity);
            let (low, high) = (search.holds().unwrap(), search.fails().unwrap());
            assert!(low <= capacity && capacity < high && high - low <= 0.02 * high);
            assert!(probes <= 25, "{capacity}: {probes}");
        }
    }

    #[test]
    fn no_search_takes_more_probes_than_were_told() {
        for range in [
            Range { from: 1.0, to: 1e5, tolerance: 0.05, whole: false },
            Range { from: 3.0, to: 4096.0, tolerance: 0.02, whole: true },
        ] {
            let most = range.most_probes();
            let taken = (0..400).map(|i| found(range, 0.01 * 1.05f64.powi(i)).1).max().unwrap();
            assert!(taken <= most && most <= 40, "{taken} of {most}");
        }
    }

    #[test]
    fn whole_loads_end_at_neighbours() {
        let range = Range { from: 1.0, to: 4096.0, tolerance: 0.0, whole: true };
        for capacity in [1.0, 2.0, 37.0, 1000.0] {
            let (search, _) = found(range, capacity);
            assert_eq!((search.holds(), search.fails()), (Some(capacity), Some(capacity + 1.0)));
        }
    }

    #[test]
    fn a_server_without_end_and_one_without_hope_end_the_search() {
        let range = Range { from: 4.0, to: 100.0, tolerance: 0.05, whole: true };
        let (endless, _) = found(range, 1e9);
        assert_eq!((endless.holds(), endless.fails()), (Some(100.0), None));
        let (hopeless, probes) = found(range, 0.0);
        assert_eq!((hopeless.holds(), hopeless.fails(), probes), (None, Some(1.0), 3));
    }

    #[test]
    fn a_lighter_failure_counts_more_than_a_heavier_success() {
        let mut search = Search::new(Range { from: 8.0, to: 64.0, tolerance: 0.1, whole: false });
        search.record(trial(8.0), true);
        search.record(trial(4.0), false);
        assert_eq!((search.holds(), search.next()), (None, Some(trial(2.0))));
    }

    #[test]
    fn the_load_that_is_reported_was_confirmed_and_one_that_was_not_gives_way_to_those_below() {
        let mut search = Search::new(Range { from: 8.0, to: 64.0, tolerance: 0.1, whole: false });
        for (load, held) in [(8.0, true), (16.0, true), (32.0, false), (24.0, true), (28.0, false), (26.0, false)] {
            assert_eq!(search.next(), Some(trial(load)));
            search.record(trial(load), held);
        }
        let confirms = |load| Next { load, confirms: true };
        assert_eq!(search.next(), Some(confirms(24.0)));
        search.record(confirms(24.0), false);
        assert_eq!((search.holds(), search.fails(), search.next()), (Some(16.0), Some(24.0), Some(trial(20.0))));
        search.record(trial(20.0), true);
        search.record(trial(22.0), false);
        search.record(confirms(20.0), true);
        assert_eq!((search.holds(), search.next()), (Some(20.0), None));
    }

    #[test]
    fn a_load_that_could_not_be_judged_bounds_the_search_and_not_the_result() {
        let range = Range { from: 8.0, to: 64.0, tolerance: 0.1, whole: false };
        let mut search = Search::new(range);
        let mut probes = 0;
        while let Some(next) = search.next() {
            match next.load >= 26.0 {
                true => search.give_up(next.load),
                false => search.record(next, true),
            }
            probes += 1;
            assert!(probes < 20);
        }
        let (holds, unjudged) = (search.holds().unwrap(), search.unjudged().unwrap());
        assert!(holds < 26.0 && unjudged >= 26.0 && unjudged - holds <= 0.1 * unjudged, "{holds} {unjudged}");
        assert_eq!(search.fails(), None);
        // One that held before, and could not be judged when it was to be confirmed, gives way to those below.
        let mut search = Search::new(range);
        search.record(trial(8.0), true);
        search.record(trial(16.0), true);
        search.give_up(16.0);
        assert_eq!(search.holds(), Some(8.0));
    }

    #[test]
    fn what_was_sure_of_a_load_that_failed_later_is_not_sure() {
        let mut search = Search::new(Range { from: 8.0, to: 64.0, tolerance: 0.1, whole: false });
        let judgement = |holds: bool, low: f64, high: f64, reason: Reason| Judgement {
            holds,
            reason,
            requests: 100,
            good_fraction: 0.5,
            interval: Some(Interval { low, high }),
        };
        let probes = [
            (8.0, judgement(true, 0.96, 1.0, Reason::EnoughGood)),
            (16.0, judgement(true, 0.97, 1.0, Reason::EnoughGood)),
            (32.0, judgement(false, 0.1, 0.9, Reason::TooFewGood)),
            (24.0, judgement(false, 0.5, 1.0, Reason::Saturating)),
            (12.0, judgement(true, 0.9, 1.0, Reason::Undecided)),
            (16.0, judgement(false, 0.8, 0.97, Reason::Undecided)),
        ];
        for (load, judgement) in probes {
            search.record(trial(load), judgement.holds);
        }
        let sure = search.sure(probes.into_iter(), 0.95);
        assert_eq!((search.holds(), sure), (Some(12.0), (Some(8.0), Some(24.0))));
    }

    fn trial(load: f64) -> Next {
        Next { load, confirms: false }
    }
}
