//! Gaps between output events that can be others than stated.

use super::{ClientShare, Lateness};
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::measure::arrivals::PossibleShift;
use crate::measure::summary::Metric;
use crate::measure::tags;
use crate::plan::Statistic;
use crate::record::Record;

/// What late reads can have made of the gaps. Of a request it is known how many events have a wide interval and how
/// wide the widest is, not which: its largest gaps can have been made so by them, and its smallest.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::measure) struct GapBounds {
    gaps: u64,
    /// The greatest gap that there can have been at least.
    largest: Nanos,
    /// The smallest gap that there can have been at most.
    smallest: Option<Nanos>,
    /// By how much the sum of all gaps can be less, and more.
    sum_less: u128,
    sum_more: u128,
    /// Sum of the squares of what can be off the largest gaps, in s².
    squares: f64,
}

impl GapBounds {
    /// Adds a successful request.
    pub(in crate::measure) fn add(&mut self, record: &Record, scratch: &mut Vec<Nanos>) {
        let gaps = &record.gaps;
        let (Some(largest), Some(smallest)) = (gaps.iter().max(), gaps.iter().min()) else { return };
        self.gaps += gaps.len() as u64;
        let by = &record.intervals;
        if by.widest <= NARROW {
            self.see(*largest, *smallest);
            return;
        }
        let wide = (by.wide.max(1) as usize).min(gaps.len());
        scratch.clear();
        scratch.extend_from_slice(gaps);
        scratch.sort_unstable();
        let (rest, moved) = scratch.split_at(scratch.len() - wide);
        let least = |gap: Nanos| gap.saturating_sub(by.widest);
        self.squares += moved.iter().map(|gap| ((gap - least(*gap)) as f64 / 1e9).powi(2)).sum::<f64>();
        let largest = least(*largest).max(rest.last().copied().unwrap_or(0));
        let more = scratch.get(wide).copied().unwrap_or(Nanos::MAX);
        self.see(largest, more.min(smallest.saturating_add(by.widest)));
        self.sum_less += u128::from(by.last);
        self.sum_more += u128::from(by.first);
    }

    fn see(&mut self, largest: Nanos, smallest: Nanos) {
        self.largest = self.largest.max(largest);
        self.smallest = Some(self.smallest.map_or(smallest, |least| least.min(smallest)));
    }

    /// The shares of `inter_chunk_latency`: those of its mean, extremes and deviation from here, those of its
    /// percentiles from `ranks`.
    pub(in crate::measure) fn shares(&self, metric: &Metric, ranks: &[PossibleShift]) -> Vec<ClientShare> {
        let Some(stats) = metric.stats else { return Vec::new() };
        let ms = |nanos: f64| nanos / 1e6;
        let each = |sum: u128| ms(sum as f64 / self.gaps.max(1) as f64);
        let rms = (self.squares / self.gaps.max(1) as f64).sqrt() * 1e3;
        let own = [
            (Statistic::Avg, stats.mean(), each(self.sum_less), each(self.sum_more)),
            (
                Statistic::Min,
                stats.min,
                0.0,
                self.smallest.map_or(0.0, |smallest| (ms(smallest as f64) - stats.min).max(0.0)),
            ),
            (Statistic::Max, stats.max, (stats.max - ms(self.largest as f64)).max(0.0), 0.0),
            (Statistic::Std, stats.std, rms.min(stats.std), 0.0),
        ];
        let ranks = ranks.iter().filter(|r| r.tag == tags::INTER_CHUNK_LATENCY.tag).filter_map(|rank| {
            let statistic = Statistic::named(rank.percentile)?;
            Some((statistic, metric.statistic(statistic)?, rank.lower_by_ms, rank.higher_by_ms))
        });
        own.into_iter()
            .chain(ranks)
            .map(|(statistic, value, lower_by, higher_by)| ClientShare {
                tag: metric.info.tag,
                statistic,
                lateness: Lateness::ReceiveLag,
                value,
                lower_by,
                higher_by,
            })
            .filter(|share| {
                let by = share.largest();
                by > super::LEAST * share.value.abs() && super::is_shift(metric.info, share.statistic, by, stats.mean())
            })
            .collect()
    }
}
