//! What requests that have ended show, from the thread that keeps the records to the one that draws.

use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::measure::{TokenCounts, request_metrics};
use ringload_engine::plan::{Plan, Slo, metric};
use ringload_engine::record::{Outcome, PhaseKind, Record};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last requests. At most [`EACH_SECOND`] of a second are looked at, each so-and-so-many-th: the thread that keeps
/// the records has to keep up with the workers.
pub(crate) struct Samples {
    streaming: bool,
    slos: Vec<Slo>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    recent: VecDeque<Sample>,
    failures: BTreeMap<&'static str, u64>,
    /// The second under way, and how many have ended in it.
    current: (Nanos, u64),
    /// Of how many one is looked at.
    stride: u64,
}

/// A request that has ended. Times are in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) end: Nanos,
    pub(super) ttft: Option<f64>,
    pub(super) itl: Option<f64>,
    pub(super) latency: Option<f64>,
    /// How late it was issued.
    pub(super) dispatch_lag: f64,
    /// Its output events, and of them those that came anywhere in more than 0.1 ms: the client was late to read them.
    pub(super) events: (u32, u32),
    /// Whether it met every objective, where there are some.
    pub(super) good: Option<bool>,
}

impl Samples {
    /// None yet, of a run of this plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { streaming: plan.streaming, slos: plan.slos.clone(), kept: Mutex::default() }
    }

    /// A request has ended.
    pub(crate) fn see(&self, record: &Record) {
        if record.phase != PhaseKind::Profiling || record.outcome == Outcome::InFlight {
            return;
        }
        let mut kept = self.lock();
        if let Outcome::Failed(cause) = record.outcome {
            *kept.failures.entry(cause.name()).or_default() += 1;
        }
        if kept.is_looked_at(record.instants.end) {
            let sample = self.sample(record);
            kept.recent.push_back(sample);
            if kept.recent.len() > MOST_RECENT {
                kept.recent.pop_front();
            }
        }
    }

    /// Where nobody counts tokens while the run goes on, an output event is one.
    fn sample(&self, record: &Record) -> Sample {
        let mut left = Some(record.events);
        let counts = TokenCounts::of(record, Some(&mut |_| left.take().unwrap_or(0)));
        let metrics = request_metrics(record, &counts, self.streaming, &self.slos);
        let events = f64::from(record.events.max(2) - 1);
        let between = record.instants.first_token.zip(record.instants.last_token);
        let each = between.filter(|_| self.streaming && record.outcome == Outcome::Succeeded && record.events > 1);
        Sample {
            end: record.instants.end,
            ttft: metrics.value(&metric::TIME_TO_FIRST_TOKEN),
            itl: metrics
                .value(&metric::INTER_TOKEN_LATENCY)
                .or_else(|| each.map(|(first, last)| last.saturating_sub(first) as f64 / 1e6 / events)),
            latency: metrics.value(&metric::REQUEST_LATENCY),
            dispatch_lag: record.lags.dispatch as f64 / 1e6,
            events: (record.events, record.intervals.wide),
            good: metrics.good,
        }
    }

    /// Those that have ended since.
    pub(super) fn since(&self, then: Nanos) -> Vec<Sample> {
        self.lock().recent.iter().filter(|sample| sample.end >= then).copied().collect()
    }

    /// Causes of failures, the most frequent first.
    pub(super) fn failures(&self) -> Vec<(&'static str, u64)> {
        let mut failures: Vec<_> = self.lock().failures.iter().map(|(cause, n)| (*cause, *n)).collect();
        failures.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        failures
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_looked_at(&mut self, end: Nanos) -> bool {
        let second = end / SECOND;
        if second > self.current.0 {
            self.stride = self.current.1.div_ceil(EACH_SECOND);
            self.current = (second, 0);
        }
        self.current.1 += 1;
        self.current.1.is_multiple_of(self.stride.max(self.current.1 / EACH_SECOND).max(1))
    }
}

/// Requests of a second that are looked at, about.
const EACH_SECOND: u64 = 500;
/// A minute of them.
const MOST_RECENT: usize = 60 * EACH_SECOND as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn requests_of_a_flood_are_thinned_out_and_failures_are_all_counted() {
        let samples = Samples::new(&sample::outcome().plan);
        let [(one, _), _] = sample::records();
        for k in 0..40_000_u64 {
            let mut record = one.clone();
            // Ten thousand a second, of which one in a hundred fails.
            record.instants.end = SECOND + k * SECOND / 10_000;
            if k % 100 == 0 {
                record.outcome = Outcome::Failed(ringload_engine::record::Cause::Reset);
            }
            samples.see(&record);
        }
        assert_eq!(samples.failures(), [("reset", 400)]);
        for second in 2..5 {
            let of = samples.since(second * SECOND).iter().filter(|s| s.end < (second + 1) * SECOND).count() as u64;
            assert!((EACH_SECOND / 2..=EACH_SECOND + 1).contains(&of), "{of} in second {second}");
        }
        assert!(samples.since(6 * SECOND).is_empty());
    }
}
