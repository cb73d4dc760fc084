//! How many requests were good, and by which objective the others were not.

use super::request::RequestMetrics;
use super::tags;
use crate::interned::Name;
use crate::plan::Slo;
use crate::record::Outcome;
use crate::statistics::Interval;
use crate::statistics::{LEVEL, wilson};
use serde::{Deserialize, Serialize};

/// Goodput against the SLOs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Goodput {
    /// Requests for which every SLO held.
    pub good: u64,
    /// `good` per second of the benchmark duration.
    pub goodput: f64,
    /// `good / (succeeded + failed)`.
    pub good_request_fraction: f64,
    /// Its 95 % interval (Wilson); absent when no request ended.
    pub interval: Option<Interval>,
    /// Per SLO: tag, threshold, and the share of finished requests for which it held.
    pub slos: Vec<SloFigures>,
}

/// The result of one SLO.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SloFigures {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// `<=` or `>=`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub op: Name,
    /// Threshold in the display unit.
    pub threshold: f64,
    /// Display unit of the bound.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// Finished requests for which it held.
    pub met: u64,
    /// `met / finished`.
    pub met_fraction: f64,
    /// Finished requests for which it did not hold.
    pub missed: u64,
    /// Of them those for which every other SLO held: this one alone made them not good.
    pub missed_alone: u64,
    /// The best value of any request, in `unit`; absent when none had one.
    pub best: Option<f64>,
}

/// Goodput by one tier.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TierFigures {
    /// Name of the tier.
    pub name: String,
    /// What it came to.
    #[serde(flatten)]
    pub goodput: Goodput,
}

/// Requests judged by one set of objectives.
#[derive(Debug, Default)]
pub(super) struct Judge {
    slos: Vec<Slo>,
    sums: JudgeSums,
}

/// What the requests came to by one set of objectives.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct JudgeSums {
    finished: u64,
    good: u64,
    /// By objective.
    held: Vec<Held>,
}

/// The result of one objective.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Held {
    more_is_better: bool,
    met: u64,
    /// Requests that had every other objective, and not this one.
    alone: u64,
    /// Nearest to the objective, or furthest beyond it.
    best: Option<f64>,
}

impl JudgeSums {
    /// Adds what other requests came to by the same objectives.
    pub(super) fn add(&mut self, other: &Self) {
        self.finished += other.finished;
        self.good += other.good;
        self.held.resize(self.held.len().max(other.held.len()), Held::default());
        for (mine, theirs) in self.held.iter_mut().zip(&other.held) {
            mine.more_is_better = theirs.more_is_better;
            mine.met += theirs.met;
            mine.alone += theirs.alone;
            theirs.best.into_iter().for_each(|value| mine.see(value));
        }
    }
}

impl Held {
    /// The objective has this value of a request.
    fn see(&mut self, value: f64) {
        let best = self.best.unwrap_or(value);
        self.best = Some(if self.more_is_better { best.max(value) } else { best.min(value) });
    }
}

impl Judge {
    pub(super) fn new(slos: Vec<Slo>) -> Self {
        let held = slos.iter().map(|slo| Held { more_is_better: more(slo), ..Held::default() }).collect();
        Self { slos, sums: JudgeSums { held, ..JudgeSums::default() } }
    }

    /// Of requests that have been judged by these objectives.
    pub(super) fn of_sums(slos: Vec<Slo>, sums: &JudgeSums) -> Self {
        let mut judge = Self::new(slos);
        judge.sums.add(sums);
        judge
    }

    /// What the requests came to by now.
    pub(super) fn sums(&self) -> JudgeSums {
        self.sums.clone()
    }

    pub(super) fn slos(&self) -> &[Slo] {
        &self.slos
    }

    /// Judges one request; one in flight at the end, or cancelled, is not judged.
    pub(super) fn add(&mut self, outcome: Outcome, metrics: &RequestMetrics) {
        if self.slos.is_empty() || !outcome.finished() {
            return;
        }
        let sums = &mut self.sums;
        sums.finished += 1;
        let mut missed = 0;
        let mut last_missed = 0;
        for (i, (slo, held)) in self.slos.iter().zip(&mut sums.held).enumerate() {
            if metrics.meets(slo) {
                held.met += 1;
            } else {
                missed += 1;
                last_missed = i;
            }
            if let Some(value) = value(metrics, slo) {
                held.see(value);
            }
        }
        match missed {
            0 => sums.good += 1,
            1 => sums.held[last_missed].alone += 1,
            _ => {}
        }
    }

    /// What it came to over so many seconds; `None` without objectives.
    pub(super) fn figures(&self, seconds: f64) -> Option<Goodput> {
        if self.slos.is_empty() {
            return None;
        }
        let sums = &self.sums;
        let share = |part: u64| match sums.finished {
            0 => 0.0,
            finished => part as f64 / finished as f64,
        };
        let slos = self.slos.iter().zip(&sums.held).filter_map(|(slo, held)| {
            let info = slo.info()?;
            Some(SloFigures {
                tag: info.tag,
                op: if info.larger_is_better { ">=" } else { "<=" },
                threshold: slo.threshold,
                unit: info.unit,
                met: held.met,
                met_fraction: share(held.met),
                missed: sums.finished - held.met,
                missed_alone: held.alone,
                best: held.best,
            })
        });
        Some(Goodput {
            good: sums.good,
            goodput: if seconds > 0.0 { sums.good as f64 / seconds } else { 0.0 },
            good_request_fraction: share(sums.good),
            interval: wilson(sums.good, sums.finished, LEVEL),
            slos: slos.collect(),
        })
    }
}

fn more(slo: &Slo) -> bool {
    slo.info().is_some_and(|info| info.larger_is_better)
}

/// The value of a request that an objective is compared with: of many gaps the largest.
fn value(metrics: &RequestMetrics, slo: &Slo) -> Option<f64> {
    if slo.tag == tags::INTER_CHUNK_LATENCY.tag {
        return metrics.inter_chunk_ms.iter().copied().reduce(f64::max);
    }
    metrics.value(slo.info()?)
}
