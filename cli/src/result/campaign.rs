//! What several runs leave for the report and the files.

use crate::flags::Degradation;
use crate::result::run::RunOutput;
use crate::result::search::SearchOutcome;
use ringload_engine::campaign::{self, Intervals, PointFigures, Spread, SweepSummary, spreads};
use ringload_engine::measure::Summary;
use ringload_engine::statistics::Interval;
use serde::Serialize;

/// Several runs seen together.
pub(crate) struct Campaign {
    /// The sweep points that were run at least once, in the order of the plan.
    pub(crate) points: Vec<SweepPointOutcome>,
    /// What the sweep shows; points by their place in `points`.
    pub(crate) sweep: SweepSummary,
    /// Confidence of the intervals.
    pub(crate) level: f64,
    /// 12 hexadecimal digits, where there are several points.
    pub(crate) sweep_id: Option<String>,
    /// What ended it early, if anything did.
    pub(crate) interrupted: Option<Interrupted>,
    /// What chose the points, where a search did.
    pub(crate) search: Option<SearchOutcome>,
    /// What makes a knee, where a recipe looks for one.
    pub(crate) degradation: Option<Degradation>,
}

/// A latency along the loads of a ramp, and where it leaves that of the lightest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DegradationKnee {
    /// Load and figure of each point that has one, lightest first.
    pub(crate) points: Vec<(f64, f64)>,
    /// The place in `points` of the first that is over the bound.
    pub(crate) knee: Option<usize>,
}

/// How several runs ended before all of them were made.
#[derive(Clone, Debug)]
pub(crate) struct Interrupted {
    /// A signal, or an error in words.
    pub(crate) why: String,
    /// What was not run.
    pub(crate) not_run: Vec<NotRun>,
}

/// A sweep point of which runs are missing.
#[derive(Clone, Debug)]
pub(crate) struct NotRun {
    /// How it is called.
    pub(crate) label: String,
    /// Flag and value of each axis.
    pub(crate) values: Vec<(String, String)>,
    /// How many runs of it are missing.
    pub(crate) runs: usize,
}

/// One sweep point and its repeats.
pub(crate) struct SweepPointOutcome {
    /// How it is called.
    pub(crate) label: String,
    /// Name of its folder.
    pub(crate) folder: String,
    /// Flag and value of each axis.
    pub(crate) values: Vec<(String, String)>,
    /// Its runs, in order.
    pub(crate) runs: Vec<RunOutput>,
    /// The figures of those runs that had a success.
    pub(crate) spreads: Vec<Spread>,
    /// Its figures in the sweep.
    pub(crate) figures: PointFigures,
    /// What came of `--convergence-metric`, where one was named.
    pub(crate) settling: Option<Settling>,
}

/// What came of `--convergence-metric` at a sweep point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Settling {
    /// Tag of the metric.
    pub(crate) metric: &'static str,
    /// Which of its statistics.
    pub(crate) statistic: &'static str,
    /// `ci_width`, `cv` or `distribution`.
    pub(crate) mode: &'static str,
    /// What `value` has to be under, or over with `distribution`.
    pub(crate) threshold: f64,
    /// Length of the interval over the mean, coefficient of variation, or p; absent where it does not exist.
    pub(crate) value: Option<f64>,
    /// Whether more repeats would have changed nothing.
    pub(crate) settled: bool,
    /// Repeats that were made.
    pub(crate) runs: usize,
    /// Repeats that were allowed.
    pub(crate) most_runs: usize,
}

impl Campaign {
    /// Of sweep points that were run.
    pub(crate) fn of_points(points: Vec<SweepPointOutcome>, level: f64, sweep_id: Option<String>) -> Self {
        let figures: Vec<PointFigures> = points.iter().map(|p| p.figures.clone()).collect();
        Self {
            sweep: campaign::summarize(&figures),
            points,
            level,
            sweep_id,
            interrupted: None,
            search: None,
            degradation: None,
        }
    }

    /// The knee that a recipe looks for; none where fewer than two points have the figure, or that of the lightest is
    /// 0.
    pub(crate) fn degradation_knee(&self) -> Option<(Degradation, DegradationKnee)> {
        let asked = self.degradation?;
        let figure = |point: &SweepPointOutcome| {
            let counts = !point.figures.invalid_by_client;
            Some((point.figures.axis.filter(|_| counts)?, point.spread(asked.metric, asked.stat)?.mean))
        };
        let mut points: Vec<(f64, f64)> = self.points.iter().filter_map(figure).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let baseline = points.first().filter(|_| points.len() > 1).map(|point| point.1).filter(|base| *base > 0.0)?;
        let bound = baseline * (1.0 + asked.share);
        let knee = points.iter().position(|(_, figure)| *figure > bound);
        Some((asked, DegradationKnee { points, knee }))
    }

    /// Every run.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &RunOutput> {
        self.points.iter().flat_map(|point| &point.runs)
    }

    /// Names and values of the axes, in order; empty where nothing was swept.
    pub(crate) fn axes(&self) -> Vec<(String, Vec<String>)> {
        let mut axes: Vec<(String, Vec<String>)> = Vec::new();
        for (flag, value) in self.points.iter().flat_map(|point| &point.values) {
            match axes.iter_mut().find(|(name, _)| name == flag) {
                Some((_, values)) if values.contains(value) => {}
                Some((_, values)) => values.push(value.clone()),
                None => axes.push((flag.clone(), vec![value.clone()])),
            }
        }
        axes
    }
}

impl SweepPointOutcome {
    /// Of the runs of one sweep point, which has its label for a folder.
    ///
    /// Only runs that may decide are in its figures; where none may, they are of all, and are excluded from
    /// comparisons.
    pub(crate) fn of(
        label: String,
        values: Vec<(String, String)>,
        runs: Vec<RunOutput>,
        level: f64,
        decides: impl Fn(&RunOutput) -> bool,
    ) -> Self {
        let valid = runs.iter().any(&decides);
        let counted = runs.iter().filter(|run| !valid || decides(run));
        let good: Vec<&Summary> =
            counted.map(|run| &run.outcome.summary).filter(|summary| summary.counts.succeeded > 0).collect();
        let spreads = spreads(&good, level);
        let mean = |tag: &str, stat: &str| {
            let found = spreads.iter().find(|s| (s.tag, s.stat) == (tag, stat));
            found.map(|s| s.mean)
        };
        let interval = |tag: &str, stat: &str| {
            let found = spreads.iter().find(|s| (s.tag, s.stat) == (tag, stat))?;
            match good[..] {
                [one] => within(one, tag, stat),
                _ => Some(Interval { low: found.ci_low, high: found.ci_high }),
            }
        };
        let axis = values.first().and_then(|(_, v)| v.parse().ok());
        let figures = PointFigures {
            axis,
            throughput: mean("request_throughput", "avg"),
            goodput: mean("goodput", "avg"),
            good_fraction: mean("good_request_fraction", "avg"),
            output_tokens: mean("output_token_throughput", "avg"),
            latency_p99: mean("request_latency", "p99"),
            invalid_by_client: !valid,
            intervals: Intervals {
                goodput: interval("goodput", "avg"),
                output_tokens: interval("output_token_throughput", "avg"),
                latency_p99: interval("request_latency", "p99"),
            },
        };
        Self { folder: label.clone(), label, values, runs, spreads, figures, settling: None }
    }

    /// Over how many runs the figures are, in words: runs that are INVALID by the client are left out where others are
    /// not.
    pub(crate) fn counted_runs(&self) -> String {
        let counted = self.spreads.iter().map(|spread| spread.runs).max().unwrap_or(0);
        match (counted, self.runs.len()) {
            (counted, all) if counted == all => format!("{all} runs"),
            (1, all) => format!("1 run of {all}: the others are INVALID by the client or without a success"),
            (counted, all) => {
                format!("{counted} runs of {all}: the others are INVALID by the client or without a success")
            }
        }
    }

    /// One figure over the repeats.
    pub(crate) fn spread(&self, tag: &str, stat: &str) -> Option<&Spread> {
        self.spreads.iter().find(|s| (s.tag, s.stat) == (tag, stat))
    }
}

/// The interval of a figure within its one run, where it has one.
fn within(summary: &Summary, tag: &str, stat: &str) -> Option<Interval> {
    let known = summary.confidence.as_ref()?;
    let rate = known.rates.iter().find(|rate| rate.tag == tag && stat == "avg").map(|rate| rate.interval);
    let percentile = || known.percentiles.iter().find(|p| p.tag == tag && p.statistic == stat).map(|p| p.interval);
    rate.or_else(percentile)
}
