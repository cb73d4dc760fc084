//! Requests that the client breaks off itself, to see how a server takes it.

use crate::clock::Nanos;
use crate::random::{ItemRng, Stream};
use serde::{Deserialize, Serialize};

/// Which requests of the measured phase are cancelled, and when.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cancellation {
    /// The chance of each request, over 0 and at most 1.
    pub share: f64,
    /// How long after its last byte was handed to the kernel; 0 sends it and goes. A request that is over by then is
    /// not cancelled.
    pub delay: Nanos,
}

impl Cancellation {
    /// Whether a turn of session `k` of a run with this seed is one of them: decided by (seed, k, turn) alone, whatever
    /// the order and the cores.
    #[must_use]
    pub fn picks(&self, seed: u64, k: u64, turn: u32) -> bool {
        let item = k ^ u64::from(turn) << 40;
        let bits = ItemRng::new(seed, Stream::Cancellation, item).next_bits();
        // The upper 53 bits as a fraction in [0, 1): a share of 1 picks every request.
        ((bits >> 11) as f64) < self.share * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(seed: u64, share: f64) -> Vec<u64> {
        let plan = Cancellation { share, delay: 0 };
        (0..10_000).filter(|k| plan.picks(seed, *k, 0)).collect()
    }

    #[test]
    fn a_share_of_the_requests_is_picked_and_one_picks_all() {
        assert_eq!(picked(1, 1.0).len(), 10_000);
        for seed in [0, 1, 42] {
            let n = picked(seed, 0.2).len() as f64;
            // Five standard deviations of 10 000 draws.
            assert!((n - 2_000.0).abs() < 5.0 * (10_000.0f64 * 0.2 * 0.8).sqrt(), "{n}");
        }
    }

    #[test]
    fn the_same_seed_picks_the_same_and_a_larger_share_picks_more_of_them() {
        let (few, many) = (picked(7, 0.1), picked(7, 0.3));
        assert_eq!(few, picked(7, 0.1));
        assert_ne!(few, picked(8, 0.1));
        assert!(few.iter().all(|k| many.contains(k)));
        let plan = Cancellation { share: 0.5, delay: 0 };
        assert!((0..50).any(|k| plan.picks(1, k, 0) != plan.picks(1, k, 1)));
    }
}
