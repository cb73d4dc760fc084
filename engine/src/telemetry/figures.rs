//! The figures of a server that are read beside those of a run.

use super::collector::Collector;
use super::names::Role;
use super::over_time::{OverTime, stretches};
use super::scalar::Values;
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// The server's own figures in the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ServerFigures {
    /// Where from.
    pub endpoints: Vec<EndpointFigures>,
    /// The servers whose names the metrics have: `vLLM`, `SGLang` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// Requests in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<GaugeFigures>,
    /// Requests that waited to be admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<GaugeFigures>,
    /// The part of the scrapes in which any waited; of several endpoints the largest part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_share: Option<f64>,
    /// Share of the key-value cache in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_use: Option<GaugeFigures>,
    /// Requests that lost their place in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<u64>,
    /// Prompt tokens from the prefix cache, of those that were looked up there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_hits: Option<ShareFigures>,
    /// Drafted tokens that speculative decoding accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_drafts: Option<ShareFigures>,
    /// From a request's arrival at the server to its admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueFigures>,
    /// Prefill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<QueueFigures>,
    /// Tokens by the server's count, in the measured phase.
    pub tokens: ServerTokens,
    /// The server's count of tokens against the client's, over the whole load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<TokenCheck>,
    /// By the time slices of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<ServerSlice>,
    /// Over the measured phase, of a run without slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_time: Option<OverTime<ServerSlice>>,
}

/// The scrapes of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct EndpointFigures {
    /// Its URL, without secrets.
    pub url: String,
    /// Scrapes that brought metrics.
    pub fetches: u64,
    /// Scrapes that brought none.
    pub failed: u64,
    /// Scrapes that differed from the one before.
    pub updates: u64,
    /// Instant of the first scrape, in nanoseconds since the Unix epoch.
    pub first_at: Nanos,
    /// Of the last.
    pub last_at: Nanos,
    /// Of the first that brought something new.
    pub first_update_at: Nanos,
    /// Of the last that did.
    pub last_update_at: Nanos,
    /// Nanoseconds that the scrapes took together.
    pub took_ns: Nanos,
    /// Bytes of the largest.
    pub largest_bytes: u64,
    /// Series that it has.
    pub series: u64,
    /// Samples that were over the limit of series, or whose labels could not be read.
    #[serde(default)]
    pub left_out: u64,
    /// Samples of a series that the same scrape had already: the last counts.
    #[serde(default)]
    pub duplicates: u64,
    /// Lines that are no exposition.
    #[serde(default)]
    pub bad_lines: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad_line: Option<String>,
}

impl EndpointFigures {
    /// Milliseconds between two updates on average; `None` of fewer than two.
    #[must_use]
    pub fn update_interval_ms(&self) -> Option<f64> {
        let between = self.updates.checked_sub(1).filter(|n| *n > 0)?;
        Some(self.last_update_at.saturating_sub(self.first_update_at) as f64 / between as f64 / 1e6)
    }
}

/// A gauge over the scrapes of the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GaugeFigures {
    /// Mean.
    pub avg: f64,
    /// Smallest; of several endpoints the sum of theirs, which need not have been at one time.
    pub min: f64,
    /// Largest; of several endpoints as the smallest.
    pub max: f64,
}

/// A part of a whole, both counted by the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ShareFigures {
    /// The part.
    pub part: f64,
    /// The whole.
    pub whole: f64,
}

impl ShareFigures {
    /// Part over whole; 0 of nothing.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.whole > 0.0 { self.part / self.whole } else { 0.0 }
    }
}

/// Durations by a histogram of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct QueueFigures {
    /// Requests.
    pub count: f64,
    /// Mean in ms: exact.
    pub avg_ms: f64,
    /// p50 in ms, as far as the buckets tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// p99, the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// The p99 is over `p99_ms`, which is the last bound of the buckets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub p99_is_over: bool,
}

/// Tokens by the server's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ServerTokens {
    /// Of prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<f64>,
    /// Of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<f64>,
}

/// The server's count of tokens from before the load (warm-up included) to after its end, against that of the
/// responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct TokenCheck {
    /// The server's count.
    pub server: ServerTokens,
    /// Prompt tokens by the usage of all responses.
    pub prompt: u64,
    /// Output tokens, the same way.
    pub generation: u64,
    /// Requests that the client sent.
    pub requests: u64,
    /// Of them those that did not end with a usage: of these the client knows no tokens, and the server may have
    /// counted some.
    pub unknown: u64,
}

impl TokenCheck {
    /// By how much the server's counts are off the client's, as shares of the client's: prompt, output. `None` where
    /// one of them does not count. What requests without usage can have added is no difference.
    #[must_use]
    pub fn off(&self) -> [Option<f64>; 2] {
        let off = |server: Option<f64>, ours: u64| {
            let (server, ours) = (server?, ours as f64);
            let excess = server - ours;
            if ours == 0.0 || (self.unknown > 0 && excess > 0.0) {
                return None;
            }
            Some(excess / ours)
        };
        [off(self.server.prompt, self.prompt), off(self.server.generation, self.generation)]
    }
}

/// A server in one time slice of a run; absent where no scrape was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ServerSlice {
    /// The slice, from 0.
    pub index: u64,
    /// Mean of requests in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<f64>,
    /// Mean of requests that waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<f64>,
    /// Mean share of the key-value cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_use: Option<f64>,
    /// Requests that lost their place in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<f64>,
    /// The share of the prompt tokens that came from the prefix cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_hits: Option<f64>,
    /// The share of the drafted tokens that speculative decoding accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_drafts: Option<f64>,
}

impl ServerFigures {
    /// From the scrapes of all endpoints; `None` where none brought metrics.
    #[must_use]
    pub fn of(endpoints: &[Collector]) -> Option<Self> {
        let found: Vec<&Collector> = endpoints.iter().filter(|c| c.endpoint().fetches > 0).collect();
        if found.is_empty() {
            return None;
        }
        let grown = |role: Role| sum(found.iter().map(|c| c.grown(role)));
        let share =
            |part: Role, whole: Role| added_shares(found.iter().map(|c| Some((c.grown(part)?, c.grown(whole)?))));
        let mut servers: Vec<String> = Vec::new();
        for server in found.iter().filter_map(|c| c.server()) {
            if servers.iter().all(|known| known != server) {
                servers.push(server.to_owned());
            }
        }
        let waiting_of = |c: &&Collector| c.waiting.stats().map(|_| c.with_waiting as f64 / c.waiting.count() as f64);
        Some(Self {
            endpoints: endpoints.iter().map(Collector::endpoint).collect(),
            servers,
            running: added(&found, |c| &c.running),
            waiting: added(&found, |c| &c.waiting),
            waiting_share: found.iter().filter_map(waiting_of).reduce(f64::max),
            kv_use: mean(&found, |c| &c.kv_use),
            preemptions: grown(Role::Preemptions).map(|n| n as u64),
            prefix_hits: share(Role::PrefixHits, Role::PrefixQueries),
            accepted_drafts: share(Role::AcceptedTokens, Role::DraftTokens),
            queue: durations(&found, Role::QueueTime),
            prefill: durations(&found, Role::PrefillTime),
            tokens: ServerTokens { prompt: grown(Role::PromptTokens), generation: grown(Role::GenerationTokens) },
            check: None,
            slices: Vec::new(),
            over_time: None,
        })
    }

    /// The server's count of tokens since before the load; `None` where it has neither.
    #[must_use]
    pub fn tokens_since_first(endpoints: &[Collector]) -> Option<ServerTokens> {
        let grown = |role: Role| sum(endpoints.iter().map(|c| c.grown_since_first(role)));
        let tokens = ServerTokens { prompt: grown(Role::PromptTokens), generation: grown(Role::GenerationTokens) };
        (tokens != ServerTokens::default()).then_some(tokens)
    }

    /// Adds the figures of time slices, each from its start to its end on the scrapes' clock.
    pub fn cut(&mut self, endpoints: &[Collector], slices: impl Iterator<Item = (u64, Nanos, Nanos)>) {
        self.slices = in_each(endpoints, slices);
    }

    /// Adds the figures of stretches of equal length from one instant to another.
    pub fn cut_evenly(&mut self, endpoints: &[Collector], from: Nanos, to: Nanos) {
        self.over_time = stretches(from, to)
            .map(|(length, all)| OverTime { stretch_s: length as f64 / 1e9, stretches: in_each(endpoints, all) });
    }
}

/// The figures in each stretch of time that had a scrape.
fn in_each(endpoints: &[Collector], all: impl Iterator<Item = (u64, Nanos, Nanos)>) -> Vec<ServerSlice> {
    let figures = |(index, from, to)| {
        let of = |role| sum(endpoints.iter().map(|c| c.mean_in(role, from, to)));
        let grown = |role| sum(endpoints.iter().map(|c| c.grown_in(role, from, to)));
        let share = |part, whole| {
            let each = |c: &Collector| Some((c.grown_in(part, from, to)?, c.grown_in(whole, from, to)?));
            added_shares(endpoints.iter().map(each)).map(|share| share.share())
        };
        let with_kv = endpoints.iter().filter(|c| c.mean_in(Role::KvUse, from, to).is_some()).count();
        ServerSlice {
            index,
            running: of(Role::Running),
            waiting: of(Role::Waiting),
            kv_use: of(Role::KvUse).map(|sum| sum / with_kv as f64),
            preemptions: grown(Role::Preemptions),
            prefix_hits: share(Role::PrefixHits, Role::PrefixQueries),
            accepted_drafts: share(Role::AcceptedTokens, Role::DraftTokens),
        }
    };
    let is_told = |s: &ServerSlice| {
        let figures = [s.running, s.waiting, s.kv_use, s.preemptions, s.prefix_hits, s.accepted_drafts];
        figures.iter().any(Option::is_some)
    };
    all.map(figures).filter(is_told).collect()
}

fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(|all, one| all + one)
}

/// The part and the whole of those endpoints that count both; `None` of nothing.
fn added_shares(each: impl Iterator<Item = Option<(f64, f64)>>) -> Option<ShareFigures> {
    let all = each.flatten().reduce(|all, one| (all.0 + one.0, all.1 + one.1));
    all.filter(|(_, whole)| *whole > 0.0).map(|(part, whole)| ShareFigures { part, whole })
}

/// A gauge of which each endpoint has its part.
fn added(endpoints: &[&Collector], of: fn(&Collector) -> &Values) -> Option<GaugeFigures> {
    let each = endpoints.iter().filter_map(|c| of(c).stats());
    let figures = each.map(|s| GaugeFigures { avg: s.avg, min: s.min, max: s.max });
    figures.reduce(|a, b| GaugeFigures { avg: a.avg + b.avg, min: a.min + b.min, max: a.max + b.max })
}

/// A share that each endpoint has of its own.
fn mean(endpoints: &[&Collector], of: fn(&Collector) -> &Values) -> Option<GaugeFigures> {
    let each: Vec<_> = endpoints.iter().filter_map(|c| of(c).stats()).collect();
    let avg = each.iter().map(|s| s.avg).sum::<f64>() / each.len() as f64;
    let min = each.iter().map(|s| s.min).reduce(f64::min)?;
    let max = each.iter().map(|s| s.max).reduce(f64::max)?;
    Some(GaugeFigures { avg, min, max })
}

fn durations(endpoints: &[&Collector], role: Role) -> Option<QueueFigures> {
    let of = endpoints.iter().filter_map(|c| c.histogram(role));
    let all = of.reduce(|mut all, one| {
        all.add(&one);
        all
    })?;
    let p99 = all.quantile(0.99);
    Some(QueueFigures {
        count: all.count,
        avg_ms: all.mean()? * 1e3,
        p50_ms: all.quantile(0.5).map(|estimate| estimate.value() * 1e3),
        p99_ms: p99.map(|estimate| estimate.value() * 1e3),
        p99_is_over: matches!(p99, Some(super::Estimate::Over(_))),
    })
}
