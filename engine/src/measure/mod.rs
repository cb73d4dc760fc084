//! Pure: per-core shards, exact addition, metrics, goodput, the [`Summary`].
//!
//! ```text
//!   worker ──► Shard (one a core) ──► add ──┐
//!      └─► record log ──► TokenCounts ──► Summarizer ──► Summary
//!                                 └─► RequestMetrics of each request
//! ```

mod concurrency;
mod counts;
mod distribution;
mod errors;
mod facts;
mod network;
mod population;
mod rate;
mod request;
mod shard;
mod slice_figures;
mod slices;
mod stats;
mod summarizer;
mod summary;
pub mod tags;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod tokens;
mod trend;

pub use counts::{ConnectionCounts, Counters, PhaseCounts};
pub use facts::{Offered, PhaseFacts, RunFacts};
pub use network::{NetworkFigures, PhaseFigures, Spoken};
pub use request::request_metrics;
pub use shard::{Of, Shard};
pub use slice_figures::{SliceFigures, Slices};
pub use summarizer::Summarizer;
pub use summary::*;
pub use timeline::Timeline;
pub use tokens::{ClientTokens, TokenCounts, TokenSource};
pub use trend::{Direction, Trend};
