//! Pure: what may be said of figures that vary. Intervals, trends, and which part of a run is steady.
//!
//! Every function takes plain numbers in the order in which they were observed, and says in its doc whose method it is.
//! None of them guesses: too few values give `None`.
//!
//! ```text
//!   mean        Student's t interval of independent values
//!   batch       interval of the mean of values that depend on each other: batch means
//!   bootstrap   interval of a percentile of such values: circular blocks
//!   resampled   its standard error, of any number of values: the same
//!   proportion  Wilson's interval of a share
//!   mser        where a series has settled: MSER-5, kept where the level changes
//!   select      values by their rank, without a copy of them
//!   trend       Mann-Kendall and Theil-Sen
//! ```

mod batch;
mod bootstrap;
mod mean;
mod mser;
mod proportion;
mod resampled;
mod select;
mod trend;

pub use batch::{BatchMeans, autocorrelation, batch_means};
pub use bootstrap::{Method, PercentileInterval, block_length, percentile_intervals};
pub use mean::Sample;
pub use mser::{Settled, settled};
pub use proportion::wilson;
pub use resampled::percentile_errors;
pub use trend::{MannKendall, Slope, mann_kendall, theil_sen, theil_sen_at};

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The level of the intervals in reports.
pub const LEVEL: f64 = 0.95;

/// From `low` to `high`, both in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Interval {
    /// Lower end, in the unit of the figure.
    pub low: f64,
    /// Upper end, in the unit of the figure.
    pub high: f64,
}

impl Interval {
    /// `centre` ± `half`.
    #[must_use]
    pub fn around(centre: f64, half: f64) -> Self {
        Self { low: centre - half, high: centre + half }
    }

    /// Half of its length.
    #[must_use]
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// A percentile of sorted values by linear interpolation, as numpy's default. `share` is from 0 to 1.
///
/// # Panics
/// Without values.
#[must_use]
pub fn percentile_of_sorted(sorted: &[f64], share: f64) -> f64 {
    interpolated(sorted.len(), share, |i| sorted[i])
}

/// The same over `count` values in order, by place.
pub(crate) fn interpolated(count: usize, share: f64, value: impl Fn(usize) -> f64) -> f64 {
    let last = count - 1;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let (a, b) = (value(low), value(last.min(low + 1)));
    lerp(a, b, at - low as f64)
}

/// Between `a` and `b`, from the nearer end: exact at both, and the same digits as numpy's.
pub(crate) fn lerp(a: f64, b: f64, t: f64) -> f64 {
    if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) }
}

/// The quantile of Student's t distribution that leaves `(1 - level) / 2` on each side.
pub(crate) fn t_quantile(degrees: usize, level: f64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, degrees as f64).ok()?;
    proper(level).then(|| t.inverse_cdf(0.5 + level / 2.0))
}

/// The same of the standard normal distribution.
fn z_quantile(level: f64) -> Option<f64> {
    proper(level).then(|| Normal::standard().inverse_cdf(0.5 + level / 2.0))
}

/// How likely a standard normal value is at least as far from 0 as `z`.
fn two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}

fn proper(level: f64) -> bool {
    level > 0.0 && level < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // scipy 1.17: stats.t.ppf(.975, 7), stats.norm.ppf(.975).
        assert!((t_quantile(7, 0.95).unwrap() - 2.364_624_251_592_784).abs() < 1e-9);
        assert!((z_quantile(0.95).unwrap() - 1.959_963_984_540_054).abs() < 1e-9);
        assert_eq!((t_quantile(0, 0.95), z_quantile(1.0)), (None, None));
    }

    #[test]
    fn percentiles_are_numpys() {
        let sorted = [0.5, 1.25, 3.5, 4.75, 7.125, 9.0, 100.0];
        assert!((percentile_of_sorted(&sorted, 0.25) - 2.375).abs() < 1e-12);
        assert!((percentile_of_sorted(&sorted, 0.99) - 94.54).abs() < 1e-9);
        assert_eq!(percentile_of_sorted(&[3.0], 0.99), 3.0);
    }
}
