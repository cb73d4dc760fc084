//! Independent values and their mean.

use super::{Interval, t_quantile};

/// A sample of independent values: their number, mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How many values.
    pub count: usize,
    /// The mean of the values, in their unit.
    pub mean: f64,
    /// Standard deviation of the sample (ddof 1); 0 for one value.
    pub sd: f64,
}

impl Sample {
    /// `None` without values, and where one is not finite.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (squares / (count - 1).max(1) as f64).sqrt();
        Some(Self { count, mean, sd })
    }

    /// Coefficient of variation, `sd / |mean|`; `None` around 0.
    #[must_use]
    pub fn cv(&self) -> Option<f64> {
        (self.mean != 0.0).then(|| self.sd / self.mean.abs())
    }

    /// Standard error of the mean.
    #[must_use]
    pub fn se(&self) -> f64 {
        self.sd / (self.count as f64).sqrt()
    }

    /// Student's t interval of the mean at `level` (0.95 for 95 %). `None` under two values.
    #[must_use]
    pub fn interval(&self, level: f64) -> Option<Interval> {
        let t = self.t_critical(level)?;
        Some(Interval::around(self.mean, t * self.se()))
    }

    /// The quantile of t behind [`Sample::interval`].
    #[must_use]
    pub fn t_critical(&self, level: f64) -> Option<f64> {
        t_quantile(self.count - 1, level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: numpy 2 and scipy 1.17, `std(ddof=1)`, `stats.sem`, `stats.t.interval`.
    #[test]
    fn eight_values_have_scipys_interval() {
        let s = Sample::of(&[3.1, 2.7, 3.9, 4.4, 3.3, 5.0, 4.1, 4.6]).unwrap();
        assert!((s.mean - 3.8875).abs() < 1e-12);
        assert!((s.sd - 0.795_410_945_001_746_5).abs() < 1e-12);
        assert!((s.se() - 0.281_220_236_520_367_43).abs() < 1e-12);
        assert!((s.cv().unwrap() - s.sd / s.mean).abs() < 1e-15);
        for (level, low, high) in [
            (0.95, 3.222_519_808_685_280_7, 4.552_480_191_314_72),
            (0.99, 2.903_374_479_420_019_6, 4.871_625_520_579_981),
        ] {
            let i = s.interval(level).unwrap();
            assert!((i.low - low).abs() < 1e-7 && (i.high - high).abs() < 1e-7, "{i:?}");
        }
    }

    #[test]
    fn one_value_has_a_mean_and_no_interval() {
        let s = Sample::of(&[2.0]).unwrap();
        assert_eq!((s.mean, s.sd, s.interval(0.95)), (2.0, 0.0, None));
        assert_eq!(Sample::of(&[]), None);
        assert_eq!(Sample::of(&[1.0, f64::NAN]), None);
        assert_eq!(Sample::of(&[-1.0, 1.0]).unwrap().cv(), None);
    }
}
