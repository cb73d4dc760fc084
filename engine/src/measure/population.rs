//! The requests of one phase, summed: the exact values of each metric.

mod of_run;
mod sums;

pub(super) use sums::PopulationSums;

use super::arrivals::PossibleShift;
use super::arrived::Arrived;
use super::basis::{Basis, State};
use super::by_connection::ByConnection;
use super::client_share::{ClientShare, GapBounds, Judged, Movers, Others};
use super::curve::Curves;
use super::evaluation::{Beside, Evaluation};
use super::facts::RunFacts;
use super::gaps::Gaps;
use super::goodput::Goodput;
use super::goodput::Judge;
use super::network::{Handshakes, NetworkFigures, PhaseFigures};
use super::path::PathTally;
use super::rate::Arrivals;
use super::request::RequestMetrics;
use super::requests::Requests;
use super::shard::Shard;
use super::span::Span;
use super::summary::Metric;
use super::tags;
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::plan::Slo;
use crate::record::{Outcome, Record};
use serde::{Deserialize, Serialize};

/// The requests of one phase. Memory: that of [`Requests`], and 4 bytes a gap up to the limit; while metrics are made,
/// 16 bytes a request more, and no less than 64 MiB.
#[derive(Debug, Default)]
pub(super) struct Population {
    requests: Requests,
    streaming: bool,
    /// Successful requests that made their connection.
    on_new_connections: u64,
    gaps: Gaps,
    gap_bounds: GapBounds,
    scratch: Vec<Nanos>,
    judge: Judge,
    pub(super) outcomes: Outcomes,
    pub(super) arrivals: Arrivals,
    span: Span,
    /// Seconds to divide by, instead of those of the span.
    window_s: Option<f64>,
    arrived: Arrived,
    osl_compared: u64,
    osl_mismatches: u64,
    usage_compared: u64,
    usage_discrepancies: u64,
    handshakes: Handshakes,
    path_tally: PathTally,
    /// A server said how long it took.
    timed: bool,
    /// The requests are summed up, and not here.
    summed: Option<PopulationSums>,
}

/// Counts of the recorded requests by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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

    fn add(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.in_flight += other.in_flight;
        self.cancelled += other.cancelled;
    }
}

/// The metrics of a phase, and what else is known of their values.
pub(super) struct JudgedMetrics {
    pub(super) metrics: Vec<Metric>,
    /// What the client can have made of them.
    pub(super) shares: Vec<ClientShare>,
    pub(super) curves: Curves,
    /// The phases of requests on new and on kept connections.
    pub(super) phases: Vec<PhaseFigures>,
}

impl Population {
    /// No requests yet; `streaming` is the plan's.
    pub(super) fn new(slos: Vec<Slo>, exact_gaps: usize, streaming: bool) -> Self {
        Self { streaming, gaps: Gaps::new(exact_gaps), judge: Judge::new(slos), ..Self::default() }
    }

    pub(super) fn slos(&self) -> &[Slo] {
        self.judge.slos()
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics) {
        let at = &record.instants;
        self.arrivals.add(at.scheduled, at.issued);
        self.span.add(record);
        self.arrived.add(record, tokens);
        match record.outcome {
            Outcome::Succeeded => {
                self.outcomes.succeeded += 1;
                if self.streaming {
                    self.gaps.add(&record.gaps);
                    self.gap_bounds.add(record, &mut self.scratch);
                }
                self.compare_lengths(record, tokens, metrics);
                self.handshakes.add(record);
            }
            Outcome::Failed(_) => self.outcomes.failed += 1,
            Outcome::InFlight => self.outcomes.in_flight += 1,
            Outcome::Cancelled => self.outcomes.cancelled += 1,
        }
        self.path_tally.add(record, tokens, self.streaming);
        self.timed |= record.timings.is_some();
        let basis = Basis::of(record, tokens);
        let made = basis.state == State::Succeeded && basis.phases.tcp > 0;
        self.on_new_connections += u64::from(made);
        self.requests.add(&basis);
        self.judge.add(record.outcome, metrics);
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

    /// What the network was like for these requests, whose phases these are.
    pub(super) fn network(&mut self, shard: &Shard, facts: &RunFacts, phases: Vec<PhaseFigures>) -> NetworkFigures {
        let handshakes = std::mem::take(&mut self.handshakes);
        let handshakes = self.summed.as_ref().map_or_else(|| handshakes.stats(), PopulationSums::handshakes);
        NetworkFigures::of(facts.targets.clone(), shard, handshakes, phases, &self.path_tally)
    }

    /// The requests, in the order in which they were added.
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
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
        self.metrics_with(&mut Beside::nothing())
    }

    /// All metrics, in table order, and what else is known of them. `gaps` are the shifts of percentiles of gaps, where
    /// late reads are the client's to answer for.
    pub(super) fn judged_metrics(
        &mut self,
        movers: Movers,
        gaps: Option<&[PossibleShift]>,
        curves: Curves,
    ) -> JudgedMetrics {
        let new = self.on_new_connections;
        let by_connection = ByConnection::new(Some([new, self.outcomes.succeeded - new]));
        let mut beside = Beside { movers, curves, by_connection };
        let metrics = self.metrics_with(&mut beside);
        let Beside { movers, curves, by_connection } = beside;
        let of_goodput = self.goodput_shares(&movers);
        let mut shares = movers.finish();
        let of_gaps = metrics.iter().find(|metric| metric.info.tag == tags::INTER_CHUNK_LATENCY.tag);
        if let (Some(metric), Some(gaps)) = (of_gaps, gaps) {
            shares.extend(self.gap_bounds.shares(metric, gaps));
        }
        shares.extend(of_goodput);
        JudgedMetrics { metrics, shares, curves, phases: by_connection.finish() }
    }

    /// What the client can have made of goodput.
    fn goodput_shares(&self, movers: &Movers) -> Vec<ClientShare> {
        let Some((mut judged, goodput)) = Judged::new(self.slos(), self.streaming).zip(self.goodput()) else {
            return Vec::new();
        };
        let mut room = Others::default();
        self.requests.each(|request| {
            if let Some(others) = movers.others(request, &mut room) {
                judged.add(request, others);
            }
        });
        judged.shares(&goodput, self.outcomes.finished(), self.duration_s())
    }

    fn metrics_with(&mut self, beside: &mut Beside) -> Vec<Metric> {
        if let Some(sums) = &self.summed {
            let mut metrics = sums.metrics(&mut beside.curves);
            metrics.extend(self.single_values(&metrics));
            return metrics;
        }
        let all = Evaluation { requests: &self.requests, streaming: self.streaming, timed: self.timed };
        let [mut metrics, together] = all.metrics(&mut self.gaps, beside);
        let single = self.single_values(&metrics);
        metrics.extend(single);
        metrics.extend(together);
        metrics
    }
}

/// AIPerf's bounds of `osl_mismatch_count`: the lesser of 5 % of the requested length and 50 tokens.
const OSL_TOLERANCE: f64 = 0.05;
const OSL_TOLERANCE_TOKENS: f64 = 50.0;
/// AIPerf's bound of `usage_discrepancy_count`.
const USAGE_TOLERANCE_PCT: f64 = 10.0;
