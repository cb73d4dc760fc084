//! Pure: per-core shards, exact addition, metrics, goodput, the [`Summary`].
//!
//! ```text
//!   worker ──► Shard (one a core) ──► add ──┐
//!      └─► record log ──► TokenCounts ──► Summarizer ──► Summary
//!                                 └─► RequestMetrics of each request
//! ```

mod arrivals;
mod arrived;
mod basis;
mod bursts;
mod by_connection;
mod cancelled;
mod charts;
mod client_share;
mod concurrency;
mod counts;
mod curve;
mod delayed_ack;
mod distribution;
mod errors;
mod evaluation;
mod facts;
mod first_token;
mod fleet;
mod gaps;
mod goodput;
mod in_order;
mod long_sends;
mod network;
mod packed;
mod path;
mod population;
mod rate;
mod request;
mod requests;
#[cfg(test)]
mod round_trip_tests;
mod row;
mod seconds;
mod server_parts;
mod server_time;
mod shard;
mod slice_figures;
mod slices;
mod span;
mod standstill;
mod stats;
mod steady;
mod steady_figures;
mod summarizer;
mod summary;
mod sums;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
mod threads;
mod thresholds;
mod time_bins;
mod timeline;
mod tokens;
mod trend;
mod usage_totals;
mod value_sums;
mod windows;
mod workload;

pub(crate) use crate::plan::metric as tags;
pub use arrivals::{ArrivalFigures, PossibleShift};
pub use bursts::Bursts;
pub use charts::{Bins, Charts, Column, Group, Slow, Strip};
pub use client_share::{ClientShare, Lateness, MARKED};
pub use counts::{ConnectionCounts, Counters, Counts, PhaseCounts, SessionCounts};
pub use delayed_ack::DelayedAcks;
pub use distribution::{Distribution, Percentile};
pub use errors::ErrorGroup;
pub use facts::{Aborted, CoreFigures, Offered, PhaseFacts, RunFacts};
pub use first_token::{FirstTokenFigures, FirstTokenParts, NETWORK_TOLD_OVER};
pub use fleet::{FleetFigures, MemberFigures};
pub use goodput::{Goodput, SloFigures, TierFigures};
pub use long_sends::LongSends;
pub use network::{FailedAddress, NetworkFigures, PhaseFigures, TargetFacts};
pub use path::{LateSetUps, SlowConnects};
pub use rate::RateFigures;
pub use request::{RequestMetrics, request_metrics};
pub use seconds::MissedSeconds;
pub use server_parts::ServerParts;
pub use shard::{HistogramId, Shard};
pub use slice_figures::{SliceFigures, Slices};
pub use standstill::Standstill;
pub use stats::Stats;
pub use steady_figures::{Compared, Confidence, PercentileFigures, RateInterval, Steady};
pub use summarizer::Summarizer;
pub use summary::*;
pub use sums::Sums;
pub use thresholds::ThresholdFigures;
pub use timeline::Timeline;
pub use tokens::{ClientTokens, TokenCounts, TokenSource};
pub use trend::{Direction, Trend};
pub use usage_totals::UsageTotals;
pub use windows::{Window, Windows};
pub use workload::{CacheFigures, InputFigures, OutputFigures, RepeatFigures, Sending, UnseenFigures, WorkloadFigures};
