//! The one test that schedules have to pass: Kolmogorov and Smirnov's, of a sample against a distribution.

/// The greatest distance between the sample's distribution and `cdf`.
///
/// # Panics
/// When a value is not a number.
#[must_use]
pub fn distance(sample: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    let n = sorted.len() as f64;
    let steps = sorted.iter().enumerate().map(|(i, x)| {
        let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
        let theory = cdf(*x);
        (theory - below).max(above - theory)
    });
    steps.fold(0.0, f64::max)
}

/// The distance that a sample of `n` from the distribution itself exceeds with probability `alpha` (asymptotic).
#[must_use]
pub fn critical(n: usize, alpha: f64) -> f64 {
    ((-(alpha / 2.0).ln() / 2.0) / n as f64).sqrt()
}

/// Exponential gaps: Poisson arrivals at `rate`.
pub fn exponential(rate: f64) -> impl Fn(f64) -> f64 {
    move |x| 1.0 - (-rate * x).exp()
}

/// Gamma gaps of a whole-numbered shape (Erlang's), mean `1 / rate`.
pub fn erlang(shape: u32, rate: f64) -> impl Fn(f64) -> f64 {
    move |x| {
        let scaled = f64::from(shape) * rate * x;
        let mut term = 1.0;
        let mut sum = 1.0;
        for i in 1..shape {
            term *= scaled / f64::from(i);
            sum += term;
        }
        1.0 - sum * (-scaled).exp()
    }
}

/// The mean, and the standard deviation over it.
///
/// # Panics
/// With fewer than two values.
#[must_use]
pub fn mean_and_cv(values: &[f64]) -> (f64, f64) {
    assert!(values.len() > 1, "at least two values");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt() / mean)
}

/// The median; of an even number of values the lower of the two.
///
/// # Panics
/// Without values, or when one is not a number.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    sorted[(sorted.len() - 1) / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values at the middles of `n` equal shares of probability: the sample that fits best.
    fn quantiles(n: usize, cdf: impl Fn(f64) -> f64) -> Vec<f64> {
        let at = |p: f64| {
            let (mut low, mut high) = (0.0, 100.0);
            for _ in 0..80 {
                let middle = (low + high) / 2.0;
                if cdf(middle) < p {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            low
        };
        (0..n).map(|i| at((i as f64 + 0.5) / n as f64)).collect()
    }

    #[test]
    fn the_best_sample_is_half_a_step_away() {
        let sample = quantiles(100, exponential(3.0));
        assert!((distance(&sample, exponential(3.0)) - 0.005).abs() < 1e-6);
        assert!((erlang(1, 3.0)(0.7) - exponential(3.0)(0.7)).abs() < 1e-12);
    }

    #[test]
    fn two_hundred_gaps_tell_the_patterns_apart() {
        let bound = critical(200, 1e-4);
        let samples = [quantiles(200, exponential(100.0)), quantiles(200, erlang(4, 100.0)), vec![0.01; 200]];
        for (i, sample) in samples.iter().enumerate() {
            assert_eq!(distance(sample, exponential(100.0)) < bound, i == 0);
            assert_eq!(distance(sample, erlang(4, 100.0)) < bound, i == 1);
        }
    }

    #[test]
    fn the_bound_is_the_one_of_the_tables() {
        assert!((critical(100, 0.05) - 0.1358).abs() < 1e-4);
        assert!((median(&[3.0, 1.0, 2.0, 9.0]) - 2.0).abs() < 1e-12);
        assert_eq!(mean_and_cv(&[1.0, 3.0]), (2.0, 0.5_f64.sqrt()));
    }
}
