//! Figures over the time of a run: means of scrapes in stretches of equal length.

use crate::clock::{Nanos, SECOND};
use serde::{Deserialize, Serialize};

/// A run in stretches of equal length, where it was not cut into time slices. `T` is what a slice has; its index counts
/// stretches, from 0.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OverTime<T> {
    /// Length of a stretch in seconds.
    pub stretch_s: f64,
    /// Those with a scrape, in order.
    pub stretches: Vec<T>,
}

/// The length of the stretches from an instant to another, and each with its index, start and end: of a second, but 8
/// to 120 of them. None where there is no time between.
pub(super) fn stretches(from: Nanos, to: Nanos) -> Option<(Nanos, impl Iterator<Item = (u64, Nanos, Nanos)>)> {
    let lasting = to.checked_sub(from).filter(|lasting| *lasting > 0)?;
    let count = (lasting / SECOND).clamp(FEWEST, MOST);
    let length = lasting.div_ceil(count);
    let each = move |index| (index, from + index * length, from + (index + 1) * length);
    Some((length, (0..count).map(each)))
}

const FEWEST: u64 = 8;
/// Of a chart some 1 000 pixels wide eight each.
const MOST: u64 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_the_run_without_a_hole() {
        for lasting in [1, 7, SECOND, 30 * SECOND, 3_600 * SECOND + 1] {
            let (length, found) = stretches(5, 5 + lasting).unwrap();
            let found: Vec<_> = found.collect();
            assert!((8..=120).contains(&found.len()), "{lasting}: {}", found.len());
            assert_eq!(found[0].1, 5);
            assert!(found.last().unwrap().2 >= 5 + lasting);
            assert!(found.windows(2).all(|pair| pair[0].2 == pair[1].1 && pair[0].2 - pair[0].1 == length));
        }
        assert_eq!(stretches(0, 30 * SECOND).unwrap().1.count(), 30);
        assert!(stretches(5, 5).is_none() && stretches(5, 4).is_none());
    }
}
