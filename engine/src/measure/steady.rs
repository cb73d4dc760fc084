//! The steady part of a run, and how sure its figures are.

use super::in_order::InOrder;
use super::request::RequestMetrics;
use super::requests::Requests;
use super::steady_figures::{Compared, Confidence, PercentileFigures, RateInterval, Steady};
use super::summary::Metric;
use super::tags::{self, MetricInfo};
use super::time_bins::{Series, TimeBins};
use super::timeline::Timeline;
use super::tokens::TokenCounts;
use crate::clock::Nanos;
use crate::plan::Plan;
use crate::random::{ItemRng, Stream};
use crate::record::{Outcome, Record};
use crate::statistics::{Interval, LEVEL, Settled, batch_means, percentile_intervals, percentile_of_sorted, settled};
use std::ops::Range;

/// What the successful requests of the measured phase tell of its steady part, beside what is kept of each. The order
/// in which they are added changes nothing.
#[derive(Debug)]
pub(super) struct RunSeries {
    timeline: Timeline,
    streaming: bool,
    /// Issues of the requests that were cut off at the end of the run.
    cut_off: Vec<Nanos>,
    bins: TimeBins,
    /// When the first output event of all arrived.
    first_output: Nanos,
    slos: bool,
    seed: u64,
}

/// The figures that are compared and have intervals.
static FIGURES: [&MetricInfo; 3] = [&tags::TIME_TO_FIRST_TOKEN, &tags::INTER_TOKEN_LATENCY, &tags::REQUEST_LATENCY];

/// First and last kept request, and the time of the rates.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: usize,
    last: usize,
    from: Nanos,
    to: Nanos,
    /// It is the whole run: its figures are those of the run.
    whole: bool,
}

impl RunSeries {
    pub(super) fn new(plan: &Plan, timeline: Timeline) -> Self {
        Self {
            timeline,
            streaming: plan.streaming,
            cut_off: Vec::new(),
            bins: TimeBins::new(timeline),
            first_output: Nanos::MAX,
            slos: !plan.slos.is_empty(),
            seed: plan.seed,
        }
    }

    pub(super) fn add(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics) {
        if record.outcome == Outcome::InFlight {
            self.cut_off.push(record.instants.issued);
        }
        if record.outcome != Outcome::Succeeded {
            return;
        }
        self.bins.add(record, tokens, metrics.good == Some(true));
        let output = record.instants.first_token.unwrap_or(Nanos::MAX);
        self.first_output = self.first_output.min(output);
    }

    /// `None` under a hundred successful requests, of which nothing can be said. `requests` are those that were added,
    /// `end` is that of the benchmark duration.
    pub(super) fn finish(
        mut self,
        requests: &Requests,
        metrics: &[Metric],
        end: Option<Nanos>,
    ) -> Option<(Steady, Confidence)> {
        let requests = InOrder::of(requests, self.streaming, &FIGURES);
        let all = requests.len();
        if all < LEAST {
            return None;
        }
        self.cut_off.sort_unstable();
        let complete = self.complete(&requests);
        let found = settle(&requests, complete);
        let part = match found {
            Ok((first, last)) if last - first + 1 < all => self.part(&requests, first, last),
            _ => whole(&requests, end),
        };
        let confidence = self.confidence(&requests, part, found.is_ok(), metrics);
        let start = requests.issued(0);
        let seconds = |at: Nanos| at.saturating_sub(start) as f64 / 1e9;
        let mut steady = Steady {
            settled: found.is_ok(),
            requests: 0,
            trimmed_start: 0,
            trimmed_end: 0,
            from_s: seconds(requests.issued(part.first)),
            to_s: seconds(requests.issued(part.last)),
            figures: Vec::new(),
            words: String::new(),
        };
        if let Ok((first, last)) = found {
            steady.requests = (last - first + 1) as u64;
            steady.trimmed_start = first as u64;
            steady.trimmed_end = (all - 1 - last) as u64;
            steady.figures = compared(&requests, part, metrics, &confidence);
        }
        steady.words = words(found, &steady, all, all - complete);
        Some((steady, confidence))
    }

    /// How many requests were issued before those of which over 5 % were cut off at the end of the run: after them the
    /// short ones finished.
    fn complete(&self, requests: &InOrder<'_>) -> usize {
        let all = requests.len();
        let mut cut_off = self.cut_off.iter().enumerate();
        let from = cut_off.find_map(|(before, issued)| {
            let finished_before = requests.issued_before(*issued);
            let cut = self.cut_off.len() - before;
            let since = cut + all - finished_before;
            (cut as f64 > MOST_CUT_OFF * since as f64).then_some(finished_before)
        });
        from.unwrap_or(all)
    }

    /// Rates of a part are taken while requests are issued, and from the first output on: before it nothing can have
    /// come, and after the last issue less and less comes.
    fn part(&self, requests: &InOrder<'_>, first: usize, last: usize) -> Part {
        Part {
            first,
            last,
            from: requests.issued(first).max(self.first_output),
            to: requests.issued(last),
            whole: false,
        }
    }

    fn rates(&self, requests: &InOrder<'_>, part: Part, metrics: &[Metric]) -> Vec<RateInterval> {
        let (first, last) = (requests.issued(part.first), requests.issued(part.last));
        let issuing = last.saturating_sub(first);
        if issuing * LEAST_SHARE < self.timeline.length() {
            return Vec::new();
        }
        let mut rates = Vec::new();
        for (series, info) in RATES {
            let wanted = match series {
                Series::Requests => true,
                Series::Good => self.slos,
                Series::Tokens => self.bins.all_counted,
            };
            let bins = self.bins.rates(series, part.from, part.to);
            let Some(b) = batch_means(&bins, LEVEL).filter(|_| wanted) else {
                continue;
            };
            // The whole run has this figure already: what it varies by is found in the bins, what it is, is not found
            // anew.
            let figure = metrics.iter().find(|m| m.info.tag == info.tag);
            let value = match figure {
                Some(metric) if part.whole => metric.avg,
                None if part.whole => continue,
                _ => b.mean,
            };
            let interval = Interval::around(value, b.interval.half());
            rates.push(RateInterval {
                tag: info.tag,
                unit: info.unit,
                value,
                // A rate is not negative, whatever its noise.
                interval: Interval { low: interval.low.max(0.0), ..interval },
                batches: b.batches as u64,
                lag1: b.lag1,
                independent: b.independent,
            });
        }
        rates
    }

    fn confidence(&self, requests: &InOrder<'_>, part: Part, settled: bool, metrics: &[Metric]) -> Confidence {
        let rates = self.rates(requests, part, metrics);
        let mut percentiles = Vec::new();
        for (i, info) in FIGURES.iter().enumerate() {
            let values = part.values(requests, info);
            let mut rng = ItemRng::new(self.seed, Stream::Bootstrap, i as u64);
            let shares = PERCENTILES.map(|(_, share)| share);
            if let Some((method, found)) = percentile_intervals(&values, &shares, LEVEL, &mut rng) {
                percentiles.extend(PERCENTILES.iter().zip(found).map(|((name, _), found)| PercentileFigures {
                    tag: info.tag,
                    statistic: name,
                    unit: info.unit,
                    value: found.value,
                    interval: found.interval,
                    method,
                }));
            }
        }
        Confidence {
            level: LEVEL,
            of: if settled { "steady" } else { "whole" },
            requests: (part.last - part.first + 1) as u64,
            no_rates: rates
                .is_empty()
                .then(|| "requests were issued for too short a part of the run to take rates in it: run longer".into()),
            rates,
            percentiles,
        }
    }
}

impl Part {
    /// The values of its requests that have one, in order.
    fn values(&self, requests: &InOrder<'_>, info: &MetricInfo) -> Vec<f64> {
        let mut values = requests.values(info, self.first..self.last + 1);
        values.retain(|value| !value.is_nan());
        values
    }
}

/// Rates of the whole run are of its benchmark duration.
fn whole(requests: &InOrder<'_>, end: Option<Nanos>) -> Part {
    let last = requests.len() - 1;
    Part { first: 0, last, from: requests.issued(0), to: end.unwrap_or_else(|| requests.issued(last)), whole: true }
}

/// First and last request of the steady part: cut where the later of latency and time to first token has settled, and
/// from the end the same way. Or why there is none. A sharp change at one end can hide that the other settles, so that
/// the ends change turns.
fn settle(requests: &InOrder<'_>, complete: usize) -> Result<(usize, usize), &'static str> {
    if complete < LEAST {
        return Err("under a hundred requests were issued before those that the end of the run cut off");
    }
    let from_start = |kept| cut(requests, kept, false);
    let from_end = |kept| cut(requests, kept, true);
    let (first, last) = match from_start(0..complete) {
        Ok(first) => (first, from_end(first..complete)?),
        Err(_) => {
            let last = from_end(0..complete)?;
            (from_start(0..complete - last)?, last)
        }
    };
    let kept = complete - first - last;
    if kept < LEAST {
        return Err("under a hundred requests are left between its start and its end");
    }
    Ok((first, first + kept - 1))
}

/// After how many of these requests their figures have settled, counted from the end where it says so.
fn cut(requests: &InOrder<'_>, kept: Range<usize>, from_end: bool) -> Result<usize, &'static str> {
    let mut cut = 0;
    for info in SETTLING {
        let mut values = requests.values(info, kept.clone());
        if values.iter().any(|v| v.is_nan()) {
            continue;
        }
        if from_end {
            values.reverse();
        }
        match settled(values) {
            Settled::After(n) => cut = cut.max(n),
            Settled::Never => return Err("latencies still changed when half of it was over"),
            Settled::TooShort => return Err("too few requests"),
        }
    }
    Ok(cut)
}

fn compared(requests: &InOrder<'_>, part: Part, metrics: &[Metric], confidence: &Confidence) -> Vec<Compared> {
    let whole = |tag: &str| metrics.iter().find(|m| m.info.tag == tag);
    let mut all: Vec<Compared> = confidence
        .rates
        .iter()
        .filter_map(|rate| {
            Some(Compared {
                tag: rate.tag,
                statistic: None,
                unit: rate.unit,
                whole: whole(rate.tag)?.avg,
                steady: rate.value,
            })
        })
        .collect();
    for info in FIGURES {
        let Some(stats) = whole(info.tag).and_then(|m| m.stats) else {
            continue;
        };
        let mut values = part.values(requests, info);
        if values.is_empty() {
            continue;
        }
        values.sort_unstable_by(f64::total_cmp);
        for ((name, share), whole) in PERCENTILES.into_iter().zip([stats.p50, stats.p99]) {
            all.push(Compared {
                tag: info.tag,
                statistic: Some(name),
                unit: info.unit,
                whole,
                steady: percentile_of_sorted(&values, share),
            });
        }
    }
    all
}

/// What the steady part is, in a sentence.
fn words(found: Result<(usize, usize), &'static str>, steady: &Steady, all: usize, cut_off: usize) -> String {
    if let Err(why) = found {
        return format!("none found (MSER-5): {why}; the intervals are of the whole run");
    }
    if steady.requests == all as u64 {
        return format!("the whole run, all {all} requests: no level changes at its start or its end (MSER-5)");
    }
    let since = match cut_off {
        0 => String::new(),
        n => format!(", {n} of them issued since over 5 % of the requests were cut off by the end of the run"),
    };
    format!(
        "{} of {all} requests, from {:.1} to {:.1} s, without {} at the start and {} at the end{since} (MSER-5)",
        steady.requests, steady.from_s, steady.to_s, steady.trimmed_start, steady.trimmed_end
    )
}

static RATES: [(Series, &MetricInfo); 3] = [
    (Series::Requests, &tags::REQUEST_THROUGHPUT),
    (Series::Good, &tags::GOODPUT),
    (Series::Tokens, &tags::OUTPUT_TOKEN_THROUGHPUT),
];
const PERCENTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];
/// The quantities that have to settle.
static SETTLING: [&MetricInfo; 2] = [&tags::TIME_TO_FIRST_TOKEN, &tags::REQUEST_LATENCY];
/// Requests under which nothing is said.
const LEAST: usize = 100;
/// Requests cut off at the end of the run, as a share of those issued since the first of them.
const MOST_CUT_OFF: f64 = 0.05;
/// Rates are given where requests were issued for at least one part in so many of the run.
const LEAST_SHARE: u64 = 4;

#[cfg(test)]
mod tests;
