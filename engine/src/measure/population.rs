//! The requests of one phase, summed: a column of exact values for each metric.

use super::arrived::Arrived;
use super::concurrency::InFlight;
use super::facts::RunFacts;
use super::gaps::Gaps;
use super::goodput::Judge;
use super::network::{Handshakes, NetworkFigures};
use super::rate::Arrivals;
use super::shard::Shard;
use super::span::Span;
use super::summary::{Goodput, Metric, RequestMetrics, Stats, TAILS};
use super::tags::{self, MetricInfo};
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::plan::Slo;
use crate::record::{Outcome, Record};
use crate::statistics::percentile_of_sorted;

/// The requests of one phase. Memory: 8 bytes a value, some 40 values a request, and 8 bytes a gap up to the limit.
#[derive(Debug, Default)]
pub(super) struct Population {
    /// By place in the table.
    columns: Vec<Vec<f64>>,
    gaps: Gaps,
    judge: Judge,
    pub(super) outcomes: Outcomes,
    pub(super) arrivals: Arrivals,
    in_flight: InFlight,
    span: Span,
    /// Seconds to divide by, instead of those of the span.
    window_s: Option<f64>,
    arrived: Arrived,
    osl_compared: u64,
    osl_mismatches: u64,
    usage_compared: u64,
    usage_discrepancies: u64,
    handshakes: Handshakes,
}

/// How the recorded requests came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcomes {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) in_flight: u64,
    pub(super) cancelled: u64,
}

impl Outcomes {
    pub(super) fn finished(self) -> u64 {
        self.succeeded + self.failed
    }
}

impl Population {
    pub(super) fn new(slos: Vec<Slo>, exact_gaps: usize) -> Self {
        Self {
            columns: vec![Vec::new(); tags::TABLE.len()],
            gaps: Gaps::new(exact_gaps),
            judge: Judge::new(slos),
            ..Self::default()
        }
    }

    pub(super) fn slos(&self) -> &[Slo] {
        self.judge.slos()
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics, streaming: bool) {
        let at = &record.instants;
        self.arrivals.add(at.scheduled, at.issued);
        self.in_flight.add(at.issued, at.end);
        self.span.add(record);
        self.arrived.add(record, tokens);
        match record.outcome {
            Outcome::Succeeded => {
                self.outcomes.succeeded += 1;
                if streaming {
                    self.gaps.add(&record.gaps);
                }
                self.compare_lengths(record, tokens, metrics);
                self.handshakes.add(record);
            }
            Outcome::Failed(_) => self.outcomes.failed += 1,
            Outcome::InFlight => self.outcomes.in_flight += 1,
            Outcome::Cancelled => self.outcomes.cancelled += 1,
        }
        self.add_values(metrics);
        self.judge.add(record.outcome, metrics);
    }

    /// Values come in table order: one walk over the table finds their columns.
    fn add_values(&mut self, metrics: &RequestMetrics) {
        let mut places = tags::TABLE.iter().zip(&mut self.columns);
        for (info, value) in &metrics.values {
            let place = places.find(|(other, _)| std::ptr::eq(**other, *info));
            debug_assert!(place.is_some(), "{} is out of order", info.tag);
            if let Some((_, column)) = place {
                column.push(*value);
            }
        }
    }

    fn compare_lengths(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics) {
        if let Some((osl, requested)) = tokens.osl().zip(record.requested_osl.filter(|n| *n > 0)) {
            let allowed = (f64::from(requested) * OSL_TOLERANCE).min(OSL_TOLERANCE_TOKENS);
            self.osl_compared += 1;
            self.osl_mismatches += u64::from(f64::from(osl.abs_diff(requested)) > allowed);
        }
        let differences = [
            metrics.value(&tags::USAGE_PROMPT_TOKENS_DIFF_PCT),
            metrics.value(&tags::USAGE_COMPLETION_TOKENS_DIFF_PCT),
        ];
        if differences.iter().any(Option::is_some) {
            let far = differences.iter().flatten().any(|pct| *pct > USAGE_TOLERANCE_PCT);
            self.usage_compared += 1;
            self.usage_discrepancies += u64::from(far);
        }
    }

    /// What the network was like for these requests. Before [`metrics`](Self::metrics), which sorts the columns.
    pub(super) fn network(&mut self, shard: &Shard, facts: &RunFacts) -> NetworkFigures {
        let handshakes = std::mem::take(&mut self.handshakes);
        NetworkFigures::of(facts.targets.clone(), shard, handshakes, &self.columns)
    }

    /// The benchmark duration of [`Span`], in seconds; or the window that [`Self::last_for`] named.
    pub(super) fn duration_s(&self) -> f64 {
        self.window_s.unwrap_or_else(|| self.span.seconds())
    }

    /// When the load was on, and what was served in it.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The load ended then: what failed or was cut off later does not stretch the benchmark duration.
    pub(super) fn load_ended(&mut self, at: Nanos) {
        self.span.load_end = at;
    }

    /// Makes rates of a window of so many seconds, whenever the requests ended.
    pub(super) fn last_for(&mut self, seconds: f64) {
        self.window_s = Some(seconds);
    }

    /// Keeps gaps as a histogram from now on, those that were kept too.
    pub(super) fn round_gaps(&mut self) {
        self.gaps.round();
    }

    /// Goodput, where there are SLOs.
    pub(super) fn goodput(&self) -> Option<Goodput> {
        self.judge.figures(self.duration_s())
    }

    /// All metrics, in table order.
    pub(super) fn metrics(&mut self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for (info, column) in tags::TABLE.iter().copied().zip(&mut self.columns) {
            if info.tag == tags::INTER_CHUNK_LATENCY.tag {
                metrics.extend(self.gaps.metric());
            } else if let Some(stats) = Stats::of(column) {
                metrics.push(Metric {
                    info,
                    avg: stats.mean(),
                    stats: Some(stats),
                    tails: Some(TAILS.map(|share| percentile_of_sorted(column, share))),
                    exact: true,
                });
            }
        }
        let single = self.single_values(&metrics);
        metrics.extend(single);
        if let Some((stats, avg)) = self.in_flight.stats() {
            metrics.push(Metric {
                info: &tags::EFFECTIVE_CONCURRENCY,
                avg,
                stats: Some(stats),
                tails: None,
                exact: true,
            });
        }
        metrics
    }

    /// The metrics of one value a run, in table order.
    fn single_values(&self, metrics: &[Metric]) -> impl Iterator<Item = Metric> + use<> {
        let sum = |info: &MetricInfo| -> Option<f64> {
            let metric = metrics.iter().find(|metric| metric.info.tag == info.tag)?;
            metric.stats.map(|stats| stats.sum)
        };
        let count = |n: u64| n as f64;
        let some = |n: u64| (n > 0).then(|| count(n));
        let duration = Some(self.duration_s()).filter(|s| *s > 0.0);
        // A slice counts its output by arrival itself.
        let arrived = self.arrived.tokens().filter(|_| self.window_s.is_none());
        let arrived_for = self.span.seconds_with_output(self.arrived.last_output);
        let per_second = |amount: Option<f64>| amount.zip(duration).map(|(amount, s)| amount / s);
        let Outcomes { succeeded, failed, .. } = self.outcomes;
        let finished = some(self.outcomes.finished());
        // In a slice without a success none a second is a figure; a run without one has no duration to divide by.
        let served = some(succeeded).or_else(|| self.window_s.map(|_| 0.0));
        let goodput = self.goodput();
        let (isl, osl) = (sum(&tags::INPUT_SEQUENCE_LENGTH), sum(&tags::OUTPUT_SEQUENCE_LENGTH));
        let prompt = sum(&tags::USAGE_PROMPT_TOKENS);
        let cached = sum(&tags::USAGE_PROMPT_CACHE_READ_TOKENS);
        let error_isl = sum(&tags::ERROR_ISL);
        [
            (&tags::BENCHMARK_DURATION, duration),
            (&tags::REQUEST_THROUGHPUT, per_second(served)),
            (&tags::REQUEST_COUNT, Some(count(succeeded))),
            (&tags::ERROR_REQUEST_COUNT, some(failed)),
            (&tags::COMPLETED_REQUEST_COUNT, finished),
            (&tags::REQUEST_ERROR_RATE, finished.map(|all| 100.0 * count(failed) / all)),
            (&tags::GOODPUT, goodput.as_ref().map(|g| g.goodput)),
            (&tags::GOOD_REQUEST_COUNT, goodput.as_ref().map(|g| count(g.good))),
            (&tags::GOOD_REQUEST_FRACTION, goodput.as_ref().map(|g| g.good_request_fraction)),
            (&tags::OUTPUT_TOKEN_THROUGHPUT, per_second(osl)),
            (&tags::INPUT_TOKEN_THROUGHPUT, per_second(isl)),
            (&tags::TOTAL_TOKEN_THROUGHPUT, per_second(isl.zip(osl).map(|(isl, osl)| isl + osl))),
            (&tags::ARRIVED_OUTPUT_TOKENS, arrived),
            (&tags::ARRIVED_OUTPUT_TOKEN_THROUGHPUT, arrived.filter(|_| arrived_for > 0.0).map(|n| n / arrived_for)),
            (&tags::TOTAL_ISL, isl),
            (&tags::TOTAL_OSL, osl),
            (&tags::TOTAL_OUTPUT_TOKENS, sum(&tags::OUTPUT_TOKEN_COUNT)),
            (&tags::TOTAL_REASONING_TOKENS, sum(&tags::REASONING_TOKEN_COUNT)),
            (&tags::TOTAL_ERROR_ISL, error_isl),
            (&tags::OSL_MISMATCH_COUNT, some(self.osl_compared).map(|_| count(self.osl_mismatches))),
            (&tags::TOTAL_USAGE_PROMPT_TOKENS, prompt),
            (&tags::TOTAL_USAGE_COMPLETION_TOKENS, sum(&tags::USAGE_COMPLETION_TOKENS)),
            (&tags::TOTAL_USAGE_TOTAL_TOKENS, sum(&tags::USAGE_TOTAL_TOKENS)),
            (&tags::TOTAL_USAGE_REASONING_TOKENS, sum(&tags::USAGE_REASONING_TOKENS)),
            (&tags::TOTAL_USAGE_PROMPT_CACHE_READ_TOKENS, cached),
            (&tags::TOTAL_USAGE_PROMPT_CACHE_WRITE_TOKENS, sum(&tags::USAGE_PROMPT_CACHE_WRITE_TOKENS)),
            (
                &tags::OVERALL_USAGE_PROMPT_CACHE_READ_PCT,
                cached.zip(prompt.filter(|n| *n > 0.0)).map(|(cached, prompt)| 100.0 * cached / prompt),
            ),
            (&tags::USAGE_DISCREPANCY_COUNT, some(self.usage_compared).map(|_| count(self.usage_discrepancies))),
        ]
        .into_iter()
        .filter_map(|(info, value)| Some(Metric { info, avg: value?, stats: None, tails: None, exact: true }))
    }
}

/// AIPerf's bounds of `osl_mismatch_count`: the lesser of 5 % of the requested length and 50 tokens.
const OSL_TOLERANCE: f64 = 0.05;
const OSL_TOLERANCE_TOKENS: f64 = 50.0;
/// AIPerf's bound of `usage_discrepancy_count`.
const USAGE_TOLERANCE_PCT: f64 = 10.0;
