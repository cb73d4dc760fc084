//! How far figures can be off because events waited in the kernel's queue together.

use super::shard::{HistogramId, Shard};
use super::tags;
use super::tally::Tally;
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::interned::Name;
use crate::record::Record;
use hdrhistogram::Histogram;
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

/// How far a percentile can be off, in ms, to three significant digits of the percentile.
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

/// The values that successful requests have by their stamps, and the least and the greatest that they can have had.
/// Memory: 2.2 MiB.
#[derive(Debug)]
pub(super) struct Possible {
    ttft: Range,
    itl: Range,
    latency: Range,
}

/// One metric. A percentile lies between the same percentiles of `least` and `most`: each request's value does.
#[derive(Debug)]
struct Range {
    least: Tally,
    stamped: Tally,
    most: Tally,
}

impl Range {
    fn new() -> Self {
        Self { least: Tally::new(), stamped: Tally::new(), most: Tally::new() }
    }

    fn add(&mut self, stamped: Nanos, least: Nanos, most: Nanos) {
        self.least.record(least);
        self.stamped.record(stamped);
        self.most.record(most);
    }

    fn shifts(&self, tag: &'static str) -> impl Iterator<Item = PossibleShift> + use<> {
        let [least, stamped, most] = [&self.least, &self.stamped, &self.most].map(Tally::histogram);
        let any = !stamped.is_empty();
        PERCENTILES.into_iter().filter(move |_| any).map(move |(percentile, quantile)| {
            let at = |histogram: &Histogram<u64>| histogram.value_at_quantile(quantile);
            shift(tag, percentile, at(&stamped), at(&least), at(&most))
        })
    }
}

impl Possible {
    pub(super) fn new() -> Self {
        Self { ttft: Range::new(), itl: Range::new(), latency: Range::new() }
    }

    /// Adds a successful request of the measured phase.
    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts) {
        let at = &record.instants;
        let Some((first, last)) = at.first_token.zip(at.last_token) else {
            return;
        };
        let intervals = &record.intervals;
        let ttft = first.saturating_sub(at.issued);
        self.ttft.add(ttft, ttft.saturating_sub(intervals.first), ttft);
        let latency = last.saturating_sub(at.issued);
        self.latency.add(latency, latency.saturating_sub(intervals.last), latency);
        if let Some(gaps) = tokens.osl().filter(|osl| *osl >= 2) {
            let gaps = u64::from(gaps) - 1;
            let decode = last.saturating_sub(first);
            let least = decode.saturating_sub(intervals.last);
            self.itl.add(decode / gaps, least / gaps, (decode + intervals.first) / gaps);
        }
    }

    /// The figures of a run whose arrivals the kernel stamped; `None` without events.
    pub(super) fn figures(&self, shard: &Shard) -> Option<ArrivalFigures> {
        let counters = &shard.counters;
        if counters.events == 0 {
            return None;
        }
        let shifts = (self.ttft.shifts(tags::TIME_TO_FIRST_TOKEN.tag))
            .chain(self.itl.shifts(tags::INTER_TOKEN_LATENCY.tag))
            .chain(gap_shifts(shard))
            .chain(self.latency.shifts(tags::REQUEST_LATENCY.tag));
        Some(ArrivalFigures {
            wide_events: counters.wide_events,
            wide_share: counters.wide_events as f64 / counters.events as f64,
            widest_ms: counters.widest_interval as f64 / 1e6,
            possible_shifts: shifts.collect(),
        })
    }
}

/// Of the gaps between events, only the stamped ones are kept. Each wide interval is beside two gaps at most; of n
/// gaps, m that can have had any value move a percentile to that of a rank m further at most, and none moves by more
/// than the widest interval.
fn gap_shifts(shard: &Shard) -> impl Iterator<Item = PossibleShift> + use<> {
    let gaps = shard.histogram(HistogramId::InterChunkLatency);
    let widest = shard.counters.widest_interval;
    let unsure = 2.0 * shard.counters.wide_events as f64 / gaps.len().max(1) as f64;
    let any = !gaps.is_empty();
    PERCENTILES.into_iter().filter(move |_| any).map(move |(percentile, quantile)| {
        let at = |quantile: f64| gaps.value_at_quantile(quantile.clamp(0.0, 1.0));
        let stamped = at(quantile);
        let (mut least, mut most) = (stamped, stamped);
        if unsure > 0.0 {
            least = at(quantile - unsure).max(stamped.saturating_sub(widest));
            most = at(quantile + unsure).min(stamped.saturating_add(widest));
        }
        let tag = tags::INTER_CHUNK_LATENCY.tag;
        shift(tag, percentile, stamped, least, most)
    })
}

fn shift(tag: &'static str, percentile: &'static str, stamped: Nanos, least: Nanos, most: Nanos) -> PossibleShift {
    let apart = |a: Nanos, b: Nanos| a.saturating_sub(b) as f64 / 1e6;
    PossibleShift { tag, percentile, lower_by_ms: apart(stamped, least), higher_by_ms: apart(most, stamped) }
}

const PERCENTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;
    use crate::measure::TokenSource;
    use crate::record::Intervals;
    use crate::record::testing::streamed;

    fn shifts(figures: &ArrivalFigures, tag: &str) -> Vec<(f64, f64)> {
        let of_tag = figures.possible_shifts.iter().filter(|s| s.tag == tag);
        // Three significant digits of a value between 2 and 250 ms.
        let rounded = |ms: f64| (ms * 4.0).round() / 4.0;
        of_tag.map(|s| (rounded(s.lower_by_ms), rounded(s.higher_by_ms))).collect()
    }

    fn counted(osl: u32) -> TokenCounts {
        TokenCounts { output: Some(osl), reasoning: None, source: TokenSource::Usage, client: None }
    }

    #[test]
    fn each_percentile_moves_as_far_as_its_requests_can() {
        let mut shard = Shard::new();
        let mut possible = Possible::new();
        for k in 0..200 {
            let mut record = streamed(k, k * MILLI, 200 * MILLI, &[20 * MILLI; 10]);
            // A third of the requests is unsure of both ends, and is reported as slower than the rest.
            if k % 3 == 0 {
                record.instants.first_token = record.instants.first_token.map(|at| at + 40 * MILLI);
                record.instants.last_token = record.instants.last_token.map(|at| at + 40 * MILLI);
                record.intervals = Intervals { first: 40 * MILLI, last: 30 * MILLI, widest: 40 * MILLI, wide: 2 };
            }
            shard.record(&record);
            possible.add(&record, &counted(11));
        }
        let figures = possible.figures(&shard).unwrap();
        assert_eq!(figures.wide_events, 2 * 67);
        assert_eq!(figures.widest_ms, 40.0);
        assert_eq!(shifts(&figures, "time_to_first_token"), [(0.0, 0.0), (40.0, 0.0)]);
        // Ten gaps share what the first or the last token can have been off.
        assert_eq!(shifts(&figures, "inter_token_latency"), [(0.0, 0.0), (0.0, 4.0)]);
        assert_eq!(shifts(&figures, "request_latency"), [(0.0, 0.0), (30.0, 0.0)]);
    }

    #[test]
    fn sure_events_move_nothing_and_no_events_have_no_figures() {
        let (mut shard, mut possible) = (Shard::new(), Possible::new());
        assert!(possible.figures(&shard).is_none());
        let record = streamed(0, 5, 200 * MILLI, &[20 * MILLI; 10]);
        shard.record(&record);
        possible.add(&record, &counted(11));
        let figures = possible.figures(&shard).unwrap();
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
        let figures = Possible::new().figures(&shard).unwrap();
        // 100 of 1 000 gaps: ranks 400 and 600 of the median, 2 ms to either side; at the end of the scale less, above.
        let got = shifts(&figures, "inter_chunk_latency");
        assert_eq!(got, [(2.0, 2.0), (2.0, 0.25)]);
        shard.counters.widest_interval = MILLI;
        let figures = Possible::new().figures(&shard).unwrap();
        assert_eq!(shifts(&figures, "inter_chunk_latency")[0], (1.0, 1.0));
    }
}
