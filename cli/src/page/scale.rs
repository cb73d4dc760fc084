//! From values to places on an axis, and the values that an axis names.

use crate::report::short;

/// An axis from its least to its greatest value, straight or by the logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// From one value to another.
    pub(super) fn straight(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, log: false }
    }

    /// From 0 to a little over the greatest of some values.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        let step = step(most, TICKS);
        Self::straight(0.0, if most > 0.0 { (most / step).ceil() * step } else { 1.0 })
    }

    /// Between two positive values, by the logarithm where they are far apart.
    pub(super) fn spread(low: f64, high: f64) -> Self {
        match low > 0.0 && high / low >= FAR_APART {
            true => Self::logarithmic(low, high),
            false => {
                let step = step(high - low, TICKS);
                let low = if high > 3.0 * low { 0.0 } else { (low / step).floor() * step };
                Self::straight(low, (high / step).ceil() * step)
            }
        }
    }

    /// Between two positive values, by the logarithm.
    pub(super) fn logarithmic(low: f64, high: f64) -> Self {
        Self { low, high: if high > low { high } else { 2.0 * low }, log: true }
    }

    /// Where a value is, from 0 to 1; a value beyond an end is at it.
    pub(super) fn at(self, value: f64) -> f64 {
        let share = match self.log {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(0.0, 1.0)
    }

    /// Its ends, and whether it goes by the logarithm.
    pub(super) fn ends(self) -> (f64, f64, bool) {
        (self.low, self.high, self.log)
    }

    /// The values that the axis names, each with its words.
    pub(super) fn ticks(self, most: usize) -> Vec<(f64, String)> {
        match self.log {
            true => self.log_ticks(most),
            false => {
                let step = step(self.high - self.low, most);
                let first = (self.low / step - 1e-9).ceil() as i64;
                let last = (self.high / step + 1e-9).floor() as i64;
                (first..=last).map(|i| i as f64 * step).map(|value| (value, words(value, step))).collect()
            }
        }
    }

    fn log_ticks(self, most: usize) -> Vec<(f64, String)> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let of = |parts: &[f64]| -> Vec<f64> {
            let all = decades.clone().flat_map(|e| parts.iter().map(move |part| part * 10f64.powi(e)));
            all.filter(|value| (self.low * 0.999..=self.high * 1.001).contains(value)).collect()
        };
        let sets: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let found = sets.into_iter().map(of).find(|ticks| ticks.len() <= most).unwrap_or_else(|| {
            let all = of(&[1.0]);
            let each = all.len().div_ceil(most.max(1));
            all.into_iter().step_by(each).collect()
        });
        found.into_iter().map(|value| (value, words(value, value))).collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that at most so many fit.
fn step(length: f64, most: usize) -> f64 {
    if !(length > 0.0 && length.is_finite()) {
        return 1.0;
    }
    let rough = length / most.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let part = [1.0, 2.0, 5.0, 10.0].into_iter().find(|part| part * power >= rough * (1.0 - 1e-9)).unwrap_or(10.0);
    part * power
}

/// A value in as many digits as its step needs.
fn words(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    match value.abs() {
        size if size >= 1e6 => short(value),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3).replace(".0k", "k"),
        _ => format!("{value:.decimals$}"),
    }
}

/// The ratio from which values are shown by their logarithm.
const FAR_APART: f64 = 30.0;
/// Values that an axis of values names.
pub(super) const TICKS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(scale: Scale, most: usize) -> Vec<String> {
        scale.ticks(most).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn an_axis_names_round_values() {
        assert_eq!(named(Scale::straight(0.0, 10.0), 5), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(named(Scale::from_zero([0.3, 0.93].into_iter()), 4), ["0.0", "0.5", "1.0"]);
        assert_eq!(named(Scale::from_zero([f64::NAN].into_iter()), 4), ["0.0", "0.5", "1.0"]);
        assert_eq!(named(Scale::spread(9.9, 10.3), 4), ["9.9", "10.0", "10.1", "10.2", "10.3"]);
        assert_eq!(named(Scale::spread(1.0, 1_000.0), 4), ["1", "10", "100", "1000"]);
        assert_eq!(named(Scale::straight(0.0, 40_000.0), 4), ["0", "10k", "20k", "30k", "40k"]);
    }

    #[test]
    fn a_value_has_its_place() {
        let log = Scale::logarithmic(1.0, 100.0);
        assert_eq!([0.1, 1.0, 10.0, 100.0, 1e9].map(|v| (log.at(v) * 10.0).round()), [0.0, 0.0, 5.0, 10.0, 10.0]);
        let straight = Scale::straight(2.0, 4.0);
        assert_eq!([1.0, 2.0, 3.0, 4.0].map(|v| straight.at(v)), [0.0, 0.0, 0.5, 1.0]);
        assert!(Scale::straight(3.0, 3.0).at(3.0).is_finite());
    }
}
