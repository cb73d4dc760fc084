//! Where a series has settled.

/// What MSER-5 says of the beginning of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// After so many values; 0 when it was settled from its start.
    After(usize),
    /// Not within its first half: it is still on its way, or too short.
    Never,
    /// Under fifty values say nothing.
    TooShort,
}

/// MSER-5 (White 1997, "An effective truncation heuristic for bias reduction in simulation output"; White, Cobb and Spratt 2000): cuts
/// after the batch of five from which on the squared standard error of the mean is least.
///
/// Guards: a least value in the second half is no truncation point (Franklin and White 2008, "Stationarity tests and MSER-5"), and the
/// last five batches are not asked, where few batches make the statistic small by chance (Hoad, Robinson and Davies 2010). Values after
/// the last whole batch count as settled.
#[must_use]
pub fn mser5(values: &[f64]) -> Settled {
    let batches: Vec<f64> = values
        .as_chunks::<BATCH>()
        .0
        .iter()
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    let count = batches.len();
    if count < LEAST_BATCHES {
        return Settled::TooShort;
    }
    // From the end: mean and squares of the batches from `cut` on (Welford).
    let (mut mean, mut squares) = (0.0, 0.0);
    let mut least = (f64::INFINITY, count);
    for cut in (0..count).rev() {
        let kept = (count - cut) as f64;
        let apart = batches[cut] - mean;
        mean += apart / kept;
        squares += apart * (batches[cut] - mean);
        let statistic = squares / (kept * kept);
        if count - cut > UNASKED && statistic <= least.0 {
            least = (statistic, cut);
        }
    }
    if least.1 > count / 2 {
        Settled::Never
    } else {
        Settled::After(least.1 * BATCH)
    }
}

const BATCH: usize = 5;
const UNASKED: usize = 5;
const LEAST_BATCHES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Between 0 and 1, without order.
    fn noise(i: usize) -> f64 {
        ((i * 7_919) % 101) as f64 / 101.0
    }

    /// 40 values that fall from 13 to 5, then 160 around 5.5. The statistic of every cut, computed batch by batch with numpy, is least
    /// at batch 8.
    #[test]
    fn a_start_that_falls_is_cut_where_it_ends() {
        let series: Vec<f64> = (0..200)
            .map(|i| {
                let bias = if i < 40 {
                    8.0 - 8.0 * i as f64 / 39.0
                } else {
                    0.0
                };
                5.0 + noise(i) + bias
            })
            .collect();
        assert_eq!(mser5(&series), Settled::After(40));
    }

    #[test]
    fn a_series_that_keeps_rising_never_settles() {
        let series: Vec<f64> = (0..300).map(|i| i as f64 + noise(i)).collect();
        assert_eq!(mser5(&series), Settled::Never);
    }

    #[test]
    fn a_constant_series_is_settled_from_its_start() {
        assert_eq!(mser5(&[4.0; 100]), Settled::After(0));
        assert_eq!(mser5(&[4.0; 49]), Settled::TooShort);
    }

    #[test]
    fn an_outlier_at_the_start_is_cut_with_its_batch() {
        let mut series: Vec<f64> = (0..500).map(|i| 10.0 + noise(i)).collect();
        series[2] = 500.0;
        assert_eq!(mser5(&series), Settled::After(5));
    }
}
