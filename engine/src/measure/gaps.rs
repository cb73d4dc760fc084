//! Gaps between output events: every one of them up to a limit, beyond it their histogram.

use super::curve::{self, Curves};
use super::request::ms;
use super::stats::tails_of_nanos;
use super::stats::{Stats, TAILS};
use super::summary::Metric;
use super::tags;
use super::tally::SparseTally;
use crate::clock::Nanos;

/// Gaps between output events. Beyond the limit they are counted in the buckets of the histogram, to 3 significant
/// digits: no metric is lost, and the metric says that it is not exact.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    exact: Vec<Nanos>,
    limit: usize,
    rounded: Option<SparseTally>,
}

impl Gaps {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn add(&mut self, gaps: &[Nanos]) {
        if self.rounded.is_none() && gaps.len() > self.limit - self.exact.len() {
            self.round();
        }
        match &mut self.rounded {
            Some(rounded) => gaps.iter().for_each(|gap| rounded.record(*gap)),
            None => self.exact.extend_from_slice(gaps),
        }
    }

    /// Counts gaps in buckets from now on, those that were kept too.
    pub(super) fn round(&mut self) {
        let rounded = self.rounded.get_or_insert_default();
        let exact = std::mem::take(&mut self.exact);
        exact.into_iter().for_each(|gap| rounded.record(gap));
    }

    /// `inter_chunk_latency`, and its curve where that is wanted; `None` without gaps.
    pub(super) fn metric(&mut self, curves: &mut Curves) -> Option<Metric> {
        let (stats, tails) = match &self.rounded {
            Some(rounded) => {
                let histogram = rounded.histogram();
                let tails = TAILS.map(|share| ms(histogram.value_at_quantile(share)));
                if curves.wants(&tags::INTER_CHUNK_LATENCY) {
                    curves.put(&tags::INTER_CHUNK_LATENCY, curve::of_histogram(&histogram));
                }
                (Stats::of_histogram(&histogram)?, tails)
            }
            None => {
                let stats = Stats::of_nanos(&mut self.exact)?;
                if curves.wants(&tags::INTER_CHUNK_LATENCY) {
                    curves.put(&tags::INTER_CHUNK_LATENCY, curve::of_nanos(&self.exact));
                }
                (stats, tails_of_nanos(&self.exact))
            }
        };
        Some(Metric {
            info: &tags::INTER_CHUNK_LATENCY,
            avg: stats.mean(),
            stats: Some(stats),
            tails: Some(tails),
            exact: self.rounded.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;

    #[test]
    fn beyond_the_limit_they_are_rounded_and_none_is_lost() {
        let (mut exact, mut rounded) = (Gaps::new(1_000), Gaps::new(700));
        for k in 0..100 {
            let gaps: Vec<Nanos> = (1..=10).map(|i| (k * 10 + i) * MILLI).collect();
            exact.add(&gaps);
            rounded.add(&gaps);
        }
        let none = &mut Curves::of(&[]);
        let (exact, rounded) = (exact.metric(none).unwrap(), rounded.metric(none).unwrap());
        assert!(exact.exact && !rounded.exact);
        let (a, b) = (exact.stats.unwrap(), rounded.stats.unwrap());
        assert_eq!((a.count, b.count), (1_000, 1_000));
        let [a999, _] = exact.tails.unwrap();
        let [b999, _] = rounded.tails.unwrap();
        for (a, b) in [(a.p50, b.p50), (a.p99, b.p99), (a.max, b.max), (a.sum, b.sum), (a999, b999)] {
            assert!((a - b).abs() <= a / 500.0, "{a} {b}");
        }
        assert!(Gaps::new(0).metric(none).is_none());
    }
}
