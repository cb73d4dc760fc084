//! Where a series has settled.

use super::select::nth;

/// The start of the settled part of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// After so many values; 0 when it was settled from its start.
    After(usize),
    /// Not within its first half: its level still changed there.
    Never,
    /// Under fifty values say nothing.
    TooShort,
}

/// Finds where a series has settled: the cut of MSER-5, kept only where the level before it differs from the level
/// after it.
///
/// MSER-5 (White 1997; White, Cobb and Spratt 2000) alone always names a cut, and a few extreme values decide which
/// (Hoad, Robinson and Davies 2010): one stall makes it cut right behind itself. Therefore:
///
/// 1. Values beyond the 1st and the 99th percentile count as these (winsorizing). A start shorter than 1 % of the
///    values is not looked for.
/// 2. A cut stands if the means before and after it are at least 5 % apart, and over four standard errors. The error is
///    that of batch means (64 batches of neighbours, variance pooled over both parts, inflated by the correlation of
///    neighbouring batches up to 0.6), so that bursts, periods and slow waves, which are in both parts or in the error,
///    are no change.
/// 3. A cut in the second half that stands, or halves that differ, is [`Settled::Never`] (Franklin and White 2008). If
///    neither holds, the best cut of the first half is asked.
#[must_use]
pub fn settled(mut values: Vec<f64>) -> Settled {
    winsorize(&mut values);
    let half = values.len() / 2;
    let Some(cut) = mser5(&values, values.len()) else {
        return Settled::TooShort;
    };
    let late = cut > half;
    if late && (differ(&values, cut) || differ(&values, half)) {
        return Settled::Never;
    }
    let early = if late { mser5(&values, half) } else { Some(cut) };
    match early {
        Some(cut) if differ(&values, cut) => Settled::After(cut),
        _ => Settled::After(0),
    }
}

/// The cut of MSER-5, at most `most`: after the batch of five from which on the squared standard error of the mean is
/// least. The last five batches are not asked, where few batches make the statistic small by chance. `None` under ten
/// batches.
fn mser5(values: &[f64], most: usize) -> Option<usize> {
    let batches: Vec<f64> = values.as_chunks::<BATCH>().0.iter().map(|batch| mean(batch)).collect();
    let count = batches.len();
    if count < LEAST_BATCHES {
        return None;
    }
    // From the end: mean and squares of the batches from `cut` on (Welford).
    let (mut mean, mut squares) = (0.0, 0.0);
    let mut least = (f64::INFINITY, 0);
    for cut in (0..count).rev() {
        let kept = (count - cut) as f64;
        let apart = batches[cut] - mean;
        mean += apart / kept;
        squares += apart * (batches[cut] - mean);
        let statistic = squares / (kept * kept);
        let asked = count - cut > UNASKED && cut * BATCH <= most;
        if asked && statistic <= least.0 {
            least = (statistic, cut);
        }
    }
    Some(least.1 * BATCH)
}

/// Puts values beyond the 1st and the 99th percentile at these.
fn winsorize(values: &mut [f64]) {
    let beyond = values.len() / PERCENT;
    let Some(above) = values.len().checked_sub(1 + beyond) else {
        return;
    };
    let (low, high) = (nth(values, beyond), nth(values, above));
    values.iter_mut().for_each(|value| *value = value.clamp(low, high));
}

/// Whether the level before the cut and the level after it differ: see [`settled`].
fn differ(values: &[f64], cut: usize) -> bool {
    let (before, after) = values.split_at(cut);
    if before.is_empty() || after.is_empty() {
        return false;
    }
    let apart = (mean(before) - mean(after)).abs();
    if apart < MATTERS * mean(after).abs() {
        return false;
    }
    let length = values.len().div_ceil(BLOCKS).max(BATCH);
    let residuals: Vec<Vec<f64>> = [before, after]
        .iter()
        .map(|part| {
            let blocks: Vec<f64> = part.chunks_exact(length).map(mean).collect();
            let level = mean(&blocks);
            blocks.iter().map(|block| block - level).collect()
        })
        .collect();
    let degrees: usize = residuals.iter().map(|r| r.len().saturating_sub(1)).sum();
    if degrees == 0 {
        return false;
    }
    let squares: f64 = residuals.iter().flatten().map(|r| r * r).sum();
    let products: f64 = residuals.iter().flat_map(|r| r.windows(2)).map(|w| w[0] * w[1]).sum();
    let alike = if squares > 0.0 { (products / squares).clamp(0.0, MOST_ALIKE) } else { 0.0 };
    let variance = squares / degrees as f64 * (1.0 + alike) / (1.0 - alike);
    let blocks = |part: &[f64]| part.len() as f64 / length as f64;
    apart > SURE * (variance / blocks(before) + variance / blocks(after)).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

const BATCH: usize = 5;
const UNASKED: usize = 5;
const LEAST_BATCHES: usize = 10;
const PERCENT: usize = 100;
/// Batches of neighbours behind the standard error.
const BLOCKS: usize = 64;
/// Correlation of neighbouring batches beyond which it is the change itself.
const MOST_ALIKE: f64 = 0.6;
/// Standard errors. With four, under 3 % of stationary series of a thousand values have a cut, if their neighbours
/// depend on each other for less than a fiftieth of the series; the tests count them.
const SURE: f64 = 4.0;
/// A change that matters, as a share of the settled level.
const MATTERS: f64 = 0.05;

#[cfg(test)]
mod tests;
