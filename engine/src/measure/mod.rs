//! Pure: per-core shards, exact addition, metrics, goodput, the [`Summary`].

mod counts;
mod request;
mod shard;
mod summary;
pub mod tags;
mod tokens;

pub use counts::{Counters, PhaseCounts};
pub use request::request_metrics;
pub use shard::{Of, Shard};
pub use summary::*;
pub use tokens::{ClientTokens, TokenCounts, TokenSource};
