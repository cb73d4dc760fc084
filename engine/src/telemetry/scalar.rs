//! Counters and gauges over the window of a run.

use super::growth::Growth;
use crate::clock::Nanos;
use crate::statistics::lerp;

/// The figures of a counter over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CounterFigures {
    /// By how much it grew; after a restart of the server, what it grew from 0 is added.
    pub total: f64,
    /// The same a second.
    pub rate: f64,
    /// How often it fell: restarts.
    pub resets: u32,
}

/// Statistics of a gauge's values, one a scrape; percentiles by linear interpolation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GaugeStats {
    /// Mean.
    pub avg: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Standard deviation (ddof 1, as AIPerf; 0 of one value).
    pub std: f64,
    /// At [`GaugeStats::PERCENTILES`].
    pub percentiles: [f64; 9],
    /// How many there are.
    pub count: u64,
}

impl GaugeStats {
    /// The percentiles that are kept.
    pub const PERCENTILES: [u8; 9] = [1, 5, 10, 25, 50, 75, 90, 95, 99];
}

/// One series that has a single value.
#[derive(Clone, Debug, Default)]
pub(super) struct Scalar {
    /// The value of the last scrape that had it.
    pub(super) current: f64,
    /// The scrape that `current` is of; the first is 1.
    pub(super) seen_in: u64,
    /// The value before `current`, of the scrape before.
    last: Option<f64>,
    /// Growth since the first scrape of the run.
    pub(super) whole: f64,
    /// Growth in the window.
    window: f64,
    resets: u32,
    /// From when to when the window's growth is.
    from: Option<Nanos>,
    until: Nanos,
    values: Values,
}

/// The instant of a scrape, and how it counts for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Nanos,
    /// The scrape of the endpoint, from 1 on.
    pub(super) number: u64,
    /// When the scrape before was made.
    pub(super) since: Option<Nanos>,
    /// Growth since the scrape before counts.
    pub(super) grows: bool,
    /// Values count.
    pub(super) holds: bool,
    /// Values of each gauge that are kept at most.
    pub(super) room: usize,
}

impl Scalar {
    /// Takes `current` in, which this scrape has set.
    pub(super) fn end_scrape(&mut self, counter: bool, moment: Moment) {
        if !counter {
            if moment.holds {
                self.values.add(self.current, moment.room);
            }
            return;
        }
        // A series that an earlier scrape did not have begins at 0.
        let before = self.last.or(moment.since.map(|_| 0.0));
        if let Some(before) = before {
            let growth = Growth::between([(before, self.current)]);
            let grown = growth.of(before, self.current);
            self.whole += grown;
            if moment.grows {
                self.window += grown;
                self.resets += u32::from(growth.fell());
                self.from.get_or_insert(moment.since.unwrap_or(moment.at));
                self.until = moment.at;
            }
        }
        self.last = Some(self.current);
    }

    /// What the counter came to; `None` where the window has no growth of it, be it 0.
    pub(super) fn counter(&self) -> Option<CounterFigures> {
        let seconds = self.until.saturating_sub(self.from?) as f64 / 1e9;
        let rate = if seconds > 0.0 { self.window / seconds } else { 0.0 };
        Some(CounterFigures { total: self.window, rate, resets: self.resets })
    }

    /// What the gauge was; `None` where the window has no value of it.
    pub(super) fn gauge(&self) -> Option<GaugeStats> {
        self.values.stats()
    }
}

/// Values of a gauge: sums of all, and of the values themselves so many, evenly spread.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    count: u64,
    sum: f64,
    squares: f64,
    origin: f64,
    min: f64,
    max: f64,
    kept: Vec<f64>,
    /// Every so many-th value is kept.
    step: u64,
}

impl Values {
    pub(super) fn add(&mut self, value: f64, room: usize) {
        if self.count == 0 {
            (self.origin, self.min, self.max, self.step) = (value, value, value, 1);
        }
        let from_origin = value - self.origin;
        self.sum += from_origin;
        self.squares += from_origin * from_origin;
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        if self.count.is_multiple_of(self.step) {
            self.kept.push(value);
            if self.kept.len() >= room.max(2) {
                let mut place = 0;
                self.kept.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.step *= 2;
            }
        }
        self.count += 1;
    }

    /// Values that were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn stats(&self) -> Option<GaugeStats> {
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        let mean = self.sum / count;
        let variance = if self.count > 1 { (self.squares - self.sum * mean) / (count - 1.0) } else { 0.0 };
        let mut sorted = self.kept.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let percentile = |p: u8| {
            let at = f64::from(p) / 100.0 * (sorted.len() - 1) as f64;
            let low = at.floor();
            let next = sorted[(low as usize + 1).min(sorted.len() - 1)];
            lerp(sorted[low as usize], next, at - low)
        };
        Some(GaugeStats {
            avg: self.origin + mean,
            min: self.min,
            max: self.max,
            std: variance.max(0.0).sqrt(),
            percentiles: GaugeStats::PERCENTILES.map(percentile),
            count: self.count,
        })
    }
}
