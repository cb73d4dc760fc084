//! Pure: per-core shards, exact addition, metrics, goodput, the [`Summary`].

mod summary;
pub mod tags;

pub use summary::*;
