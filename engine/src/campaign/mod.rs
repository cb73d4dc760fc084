//! Pure: several runs seen together. What repeats agree on, when enough of them were made, what a sweep shows, and
//! where a search for the capacity goes next.
//!
//! ```text
//!   Summary of each run ──► spreads      mean, spread and interval of each figure over repeats
//!                       ├─► settled      whether more repeats would tell more
//!                       └─► Cell ──► Picture   Pareto set, best cells, the knee
//!   requests of a probe ──► Judge ──► Judgement ──► Search   whether a load holds, and which to try next
//! ```

#[cfg(test)]
mod accuracy;
mod convergence;
mod probe;
mod search;
mod spread;
mod sweep;

pub use convergence::{Convergence, Criterion, LEAST_RUNS, current_value, ks_two_sample, settled};
pub use probe::{Judge, Judgement, Reason, Rule, Seen, least};
pub use search::{Next, Range, Search};
pub use spread::{STATISTICS, Spread, figure, spreads};
pub use sweep::{Cell, HEALTHY, Intervals, Knee, NotToldApart, Picture, SLOWER, picture};
