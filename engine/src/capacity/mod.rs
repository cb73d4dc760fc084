//! Pure: the largest load that a server holds. Whether a load holds, and which to try next.
//!
//! ```text
//!   requests of a probe ──► Judge ──► Judgement ──► Search ──► Next
//! ```

#[cfg(test)]
mod accuracy;
mod probe;
mod search;

pub use probe::{Judge, Judgement, Observation, Reason, Rule, least};
pub use search::{Next, Range, Search};
