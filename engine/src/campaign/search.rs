//! The search for the largest load that holds: doubling until one fails, then halving what lies between.

use serde::Serialize;

/// Where the search looks, and how finely. Loads are arrivals per second or requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The first load to try.
    pub from: f64,
    /// The heaviest load to try.
    pub to: f64,
    /// How near the bounds have to come, as a share of the upper one.
    pub tolerance: f64,
    /// Only whole loads.
    pub whole: bool,
}

/// What is known so far. Ask [`next`](Self::next), probe, [`tell`](Self::tell), until there is no next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Search {
    /// Where it looks.
    pub range: Range,
    /// The heaviest load that held, under every one that failed.
    pub holds: Option<f64>,
    /// The lightest load that failed.
    pub fails: Option<f64>,
}

impl Search {
    /// Nothing is known.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Self {
            range,
            holds: None,
            fails: None,
        }
    }

    /// The next load to try; `None` when the bounds are near enough, the heaviest load holds, or the lightest fails.
    #[must_use]
    pub fn next(&self) -> Option<f64> {
        let Range {
            from,
            to,
            tolerance,
            whole,
        } = self.range;
        let lightest = if whole { 1.0 } else { from * LIGHTEST };
        match (self.holds, self.fails) {
            (None, None) => Some(from.min(to)),
            (Some(low), None) => (low < to).then(|| (low * 2.0).min(to)),
            (None, Some(high)) => {
                let half = if whole {
                    (high / 2.0).floor()
                } else {
                    high / 2.0
                };
                (half >= lightest).then_some(half)
            }
            (Some(low), Some(high)) => {
                let near = high - low <= tolerance * high || (whole && high - low <= 1.0);
                let middle = (low + high) / 2.0;
                (!near).then_some(if whole { middle.floor() } else { middle })
            }
        }
    }

    /// A load was tried.
    pub fn tell(&mut self, load: f64, held: bool) {
        if held {
            self.holds = Some(self.holds.map_or(load, |low| low.max(load)));
        } else {
            self.fails = Some(self.fails.map_or(load, |high| high.min(load)));
        }
        // Noise can make a heavier load hold than one that failed: the lighter failure counts.
        if let (Some(low), Some(high)) = (self.holds, self.fails)
            && low >= high
        {
            self.holds = None;
        }
    }
}

/// How far below the first load a rate is still tried.
const LIGHTEST: f64 = 1.0 / 64.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(range: Range, capacity: f64) -> (Search, usize) {
        let mut search = Search::new(range);
        let mut probes = 0;
        while let Some(load) = search.next() {
            search.tell(load, load <= capacity);
            probes += 1;
            assert!(probes < 100);
        }
        (search, probes)
    }

    #[test]
    fn the_bounds_come_as_near_as_asked_in_a_number_of_probes_that_grows_with_the_logarithm() {
        let range = Range {
            from: 1.0,
            to: 1e6,
            tolerance: 0.02,
            whole: false,
        };
        for capacity in [0.3, 1.0, 41.0, 777.0, 54_321.0] {
            let (search, probes) = found(range, capacity);
            let (low, high) = (search.holds.unwrap(), search.fails.unwrap());
            assert!(low <= capacity && capacity < high && high - low <= 0.02 * high);
            assert!(probes <= 24, "{capacity}: {probes}");
        }
    }

    #[test]
    fn whole_loads_end_at_neighbours() {
        let range = Range {
            from: 1.0,
            to: 4096.0,
            tolerance: 0.0,
            whole: true,
        };
        for capacity in [1.0, 2.0, 37.0, 1000.0] {
            let (search, _) = found(range, capacity);
            assert_eq!(
                (search.holds, search.fails),
                (Some(capacity), Some(capacity + 1.0))
            );
        }
    }

    #[test]
    fn a_server_without_end_and_one_without_hope_end_the_search() {
        let range = Range {
            from: 4.0,
            to: 100.0,
            tolerance: 0.05,
            whole: true,
        };
        let (endless, _) = found(range, 1e9);
        assert_eq!((endless.holds, endless.fails), (Some(100.0), None));
        let (hopeless, probes) = found(range, 0.0);
        assert_eq!(
            (hopeless.holds, hopeless.fails, probes),
            (None, Some(1.0), 3)
        );
    }

    #[test]
    fn a_lighter_failure_counts_more_than_a_heavier_success() {
        let mut search = Search::new(Range {
            from: 8.0,
            to: 64.0,
            tolerance: 0.1,
            whole: false,
        });
        search.tell(8.0, true);
        search.tell(4.0, false);
        assert_eq!((search.holds, search.next()), (None, Some(2.0)));
    }
}
