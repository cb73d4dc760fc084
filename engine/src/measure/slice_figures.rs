//! What the slices of a run came to.

use super::summary::Metric;
use super::trend::Trend;
use serde::{Deserialize, Serialize};

/// The slices of a run, and whether it changed over them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Slices {
    /// Length of a slice in seconds.
    pub slice_duration_s: f64,
    /// From the first request on, without a hole; the last one ends with the last request.
    pub slices: Vec<SliceFigures>,
    /// What was tested for a trend; empty where nothing could be.
    pub trends: Vec<Trend>,
    /// Which figures were not tested and why, in words; absent where all were.
    pub untested: Option<String>,
    /// Requests that were issued after the last slice that is kept.
    pub requests_beyond_limit: u64,
    /// `Limits::slices`: the most slices that are kept.
    pub limit: usize,
}

/// One slice. What it does not have is `None`: a slice in which no request was issued has no latencies.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SliceFigures {
    /// Number of the slice, from 0.
    pub index: u64,
    /// Its start, in seconds after the first request.
    pub start_s: f64,
    /// Its start as wall-clock nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// Its end, the same way.
    pub end_ns: u64,
    /// Whether the run lasted for all of it.
    pub is_complete: bool,
    /// Whether it counts in the tests for a trend: complete, and load was offered for at least nine tenths of it.
    pub in_trend: bool,
    /// Requests issued in it that succeeded.
    pub succeeded: u64,
    /// Requests issued in it that failed.
    pub failed: u64,
    /// Requests issued in it that the client broke off, as planned.
    pub cancelled: u64,
    /// Requests issued in it that were in flight when the run ended.
    pub in_flight_at_end: u64,
    /// `succeeded` per second of the slice.
    pub request_throughput: Option<f64>,
    /// Successful requests that ended in it, whenever they were issued.
    pub completed: u64,
    /// `completed` per second of the slice.
    pub completed_per_s: Option<f64>,
    /// Requests issued in it for which every SLO held.
    pub good: Option<u64>,
    /// `good` per second of the slice.
    pub goodput: Option<f64>,
    /// `good / (succeeded + failed)`.
    pub good_request_fraction: Option<f64>,
    /// Requests in flight in it, weighted by time, whenever they were issued.
    pub in_flight_mean: Option<f64>,
    /// Output events that arrived in it, of every request, whenever it was issued and whatever came of it.
    pub output_events: u64,
    /// The same per second of the slice.
    pub output_events_per_s: Option<f64>,
    /// Tokens that arrived in it: each of a request's m events stands for n/m of its n tokens. Of a request that did
    /// not succeed and has no count of its own each event stands for as many as those of all successful requests. 0
    /// where nothing arrived; absent where nobody counts tokens.
    pub output_tokens: Option<f64>,
    /// Of the events those whose number of tokens is unknown: they are not in `output_tokens`.
    pub output_events_uncounted: u64,
    /// `output_tokens` per second of the slice.
    pub output_token_throughput: Option<f64>,
    /// Median of `time_to_first_token` of the requests issued in it, in ms.
    pub time_to_first_token_p50: Option<f64>,
    /// Its 95th percentile.
    pub time_to_first_token_p95: Option<f64>,
    /// Median of `inter_token_latency`, in ms.
    pub inter_token_latency_p50: Option<f64>,
    /// Median of `request_latency`, in ms.
    pub request_latency_p50: Option<f64>,
    /// Its 99th percentile.
    pub request_latency_p99: Option<f64>,
    /// Every metric, for AIPerf's files: rates are per second of the slice, output and concurrency count by arrival.
    #[serde(default)]
    pub metrics: Vec<Metric>,
}
