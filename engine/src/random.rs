//! Pure: counter-based random numbers. The numbers of item k depend on (seed, stream, k) alone.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014) with
//! the output function Mix13 of David Stafford ("Better bit mixing", 2011). Its state for an item is a hash of (seed,
//! stream, k), so that item k can be drawn by any core, in any order, without drawing the items before it.

use rand::rand_core::{Infallible, TryRng};

/// The purpose of random numbers: streams of one seed are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// Gaps between arrivals.
    Arrivals = 1,
    /// Input lengths.
    InputLength = 2,
    /// Output lengths.
    OutputLength = 3,
    /// Words of a prompt.
    Prompt = 4,
    /// The order in which words open the prompts.
    Opening = 5,
    /// How many turns a conversation has.
    Turns = 6,
    /// How long a user thinks before a turn.
    TurnDelay = 7,
    /// Sizes, formats and contents of images and audio.
    Media = 20,
    /// Which model a conversation names.
    Model = 21,
    /// How many passages a ranking has.
    Passages = 22,
    /// Which requests are cancelled.
    Cancellation = 32,
    /// Words of a block that a trace names.
    Block = 40,
    /// Words of a prefix that prompts share.
    Prefix = 41,
    /// Which prefix a prompt has.
    PrefixChoice = 42,
    /// Words of what stands before a conversation.
    Context = 43,
    /// Which conversation a session is.
    Sampling = 44,
    /// Which root of a trace a session is dealt to.
    Root = 45,
    /// Which pair of lengths a request has.
    Pair = 46,
    /// Which rows of a pool a request has.
    Pool = 47,
    /// Marks that keep prompts apart.
    Marker = 48,
    /// When the requests of a client of a class come, and how long they are.
    Clients = 49,
    /// Which blocks a bootstrap draws.
    Bootstrap = 64,
    /// Where the first trials of a search lie.
    Search = 65,
}

/// The random numbers of one item. Implements [`rand::Rng`].
#[derive(Clone, Debug)]
pub struct ItemRng {
    state: u64,
}

impl ItemRng {
    /// The numbers of item `k` of a stream.
    #[inline]
    #[must_use]
    pub fn new(seed: u64, stream: Stream, k: u64) -> Self {
        Self::at(stream_key(seed, stream), k)
    }

    /// As [`Self::new`], with the key of (seed, stream) hashed once by [`stream_key`].
    #[inline]
    #[must_use]
    pub fn at(key: u64, k: u64) -> Self {
        Self { state: mix(key.wrapping_add(k.wrapping_mul(GOLDEN))) }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number below `bound` (below 2³²), by Lemire's multiplication; its bias is under `bound`/2⁶⁴.
    ///
    /// # Panics
    /// Never; a bound of 0 gives 0.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_bits()) * bound as u128) >> 64) as usize
    }
}

/// The seed of part `index` of something that has a seed of its own: a cell of a sweep, a repeat.
#[must_use]
pub fn derive(seed: u64, index: u64) -> u64 {
    mix(seed ^ mix(index.wrapping_mul(GOLDEN).wrapping_add(GOLDEN)))
}

impl TryRng for ItemRng {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next_bits() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next_bits())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next_bits().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// The key of a stream of a seed, for [`ItemRng::at`].
#[must_use]
pub fn stream_key(seed: u64, stream: Stream) -> u64 {
    mix(mix(seed.wrapping_add(GOLDEN)) ^ (stream as u64).wrapping_mul(GOLDEN))
}

/// Mix13: a bijection in which each input bit flips each output bit about half of the time.
#[inline]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2⁶⁴ divided by the golden ratio, made odd: SplitMix64's increment.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs of the reference implementation (prng.di.unimi.it/splitmix64.c) from state 1234567.
        let mut rng = ItemRng { state: 1_234_567 };
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([rng.next_bits(), rng.next_bits(), rng.next_bits()], expected);
    }

    #[test]
    fn streams_and_items_of_one_seed_differ() {
        let first = |seed, stream, k| ItemRng::new(seed, stream, k).next_bits();
        let base = first(1, Stream::Arrivals, 0);
        assert_ne!(base, first(2, Stream::Arrivals, 0));
        assert_ne!(base, first(1, Stream::Prompt, 0));
        assert_ne!(base, first(1, Stream::Arrivals, 1));
        assert_eq!(base, first(1, Stream::Arrivals, 0));
    }

    #[test]
    fn each_first_bit_is_set_in_half_of_the_items() {
        const ITEMS: u64 = 20_000;
        for seed in [0, 1, 42, u64::MAX] {
            let mut ones = [0u32; 64];
            for k in 0..ITEMS {
                let bits = ItemRng::new(seed, Stream::Arrivals, k).next_bits();
                for (i, n) in ones.iter_mut().enumerate() {
                    *n += (bits >> i & 1) as u32;
                }
            }
            // Five standard deviations of a fair coin.
            let bound = 2.5 * (ITEMS as f64).sqrt();
            assert!(ones.iter().all(|n| (f64::from(*n) - ITEMS as f64 / 2.0).abs() < bound));
        }
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = ItemRng::new(3, Stream::Prompt, 0);
        let mut seen = [false; 7];
        for _ in 0..1_000 {
            seen[rng.below(7)] = true;
        }
        assert!(seen.iter().all(|s| *s));
        assert_eq!(rng.below(0), 0);
    }
}
