//! The normal distribution.

/// Density of the standard normal distribution.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Probability that a standard normal value is at most `z`; its error is under 1e-7 (Abramowitz and Stegun, *Handbook
/// of Mathematical Functions*, 26.2.17).
pub(super) fn probability(z: f64) -> f64 {
    const FACTORS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / 0.231_641_9_f64.mul_add(z.abs(), 1.0);
    let sum = FACTORS.iter().rev().fold(0.0, |sum: f64, factor| (sum + factor) * t);
    let above = density(z) * sum;
    if z >= 0.0 { 1.0 - above } else { above }
}
