//! The space that is searched: its dimensions, and the values in it that are looked at.

use crate::random::{ItemRng, Stream};

/// A setting that is varied between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its smallest value.
    pub low: f64,
    /// Its largest value.
    pub high: f64,
    /// Only whole values.
    pub whole: bool,
}

impl Dimension {
    /// Whether equal ratios lie equally far apart: where the bounds are positive and ten times apart.
    fn is_logarithmic(&self) -> bool {
        self.low > 0.0 && self.high >= 10.0 * self.low
    }

    /// The value at a place between 0 (the lower bound) and 1 (the upper one).
    #[must_use]
    pub fn value(&self, place: f64) -> f64 {
        let place = place.clamp(0.0, 1.0);
        let value = match self.is_logarithmic() {
            true => self.low * (self.high / self.low).powf(place),
            false => (self.high - self.low).mul_add(place, self.low),
        };
        let value = if self.whole { value.round() } else { value };
        value.clamp(self.low, self.high)
    }

    /// The place of a value.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        match self.is_logarithmic() {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// How many whole values it has; none where it is not whole.
    fn count(&self) -> Option<usize> {
        self.whole.then(|| (self.high - self.low) as usize + 1)
    }
}

/// Values number `n` of a sequence that spreads over the space: Halton's, moved by a distance that the seed says.
pub(super) fn spread_out(dimensions: &[Dimension], seed: u64, n: usize) -> Vec<f64> {
    let value = |(i, dimension): (usize, &Dimension)| {
        let moved = ItemRng::new(seed, Stream::Search, i as u64).next_bits() as f64 / u64::MAX as f64;
        dimension.value((halton(n as u64 + 1, PRIMES[i % PRIMES.len()]) + moved).fract())
    };
    dimensions.iter().enumerate().map(value).collect()
}

/// The digits of `n` in a base, mirrored at the point.
fn halton(mut n: u64, base: u64) -> f64 {
    let (mut place, mut share) = (0.0, 1.0);
    while n > 0 {
        share /= base as f64;
        place += share * (n % base) as f64;
        n /= base;
    }
    place
}

/// Values among which the next are chosen: all of one small whole dimension, else a net over the space, and a finer one
/// around the best so far.
pub(super) fn candidates(dimensions: &[Dimension], best: Option<&[f64]>) -> Vec<Vec<f64>> {
    if let [only] = dimensions
        && let Some(count) = only.count().filter(|count| *count <= NET)
    {
        return (0..count).map(|n| vec![only.low + n as f64]).collect();
    }
    let mut all: Vec<Vec<f64>> = (0..NET).map(|n| spread_out(dimensions, 0, n)).collect();
    let corner = |high: bool| dimensions.iter().map(|d| if high { d.high } else { d.low }).collect();
    all.extend([corner(false), corner(true)]);
    for (i, dimension) in dimensions.iter().enumerate() {
        for step in STEPS {
            for sign in [-1.0, 1.0] {
                let Some(best) = best else { continue };
                let mut near = best.to_vec();
                near[i] = dimension.value(dimension.place(best[i]) + sign * step);
                all.push(near);
            }
        }
    }
    all
}

/// Values of the net.
const NET: usize = 2_048;
/// Distances from the best so far.
const STEPS: [f64; 5] = [0.003, 0.01, 0.03, 0.1, 0.2];
/// Bases of the sequence, one a dimension.
const PRIMES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
