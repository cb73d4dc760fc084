//! A closed loop's concurrency over cores.

/// Splits exactly `concurrency` requests in flight over at most `cores` cores.
///
/// The parts differ by at most one, sum to `concurrency`, and none is 0: with fewer requests than cores, fewer cores
/// are used.
#[must_use]
pub fn closed_split(concurrency: u32, cores: usize) -> Vec<u32> {
    let used = u32::try_from(cores.max(1)).unwrap_or(u32::MAX).min(concurrency);
    (0..used).map(|core| concurrency / used + u32::from(core < concurrency % used)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_splits() {
        assert_eq!(closed_split(10, 4), [3, 3, 2, 2]);
        assert_eq!(closed_split(4, 4), [1, 1, 1, 1]);
        assert_eq!(closed_split(3, 8), [1, 1, 1]);
        assert_eq!(closed_split(5, 0), [5]);
        assert!(closed_split(0, 3).is_empty());
    }

    #[test]
    fn every_split_is_exact_and_even() {
        for concurrency in 1..200 {
            for cores in 1..70 {
                let parts = closed_split(concurrency, cores);
                assert_eq!(parts.iter().sum::<u32>(), concurrency);
                assert!(parts.len() <= cores);
                let (least, most) = (parts.iter().min(), parts.iter().max());
                assert!(*least.unwrap() >= 1 && most.unwrap() - least.unwrap() <= 1);
            }
        }
    }
}
