//! Pure: arrivals as iterators of nanoseconds from the start of a phase.
//!
//! Request k's instant depends on (rate, pattern, seed, k) alone: every core iterates over all arrivals and keeps its own, so that
//! the schedule is the same however many cores there are. Iterating costs tens of nanoseconds per arrival.

mod arrivals;
mod constant;
mod split;

pub use arrivals::{Arrivals, arrivals};
pub use split::closed_split;

#[cfg(test)]
mod distribution_tests;
