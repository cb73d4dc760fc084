//! What a run came to: every figure that a report prints. Renderers never compute.

use super::arrivals::ArrivalFigures;
use super::client_share::ClientShare;
use super::counts::Counts;
use super::distribution::Distribution;
use super::errors::ErrorGroup;
use super::facts::Aborted;
use super::facts::CoreFigures;
use super::fleet::FleetFigures;
use super::goodput::Goodput;
use super::goodput::TierFigures;
use super::network::NetworkFigures;
use super::rate::RateFigures;
use super::slice_figures::Slices;
use super::standstill::Standstill;
use super::stats::Stats;
use super::steady_figures::{Confidence, Steady};
use super::tags::MetricInfo;
use super::thresholds::ThresholdFigures;
use super::usage_totals::UsageTotals;
use super::windows::Windows;
use super::workload::WorkloadFigures;
use crate::plan::Statistic;
use crate::telemetry::{GpuFigures, ServerFigures};
use serde::{Deserialize, Serialize};

/// The result of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Goodput by each tier of `plan.tiers`.
    pub tiers: Vec<TierFigures>,
    /// What came of each condition of `plan.thresholds`.
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
    /// The processes that shared the load, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetFigures>,
    /// How much the client had to do over time: what a ceiling is compared with.
    #[serde(default)]
    pub windows: Windows,
    /// What the network was like.
    pub network: NetworkFigures,
    /// The sources of token counts.
    pub tokens: TokenFigures,
    /// What was sent and what came back, against what was asked for.
    #[serde(default)]
    pub workload: WorkloadFigures,
    /// What the server said of itself; absent where it has no metrics, or they were not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFigures>,
    /// What its GPUs did; absent where no exporter was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuFigures>,
    /// Tokens by usage in both phases: what the server's counters are compared with. Not written.
    #[serde(skip)]
    pub usage: UsageTotals,
    /// Failures by cause, status and message, most frequent first.
    pub errors: Vec<ErrorGroup>,
    /// Whether a signal ended the run early.
    pub was_cancelled: bool,
    /// What the run ended early over of its own accord, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<Aborted>,
    /// Why the record log's file took no more, where that ended the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_failure: Option<String>,
    /// The run did not end: it was killed, or its machine went, and the figures are of the requests whose records it
    /// had left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// Start of the measured phase → its last request ended or was abandoned, in seconds.
    pub phase_duration_s: f64,
    /// Equations of the request accounting that do not hold: each is a bug of ringload.
    pub violations: Vec<String>,
}

impl Summary {
    /// The metric of a tag, where the run has it.
    #[must_use]
    pub fn metric(&self, tag: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.info.tag == tag)
    }

    /// The largest part of a printed statistic that the client can have made, by all of its lags together; `None`
    /// where that is under a thousandth of it.
    #[must_use]
    pub fn client_share(&self, tag: &str, statistic: Statistic) -> Option<f64> {
        let of = self.client.shares.iter().filter(|share| share.tag == tag && share.statistic == statistic);
        of.filter_map(ClientShare::of_value).reduce(|all, share| all + share)
    }
}

/// A metric with its statistics from exact values.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Metric {
    /// What it is.
    #[serde(rename = "tag", with = "crate::plan::metric::by_tag")]
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

impl Metric {
    /// A figure of it, in the display unit; `None` where it has none.
    #[must_use]
    pub fn statistic(&self, statistic: Statistic) -> Option<f64> {
        let of = |figure: fn(&Stats) -> f64| self.stats.as_ref().map(figure);
        match statistic {
            Statistic::Value | Statistic::Avg => Some(self.avg),
            Statistic::Min => of(|s| s.min),
            Statistic::Max => of(|s| s.max),
            Statistic::Std => of(|s| s.std),
            Statistic::P1 => of(|s| s.p1),
            Statistic::P5 => of(|s| s.p5),
            Statistic::P10 => of(|s| s.p10),
            Statistic::P25 => of(|s| s.p25),
            Statistic::P50 => of(|s| s.p50),
            Statistic::P75 => of(|s| s.p75),
            Statistic::P90 => of(|s| s.p90),
            Statistic::P95 => of(|s| s.p95),
            Statistic::P99 => of(|s| s.p99),
            Statistic::P999 => self.tails.map(|[p999, _]| p999),
            Statistic::P9999 => self.tails.map(|[_, p9999]| p9999),
        }
    }

    /// Whether so many values stand behind a figure of it as it needs: a p99 100, a p99.9 1 000, a p99.99 10 000.
    #[must_use]
    pub fn has_enough_for(&self, statistic: Statistic) -> bool {
        let needed = match statistic {
            Statistic::P99 => 100,
            Statistic::P999 => 1_000,
            Statistic::P9999 => 10_000,
            _ => 0,
        };
        self.stats.is_none_or(|stats| stats.count >= needed)
    }
}

/// The client's own share in the figures.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ClientFigures {
    /// The driver in use: `io_uring` or `epoll`.
    pub driver: String,
    /// Why it is not the preferred one, if it is not.
    pub driver_note: Option<String>,
    /// Who stamped arrivals: `kernel`, `packet` or `user`.
    pub stamps: String,
    /// `seen - arrived` of every read: the engine's own delay. With user stamps it cannot be known and is empty.
    pub receive_lag: Option<Distribution>,
    /// `issued - scheduled` with a slot free; without one, until the loop saw that there was none.
    pub dispatch_lag: Option<Distribution>,
    /// Reads with bytes.
    pub reads: u64,
    /// Reads whose kernel stamp was missing or implausible.
    pub stamp_fallbacks: u64,
    /// With packet stamps: parts of reads of which no packet was seen. They have the stamp of their read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_missed: u64,
    /// With packet stamps: packets that the kernel had no place for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_dropped: u64,
    /// With packet stamps: reads of whose last byte the packet's stamp and the socket's are over 0.1 ms apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_apart: u64,
    /// With packet stamps: packets that have the network card's own stamp.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_by_card: u64,
    /// Output events that were read.
    pub events: u64,
    /// Output events that shared their read with a later one.
    pub coalesced: u64,
    /// Of them those whose read was in time: they arrived together.
    #[serde(default)]
    pub merged: u64,
    /// `coalesced / events`.
    pub coalesced_share: f64,
    /// How well arrivals are known, and how far that can move figures; absent without kernel stamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalFigures>,
    /// The largest part of printed statistics that the client's lags can have made, where it is over a thousandth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ClientShare>,
    /// Requests whose record could not be kept. Any is a loss.
    pub records_lost: u64,
    /// Completions the kernel could not queue. Any is a loss.
    pub completions_lost: u64,
    /// Times a receive ended because no buffer was free; re-armed, nothing lost.
    pub buffer_starved: u64,
    /// The cores of the workers, one each.
    pub cores: Vec<CoreFigures>,
    /// CPU per output event over all workers, in nanoseconds, user part.
    pub user_ns_per_event: Option<f64>,
    /// The same, kernel part.
    pub system_ns_per_event: Option<f64>,
    /// Highest resident set of the process, in bytes.
    pub peak_rss_bytes: u64,
    /// Bytes that the answers of the run could hold together (`plan.limits.buffered_bytes`).
    pub buffered_limit_bytes: u64,
}

/// The sources of token counts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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

impl TokenFigures {
    /// Adds the requests of another process with the same tokenizer.
    pub(super) fn add(&mut self, other: &Self) {
        self.from_usage += other.from_usage;
        self.from_tokenizer += other.from_tokenizer;
        self.unknown += other.unknown;
        self.mismatched += other.mismatched;
        self.compared += other.compared;
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
