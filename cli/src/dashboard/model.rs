//! What is shown of a run, from what it was seen to have done by now. No clock is read here, and nothing is drawn.

use super::samples::Sample;
use super::{Facts, ServerNow};
use crate::live::progress::{Figures, Pace};
use ringload_engine::clock::{Nanos, SECOND};
use std::collections::VecDeque;
use std::time::Duration;

/// The state of a run at an instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// Since the dashboard began.
    pub(super) now: Duration,
    pub(super) figures: Figures,
    /// Of each member of a fleet, by its rank.
    pub(super) members: Vec<Figures>,
    pub(super) server: ServerNow,
    /// Share of the time in which the busiest of the workers' cores was not idle.
    pub(super) busiest: Option<f64>,
    /// How often it was asked to stop.
    pub(super) stops: u8,
    pub(super) failures: Vec<(&'static str, u64)>,
    /// Requests that have ended within the window.
    pub(super) recent: Vec<Sample>,
}

/// Percentiles of the recent requests, of one metric.
pub(super) type Row = Option<Vec<f64>>;

/// A figure over time, a value a second; `None` where there was none.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(VecDeque<Option<f64>>);

/// What is drawn.
#[derive(Default)]
pub(super) struct Model {
    pace: Pace,
    /// When the measured phase was first seen.
    measured_at: Option<Duration>,
    /// The last second that is in the series, and the sums at its end.
    second: (u64, Figures),
    /// Percentiles that are shown: which of the sets.
    set: usize,
    sets: Vec<Vec<f64>>,
    pub(super) latest: Snapshot,
    pub(super) paused: bool,
    /// Share of the recent output events that the client was late to read.
    pub(super) late: Option<f64>,
    /// Dispatch lag in ms: the 99th percentile of the recent requests.
    pub(super) dispatch_lag: Option<f64>,
    /// Share of what the cores can do at most.
    pub(super) ceiling: Option<f64>,
    pub(super) ttft: Row,
    pub(super) itl: Row,
    pub(super) latency: Row,
    /// Share of the recent requests that met every objective.
    pub(super) good: Option<f64>,
    pub(super) over_time: OverTime,
}

/// What is drawn over time.
#[derive(Clone, Debug, Default)]
pub(super) struct OverTime {
    pub(super) requests: Series,
    pub(super) events: Series,
    /// Medians, in ms.
    pub(super) ttft: Series,
    pub(super) itl: Series,
    pub(super) latency: Series,
    pub(super) good: Series,
    pub(super) waiting: Series,
}

impl Model {
    /// Before the first snapshot; `first` are the percentiles that the user asked for.
    pub(super) fn new(first: Vec<f64>) -> Self {
        let others = [vec![50.0, 90.0, 99.0], vec![50.0, 95.0, 99.9], vec![5.0, 25.0, 50.0, 75.0]];
        let others = others.into_iter().filter(|set| *set != first);
        Self { sets: std::iter::once(first.clone()).chain(others).collect(), ..Self::default() }
    }

    /// The percentiles that are shown.
    pub(super) fn percentiles(&self) -> &[f64] {
        &self.sets[self.set % self.sets.len()]
    }

    /// After two seconds of a run of 1 000 requests in a closed loop, with something of everything.
    #[cfg(test)]
    pub(super) fn sample(facts: &Facts, stops: u8) -> Self {
        let mut model = Self::new(vec![50.0, 90.0, 99.0]);
        for second in 0..=2 {
            let figures = Figures {
                done: 370 * second / 2,
                issued: 64,
                failed: 3,
                events: 24_000 * second,
                in_flight: 64,
                ..Figures::default()
            };
            model.update(Snapshot { now: Duration::from_secs(second), figures, stops, ..Snapshot::default() }, facts);
        }
        model.latest.failures = vec![("reset", 2), ("http_5xx", 1)];
        model.latest.server = ServerNow { running: Some(48.0), waiting: Some(16.0), kv_use: Some(0.314) };
        model.latest.busiest = Some(0.912);
        let member = |done, in_flight| Figures { done, in_flight, ..Figures::default() };
        model.latest.members = vec![member(190, 32), member(180, 32)];
        let over_time = OverTime {
            requests: Series::of([90.0, 95.0, 93.5]),
            ttft: Series::of((0..300).map(|k| 50.0 + f64::from(k % 7))),
            ..OverTime::default()
        };
        Self {
            ttft: Some(vec![50.1, 54.0, 1_060.31]),
            itl: Some(vec![10.0, 10.1, 10.2]),
            good: Some(0.985),
            dispatch_lag: Some(0.0121),
            ceiling: Some(0.123),
            over_time,
            ..model
        }
    }

    /// Stops to show what is new, or shows it again.
    pub(super) fn turn_pause(&mut self) {
        self.paused = !self.paused;
    }

    /// Shows other percentiles.
    pub(super) fn turn_percentiles(&mut self) {
        self.set += 1;
        self.rows();
    }

    /// The time over which rates are taken.
    pub(super) fn rates_window(&self) -> Duration {
        self.pace.window()
    }

    /// Of how long the recent requests are.
    pub(super) fn window(&self) -> Duration {
        self.pace.window().max(LEAST_WINDOW)
    }

    pub(super) fn requests_per_s(&self) -> f64 {
        self.pace.requests
    }

    pub(super) fn events_per_s(&self) -> f64 {
        self.pace.events
    }

    /// For how long nothing has come, where that is long.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.pace.silence(self.latest.now)
    }

    /// How long the measured phase has been under way.
    pub(super) fn measured_for(&self) -> Option<Duration> {
        Some(self.latest.now.saturating_sub(self.measured_at?))
    }

    /// What share of the measured phase is over, and how long the rest may take.
    pub(super) fn progress(&self, facts: &Facts) -> (f64, Option<Duration>) {
        let Some(elapsed) = self.measured_for().map(|elapsed| elapsed.as_secs_f64()) else {
            return (0.0, None);
        };
        let done = self.latest.figures.done as f64;
        let by_count = facts.requests.map(|all| {
            let left = (all as f64 - done).max(0.0);
            let rate = self.pace.requests;
            (done / all.max(1) as f64, (rate > 0.0).then(|| left / rate))
        });
        let by_time = facts.duration.map(|all| {
            let all = all as f64 / SECOND as f64;
            (elapsed / all.max(1e-9), Some((all - elapsed).max(0.0)))
        });
        // Whatever comes first ends it.
        let (share, left) = match (by_count, by_time) {
            (Some(count), Some(time)) if time.0 > count.0 => time,
            (Some(count), _) => count,
            (None, Some(time)) => time,
            (None, None) => (0.0, None),
        };
        (share.clamp(0.0, 1.0), left.and_then(|left| Duration::try_from_secs_f64(left).ok()))
    }

    /// Takes a snapshot in.
    pub(super) fn update(&mut self, snapshot: Snapshot, facts: &Facts) {
        self.pace.see(snapshot.now, &snapshot.figures);
        if snapshot.figures.issued > 0 {
            self.measured_at.get_or_insert(snapshot.now);
        }
        let load = Load {
            in_flight: snapshot.figures.in_flight as f64,
            requests_per_s: self.pace.requests,
            events_per_s: self.pace.events,
        };
        self.ceiling = facts.ceiling.as_ref().and_then(|share| share(load)).filter(|_| snapshot.figures.issued > 0);
        self.latest = snapshot;
        self.rows();
        let second = self.latest.now.as_secs();
        if second > self.second.0 {
            self.end_second(second);
        }
    }

    fn rows(&mut self) {
        let row = |of: fn(&Sample) -> Option<f64>| -> Row {
            let values = sorted(self.latest.recent.iter().filter_map(of));
            let percentiles = self.percentiles().iter();
            (!values.is_empty()).then(|| percentiles.map(|p| percentile(&values, *p)).collect())
        };
        let rows = (row(|s| s.ttft), row(|s| s.itl), row(|s| s.latency));
        let lags = sorted(self.latest.recent.iter().map(|s| s.dispatch_lag));
        self.dispatch_lag = (!lags.is_empty()).then(|| percentile(&lags, 99.0));
        let events = self.latest.recent.iter().map(|s| s.events);
        let (all, late) = events.fold((0, 0), |(all, late), (n, wide)| (all + u64::from(n), late + u64::from(wide)));
        self.late = (all > 0).then(|| late as f64 / all as f64);
        self.good = share_of_good(&self.latest.recent);
        (self.ttft, self.itl, self.latency) = rows;
    }

    /// The seconds since the last one that was drawn get their values.
    fn end_second(&mut self, second: u64) {
        let seconds = (second - self.second.0) as f64;
        let (now, before) = (self.latest.figures, self.second.1);
        let rate = |now: u64, before: u64| Some(now.saturating_sub(before) as f64 / seconds);
        let newest = self.latest.recent.iter().map(|s| s.end).max().unwrap_or(0);
        let from = newest.saturating_sub((seconds * SECOND as f64) as Nanos);
        let last: Vec<Sample> = self.latest.recent.iter().filter(|s| s.end > from).copied().collect();
        // Where no request has ended, no value is made up.
        let last = if now.done > before.done { last } else { Vec::new() };
        let median = |of: fn(&Sample) -> Option<f64>| {
            let values = sorted(last.iter().filter_map(of));
            (!values.is_empty()).then(|| percentile(&values, 50.0))
        };
        let (ttft, itl, latency) = (median(|s| s.ttft), median(|s| s.itl), median(|s| s.latency));
        let new = if self.measured_at.is_some() { second - self.second.0 } else { 0 };
        let over_time = &mut self.over_time;
        for (series, value) in [
            (&mut over_time.requests, rate(now.done, before.done)),
            (&mut over_time.events, rate(now.events, before.events)),
            (&mut over_time.ttft, ttft),
            (&mut over_time.itl, itl),
            (&mut over_time.latency, latency),
            (&mut over_time.good, share_of_good(&last)),
            (&mut over_time.waiting, self.latest.server.waiting),
        ] {
            for _ in 0..new {
                series.push(value);
            }
        }
        self.second = (second, now);
    }
}

/// What the cores are under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) in_flight: f64,
    pub(crate) requests_per_s: f64,
    pub(crate) events_per_s: f64,
}

impl Series {
    fn push(&mut self, value: Option<f64>) {
        self.0.push_back(value);
        if self.0.len() > MOST_SECONDS {
            self.0.pop_front();
        }
    }

    /// The last seconds, oldest first.
    pub(super) fn last(&self, seconds: usize) -> impl Iterator<Item = Option<f64>> {
        self.0.iter().skip(self.0.len().saturating_sub(seconds)).copied()
    }

    /// Whether there is a value.
    pub(super) fn has_values(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// The newest value.
    pub(super) fn now(&self) -> Option<f64> {
        self.0.iter().rev().find_map(|value| *value)
    }

    /// The least and the greatest of the last seconds.
    pub(super) fn range(&self, seconds: usize) -> Option<(f64, f64)> {
        let values = || self.last(seconds).flatten();
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    }

    #[cfg(test)]
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().map(Some).collect())
    }
}

fn share_of_good(samples: &[Sample]) -> Option<f64> {
    let judged: Vec<bool> = samples.iter().filter_map(|s| s.good).collect();
    let good = judged.iter().filter(|good| **good).count();
    (!judged.is_empty()).then(|| good as f64 / judged.len() as f64)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// With linear interpolation, as the report's.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let place = p / 100.0 * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

/// Latencies are of the requests of so long at least.
const LEAST_WINDOW: Duration = Duration::from_secs(5);
/// Seconds that are kept to be drawn.
const MOST_SECONDS: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(requests: Option<u64>, duration: Option<Nanos>) -> Facts {
        Facts { requests, duration, ..Facts::default() }
    }

    fn snapshot(second: u64, done: u64, recent: Vec<Sample>) -> Snapshot {
        Snapshot {
            now: Duration::from_secs(second),
            figures: Figures { done, issued: done + 4, in_flight: 4, events: 10 * done, ..Figures::default() },
            recent,
            ..Snapshot::default()
        }
    }

    #[test]
    fn figures_are_of_the_recent_requests_and_a_second_has_those_that_ended_in_it() {
        let facts = facts(Some(100), None);
        let mut model = Model::new(vec![50.0, 90.0]);
        let sample = |second: u64, ttft: f64| Sample {
            end: second * SECOND + SECOND / 2,
            ttft: Some(ttft),
            latency: Some(2.0 * ttft),
            events: (10, u32::from(ttft > 25.0)),
            good: Some(ttft < 25.0),
            ..Sample::default()
        };
        model.update(snapshot(0, 0, Vec::new()), &facts);
        assert_eq!(model.progress(&facts), (0.0, None), "nothing is known yet");
        model.update(snapshot(1, 10, vec![sample(0, 10.0)]), &facts);
        model.update(snapshot(2, 20, vec![sample(0, 10.0), sample(1, 20.0), sample(1, 30.0)]), &facts);
        assert_eq!(model.ttft, Some(vec![20.0, 28.0]));
        assert_eq!((model.itl.clone(), model.latency.clone()), (None, Some(vec![40.0, 56.0])));
        assert_eq!(model.good, Some(2.0 / 3.0));
        assert_eq!(model.late, Some(1.0 / 30.0));
        assert_eq!(model.over_time.ttft.last(9).collect::<Vec<_>>(), [Some(10.0), Some(25.0)]);
        assert_eq!(model.over_time.good.last(9).collect::<Vec<_>>(), [Some(1.0), Some(0.5)]);
        assert_eq!(model.over_time.requests.last(9).collect::<Vec<_>>(), [Some(10.0), Some(10.0)]);
        // 80 of 100 are left, at 10 a second.
        assert_eq!(model.progress(&facts), (0.2, Some(Duration::from_secs(8))));
        // A second in which none ends has no time to first token, and a rate of nothing.
        model.update(snapshot(3, 20, vec![sample(0, 10.0), sample(1, 20.0)]), &facts);
        assert_eq!(model.over_time.ttft.last(1).collect::<Vec<_>>(), [None]);
        assert_eq!(
            (model.over_time.requests.last(1).next(), model.over_time.ttft.now()),
            (Some(Some(0.0)), Some(25.0))
        );
        model.turn_percentiles();
        assert_eq!(model.percentiles(), [50.0, 90.0, 99.0]);
        assert_eq!(model.ttft.as_ref().map(Vec::len), Some(3));
    }

    #[test]
    fn a_run_is_as_far_as_the_bound_that_comes_first() {
        let facts = facts(Some(1_000), Some(10 * SECOND));
        let mut model = Model::new(vec![50.0]);
        for second in 0..=4 {
            model.update(snapshot(second, 10 * second, Vec::new()), &facts);
        }
        let (share, left) = model.progress(&facts);
        assert_eq!((share, left), (0.4, Some(Duration::from_secs(6))));
        assert_eq!(Model::new(vec![50.0]).progress(&facts), (0.0, None));
    }

    #[test]
    fn the_series_keep_ten_minutes() {
        let mut series = Series::default();
        (0..700).for_each(|k| series.push((k % 2 == 0).then_some(f64::from(k))));
        assert_eq!(series.last(2_000).count(), MOST_SECONDS);
        assert_eq!((series.now(), series.range(4)), (Some(698.0), Some((696.0, 698.0))));
        assert!(!Series::default().has_values());
    }
}
