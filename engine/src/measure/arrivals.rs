//! How far figures can be off because events waited in the kernel's queue together.

use super::client_share::{ClientShare, Lateness};
use super::shard::{HistogramId, Shard};
use super::summary::Metric;
use super::tags;
use crate::clock::Nanos;
use crate::interned::Name;
use crate::plan::Statistic;
use serde::{Deserialize, Serialize};

/// How well the arrival of output events is known. A stamp is that of the last segment of its read; an event before
/// that can have arrived earlier, though not since before the connection was last known to have nothing to read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ArrivalFigures {
    /// Output events that can have arrived over 0.1 ms before their stamp.
    pub wide_events: u64,
    /// `wide_events / events`.
    pub wide_share: f64,
    /// The longest such time of any event.
    pub widest_ms: f64,
    /// The largest shifts of percentiles that this allows.
    pub possible_shifts: Vec<PossibleShift>,
}

/// How far a percentile can be off, in ms; for gaps between events to three significant digits of the percentile.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PossibleShift {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// `p50` or `p99`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub percentile: Name,
    /// The true one can be lower by so much.
    pub lower_by_ms: f64,
    /// It can be higher by so much.
    pub higher_by_ms: f64,
}

impl ArrivalFigures {
    /// The possible shift of a percentile of a metric; `None` where it has none.
    #[must_use]
    pub fn shift(&self, tag: &str, percentile: &str) -> Option<&PossibleShift> {
        let is = |s: &&PossibleShift| s.tag == tag && s.percentile == percentile;
        self.possible_shifts.iter().find(is)
    }
}

impl PossibleShift {
    /// The larger of the two sides, in ms.
    #[must_use]
    pub fn largest_ms(&self) -> f64 {
        self.lower_by_ms.max(self.higher_by_ms)
    }
}

impl ArrivalFigures {
    /// Of a run whose arrivals the kernel stamped; `None` without events. `gaps` are the shifts of the percentiles of
    /// gaps.
    pub(super) fn of(
        shard: &Shard,
        metrics: &[Metric],
        shares: &[ClientShare],
        gaps: &[PossibleShift],
    ) -> Option<Self> {
        let counters = &shard.counters;
        if counters.events == 0 {
            return None;
        }
        let possible_shifts = [
            &tags::TIME_TO_FIRST_TOKEN,
            &tags::INTER_TOKEN_LATENCY,
            &tags::INTER_CHUNK_LATENCY,
            &tags::REQUEST_LATENCY,
        ]
        .into_iter()
        .filter(|info| metrics.iter().any(|metric| metric.info.tag == info.tag))
        .flat_map(|info| PERCENTILES.map(|statistic| possible_shift(info.tag, statistic, shares, gaps)))
        .collect();
        Some(Self {
            wide_events: counters.wide_events,
            wide_share: counters.wide_events as f64 / counters.events as f64,
            widest_ms: counters.widest_interval as f64 / 1e6,
            possible_shifts,
        })
    }
}

fn possible_shift(
    tag: &'static str,
    statistic: Statistic,
    shares: &[ClientShare],
    gaps: &[PossibleShift],
) -> PossibleShift {
    let percentile = statistic.name();
    let of_gaps = gaps.iter().find(|gap| gap.tag == tag && gap.percentile == percentile);
    if let Some(gap) = of_gaps {
        return gap.clone();
    }
    let is = |s: &&ClientShare| s.tag == tag && s.statistic == statistic && s.lateness == Lateness::ReceiveLag;
    let (lower_by_ms, higher_by_ms) = shares.iter().find(is).map_or((0.0, 0.0), |s| (s.lower_by, s.higher_by));
    PossibleShift { tag, percentile, lower_by_ms, higher_by_ms }
}

/// Of the gaps between events, only the stamped ones are kept. Each wide interval is beside two gaps at most; of n
/// gaps, m that can have had any value move a percentile to that of a rank m further at most, and none moves by more
/// than the widest interval.
pub(super) fn gap_shifts(shard: &Shard) -> Vec<PossibleShift> {
    let gaps = shard.histogram(HistogramId::InterChunkLatency);
    if gaps.is_empty() {
        return Vec::new();
    }
    let widest = shard.counters.widest_interval;
    let unsure = 2.0 * shard.counters.wide_events as f64 / gaps.len() as f64;
    let shifts = RANKS.iter().map(|(statistic, quantile)| {
        let at = |quantile: f64| gaps.value_at_quantile(quantile.clamp(0.0, 1.0));
        let stamped = at(*quantile);
        let (mut least, mut most) = (stamped, stamped);
        if unsure > 0.0 {
            least = at(quantile - unsure).max(stamped.saturating_sub(widest));
            most = at(quantile + unsure).min(stamped.saturating_add(widest));
        }
        shift(tags::INTER_CHUNK_LATENCY.tag, statistic.name(), stamped, least, most)
    });
    shifts.collect()
}

fn shift(tag: &'static str, percentile: &'static str, stamped: Nanos, least: Nanos, most: Nanos) -> PossibleShift {
    let apart = |a: Nanos, b: Nanos| a.saturating_sub(b) as f64 / 1e6;
    PossibleShift { tag, percentile, lower_by_ms: apart(stamped, least), higher_by_ms: apart(most, stamped) }
}

/// An entry of `possible_shifts`.
const PERCENTILES: [Statistic; 2] = [Statistic::P50, Statistic::P99];
const RANKS: [(Statistic, f64); 11] = [
    (Statistic::P1, 0.01),
    (Statistic::P5, 0.05),
    (Statistic::P10, 0.1),
    (Statistic::P25, 0.25),
    (Statistic::P50, 0.5),
    (Statistic::P75, 0.75),
    (Statistic::P90, 0.9),
    (Statistic::P95, 0.95),
    (Statistic::P99, 0.99),
    (Statistic::P999, 0.999),
    (Statistic::P9999, 0.9999),
];

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, fed, plan};
    use super::*;
    use crate::clock::MILLI;
    use crate::record::testing::streamed;
    use crate::record::{Intervals, Record, Usage};

    fn shifts(figures: &ArrivalFigures, tag: &str) -> Vec<(f64, f64)> {
        let of_tag = figures.possible_shifts.iter().filter(|s| s.tag == tag);
        // Three significant digits of a value between 2 and 250 ms.
        let rounded = |ms: f64| (ms * 4.0).round() / 4.0;
        of_tag.map(|s| (rounded(s.lower_by_ms), rounded(s.higher_by_ms))).collect()
    }

    fn counted(record: Record) -> Record {
        Record { usage: Some(Usage { completion: Some(11), ..Usage::default() }), ..record }
    }

    fn figures(records: &[Record]) -> Option<ArrivalFigures> {
        let (shard, summarizer) = fed(&plan(), records);
        summarizer.finish(shard, facts()).client.arrivals
    }

    #[test]
    fn each_percentile_moves_as_far_as_its_requests_can() {
        let records = (0..200).map(|k| {
            let mut record = counted(streamed(k, k * MILLI, 200 * MILLI, &[20 * MILLI; 10]));
            // A third of the requests is unsure of both ends, and is reported as slower than the rest.
            if k % 3 == 0 {
                record.instants.first_token = record.instants.first_token.map(|at| at + 40 * MILLI);
                record.instants.last_token = record.instants.last_token.map(|at| at + 40 * MILLI);
                record.intervals =
                    Intervals { first: 40 * MILLI, last: 30 * MILLI, widest: 40 * MILLI, wide: 2, end: 0, begin: 0 };
            }
            record
        });
        let figures = figures(&records.collect::<Vec<_>>()).unwrap();
        assert_eq!(figures.wide_events, 2 * 67);
        assert_eq!(figures.widest_ms, 40.0);
        assert_eq!(shifts(&figures, "time_to_first_token"), [(0.0, 0.0), (40.0, 0.0)]);
        // Ten gaps share what the first or the last token can have been off.
        assert_eq!(shifts(&figures, "inter_token_latency"), [(0.0, 0.0), (0.0, 4.0)]);
        assert_eq!(shifts(&figures, "request_latency"), [(0.0, 0.0), (30.0, 0.0)]);
    }

    #[test]
    fn sure_events_move_nothing_and_no_events_have_no_figures() {
        assert!(figures(&[]).is_none());
        let figures = figures(&[counted(streamed(0, 5, 200 * MILLI, &[20 * MILLI; 10]))]).unwrap();
        assert_eq!((figures.wide_events, figures.widest_ms), (0, 0.0));
        assert_eq!(figures.possible_shifts.len(), 8);
        let moved = |s: &PossibleShift| s.lower_by_ms + s.higher_by_ms > 0.0;
        assert!(!figures.possible_shifts.iter().any(moved));
    }

    #[test]
    fn gaps_move_by_ranks_and_not_past_the_widest_interval() {
        let mut shard = Shard::new();
        // 1 000 gaps of 10 to 30 ms, evenly.
        let gaps: Vec<u64> = (0..1_000).map(|i| 10 * MILLI + i * 20_000).collect();
        shard.record(&streamed(0, 5, MILLI, &gaps));
        shard.counters.wide_events = 50;
        shard.counters.widest_interval = 3 * MILLI;
        let rounded = |shard: &Shard| {
            let rounded = |ms: f64| (ms * 4.0).round() / 4.0;
            let shifts = gap_shifts(shard).into_iter().filter(|s| ["p50", "p99"].contains(&s.percentile));
            shifts.map(|s| (rounded(s.lower_by_ms), rounded(s.higher_by_ms))).collect::<Vec<_>>()
        };
        // 100 of 1 000 gaps: ranks 400 and 600 of the median, 2 ms to either side; at the end of the scale less, above.
        assert_eq!(rounded(&shard), [(2.0, 2.0), (2.0, 0.25)]);
        shard.counters.widest_interval = MILLI;
        assert_eq!(rounded(&shard)[0], (1.0, 1.0));
    }
}
