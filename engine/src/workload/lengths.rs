//! How long each prompt and each answer is to be.

use super::turns::Item;
use crate::error::{Error, Result};
use crate::plan::{Length, Plan, Said};
use crate::random::{ItemRng, Stream};
use rand_distr::{Distribution, StandardNormal};

/// The lengths of all entries, in tokens: normal, rounded, at least 1, drawn from (seed, entry index).
///
/// Where a file says them, they are the file's.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    seed: u64,
    /// How many entries there are.
    pub(super) entries: usize,
    isl: Length,
    osl: Option<Length>,
    said: Option<Said>,
    total: f64,
}

impl Lengths {
    /// The lengths that a plan asks for.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when a mean or a deviation is not a number, is negative, or is over the limits below.
    pub(super) fn of_plan(plan: &Plan) -> Result<Self> {
        let prompts = &plan.prompts;
        check("--isl", prompts.isl)?;
        if let Some(osl) = prompts.osl {
            check("--osl", osl)?;
        }
        let said = prompts.said.clone();
        if let Some(said) = &said {
            check_said(said, prompts.entries)?;
        }
        let total = match &said {
            Some(said) => said.lengths.iter().map(|l| f64::from(l.0)).sum(),
            None => {
                let turns = prompts.turns.count;
                check("--session-turns-mean", turns)?;
                if turns.mean + 9.0 * turns.stddev > MAX_TURNS {
                    return Err(Error::usage(
                        format!(
                            "--session-turns-mean: {} ± {} turns pass the limit of {MAX_TURNS}",
                            turns.mean, turns.stddev
                        ),
                        "choose a smaller mean or deviation",
                    ));
                }
                prompts.entries as f64 * turns.mean.max(1.0) * prompts.isl.mean.max(1.0)
            }
        };
        if total > MAX_TOTAL_TOKENS {
            return Err(Error::usage(
                format!(
                    "{} prompts of {:.0} tokens are over the limit of {MAX_TOTAL_TOKENS} prepared tokens",
                    prompts.entries,
                    total / prompts.entries as f64
                ),
                "prepare fewer prompts (they are reused in turn) or shorter ones",
            ));
        }
        Ok(Self {
            seed: plan.seed,
            entries: prompts.entries,
            isl: prompts.isl,
            osl: prompts.osl,
            said,
            total,
        })
    }

    /// Input length of entry `i`.
    pub(super) fn isl(&self, i: Item) -> u32 {
        if let Some(said) = &self.said {
            return said.lengths[i.conversation()].0;
        }
        draw(self.isl, self.seed, Stream::InputLength, i.0)
    }

    /// Output length to ask for in entry `i`.
    pub(super) fn osl(&self, i: Item) -> Option<u32> {
        let said = self
            .said
            .as_ref()
            .and_then(|said| said.lengths[i.conversation()].1);
        said.or_else(|| {
            let osl = self.osl?;
            Some(draw(osl, self.seed, Stream::OutputLength, i.0))
        })
    }

    /// Mean input tokens of all entries together, to judge how much work they are.
    pub(super) fn total_estimate(&self) -> f64 {
        self.total
    }
}

fn check_said(said: &Said, entries: usize) -> Result<()> {
    if said.lengths.len() != entries {
        return Err(Error::bug(format!(
            "{} lengths for {entries} prompts",
            said.lengths.len()
        )));
    }
    let longest = |(isl, osl): &(u32, Option<u32>)| (*isl).max(osl.unwrap_or(0));
    match said.lengths.iter().map(longest).max() {
        Some(tokens) if f64::from(tokens) > MAX_TOKENS => Err(Error::usage(
            format!(
                "{}: a length of {tokens} tokens passes the limit of {MAX_TOKENS}",
                said.file.display()
            ),
            "leave that request out",
        )),
        _ => Ok(()),
    }
}

fn check(flag: &str, length: Length) -> Result<()> {
    let Length { mean, stddev } = length;
    let sound = mean.is_finite() && stddev.is_finite() && mean >= 0.0 && stddev >= 0.0;
    if !sound {
        return Err(Error::usage(
            format!("{flag}: a mean of {mean} and a deviation of {stddev} are not lengths"),
            "write numbers of tokens, not negative",
        ));
    }
    // Nine deviations: one draw in 10¹⁸ is farther out.
    if mean + 9.0 * stddev > MAX_TOKENS {
        return Err(Error::usage(
            format!(
                "{flag}: lengths around {mean} ± {stddev} pass the limit of {MAX_TOKENS} tokens"
            ),
            "choose a smaller mean or deviation",
        ));
    }
    Ok(())
}

pub(super) fn draw(length: Length, seed: u64, stream: Stream, i: usize) -> u32 {
    let deviations: f64 = if length.stddev > 0.0 {
        StandardNormal.sample(&mut ItemRng::new(seed, stream, i as u64))
    } else {
        0.0
    };
    deviations
        .mul_add(length.stddev, length.mean)
        .round()
        .max(1.0) as u32
}

/// Most turns of one conversation.
const MAX_TURNS: f64 = 10_000.0;
/// Most tokens of one prompt or answer.
const MAX_TOKENS: f64 = 4_194_304.0;
/// Most tokens of all prompts together: some 6 GB of bodies.
const MAX_TOTAL_TOKENS: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(mean: f64, stddev: f64) -> Lengths {
        Lengths {
            seed: 5,
            entries: 20_000,
            isl: Length { mean, stddev },
            osl: Some(Length { mean, stddev }),
            said: None,
            total: 20_000.0 * mean,
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
        let all: Vec<f64> = (0..drawn.entries)
            .map(|i| f64::from(drawn.isl(Item(i))))
            .collect();
        let mean = all.iter().sum::<f64>() / n;
        let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((mean - 1_000.0).abs() < 5.0 * 80.0 / n.sqrt(), "{mean}");
        assert!((deviation / 80.0 - 1.0).abs() < 0.03, "{deviation}");
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
        for (mean, stddev) in [
            (f64::NAN, 0.0),
            (-1.0, 0.0),
            (10.0, -1.0),
            (10.0, f64::INFINITY),
            (1e9, 0.0),
            (1_000.0, 1e6),
        ] {
            let e = check("--isl", Length { mean, stddev }).unwrap_err();
            assert_eq!(e.blame, crate::Blame::Usage);
            assert!(e.what.contains("--isl"), "{e}");
        }
    }
}
