//! How long each prompt and each response is to be.

use super::turns::Item;
use crate::error::{Error, Result};
use crate::plan::{Length, LengthDistribution, Pair, Plan};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting::{self, InputLength, LengthPairs, OutputLength, Turns};
use rand_distr::{Distribution, StandardNormal};

/// The lengths of all synthetic entries, in tokens: at least 1, drawn from (seed, entry index) by the plan's
/// distribution.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    seed: u64,
    /// How many conversations there are.
    pub(super) entries: usize,
    isl: Length,
    osl: Option<Length>,
    distribution: LengthDistribution,
}

impl Lengths {
    /// The lengths that a plan asks for.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when a mean or a deviation is not a number, is negative, or is over the limits below.
    pub(super) fn of_plan(plan: &Plan) -> Result<Self> {
        let prompts = &plan.prompts;
        check(InputLength, prompts.isl)?;
        if let Some(osl) = prompts.osl {
            check(OutputLength, osl)?;
        }
        if let LengthDistribution::Pairs(pairs) = &prompts.distribution {
            for pair in pairs.iter() {
                check(LengthPairs, pair.isl)?;
                check(LengthPairs, pair.osl)?;
            }
        }
        let turns = prompts.turns.count;
        check(Turns, turns)?;
        if turns.mean + 9.0 * turns.stddev > MAX_TURNS {
            return Err(Error::usage(
                format!("{Turns}: {} ± {} turns pass the limit of {MAX_TURNS}", turns.mean, turns.stddev),
                "choose a smaller mean or deviation",
            ));
        }
        Ok(Self {
            seed: plan.seed,
            entries: prompts.entries,
            isl: prompts.isl,
            osl: prompts.osl,
            distribution: prompts.distribution.clone(),
        })
    }

    /// Input length of entry `i`.
    pub(super) fn isl(&self, i: Item) -> u32 {
        let stream = Stream::InputLength;
        match &self.distribution {
            LengthDistribution::Pairs(pairs) => draw(self.pair(pairs, i).isl, self.seed, stream, i.0),
            LengthDistribution::Ratio { isl, .. } => self.windowed(self.isl, *isl, stream, i),
            distribution => self.drawn(distribution, self.isl, stream, i),
        }
    }

    /// Output length to ask for in entry `i`.
    pub(super) fn osl(&self, i: Item) -> Option<u32> {
        let stream = Stream::OutputLength;
        if let LengthDistribution::Pairs(pairs) = &self.distribution {
            return Some(draw(self.pair(pairs, i).osl, self.seed, stream, i.0));
        }
        let mean = self.osl?;
        Some(match &self.distribution {
            LengthDistribution::Ratio { osl, .. } => self.windowed(mean, *osl, stream, i),
            distribution => self.drawn(distribution, mean, stream, i),
        })
    }

    fn drawn(&self, distribution: &LengthDistribution, length: Length, stream: Stream, i: Item) -> u32 {
        let Length { mean, stddev } = length;
        if stddev == 0.0 || mean <= 0.0 {
            return whole(mean);
        }
        let mut rng = ItemRng::new(self.seed, stream, i.0 as u64);
        match distribution {
            LengthDistribution::Lognormal => {
                // Mean and deviation of exp(N(μ, σ²)) are e^(μ + σ²/2) and that times √(e^σ² − 1).
                let variance = (1.0 + (stddev / mean).powi(2)).ln();
                let normal: f64 = StandardNormal.sample(&mut rng);
                let mu = mean.ln() - variance / 2.0;
                whole(normal.mul_add(variance.sqrt(), mu).exp().min(MAX_TOKENS))
            }
            LengthDistribution::Uniform => {
                let half = 3f64.sqrt() * stddev;
                let at = rng.next_bits() as f64 / 2f64.powi(64);
                whole((2.0 * at - 1.0).mul_add(half, mean))
            }
            _ => draw(length, self.seed, stream, i.0),
        }
    }

    fn windowed(&self, length: Length, r: f64, stream: Stream, i: Item) -> u32 {
        let (low, high) = ((length.mean * (1.0 - r)).floor(), (length.mean * (1.0 + r)).ceil());
        let span = (high - low) as usize + 1;
        let more = ItemRng::new(self.seed, stream, i.0 as u64).below(span);
        whole(low + more as f64)
    }

    fn pair<'a>(&self, pairs: &'a [Pair], i: Item) -> &'a Pair {
        let at = ItemRng::new(self.seed, Stream::Pair, i.0 as u64).next_bits() as f64 / 2f64.powi(64);
        let mut left = at * pairs.iter().map(|p| p.percent).sum::<f64>();
        let found = pairs.iter().find(|pair| {
            left -= pair.percent;
            left < 0.0
        });
        found.unwrap_or(&pairs[pairs.len() - 1])
    }
}

fn check(setting: Setting, length: Length) -> Result<()> {
    let Length { mean, stddev } = length;
    let sound = mean.is_finite() && stddev.is_finite() && mean >= 0.0 && stddev >= 0.0;
    if !sound {
        return Err(Error::usage(
            format!("{setting}: a mean of {mean} and a deviation of {stddev} are not lengths"),
            "write numbers of tokens, not negative",
        ));
    }
    // Nine deviations: one draw in 10¹⁸ is farther out.
    if mean + 9.0 * stddev > MAX_TOKENS {
        return Err(Error::usage(
            format!("{setting}: lengths around {mean} ± {stddev} pass the limit of {MAX_TOKENS} tokens"),
            "choose a smaller mean or deviation",
        ));
    }
    Ok(())
}

/// That a length which a row of a file says can be made.
///
/// # Errors
/// [`crate::Blame::Usage`] when it is over the limit.
pub(super) fn check_said(isl: u32) -> Result<()> {
    if f64::from(isl) > MAX_TOKENS {
        return Err(Error::usage(
            format!("a row asks for {isl} input tokens: the limit is {MAX_TOKENS}"),
            "leave the row out, or write a smaller length",
        ));
    }
    Ok(())
}

pub(super) fn draw(length: Length, seed: u64, stream: Stream, i: usize) -> u32 {
    let deviations: f64 =
        if length.stddev > 0.0 { StandardNormal.sample(&mut ItemRng::new(seed, stream, i as u64)) } else { 0.0 };
    whole(deviations.mul_add(length.stddev, length.mean))
}

fn whole(tokens: f64) -> u32 {
    tokens.round().max(1.0) as u32
}

/// Most turns of one conversation.
const MAX_TURNS: f64 = 10_000.0;
/// Most tokens of one prompt or response.
const MAX_TOKENS: f64 = 4_194_304.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(mean: f64, stddev: f64) -> Lengths {
        Lengths {
            seed: 5,
            entries: 20_000,
            isl: Length { mean, stddev },
            osl: Some(Length { mean, stddev }),
            distribution: LengthDistribution::Normal,
        }
    }

    #[test]
    fn a_fixed_length_is_the_same_for_all() {
        let fixed = lengths(550.0, 0.0);
        assert!((0..100).all(|i| fixed.isl(Item(i)) == 550 && fixed.osl(Item(i)) == Some(550)));
    }

    #[test]
    fn drawn_lengths_have_the_mean_and_deviation_asked_for() {
        let drawn = lengths(1_000.0, 80.0);
        let n = drawn.entries as f64;
        let all: Vec<f64> = (0..drawn.entries).map(|i| f64::from(drawn.isl(Item(i)))).collect();
        let mean = all.iter().sum::<f64>() / n;
        let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((mean - 1_000.0).abs() < 5.0 * 80.0 / n.sqrt(), "{mean}");
        assert!((deviation / 80.0 - 1.0).abs() < 0.03, "{deviation}");
    }

    #[test]
    fn other_distributions_keep_the_mean_and_deviation() {
        for distribution in [LengthDistribution::Lognormal, LengthDistribution::Uniform] {
            let drawn = Lengths { distribution, ..lengths(1_000.0, 300.0) };
            let all: Vec<f64> = (0..drawn.entries).map(|i| f64::from(drawn.isl(Item(i)))).collect();
            let n = all.len() as f64;
            let mean = all.iter().sum::<f64>() / n;
            let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert!((mean - 1_000.0).abs() < 12.0, "{:?} {mean}", drawn.distribution);
            assert!((deviation / 300.0 - 1.0).abs() < 0.05, "{:?} {deviation}", drawn.distribution);
        }
        let uniform = Lengths { distribution: LengthDistribution::Uniform, ..lengths(1_000.0, 300.0) };
        assert!((0..5_000).all(|i| (480..=1_520).contains(&uniform.isl(Item(i)))));
    }

    #[test]
    fn a_range_ratio_is_a_window_with_both_ends() {
        let drawn = Lengths { distribution: LengthDistribution::Ratio { isl: 0.3, osl: 0.0 }, ..lengths(10.0, 0.0) };
        let all: std::collections::BTreeSet<u32> = (0..2_000).map(|i| drawn.isl(Item(i))).collect();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), (7..=13).collect::<Vec<_>>());
        assert!((0..50).all(|i| drawn.osl(Item(i)) == Some(10)));
    }

    #[test]
    fn pairs_go_together_and_have_their_shares() {
        let fixed = |mean| Length { mean, stddev: 0.0 };
        let pair = |isl, osl, percent| Pair { isl: fixed(isl), osl: fixed(osl), percent };
        let distribution = LengthDistribution::Pairs([pair(128.0, 64.0, 25.0), pair(512.0, 128.0, 75.0)].into());
        let drawn = Lengths { distribution, ..lengths(1.0, 0.0) };
        let all: Vec<_> = (0..20_000).map(|i| (drawn.isl(Item(i)), drawn.osl(Item(i)))).collect();
        let first = all.iter().filter(|p| **p == (128, Some(64))).count();
        assert_eq!(first + all.iter().filter(|p| **p == (512, Some(128))).count(), 20_000);
        assert!((4_700..5_300).contains(&first), "{first}");
    }

    #[test]
    fn inputs_and_outputs_are_drawn_apart() {
        let drawn = lengths(1_000.0, 80.0);
        assert!((0..50).any(|i| Some(drawn.isl(Item(i))) != drawn.osl(Item(i))));
    }

    #[test]
    fn no_length_is_under_one_token() {
        let wide = lengths(2.0, 50.0);
        assert!((0..5_000).all(|i| wide.isl(Item(i)) >= 1));
        assert!((0..5_000).any(|i| wide.isl(Item(i)) == 1));
    }

    #[test]
    fn nonsense_and_giants_are_usage_errors() {
        for (mean, stddev) in
            [(f64::NAN, 0.0), (-1.0, 0.0), (10.0, -1.0), (10.0, f64::INFINITY), (1e9, 0.0), (1_000.0, 1e6)]
        {
            let e = check(InputLength, Length { mean, stddev }).unwrap_err();
            assert_eq!(e.blame, crate::Blame::Usage);
            assert!(e.what.contains("`plan.prompts.isl`"), "{e}");
        }
    }
}
