//! The shape of a load: what the cost of a request and of an event depends on.

use crate::measure::{Summary, tags};
use crate::plan::{Plan, Reuse};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The shape of a load: all that the cost of a request and of an event depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// The driver: `io_uring` or `epoll`.
    pub driver: String,
    /// The version of HTTP: `1.1` or `2`.
    pub http: String,
    /// Whether under TLS.
    pub tls: bool,
    /// Who stamps arrivals: `kernel` or `user`.
    pub stamps: String,
    /// Longest deliberate wait for a batch of reads, microseconds.
    pub batch_wait_us: u64,
    /// Whether responses are streamed.
    pub streaming: bool,
    /// Whether connections are kept for later requests.
    pub kept_connections: bool,
    /// Requests in flight on each core.
    pub streams_per_core: f64,
    /// Mean length of a prompt, in tokens.
    pub input_tokens: f64,
}

impl Shape {
    /// The shape of a run; `None` where its servers do not all speak the same.
    #[must_use]
    pub fn of(plan: &Plan, summary: &Summary) -> Option<Self> {
        let client = &summary.client;
        let targets = &summary.network.targets;
        let first = targets.first()?;
        if targets.iter().any(|t| (t.http, t.tls) != (first.http, first.tls)) {
            return None;
        }
        let load = &plan.profiling.load;
        let bound = load.most_in_flight().map(f64::from);
        // A closed loop keeps its slots full. What an open one has in flight is known only afterwards.
        let seen = summary.metric(tags::EFFECTIVE_CONCURRENCY.tag).map(|m| m.avg).filter(|_| load.is_scheduled());
        let in_flight = seen.or(bound).unwrap_or(1.0);
        Some(Self {
            driver: client.driver.clone(),
            http: first.http.to_owned(),
            tls: first.tls,
            stamps: client.stamps.clone(),
            batch_wait_us: plan.batch_wait / 1_000,
            streaming: plan.streaming,
            kept_connections: plan.reuse == Reuse::Pooled,
            streams_per_core: in_flight / client.cores.len().max(1) as f64,
            input_tokens: plan.prompts.isl.mean,
        })
    }

    /// The first thing in which the other is of another kind, in words: what this has, what the other has.
    pub(super) fn other_kind(&self, other: &Self) -> Option<String> {
        let pair = |a: String, b: String| (a != b).then(|| format!("{a}, not {b}"));
        pair(self.driver.clone(), other.driver.clone())
            .or_else(|| pair(self.spoken(), other.spoken()))
            .or_else(|| pair(self.stamped(), other.stamped()))
            .or_else(|| pair(self.answers().into(), other.answers().into()))
            .or_else(|| pair(self.connections().into(), other.connections().into()))
    }

    /// How far the other is away where it is of the same kind: factors of two in the number of streams and in the
    /// length of prompts, both added. A number of streams under one counts as one: nothing is ever batched there.
    pub(super) fn distance(&self, other: &Self) -> (f64, f64) {
        let octaves = |a: f64, b: f64| (a.max(1.0) / b.max(1.0)).log2().abs();
        (octaves(self.streams_per_core, other.streams_per_core), octaves(self.input_tokens, other.input_tokens))
    }

    fn spoken(&self) -> String {
        let tls = if self.tls { " under TLS" } else { "" };
        format!("HTTP/{}{tls}", self.http)
    }

    fn stamped(&self) -> String {
        format!("{} stamps with a batch wait of {} µs", self.stamps, self.batch_wait_us)
    }

    fn answers(&self) -> &'static str {
        if self.streaming { "streams" } else { "whole answers" }
    }

    fn connections(&self) -> &'static str {
        if self.kept_connections { "kept connections" } else { "a connection per request" }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {}, {}, {}, {:.0} in flight on each core, {:.0} tokens in",
            self.driver,
            self.spoken(),
            self.stamped(),
            self.answers(),
            self.connections(),
            self.streams_per_core,
            self.input_tokens
        )
    }
}
