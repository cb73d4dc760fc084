//! Gaps between output events: every one of them up to a limit, beyond it their histogram.

use super::curve::{self, Curves};
use super::request::{NS_PER_MS, ms};
use super::stats::tails_of_nanos;
use super::stats::{Stats, TAILS};
use super::summary::Metric;
use super::tags;
use super::tally::SparseTally;
use super::threads;
use crate::clock::Nanos;

/// Gaps between output events. Beyond the limit they are counted in the buckets of the histogram, to 3 significant
/// digits: no metric is lost, and the metric says that it is not exact.
///
/// Memory: 4 bytes a gap up to the limit, 8 of one over 4.29 s; nothing after [`Self::metric`].
#[derive(Debug, Default)]
pub(super) struct Gaps {
    exact: Vec<u32>,
    /// Those that 4 bytes do not hold.
    long: Vec<Nanos>,
    limit: usize,
    rounded: Option<SparseTally>,
}

impl Gaps {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn add(&mut self, gaps: &[Nanos]) {
        if self.rounded.is_none() && gaps.len() > self.limit - self.exact.len() - self.long.len() {
            self.round();
        }
        if let Some(rounded) = &mut self.rounded {
            gaps.iter().for_each(|gap| rounded.record(*gap));
            return;
        }
        for gap in gaps {
            match u32::try_from(*gap) {
                Ok(gap) => self.exact.push(gap),
                Err(_) => self.long.push(*gap),
            }
        }
    }

    /// Bytes of the gaps that are kept exactly.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.exact[..]) + size_of_val(&self.long[..])
    }

    /// Counts gaps in buckets from now on, those that were kept too.
    pub(super) fn round(&mut self) {
        let rounded = self.rounded.get_or_insert_default();
        let exact = std::mem::take(&mut self.exact).into_iter().map(Nanos::from);
        exact.chain(std::mem::take(&mut self.long)).for_each(|gap| rounded.record(gap));
    }

    /// Each gap in ms, and how often; where they are counted in buckets, the middle of each.
    pub(super) fn each(&self, mut look: impl FnMut(f64, u64)) {
        let exact = self.exact.iter().map(|gap| Nanos::from(*gap));
        exact.chain(self.long.iter().copied()).for_each(|gap| look(ms(gap), 1));
        if let Some(rounded) = &self.rounded {
            rounded.values().for_each(|(middle, count)| look(middle / NS_PER_MS, count));
        }
    }

    /// `inter_chunk_latency`, and its curve where that is wanted; `None` without gaps. What is kept exactly is given
    /// up.
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
                let (mut short, mut long) = (std::mem::take(&mut self.exact), std::mem::take(&mut self.long));
                threads::sort(&mut short);
                threads::sort(&mut long);
                let count = short.len() + long.len();
                let value = |i: usize| short.get(i).map_or_else(|| long[i - short.len()], |gap| Nanos::from(*gap));
                let stats = Stats::of_sorted_nanos(count, value)?;
                if curves.wants(&tags::INTER_CHUNK_LATENCY) {
                    curves.put(&tags::INTER_CHUNK_LATENCY, curve::of_nanos(count, value));
                }
                (stats, tails_of_nanos(count, value))
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

    #[test]
    fn gaps_of_any_length_are_kept_exactly() {
        let mut gaps = Gaps::new(5);
        gaps.add(&[5_000 * MILLI, 3 * MILLI, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 90_000 * MILLI]);
        let none = &mut Curves::of(&[]);
        let metric = gaps.metric(none).unwrap();
        let stats = metric.stats.unwrap();
        assert!(metric.exact);
        assert_eq!((stats.count, stats.min, stats.max, stats.p50), (5, 3.0, 90_000.0, 4_294.967_296));
        assert_eq!(stats.p25, 4_294.967_295);
        assert!(gaps.metric(none).is_none(), "they are given up");
    }
}
