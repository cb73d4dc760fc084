//! The interval of a share.

use super::{Interval, z_quantile};

/// Wilson's score interval of a proportion (Wilson 1927): `part` of `whole`, at `level`. It keeps its level near 0 and
/// 1, where the usual `p ± z·se` has no length. `None` of nothing, and where there are more parts than the whole.
#[must_use]
pub fn wilson(part: u64, whole: u64, level: f64) -> Option<Interval> {
    if whole == 0 || part > whole {
        return None;
    }
    let z = z_quantile(level)?;
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At the ends the formula is exact but for its rounding.
    Some(Interval {
        low: if part == 0 { 0.0 } else { (centre - half).max(0.0) },
        high: if part == whole { 1.0 } else { (centre + half).min(1.0) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_published_intervals() {
        for (part, whole, low, high) in [
            // Newcombe 1998 ("Two-sided confidence intervals for the single proportion", table I, method 3): .2553 to
            // .3662.
            (81, 263, 0.255_288_519_9, 0.366_209_577_0),
            // scipy 1.17: stats.binomtest(k, n).proportion_ci(0.95, 'wilson').
            (0, 20, 0.0, 0.161_125_158_05),
            (20, 20, 0.838_874_841_95, 1.0),
            (950, 1_000, 0.934_686_179_76, 0.961_869_737_61),
        ] {
            let i = wilson(part, whole, 0.95).unwrap();
            assert!((i.low - low).abs() < 1e-9 && (i.high - high).abs() < 1e-9, "{part}/{whole}: {i:?}");
        }
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(wilson(2, 1, 0.95), None);
    }
}
