//! The run cut into slices of equal length: requests by when they start, output by when it arrives.

use super::arrived::{Counted, own_count};
use super::population::Population;
use super::request::RequestMetrics;
use super::slice_figures::{SliceFigures, Slices};
use super::stats::Stats;
use super::summary::Metric;
use super::tags;
use super::timeline::{Timeline, arrivals};
use super::tokens::TokenCounts;
use super::trend;
use crate::clock::Nanos;
use crate::plan::{Plan, Slo};
use crate::record::{Outcome, Record};

/// The requests of the measured phase, by slice. The order in which they are added changes nothing.
///
/// A request belongs to the slice in which it was issued, and so do its latencies, as AIPerf bins them. What it put out
/// belongs to the slices in which it arrived, whatever came of the request: each of its m output events stands for n/m
/// tokens, where n is its output length. A request that did not succeed has no length in most cases; its events stand
/// for as many tokens as those of all successful requests.
#[derive(Debug)]
pub(super) struct Slicer {
    start: Nanos,
    end: Nanos,
    width: Nanos,
    limit: usize,
    slices: Vec<Slice>,
    slos: Vec<Slo>,
    streaming: bool,
    last_issue: Nanos,
    beyond: u64,
    /// Gaps that may still be kept exactly, over all slices.
    gaps_left: usize,
    counted: Counted,
    /// Answers are tokens, so that no output is no tokens.
    makes_tokens: bool,
}

#[derive(Debug)]
struct Slice {
    requests: Population,
    completed: u64,
    events: u64,
    tokens: f64,
    /// Of the events those of successful requests whose tokens nobody counted.
    uncounted: u64,
    /// Of the events those of other requests without a count of their own.
    partial: u64,
    /// Request-nanoseconds in flight.
    area: u128,
}

impl Slicer {
    /// Slices of the plan's length over the timeline; `None` where the plan wants none.
    pub(super) fn new(plan: &Plan, timeline: Timeline) -> Option<Self> {
        Some(Self {
            width: plan.slice.filter(|width| *width > 0)?,
            start: timeline.start,
            end: timeline.end,
            limit: plan.limits.slices,
            slices: Vec::new(),
            slos: plan.slos.clone(),
            streaming: plan.streaming,
            last_issue: timeline.start,
            beyond: 0,
            gaps_left: plan.limits.exact_gaps,
            counted: Counted::default(),
            makes_tokens: plan.endpoint.produces_tokens(),
        })
    }

    /// Adds one record of the measured phase.
    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics) {
        let at = &record.instants;
        self.last_issue = self.last_issue.max(at.issued);
        self.add_presence(at.issued, at.end);
        self.add_output(record, tokens);
        if record.outcome == Outcome::Succeeded
            && let Some(slice) = self.slice(at.end)
        {
            slice.completed += 1;
        }
        let kept = record.gaps.len() <= self.gaps_left;
        let Some(slice) = self.slice(at.issued) else {
            self.beyond += 1;
            return;
        };
        slice.requests.add(record, tokens, metrics);
        if kept {
            self.gaps_left -= record.gaps.len();
        } else {
            slice.requests.round_gaps();
        }
    }

    fn add_presence(&mut self, issued: Nanos, end: Nanos) {
        let end = end.min(self.end);
        let mut from = issued;
        while from < end {
            let border = self.border_after(from).min(end);
            let Some(slice) = self.slice(from) else {
                return;
            };
            slice.area += u128::from(border - from);
            from = border;
        }
    }

    fn add_output(&mut self, record: &Record, tokens: &TokenCounts) {
        self.counted.add(record, tokens);
        let succeeded = record.outcome == Outcome::Succeeded;
        let known = if succeeded { tokens.osl() } else { own_count(record) };
        let each = known.filter(|_| record.events > 0).map(|osl| f64::from(osl) / f64::from(record.events));
        for arrived in arrivals(record) {
            let Some(slice) = self.slice(arrived) else {
                return;
            };
            slice.events += 1;
            match each {
                Some(each) => slice.tokens += each,
                None if succeeded => slice.uncounted += 1,
                None => slice.partial += 1,
            }
        }
    }

    fn border_after(&self, at: Nanos) -> Nanos {
        let index = at.saturating_sub(self.start) / self.width;
        self.start.saturating_add((index + 1).saturating_mul(self.width))
    }

    /// The slice of an instant; `None` beyond the limit. The end of the timeline belongs to the last slice, not to an
    /// empty one after it.
    fn slice(&mut self, at: Nanos) -> Option<&mut Slice> {
        let at = at.min(self.end.saturating_sub(1)).max(self.start);
        let index = usize::try_from(at.saturating_sub(self.start) / self.width).ok()?;
        if index >= self.limit {
            return None;
        }
        while self.slices.len() <= index {
            self.slices.push(Slice {
                requests: Population::new(self.slos.clone(), usize::MAX, self.streaming),
                completed: 0,
                events: 0,
                tokens: 0.0,
                uncounted: 0,
                partial: 0,
                area: 0,
            });
        }
        self.slices.get_mut(index)
    }

    /// The figures; `wall` turns an instant into wall-clock nanoseconds.
    pub(super) fn finish(self, wall: impl Fn(Nanos) -> u64) -> Slices {
        let (start, end, width) = (self.start, self.end, self.width);
        let steadily = self.last_issue.saturating_add(width / DRAIN);
        let per_event = self.counted.per_event();
        let makes_tokens = self.makes_tokens && per_event.is_some();
        let slices: Vec<SliceFigures> = (0..)
            .zip(self.slices)
            .map(|(index, mut slice)| {
                slice.estimate(per_event);
                let from = start + index * width;
                let whole = from.saturating_add(width);
                let to = whole.min(end).max(from);
                let mut figures = slice.figures(to - from, makes_tokens);
                figures.index = index;
                figures.start_s = (from - start) as f64 / 1e9;
                (figures.start_ns, figures.end_ns) = (wall(from), wall(to));
                figures.is_complete = whole <= end;
                figures.in_trend = figures.is_complete && whole <= steadily;
                figures
            })
            .collect();
        let (trends, untested) = trend::over(&slices, self.streaming);
        Slices {
            slice_duration_s: width as f64 / 1e9,
            slices,
            trends,
            untested,
            requests_beyond_limit: self.beyond,
            limit: self.limit,
        }
    }
}

impl Slice {
    /// Gives the output of requests that did not succeed its tokens, where it is known how many an event stands for.
    fn estimate(&mut self, per_event: Option<f64>) {
        match per_event {
            Some(each) => self.tokens += self.partial as f64 * each,
            None => self.uncounted += self.partial,
        }
    }

    fn figures(mut self, length: Nanos, makes_tokens: bool) -> SliceFigures {
        let seconds = length as f64 / 1e9;
        let per_second = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
        self.requests.last_for(seconds);
        let outcomes = self.requests.outcomes;
        let goodput = self.requests.goodput().filter(|_| outcomes.finished() > 0);
        // Where nothing came, no tokens came: that is a count.
        let counted = self.events > self.uncounted || (makes_tokens && self.events == 0);
        let tokens = counted.then_some(self.tokens);
        let token_rate = tokens.and_then(per_second);
        let in_flight = per_second(self.area as f64 / 1e9);
        let mut metrics = self.requests.metrics();
        by_arrival(&mut metrics, token_rate, in_flight);
        let stats = |tag: &str| -> Option<Stats> {
            metrics.iter().find(|metric| metric.info.tag == tag).and_then(|metric| metric.stats)
        };
        let ttft = stats(tags::TIME_TO_FIRST_TOKEN.tag);
        let latency = stats(tags::REQUEST_LATENCY.tag);
        SliceFigures {
            index: 0,
            start_s: 0.0,
            start_ns: 0,
            end_ns: 0,
            is_complete: false,
            in_trend: false,
            succeeded: outcomes.succeeded,
            failed: outcomes.failed,
            cancelled: outcomes.cancelled,
            in_flight_at_end: outcomes.in_flight,
            request_throughput: per_second(outcomes.succeeded as f64),
            completed: self.completed,
            completed_per_s: per_second(self.completed as f64),
            good: goodput.as_ref().map(|g| g.good),
            goodput: goodput.as_ref().map(|g| g.goodput),
            good_request_fraction: goodput.as_ref().map(|g| g.good_request_fraction),
            in_flight_mean: in_flight,
            output_events: self.events,
            output_events_per_s: per_second(self.events as f64),
            output_tokens: tokens,
            output_events_uncounted: self.uncounted,
            output_token_throughput: token_rate,
            time_to_first_token_p50: ttft.map(|s| s.p50),
            time_to_first_token_p95: ttft.map(|s| s.p95),
            inter_token_latency_p50: stats(tags::INTER_TOKEN_LATENCY.tag).map(|s| s.p50),
            request_latency_p50: latency.map(|s| s.p50),
            request_latency_p99: latency.map(|s| s.p99),
            metrics,
        }
    }
}

/// Puts the figures that count by arrival in the place of those that would count by start.
fn by_arrival(metrics: &mut Vec<Metric>, token_rate: Option<f64>, in_flight: Option<f64>) {
    metrics.retain(|metric| metric.info.tag != tags::EFFECTIVE_CONCURRENCY.tag);
    let find = |metrics: &[Metric], tag: &str| metrics.iter().position(|m| m.info.tag == tag);
    let input = find(metrics, tags::INPUT_TOKEN_THROUGHPUT.tag).map_or(0.0, |i| metrics[i].avg);
    for (info, value) in [
        (&tags::OUTPUT_TOKEN_THROUGHPUT, token_rate),
        (&tags::TOTAL_TOKEN_THROUGHPUT, token_rate.map(|rate| rate + input)),
        (&tags::EFFECTIVE_CONCURRENCY, in_flight),
    ] {
        match (find(metrics, info.tag), value) {
            (Some(at), Some(value)) => metrics[at].avg = value,
            (Some(at), None) => {
                metrics.remove(at);
            }
            (None, Some(value)) => metrics.push(Metric { info, avg: value, stats: None, tails: None, exact: true }),
            (None, None) => {}
        }
    }
    // Where tokens are counted, a slice without any has none of them: 0.
    for info in [&tags::TOTAL_OUTPUT_TOKENS, &tags::TOTAL_OSL] {
        if token_rate.is_some() && find(metrics, info.tag).is_none() {
            metrics.push(Metric { info, avg: 0.0, stats: None, tails: None, exact: true });
        }
    }
}

/// A slice of whose time more than one part in so many is after the last issue is the end of the load, not part of it.
const DRAIN: Nanos = 10;

#[cfg(test)]
mod tests;
