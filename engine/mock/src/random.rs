//! Randomness that depends only on the seed and the request's number.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// The generator of one request: the same for the same (seed, number), whatever else the server did.
pub(crate) fn of_request(seed: u64, number: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(mix(seed ^ mix(number)))
}

/// The 128 bits of a request's id.
pub(crate) fn id(seed: u64, number: u64) -> u128 {
    let high = mix(seed ^ mix(number));
    u128::from(high) << 64 | u128::from(mix(high))
}

/// SplitMix64's finalizer: every output bit depends on every input bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
