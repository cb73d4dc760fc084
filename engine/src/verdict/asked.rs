//! The figures that a run was made for.

use crate::measure::{Metric, Summary};
use crate::plan::{MetricInfo, Plan, Statistic, metric as tags};

/// The figures that a run was made for: those of its objectives and of its conditions, else the time to the first
/// token, the time between tokens, the latency and the rates. In an open loop these are also asked for as felt from the
/// schedule, by mean and median: further out they are the client's on every machine that does something else for a
/// moment, and are marked instead.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<Figure>);

/// One of them.
#[derive(Debug, PartialEq)]
struct Figure {
    tag: &'static str,
    statistic: Statistic,
    /// What it is held against, in its display unit.
    bounds: Vec<f64>,
}

impl Asked {
    /// Of a plan. A figure that the run does not have, or not from enough values, is not among them.
    pub(super) fn of(plan: &Plan, summary: &Summary) -> Self {
        let mut asked = Self::default();
        let tiers = plan.tiers.iter().flat_map(|tier| &tier.slos);
        for slo in plan.slos.iter().chain(tiers) {
            asked.add_metric(summary, slo.tag, Some(slo.threshold));
        }
        if !asked.0.is_empty() {
            asked.add(summary, tags::GOOD_REQUEST_FRACTION.tag, Statistic::Value, None);
        }
        for threshold in &plan.thresholds {
            // What a tier is held against is not of the figure that is printed by this name.
            let bound = threshold.tier.is_none().then_some(threshold.bound);
            asked.add(summary, threshold.tag, threshold.statistic, bound);
        }
        if plan.slos.is_empty() && plan.tiers.is_empty() && plan.thresholds.is_empty() {
            for info in LATENCIES.iter().chain(&RATES) {
                asked.add_metric(summary, info.tag, None);
            }
            let felt = FELT.iter().filter(|_| plan.profiling.load.is_scheduled());
            for (info, statistic) in felt.flat_map(|info| [Statistic::Avg, Statistic::P50].map(|s| (info, s))) {
                asked.add(summary, info.tag, statistic, None);
            }
        }
        asked
    }

    /// What a metric is read by, each with its bound.
    fn add_metric(&mut self, summary: &Summary, tag: &'static str, bound: Option<f64>) {
        let of_requests = tags::find(tag).is_some_and(|info| info.per_request);
        let statistics: &[Statistic] = if of_requests { &READ } else { &[Statistic::Value] };
        for statistic in statistics {
            self.add(summary, tag, *statistic, bound);
        }
    }

    fn add(&mut self, summary: &Summary, tag: &'static str, statistic: Statistic, bound: Option<f64>) {
        let enough = |metric: &Metric| {
            let values = metric.stats.map_or(u64::MAX, |stats| stats.count);
            metric.has_enough_for(statistic) && (statistic != Statistic::P90 || values >= 10)
        };
        if !summary.metric(tag).is_some_and(enough) && bound.is_none() {
            return;
        }
        let same = |f: &&mut Figure| f.tag == tag && f.statistic == statistic;
        match self.0.iter_mut().find(same) {
            Some(figure) => figure.bounds.extend(bound),
            None => self.0.push(Figure { tag, statistic, bounds: bound.into_iter().collect() }),
        }
    }

    /// Whether a figure is one of them.
    pub(super) fn holds(&self, tag: &str, statistic: Statistic) -> bool {
        self.figure(tag, statistic).is_some()
    }

    /// Whether any figure of a metric is one of them.
    pub(super) fn holds_metric(&self, tag: &str) -> bool {
        self.0.iter().any(|figure| figure.tag == tag)
    }

    /// Whether a figure that can be lower by so much, and higher by so much, can be on the other side of a bound.
    pub(super) fn is_decided_by(
        &self,
        tag: &str,
        statistic: Statistic,
        value: f64,
        lower_by: f64,
        higher_by: f64,
    ) -> bool {
        self.figure(tag, statistic).is_some_and(|figure| {
            let other = |bound: f64| if value > bound { value - lower_by } else { value + higher_by };
            figure.bounds.iter().any(|bound| (other(*bound) > *bound) != (value > *bound))
        })
    }

    fn figure(&self, tag: &str, statistic: Statistic) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.tag == tag && figure.statistic == statistic)
    }
}

/// What a distribution is read by.
const READ: [Statistic; 4] = [Statistic::Avg, Statistic::P50, Statistic::P90, Statistic::P99];

static LATENCIES: [&MetricInfo; 3] = [&tags::TIME_TO_FIRST_TOKEN, &tags::INTER_TOKEN_LATENCY, &tags::REQUEST_LATENCY];
static FELT: [&MetricInfo; 2] = [&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, &tags::RESPONSE_TIME];
static RATES: [&MetricInfo; 2] = [&tags::REQUEST_THROUGHPUT, &tags::OUTPUT_TOKEN_THROUGHPUT];
