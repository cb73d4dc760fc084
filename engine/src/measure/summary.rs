//! What a run came to: every figure that a report prints. Renderers never compute.

use super::counts::SessionCounts;
use super::network::NetworkFigures;
use super::slice_figures::Slices;
use super::standstill::Standstill;
use super::steady_figures::{Confidence, Steady};
use super::tags::MetricInfo;
use super::thresholds::ThresholdFigures;
use super::windows::Windows;
use crate::record::Cause;
use crate::statistics::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Wall clock at the first issue, nanoseconds since the Unix epoch.
    pub started_at_ns: u64,
    /// Wall clock when the last request ended.
    pub ended_at_ns: u64,
    /// What rates are divided by, in seconds: first issue → last output of a successful request, or the end of a later
    /// request that failed or was cut off while the load was on. Where every request succeeded, AIPerf's
    /// `benchmark_duration`.
    pub benchmark_duration_s: f64,
    /// First issue → last output of the successful requests alone, in seconds: AIPerf's `benchmark_duration` in any
    /// case.
    pub successes_duration_s: f64,
    /// The longest stretch without output or answer while requests were in flight; absent without a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standstill: Option<Standstill>,
    /// Requests of the measured phase.
    pub counts: Counts,
    /// Requests of the warm-up.
    pub warmup_counts: Counts,
    /// Metrics of the measured phase from exact values, in table order; a metric without values is absent.
    pub metrics: Vec<Metric>,
    /// The same for the warm-up.
    pub warmup_metrics: Vec<Metric>,
    /// Distributions of latencies, with far percentiles: of the same values, and by the same rule, as `metrics`. Time
    /// to first token of requests that failed after it, which is no metric, is from the histograms of the cores (3
    /// significant digits).
    pub histograms: Vec<Distribution>,
    /// Goodput, when SLOs were given.
    pub goodput: Option<Goodput>,
    /// Goodput by each tier of `--slo-file`.
    pub tiers: Vec<TierFigures>,
    /// What came of each `--fail-if`.
    pub thresholds: Vec<ThresholdFigures>,
    /// The steady part of the run; absent under a hundred successful requests.
    pub steady: Option<Steady>,
    /// How sure the figures are, within this run; absent under a hundred successful requests.
    pub confidence: Option<Confidence>,
    /// The run in slices, where the plan wants them.
    pub slices: Option<Slices>,
    /// Arrivals wanted against arrivals made (open loop).
    pub rate: Option<RateFigures>,
    /// The client's own share in the figures.
    pub client: ClientFigures,
    /// How much the client had to do over time: what a ceiling is held against.
    #[serde(skip)]
    pub windows: Windows,
    /// What the network was like.
    pub network: NetworkFigures,
    /// Where token counts came from.
    pub tokens: TokenFigures,
    /// Failures by cause, status and message, most frequent first.
    pub errors: Vec<ErrorGroup>,
    /// Whether a signal ended the run early.
    pub was_cancelled: bool,
    /// What the run ended early over of its own accord, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted: Option<Aborted>,
    /// Why the record log's file took no more, where that ended the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_failure: Option<String>,
    /// The run did not end: it was killed, or its machine went, and the figures are of the requests whose records it
    /// had left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// Start of the measured phase → its last request ended or was abandoned, in seconds.
    pub phase_duration_s: f64,
    /// Equations of the request accounting that do not hold: each is a bug of ringload.
    pub violations: Vec<String>,
}

/// More requests had failed than the plan allows, by their share or by their number: the run ended early, as after one
/// signal.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Aborted {
    /// Whether it was in the warm-up.
    pub warmup: bool,
    /// Requests of the phase that had failed by then.
    pub failed: u64,
    /// Requests of the phase that had finished by then; cancelled ones have not.
    pub finished: u64,
    /// The share of failures that was passed, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The number of failures that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<u64>,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = if self.warmup { " of the warm-up" } else { "" };
        let (failed, finished) = (self.failed, self.finished);
        write!(f, "{failed} of the first {finished} requests{phase} that finished had failed")?;
        match (self.max_errors, self.threshold) {
            (Some(most), _) => write!(f, ", which is --max-errors {most}"),
            (None, Some(share)) => write!(f, ", over --failed-request-threshold {share}"),
            (None, None) => Ok(()),
        }
    }
}

/// Requests of one phase, conserved: `issued = succeeded + failed + cancelled + in_flight_at_end`,
/// `planned = issued + never_due + dropped` (where `planned` is known).
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Counts {
    /// Requests the plan asked for, where it says a number.
    pub planned: Option<u64>,
    /// Requests taken up.
    pub issued: u64,
    /// Complete answers with output.
    pub succeeded: u64,
    /// Failures by cause.
    pub failed: BTreeMap<Cause, u64>,
    /// Broken off by the client, as planned: neither a success nor a failure.
    pub cancelled: u64,
    /// Still in flight when the run ended.
    pub in_flight_at_end: u64,
    /// Planned, but the run ended before they were due.
    pub never_due: u64,
    /// Arrivals dropped by the cap policy `drop`, or still waiting for a slot under `queue` when the run ended.
    pub dropped: u64,
    /// Arrivals that waited: for a slot under the cap policy `queue` or of the bound on prefills, or for their user's
    /// last answer.
    pub queued: u64,
    /// Requests that moved to a fresh connection: the kept one had been closed while idle, or the server said that it
    /// had not begun them (GOAWAY).
    pub reconnects: u64,
    /// Requests whose output text was over the limit and not counted by the client's tokenizer.
    pub text_over_limit: u64,
    /// Complete answers of which the server gave token counts that are none or cannot be true: those counts are in no
    /// figure.
    pub usage_refused: u64,
    /// Conversations, where they have several turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionCounts>,
}

impl Counts {
    /// All failures.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Requests that reached an end of their own: successes and failures.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.succeeded + self.failures()
    }
}

impl Summary {
    /// The metric of a tag, where the run has it.
    #[must_use]
    pub fn metric(&self, tag: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.info.tag == tag)
    }
}

/// A metric with its statistics from exact values.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    /// What it is.
    #[serde(skip)]
    pub info: &'static MetricInfo,
    /// Mean, or the single value of a derived metric, in the display unit.
    pub avg: f64,
    /// The distribution, for metrics of which each request has a value.
    pub stats: Option<Stats>,
    /// p99.9 and p99.99 in the display unit, for metrics of which each request has a value.
    pub tails: Option<[f64; 2]>,
    /// Whether the statistics come from exact values; else from a histogram, to 3 significant digits, because there
    /// were more than `Limits::exact_gaps`.
    pub exact: bool,
}

/// The percentiles of [`Metric::tails`], as shares.
pub(super) const TAILS: [f64; 2] = [0.999, 0.9999];

/// Statistics of exact values in the display unit; percentiles by linear interpolation, `std` of the population, as
/// numpy's defaults.
#[derive(Clone, Copy, Debug, Serialize, PartialEq)]
pub struct Stats {
    /// Number of values.
    pub count: u64,
    /// Sum.
    pub sum: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Standard deviation (ddof 0).
    pub std: f64,
    /// 1st percentile.
    pub p1: f64,
    /// 5th percentile.
    pub p5: f64,
    /// 10th percentile.
    pub p10: f64,
    /// 25th percentile.
    pub p25: f64,
    /// Median.
    pub p50: f64,
    /// 75th percentile.
    pub p75: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// A distribution in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// Tag of the metric.
    pub tag: &'static str,
    /// Number of values.
    pub count: u64,
    /// Mean in ms.
    pub mean_ms: f64,
    /// p50 p75 p90 p95 p99 p99.9 p99.99 max, in this order.
    pub percentiles: Vec<Percentile>,
}

impl Distribution {
    /// A percentile by its name (`p99`, `max`), in ms.
    #[must_use]
    pub fn at(&self, name: &str) -> Option<f64> {
        self.percentiles.iter().find(|p| p.name == name).map(|p| p.ms)
    }
}

/// One percentile of a [`Distribution`].
#[derive(Clone, Debug, Serialize)]
pub struct Percentile {
    /// Its name: `p50` … `p99.99`, `max`.
    pub name: &'static str,
    /// Value in ms.
    pub ms: f64,
    /// Whether enough samples stand behind it (p99 ≥ 100, p99.9 ≥ 1 000, p99.99 ≥ 10 000).
    pub enough_samples: bool,
}

/// Goodput against the SLOs.
#[derive(Clone, Debug, Serialize)]
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

/// How one SLO fared.
#[derive(Clone, Debug, Serialize)]
pub struct SloFigures {
    /// Tag of the metric.
    pub tag: &'static str,
    /// `<=` or `>=`.
    pub op: &'static str,
    /// Threshold in the display unit.
    pub threshold: f64,
    /// Display unit.
    pub unit: &'static str,
    /// Finished requests for which it held.
    pub met: u64,
    /// `met / finished`.
    pub met_fraction: f64,
    /// Finished requests for which it did not hold.
    pub missed: u64,
    /// Of them those for which every other SLO held: this one alone made them not good.
    pub missed_alone: u64,
    /// The best value of any request; absent when none had one.
    pub best: Option<f64>,
}

/// Goodput by one tier.
#[derive(Clone, Debug, Serialize)]
pub struct TierFigures {
    /// Its name.
    pub name: String,
    /// What it came to.
    #[serde(flatten)]
    pub goodput: Goodput,
}

/// Arrivals wanted against arrivals made.
#[derive(Clone, Debug, Serialize)]
pub struct RateFigures {
    /// Arrivals a second in the schedule, over the span of those that were due; of users, the rate that was asked for.
    pub offered: f64,
    /// Requests issued a second, over the span of those that were due and the time it took beyond it.
    pub achieved: f64,
    /// `achieved / offered`.
    pub ratio: f64,
}

/// The client's own share in the figures.
#[derive(Clone, Debug, Serialize)]
pub struct ClientFigures {
    /// The driver in use: `io_uring` or `epoll`.
    pub driver: String,
    /// Why it is not the preferred one, if it is not.
    pub driver_note: Option<String>,
    /// Who stamped arrivals: `kernel` or `user`.
    pub stamps: String,
    /// `seen - arrived` of every read: the engine's own delay. With user stamps it cannot be known and is empty.
    pub receive_lag: Option<Distribution>,
    /// `issued - scheduled` with a slot free; without one, until the loop saw that there was none.
    pub dispatch_lag: Option<Distribution>,
    /// Reads with bytes.
    pub reads: u64,
    /// Reads whose kernel stamp was missing or implausible.
    pub stamp_fallbacks: u64,
    /// Output events.
    pub events: u64,
    /// Output events that shared their read with a later one.
    pub coalesced: u64,
    /// `coalesced / events`.
    pub coalesced_share: f64,
    /// How well arrivals are known, and how far that can move figures; absent without kernel stamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalFigures>,
    /// Requests whose record could not be kept. Any is a loss.
    pub records_lost: u64,
    /// Completions the kernel could not queue. Any is a loss.
    pub completions_lost: u64,
    /// Times a receive ended because no buffer was free; re-armed, nothing lost.
    pub buffer_starved: u64,
    /// Per worker.
    pub cores: Vec<CoreFigures>,
    /// CPU per output event over all workers, in nanoseconds, user part.
    pub user_ns_per_event: Option<f64>,
    /// The same, kernel part.
    pub system_ns_per_event: Option<f64>,
    /// Highest resident set of the process, in bytes.
    pub peak_rss_bytes: u64,
    /// Bytes that the answers of the run could hold together (`--max-buffered-bytes`).
    pub buffered_limit_bytes: u64,
}

/// How well the arrival of output events is known. A stamp is that of the last segment of its read; an event before
/// that can have arrived earlier, though not since before the connection was last known to have nothing to read.
#[derive(Clone, Debug, Serialize)]
pub struct ArrivalFigures {
    /// Output events that can have arrived over 0.1 ms before their stamp.
    pub wide_events: u64,
    /// `wide_events / events`.
    pub wide_share: f64,
    /// The longest such time of any event.
    pub widest_ms: f64,
    /// The largest shifts of percentiles that this allows.
    pub possible_shifts: Vec<PossibleShift>,
}

/// How far a percentile can be off, in ms, to three significant digits of the percentile.
#[derive(Clone, Debug, Serialize)]
pub struct PossibleShift {
    /// Tag of the metric.
    pub tag: &'static str,
    /// `p50` or `p99`.
    pub percentile: &'static str,
    /// The true one can be lower by so much.
    pub lower_by_ms: f64,
    /// It can be higher by so much.
    pub higher_by_ms: f64,
}

impl ArrivalFigures {
    /// The possible shift of a percentile of a metric; `None` where it has none.
    #[must_use]
    pub fn shift(&self, tag: &str, percentile: &str) -> Option<&PossibleShift> {
        let is = |s: &&PossibleShift| s.tag == tag && s.percentile == percentile;
        self.possible_shifts.iter().find(is)
    }
}

impl PossibleShift {
    /// The larger of the two sides, in ms.
    #[must_use]
    pub fn largest_ms(&self) -> f64 {
        self.lower_by_ms.max(self.higher_by_ms)
    }
}

/// One worker's core.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CoreFigures {
    /// The core it was pinned to; `None` when pinning failed.
    pub core: Option<usize>,
    /// Share of the measured phase in which it was not waiting.
    pub busy_share: f64,
    /// CPU time in user mode, seconds.
    pub user_s: f64,
    /// CPU time in the kernel, seconds.
    pub system_s: f64,
    /// Times the loop woke.
    pub wakes: u64,
    /// Involuntary context switches.
    pub involuntary_switches: u64,
    /// Share of the measured phase in which the core was not idle, whoever had it; from the kernel's ticks.
    pub core_busy_share: Option<f64>,
    /// How long the worker was ready to run and waited for a core, in seconds.
    pub run_delay_s: Option<f64>,
    /// The core's memory node.
    pub numa_node: Option<usize>,
}

/// Where token counts came from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TokenFigures {
    /// Name of the client's tokenizer.
    pub tokenizer: String,
    /// Whether it is the built-in vocabulary, so that client-side lengths are approximate.
    pub approximate: bool,
    /// Requests counted by the server's usage.
    pub from_usage: u64,
    /// Requests counted by the client's tokenizer.
    pub from_tokenizer: u64,
    /// Requests whose output length is unknown.
    pub unknown: u64,
    /// Requests with both counts, more than 10 % and more than one token apart.
    pub mismatched: u64,
    /// Requests with both counts.
    pub compared: u64,
}

/// Failures that look the same.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct ErrorGroup {
    /// Why.
    pub cause: Cause,
    /// HTTP status; 0 when no head was read.
    pub status: u16,
    /// What was said.
    pub message: String,
    /// How many.
    pub count: u64,
}

/// The metrics of one request, in display units, in table order; a metric that it does not have is absent.
#[derive(Clone, Debug, Default)]
pub struct RequestMetrics {
    /// Single values.
    pub values: Vec<(&'static MetricInfo, f64)>,
    /// `inter_chunk_latency`: every gap, in ms; empty under two output events.
    pub inter_chunk_ms: Vec<f64>,
    /// Whether every SLO held; `None` without SLOs.
    pub good: Option<bool>,
}
