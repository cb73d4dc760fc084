//! Pure: arrivals as iterators of nanoseconds from the start of a phase.
//!
//! Request k's instant depends on (rate, pattern, seed, k) alone: every core iterates over all arrivals and keeps its
//! own, so that the schedule is the same however many cores there are. Iterating costs tens of nanoseconds per arrival.

mod arrivals;
mod constant;
mod cumulative;
mod openings;
mod share;
mod split;
mod turns;

pub use arrivals::{Arrivals, arrivals};
pub use cumulative::expected_arrivals;
pub use openings::openings;
pub use share::Share;
pub use split::closed_split;
pub use turns::Turns;

#[cfg(test)]
mod distribution_tests;
#[cfg(test)]
mod moving_tests;
