//! A distribution as a curve: its values at every hundredth, for charts.

use super::request::ms;
use crate::clock::Nanos;
use crate::interned::Name;
use crate::plan::metric::MetricInfo;
use crate::statistics::{interpolated, percentile_of_sorted};
use hdrhistogram::Histogram;

/// The curves of the metrics that are wanted.
pub(super) struct Curves {
    wanted: &'static [&'static MetricInfo],
    found: Vec<(Name, Vec<f64>)>,
}

impl Curves {
    /// Curves of these metrics, whose unit is ms.
    pub(super) fn of(wanted: &'static [&'static MetricInfo]) -> Self {
        Self { wanted, found: Vec::new() }
    }

    /// The same curves, of which none is found yet.
    pub(super) fn anew(&self) -> Self {
        Self::of(self.wanted)
    }

    /// Adds those that were found elsewhere.
    pub(super) fn absorb(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// Whether the curve of a metric is wanted.
    pub(super) fn wants(&self, info: &MetricInfo) -> bool {
        self.wanted.iter().any(|wanted| std::ptr::eq(*wanted, info))
    }

    /// Looks at the sorted values of a metric.
    pub(super) fn look(&mut self, info: &'static MetricInfo, sorted: &[f64]) {
        if self.wants(info) {
            self.found.push((info.tag, of(|share| percentile_of_sorted(sorted, share))));
        }
    }

    /// The shares at which the values of a metric are wanted; empty where they are not.
    pub(super) fn shares(&self, info: &'static MetricInfo) -> Vec<f64> {
        if self.wants(info) { of(|share| share) } else { Vec::new() }
    }

    /// Takes a curve that was made elsewhere.
    pub(super) fn put(&mut self, info: &'static MetricInfo, curve: Vec<f64>) {
        self.found.push((info.tag, curve));
    }

    /// The curve of a metric; empty where there is none.
    pub(super) fn take(&mut self, tag: &str) -> Vec<f64> {
        let found = self.found.iter_mut().find(|(of, _)| *of == tag);
        found.map(|(_, curve)| std::mem::take(curve)).unwrap_or_default()
    }
}

/// Values in ms at 0 %, 1 % … 100 % of so many sorted lengths in nanoseconds.
pub(super) fn of_nanos(count: usize, sorted: impl Fn(usize) -> Nanos) -> Vec<f64> {
    of(|share| interpolated(count, share, |i| ms(sorted(i))))
}

/// The same of a histogram, to its 3 significant digits.
pub(super) fn of_histogram(histogram: &Histogram<u64>) -> Vec<f64> {
    of(|share| ms(histogram.value_at_quantile(share)))
}

fn of(at: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..=STEPS).map(|step| at(f64::from(step) / f64::from(STEPS))).collect()
}

/// Steps of a curve.
const STEPS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLI;

    #[test]
    fn a_curve_has_the_value_of_every_hundredth() {
        let sorted: Vec<Nanos> = (0..=1_000).map(|i| i * MILLI).collect();
        let curve = of_nanos(sorted.len(), |i| sorted[i]);
        assert_eq!(curve.len(), 101);
        for (step, value) in curve.iter().enumerate() {
            assert!((value - 10.0 * step as f64).abs() < 1e-9, "{step}: {value}");
        }
        let mut histogram = Histogram::new(3).unwrap();
        sorted.iter().for_each(|value| histogram.record(*value).unwrap());
        for (rough, exact) in of_histogram(&histogram).iter().zip(&curve).skip(1) {
            assert!((rough - exact).abs() <= exact / 500.0 + 1.0, "{rough} {exact}");
        }
    }
}
