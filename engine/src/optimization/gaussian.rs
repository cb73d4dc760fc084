//! A Gaussian process over the unit cube, with a Matérn kernel of smoothness 5/2 and noise.
//!
//! How far values resemble their neighbours, and how noisy they are, is what makes those that were seen the most likely
//! (C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, 2006, chapters 2 and 5).

use super::normal;

/// A process, fitted to values.
#[derive(Clone, Debug)]
pub(super) struct Process {
    places: Vec<Vec<f64>>,
    /// Mean and deviation of the values, by which they were scaled.
    mean: f64,
    deviation: f64,
    length: f64,
    /// The lower triangle of the kernel's Cholesky decomposition, row after row.
    lower: Vec<Vec<f64>>,
    /// What the scaled values weigh.
    weights: Vec<f64>,
}

/// A length and a noise, and what follows from them.
struct Fit {
    likelihood: f64,
    length: f64,
    lower: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

impl Process {
    /// Fits one to values at places; none to fewer than two.
    pub(super) fn fit(places: Vec<Vec<f64>>, values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let deviation = if deviation > 0.0 { deviation } else { 1.0 };
        let scaled: Vec<f64> = values.iter().map(|v| (v - mean) / deviation).collect();
        let pairs = LENGTHS.iter().flat_map(|length| NOISES.iter().map(move |noise| (*length, *noise)));
        let mut best: Option<Fit> = None;
        for (length, noise) in pairs {
            let Some(lower) = decomposed(&places, length, noise) else { continue };
            let half = solved(&lower, &scaled);
            let squares = half.iter().map(|v| v * v).sum::<f64>() / 2.0;
            let likelihood = -squares - lower.iter().map(|row| row[row.len() - 1].ln()).sum::<f64>();
            if best.as_ref().is_none_or(|best| likelihood > best.likelihood) {
                let weights = solved_back(&lower, half);
                best = Some(Fit { likelihood, length, lower, weights });
            }
        }
        let Fit { length, lower, weights, .. } = best?;
        Some(Self { places, mean, deviation, length, lower, weights })
    }

    /// Mean and deviation of what a value at a place is taken to be, noise left out.
    pub(super) fn at(&self, place: &[f64]) -> (f64, f64) {
        let alike: Vec<f64> = self.places.iter().map(|other| kernel(place, other, self.length)).collect();
        let mean: f64 = alike.iter().zip(&self.weights).map(|(k, w)| k * w).sum();
        let known: f64 = solved(&self.lower, &alike).iter().map(|v| v * v).sum();
        let variance = (1.0 - known).max(1e-12);
        (mean.mul_add(self.deviation, self.mean), variance.sqrt() * self.deviation)
    }

    /// How much more than a bound is expected of a value at a place; what is less counts nothing.
    pub(super) fn expected_above(&self, place: &[f64], bound: f64) -> f64 {
        let (mean, deviation) = self.at(place);
        let z = (mean - bound) / deviation;
        (deviation * (z * normal::probability(z) + normal::density(z))).max(0.0)
    }

    /// Probability that a value at a place is below a bound.
    pub(super) fn probability_below(&self, place: &[f64], bound: f64) -> f64 {
        let (mean, deviation) = self.at(place);
        normal::probability((bound - mean) / deviation)
    }
}

/// How alike values at two places are, 0 to 1.
fn kernel(a: &[f64], b: &[f64], length: f64) -> f64 {
    let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    let distance = (5.0 * square).sqrt() / length;
    (distance * distance / 3.0 + distance + 1.0) * (-distance).exp()
}

/// The Cholesky decomposition of the kernel at all places; none where it is not positive.
fn decomposed(places: &[Vec<f64>], length: f64, noise: f64) -> Option<Vec<Vec<f64>>> {
    let mut lower: Vec<Vec<f64>> = Vec::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        let mut row = Vec::with_capacity(i + 1);
        for (j, other) in places[..=i].iter().enumerate() {
            let known: f64 = if i == j {
                row.iter().map(|v: &f64| v * v).sum()
            } else {
                row.iter().zip(&lower[j]).map(|(a, b)| a * b).sum()
            };
            let rest = kernel(place, other, length) - known;
            match i == j {
                true if rest + noise > 0.0 => row.push((rest + noise).sqrt()),
                true => return None,
                false => row.push(rest / lower[j][j]),
            }
        }
        lower.push(row);
    }
    Some(lower)
}

/// x of L·x = values.
fn solved(lower: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(values.len());
    for (row, value) in lower.iter().zip(values) {
        let known: f64 = row.iter().zip(&out).map(|(a, b)| a * b).sum();
        out.push((value - known) / row[row.len() - 1]);
    }
    out
}

/// x of Lᵀ·x = values.
fn solved_back(lower: &[Vec<f64>], mut values: Vec<f64>) -> Vec<f64> {
    for i in (0..lower.len()).rev() {
        values[i] /= lower[i][i];
        let value = values[i];
        for (known, factor) in values[..i].iter_mut().zip(&lower[i]) {
            *known -= factor * value;
        }
    }
    values
}

/// Distances over which values resemble each other, in units of the cube.
const LENGTHS: [f64; 8] = [0.05, 0.08, 0.13, 0.2, 0.35, 0.6, 1.0, 2.0];
/// Shares of the variance that are noise.
const NOISES: [f64; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
