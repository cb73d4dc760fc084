//! The requests of one phase summed up, so that those of several processes can be added.

use super::{Outcomes, Population};
use crate::clock::Nanos;
use crate::measure::arrived::Arrived;
use crate::measure::curve::Curves;
use crate::measure::goodput::{Judge, JudgeSums};
use crate::measure::network::HandshakeSums;
use crate::measure::path::PathTally;
use crate::measure::rate::Arrivals;
use crate::measure::request::{METRICS, OF_SERVERS};
use crate::measure::span::Span;
use crate::measure::stats::Stats;
use crate::measure::summary::Metric;
use crate::measure::tags::{self, MetricInfo};
use crate::measure::value_sums::ValueSums;
use crate::plan::Slo;
use serde::{Deserialize, Serialize};

/// What can be added up of the requests of several processes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(in crate::measure) struct PopulationSums {
    /// By [`METRICS`] and [`OF_SERVERS`].
    values: Vec<ValueSums>,
    gaps: ValueSums,
    on_new_connections: u64,
    judge: JudgeSums,
    outcomes: Outcomes,
    arrivals: Arrivals,
    span: Span,
    arrived: Arrived,
    osl_compared: u64,
    osl_mismatches: u64,
    usage_compared: u64,
    usage_discrepancies: u64,
    handshakes: HandshakeSums,
    path: PathTally,
}

impl Population {
    /// Requests that are summed up; `slos` and `streaming` are the plan's.
    pub(in crate::measure) fn of_sums(sums: PopulationSums, slos: Vec<Slo>, streaming: bool) -> Self {
        Self {
            streaming,
            judge: Judge::of_sums(slos, &sums.judge),
            on_new_connections: sums.on_new_connections,
            outcomes: sums.outcomes,
            arrivals: sums.arrivals,
            span: sums.span,
            arrived: sums.arrived,
            osl_compared: sums.osl_compared,
            osl_mismatches: sums.osl_mismatches,
            usage_compared: sums.usage_compared,
            usage_discrepancies: sums.usage_discrepancies,
            path_tally: sums.path.clone(),
            summed: Some(sums),
            ..Self::default()
        }
    }

    /// The requests summed up.
    pub(in crate::measure) fn sums(&self) -> PopulationSums {
        let mut values = vec![ValueSums::default(); METRICS.len() + OF_SERVERS.len()];
        self.requests.each(|request| {
            for (metric, values) in METRICS.iter().chain(&OF_SERVERS).zip(&mut values) {
                if let Some(value) = metric.value(request, self.streaming) {
                    values.put(value, 1, parts(metric.info));
                }
            }
        });
        let mut gaps = ValueSums::default();
        self.gaps.each(|gap, times| gaps.put(gap, times, parts(&tags::INTER_CHUNK_LATENCY)));
        PopulationSums {
            values,
            gaps,
            on_new_connections: self.on_new_connections,
            judge: self.judge.sums(),
            outcomes: self.outcomes,
            arrivals: self.arrivals,
            span: self.span,
            arrived: self.arrived,
            osl_compared: self.osl_compared,
            osl_mismatches: self.osl_mismatches,
            usage_compared: self.usage_compared,
            usage_discrepancies: self.usage_discrepancies,
            handshakes: self.handshakes.sums(),
            path: self.path_tally.clone(),
        }
    }
}

impl PopulationSums {
    /// Adds those of other requests.
    pub(in crate::measure) fn add(&mut self, other: &Self) {
        self.values.resize(self.values.len().max(other.values.len()), ValueSums::default());
        self.values.iter_mut().zip(&other.values).for_each(|(mine, theirs)| mine.add(theirs));
        self.gaps.add(&other.gaps);
        self.on_new_connections += other.on_new_connections;
        self.judge.add(&other.judge);
        self.outcomes.add(other.outcomes);
        self.arrivals.merge(&other.arrivals);
        self.span.merge(&other.span);
        self.arrived.merge(&other.arrived);
        self.osl_compared += other.osl_compared;
        self.osl_mismatches += other.osl_mismatches;
        self.usage_compared += other.usage_compared;
        self.usage_discrepancies += other.usage_discrepancies;
        self.handshakes.add(&other.handshakes);
        self.path.merge(&other.path);
    }

    /// Moves their instants to another clock.
    pub(in crate::measure) fn shift(&mut self, by: &dyn Fn(Nanos) -> Nanos) {
        self.arrivals.shift(by);
        self.span.shift(by);
        self.arrived.shift(by);
    }

    /// The times of full TLS handshakes and of resumed ones.
    pub(super) fn handshakes(&self) -> [Option<Stats>; 2] {
        self.handshakes.stats()
    }

    /// The metrics of which each request has values.
    pub(super) fn metrics(&self, curves: &mut Curves) -> Vec<Metric> {
        let all = METRICS.iter().chain(&OF_SERVERS).map(|metric| metric.info).zip(&self.values);
        let gaps = [(&tags::INTER_CHUNK_LATENCY, &self.gaps)];
        let mut metrics = Vec::new();
        for (info, values) in gaps.into_iter().chain(all) {
            let Some((stats, tails, curve)) = values.stats(parts(info), &curves.shares(info)) else { continue };
            if !curve.is_empty() {
                curves.put(info, curve);
            }
            metrics.push(Metric { info, avg: stats.mean(), stats: Some(stats), tails: Some(tails), exact: false });
        }
        metrics.sort_by_key(|metric| tags::place(metric.info));
        metrics
    }
}

/// Parts of the unit of a metric that histograms tell apart near 0: whole numbers are kept as they are.
fn parts(info: &MetricInfo) -> f64 {
    if matches!(info.unit, "tokens" | "count") { 1.0 } else { 1e6 }
}
