//! Pure: per-core shards, exact addition, metrics, goodput, the [`Summary`].

mod counts;
mod shard;
mod summary;
pub mod tags;

pub use counts::{Counters, PhaseCounts};
pub use shard::{Of, Shard};
pub use summary::*;
