//! Pure: which conversation session k is. It depends on (seed, k) and the number of conversations alone.

use crate::plan::Sampling;
use crate::random::{ItemRng, Stream, derive};

/// The index, below `n`, of the conversation of session `k`.
#[must_use]
pub fn conversation_of(sampling: Sampling, seed: u64, n: usize, k: u64) -> usize {
    let many = n.max(1) as u64;
    match sampling {
        Sampling::Sequential => (k % many) as usize,
        Sampling::Random => ItemRng::new(seed, Stream::Sampling, k).below(n),
        Sampling::Shuffle => shuffled(derive(seed, k / many), many, k % many) as usize,
    }
}

/// Where a permutation of 0 … n − 1 puts `i`: a Feistel network over the next even number of bits, walked until it is
/// back below n (Black, Rogaway: "Ciphers with arbitrary finite domains", 2002). No memory; four rounds a step, and
/// under four steps on average.
fn shuffled(seed: u64, n: u64, i: u64) -> u64 {
    let half = (u64::BITS - n.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1 << half) - 1;
    let mut at = i;
    loop {
        let (mut left, mut right) = (at >> half, at & mask);
        for round in 0..ROUNDS {
            let mixed = ItemRng::new(derive(seed, round), Stream::Sampling, right).next_bits() & mask;
            (left, right) = (right, left ^ mixed);
        }
        at = left << half | right;
        if at < n {
            return at;
        }
    }
}

const ROUNDS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_has_each_once_before_any_comes_again() {
        for n in [1, 2, 3, 7, 64, 100, 1_000] {
            let epoch = |e: u64| -> Vec<usize> {
                let ks = e * n as u64..(e + 1) * n as u64;
                ks.map(|k| conversation_of(Sampling::Shuffle, 5, n, k)).collect()
            };
            for e in 0..3 {
                let mut sorted = epoch(e);
                sorted.sort_unstable();
                assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            }
            assert!(n < 7 || epoch(0) != epoch(1));
            assert!(n < 7 || epoch(0) != (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn random_draws_reach_all_about_as_often() {
        let mut counts = [0; 10];
        (0..10_000).for_each(|k| counts[conversation_of(Sampling::Random, 1, 10, k)] += 1);
        assert!(counts.iter().all(|n| (850..1_150).contains(n)), "{counts:?}");
    }

    #[test]
    fn in_sequence_they_begin_again() {
        let order: Vec<_> = (0..5).map(|k| conversation_of(Sampling::Sequential, 9, 3, k)).collect();
        assert_eq!(order, [0, 1, 2, 0, 1]);
        assert_eq!(conversation_of(Sampling::Shuffle, 9, 0, 3), 0);
    }
}
