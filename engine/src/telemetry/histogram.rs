//! Histograms over the window of a run: differences of cumulative buckets.

use super::growth::Growth;
use super::scalar::Moment;
use crate::clock::Nanos;

/// The figures of a histogram over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramFigures {
    /// Observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Seconds that both are of.
    pub seconds: f64,
    /// Upper bound as the server writes it and observations up to it, in the order of the bounds; the last is `+Inf`.
    pub buckets: Vec<(String, f64)>,
    /// The bounds as numbers.
    bounds: Vec<f64>,
    /// How often it fell: restarts.
    pub resets: u32,
}

/// A percentile as far as buckets tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimate {
    /// About so much: linear within its bucket.
    About(f64),
    /// More than the last bound; how much more is not known.
    Over(f64),
}

impl Estimate {
    /// The figure, or the bound that it is over.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::About(value) | Self::Over(value) => value,
        }
    }
}

impl HistogramFigures {
    /// The mean, which is exact; `None` without observations.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// The value under which a share of the observations is; `None` without observations or buckets.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Estimate> {
        let whole = self.buckets.last()?.1;
        if whole <= 0.0 {
            return None;
        }
        let wanted = share * whole;
        let at = self.buckets.iter().position(|(_, up_to)| *up_to >= wanted)?;
        let upper = self.bounds[at];
        let lower = match at {
            0 => 0.0_f64.min(upper),
            _ => self.bounds[at - 1],
        };
        if upper.is_infinite() {
            return Some(Estimate::Over(if at == 0 { 0.0 } else { lower }));
        }
        let before = if at == 0 { 0.0 } else { self.buckets[at - 1].1 };
        let within = self.buckets[at].1 - before;
        let part = if within > 0.0 { (wanted - before) / within } else { 1.0 };
        Some(Estimate::About(lower + (upper - lower) * part))
    }

    /// Adds another. Of the buckets those stay whose bound both have, as their counts alone are of all observations.
    pub(super) fn add(&mut self, other: &Self) {
        let first = self.buckets.is_empty() && self.count == 0.0;
        self.count += other.count;
        self.sum += other.sum;
        self.seconds = self.seconds.max(other.seconds);
        self.resets += other.resets;
        if first {
            (self.buckets, self.bounds) = (other.buckets.clone(), other.bounds.clone());
            return;
        }
        let mine = self.bounds.iter().zip(&self.buckets);
        let both = mine.filter_map(|(bound, (text, count))| {
            let at = other.bounds.iter().position(|known| known == bound)?;
            Some((*bound, (text.clone(), count + other.buckets[at].1)))
        });
        (self.bounds, self.buckets) = both.unzip();
        // `+Inf` alone tells of nothing but the count.
        if self.bounds.iter().all(|bound| bound.is_infinite()) {
            self.buckets.clear();
            self.bounds.clear();
        }
    }
}

/// A part of a histogram that has a sample of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Bucket(usize),
    Sum,
    Count,
}

/// One histogram series.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// Bounds as written and as numbers, in the order in which they were first seen.
    bounds: Vec<(String, f64)>,
    /// Cumulative, of the last scrape that had them.
    buckets: Vec<f64>,
    sum: Option<f64>,
    count: Option<f64>,
    /// The scrape that they are of.
    seen_in: u64,
    last: Option<(Vec<f64>, f64, f64)>,
    window: Vec<f64>,
    window_sum: f64,
    window_count: f64,
    resets: u32,
    from: Option<Nanos>,
    until: Nanos,
}

impl Histogram {
    /// The place of a bound; `1` and `1.0` are the same.
    pub(super) fn bucket(&mut self, text: &str) -> Option<usize> {
        let bound = match text {
            "+Inf" => f64::INFINITY,
            other => other.parse::<f64>().ok().filter(|bound| !bound.is_nan())?,
        };
        if let Some(at) = self.bounds.iter().position(|(_, known)| *known == bound) {
            return Some(at);
        }
        if self.bounds.len() == MOST_BUCKETS {
            return None;
        }
        self.bounds.push((text.to_owned(), bound));
        self.buckets.push(0.0);
        self.window.push(0.0);
        Some(self.bounds.len() - 1)
    }

    /// Sets a bucket, `_sum` or `_count`, as scrape `number` has it.
    pub(super) fn set(&mut self, part: Part, value: f64, number: u64) {
        self.seen_in = number;
        match part {
            Part::Bucket(bucket) => self.buckets[bucket] = value,
            Part::Sum => self.sum = Some(value),
            Part::Count => self.count = Some(value),
        }
    }

    /// Takes the values of the scrape before `number` for those of `number`.
    pub(super) fn keep(&mut self, number: u64) {
        if self.seen_in + 1 == number {
            self.seen_in = number;
        }
    }

    /// Whether scrape `number` has it.
    pub(super) fn is_of(&self, number: u64) -> bool {
        self.seen_in == number
    }

    /// Bounds as written and as numbers, with the cumulative count of each.
    pub(super) fn cumulative(&self) -> (&[(String, f64)], &[f64]) {
        (&self.bounds, &self.buckets)
    }

    /// `_sum` and `_count`.
    pub(super) fn totals(&self) -> (Option<f64>, Option<f64>) {
        (self.sum, self.count)
    }

    /// Observations by now: `_count`, or the last bucket where there is none.
    pub(super) fn observed(&self) -> Option<f64> {
        let infinite = || self.bounds.iter().position(|(_, bound)| bound.is_infinite()).map(|at| self.buckets[at]);
        self.count.or_else(infinite)
    }

    /// Whether every part is a number.
    pub(super) fn is_finite(&self) -> bool {
        let singles = self.sum.into_iter().chain(self.count);
        self.buckets.iter().copied().chain(singles).all(f64::is_finite)
    }

    /// Takes in what this scrape has set.
    pub(super) fn end_scrape(&mut self, moment: Moment) {
        let Some(count) = self.observed().filter(|_| self.is_finite()) else {
            return;
        };
        let sum = self.sum.unwrap_or(0.0);
        let last = self.last.take().or(moment.since.map(|_| (Vec::new(), 0.0, 0.0)));
        if let Some((before, last_sum, last_count)) = last.filter(|_| moment.grows) {
            let bucket_before = |at: usize| before.get(at).copied().unwrap_or(0.0);
            let buckets = self.buckets.iter().enumerate().map(|(at, now)| (bucket_before(at), *now));
            let growth = Growth::between(buckets.chain([(last_count, count)]));
            for (at, now) in self.buckets.iter().enumerate() {
                self.window[at] += growth.of(bucket_before(at), *now);
            }
            self.window_sum += growth.of(last_sum, sum);
            self.window_count += growth.of(last_count, count);
            self.resets += u32::from(growth.fell());
            self.from.get_or_insert(moment.since.unwrap_or(moment.at));
            self.until = moment.at;
        }
        self.last = Some((self.buckets.clone(), sum, count));
    }

    /// What it came to; `None` where the window has no growth of it, be it 0.
    pub(super) fn figures(&self) -> Option<HistogramFigures> {
        let from = self.from?;
        let mut order: Vec<usize> = (0..self.bounds.len()).collect();
        order.sort_by(|a, b| self.bounds[*a].1.total_cmp(&self.bounds[*b].1));
        Some(HistogramFigures {
            count: self.window_count,
            sum: self.window_sum,
            seconds: self.until.saturating_sub(from) as f64 / 1e9,
            buckets: order.iter().map(|&at| (self.bounds[at].0.clone(), self.window[at])).collect(),
            bounds: order.iter().map(|&at| self.bounds[at].1).collect(),
            resets: self.resets,
        })
    }
}

/// Buckets of a histogram.
const MOST_BUCKETS: usize = 512;
