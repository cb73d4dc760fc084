//! Pure: several runs seen together. What repeats agree on, when enough of them were made, and what a sweep
//! shows.
//!
//! ```text
//!   Summary of each run ──► spreads      mean, spread and interval of each figure over repeats
//!                       ├─► settled      whether more repeats would tell more
//!                       └─► PointFigures ──► SweepSummary   Pareto set, best points, the knee
//! ```

mod convergence;
mod spread;
mod sweep;

pub use convergence::{Convergence, Criterion, LEAST_RUNS, current_value, ks_two_sample, settled};
pub use spread::{STATISTICS, Spread, figure, spreads};
pub use sweep::{HEALTHY, Indistinguishable, Intervals, Knee, PointFigures, SLOWER, SweepSummary, summarize};
