//! What is sent: flags, checks and the prompts of the plan.

pub(super) mod extra;
#[cfg(test)]
mod tests;
pub(super) mod values;

use super::trace::Requests;
use super::values::{entries as entry_count, mean_tokens, seed, stddev_tokens};
use clap::Args;
use ringload_engine::plan::{Context, Length, LengthDistribution, Pair, Prompts, Sampling, TokenizerSource, Turns};
use ringload_engine::{Error, Result};

/// What is sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Field of every request body: `key:value` (numbers, true, false, null and JSON keep their type), or a JSON
    /// object.
    #[arg(long, value_name = "KEY:VALUE", num_args = 1..)]
    pub(crate) extra_inputs: Vec<String>,

    /// Tokenizer: a hub name, a file, a directory with `tokenizer.json`, or `builtin` (approximate lengths).
    #[arg(long, value_name = "NAME", default_value = "builtin")]
    pub(crate) tokenizer: String,

    /// Branch, tag or commit of the tokenizer on the hub.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub(crate) tokenizer_revision: String,

    /// Count the tokens of a prompt as the model's chat template renders it, and make synthetic prompts of that length.
    #[arg(long)]
    pub(crate) apply_chat_template: bool,

    /// Mean prompt length in tokens.
    #[arg(
        long,
        visible_aliases = ["prompt-input-tokens-mean", "isl"],
        value_name = "TOKENS",
        default_value = "550",
        value_parser = mean_tokens
    )]
    pub(crate) synthetic_input_tokens_mean: f64,

    /// Standard deviation of the prompt length.
    #[arg(
        long,
        visible_aliases = ["prompt-input-tokens-stddev", "isl-stddev"],
        value_name = "TOKENS",
        default_value = "0",
        value_parser = stddev_tokens
    )]
    pub(crate) synthetic_input_tokens_stddev: f64,

    /// Mean output length to ask for [default: the server decides].
    #[arg(
        long,
        visible_aliases = ["prompt-output-tokens-mean", "osl"],
        value_name = "TOKENS",
        value_parser = mean_tokens
    )]
    pub(crate) output_tokens_mean: Option<f64>,

    /// Standard deviation of the output length asked for [default: 0].
    #[arg(
        long,
        visible_aliases = ["prompt-output-tokens-stddev", "osl-stddev"],
        value_name = "TOKENS",
        value_parser = stddev_tokens
    )]
    pub(crate) output_tokens_stddev: Option<f64>,

    /// How lengths lie around their means: `normal`, `lognormal` or `uniform` [default: normal].
    #[arg(long, value_name = "DISTRIBUTION", value_parser = values::distribution)]
    pub(crate) length_distribution: Option<LengthDistributionArg>,

    /// Pairs of lengths and their shares in percent: `ISL,OSL:SHARE;…`, as in `128,64:25;512|20,128|10:75`
    /// (mean|deviation); `[(ISL,OSL):SHARE,…]` and AIPerf's JSON are read as well.
    #[arg(long, visible_alias = "sequence-distribution", value_name = "PAIRS", value_parser = values::pairs)]
    pub(crate) seq_dist: Option<Pairs>,

    /// Draw lengths evenly from mean·(1 − R) to mean·(1 + R), as vLLM does; `R` or `{"input": R, "output": R}`.
    #[arg(long, value_name = "R", value_parser = values::range_ratio)]
    pub(crate) random_range_ratio: Option<Ratio>,

    /// Which conversation or prompt comes next: `sequential`, `random` (with replacement) or `shuffle` (each once
    /// before any comes again) [default: sequential].
    #[arg(long, value_name = "STRATEGY", value_parser = values::sampling)]
    pub(crate) dataset_sampling_strategy: Option<Sampling>,

    /// Distinct prompts; request k uses prompt k modulo this [default: --request-count up to 10000, else 100]. Where
    /// they are fewer than the requests, the warm-up and repeats send them too.
    #[arg(long, visible_alias = "num-prompts", value_name = "N", value_parser = entry_count)]
    pub(crate) num_dataset_entries: Option<usize>,

    /// Seed of the schedule and the prompts [default: chosen by the system, and printed].
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) random_seed: Option<u64>,
}

/// A distribution of lengths around a mean and deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthDistributionArg {
    /// Normal.
    Normal,
    /// Log-normal.
    Lognormal,
    /// Uniform.
    Uniform,
}

/// Pairs of lengths.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pairs(pub(crate) Vec<Pair>);

/// How far lengths lie from their means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// Of inputs.
    pub(crate) isl: f64,
    /// Of outputs.
    pub(crate) osl: f64,
}

/// What the prompts depend on.
pub(super) struct Parts {
    /// Conversations or requests, where the user says how many.
    pub(super) asked: Option<u64>,
    /// The turns of synthetic conversations.
    pub(super) turns: Turns,
    /// What stands before the prompts.
    pub(super) context: Context,
    /// The requests of a file.
    pub(super) requests: Option<Requests>,
    /// The length of the first text, where it is not that of a prompt.
    pub(super) first_text: Option<Length>,
}

impl InputArgs {
    /// The prompts of a run.
    pub(super) fn plan(&self, parts: Parts, notes: &mut Vec<String>) -> Result<Prompts> {
        prompts(self, parts, notes)
    }
}

fn prompts(input: &InputArgs, parts: Parts, notes: &mut Vec<String>) -> Result<Prompts> {
    let Parts { asked, turns, context, requests, first_text } = parts;
    let pooled = |requests: &Requests| requests.replay.format.is_pool();
    if input.num_dataset_entries.is_some() && requests.as_ref().is_some_and(|r| !pooled(r)) {
        return Err(Error::usage(
            "--num-dataset-entries with --input-file: the file says how many there are",
            "drop --num-dataset-entries; --request-count sends fewer",
        ));
    }
    let osl = match (input.output_tokens_mean, input.output_tokens_stddev) {
        (Some(mean), stddev) => Some(Length { mean, stddev: stddev.unwrap_or(0.0) }),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(Error::usage(
                "--output-tokens-stddev without a mean",
                "add --output-tokens-mean TOKENS, or drop it",
            ));
        }
    };
    Ok(Prompts {
        tokenizer: tokenizer(input)?,
        isl: match (first_text, &requests) {
            (Some(length), _) => length,
            (None, Some(requests)) => requests.isl.unwrap_or(UNSAID),
            (None, None) => {
                Length { mean: input.synthetic_input_tokens_mean, stddev: input.synthetic_input_tokens_stddev }
            }
        },
        osl,
        turns,
        entries: match &requests {
            Some(requests) => requests.conversations,
            None => entries(input, asked, notes),
        },
        offset: 0,
        runs_before: None,
        shared: input.num_dataset_entries.is_some_and(|n| asked.is_none_or(|asked| (n as u64) < asked)),
        distribution: distribution(input)?,
        context,
        sampling: sampling(input, requests.as_ref())?,
        chat_template: input.apply_chat_template,
        replay: requests.map(|requests| requests.replay),
    })
}

/// How many conversations are drawn from a pool.
pub(super) fn draws(input: &InputArgs, asked: Option<u64>) -> usize {
    entries(input, asked, &mut Vec::new())
}

fn distribution(input: &InputArgs) -> Result<LengthDistribution> {
    let given = [
        ("--length-distribution", input.length_distribution.is_some()),
        ("--seq-dist", input.seq_dist.is_some()),
        ("--random-range-ratio", input.random_range_ratio.is_some()),
    ];
    let mut given = given.iter().filter(|(_, given)| *given);
    if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
        return Err(Error::usage(format!("{one} and {other} both say how lengths are drawn"), "drop one of them"));
    }
    if let Some(pairs) = &input.seq_dist {
        return Ok(LengthDistribution::Pairs(pairs.0.clone()));
    }
    if let Some(ratio) = input.random_range_ratio {
        if input.synthetic_input_tokens_stddev > 0.0 || input.output_tokens_stddev.is_some() {
            return Err(Error::usage(
                "--random-range-ratio and a standard deviation both say how lengths are drawn",
                "drop --isl-stddev and --osl-stddev, or the ratio",
            ));
        }
        return Ok(LengthDistribution::Ratio { isl: ratio.isl, osl: ratio.osl });
    }
    Ok(match input.length_distribution {
        None | Some(LengthDistributionArg::Normal) => LengthDistribution::Normal,
        Some(LengthDistributionArg::Lognormal) => LengthDistribution::Lognormal,
        Some(LengthDistributionArg::Uniform) => LengthDistribution::Uniform,
    })
}

fn sampling(input: &InputArgs, requests: Option<&Requests>) -> Result<Sampling> {
    let sampling = input.dataset_sampling_strategy.unwrap_or_default();
    if sampling != Sampling::Sequential && requests.is_some_and(|r| r.instants.is_some()) {
        return Err(Error::usage(
            "--dataset-sampling-strategy where timestamps are replayed: they say which request comes next",
            "add --no-fixed-schedule, or write sequential",
        ));
    }
    Ok(sampling)
}

fn tokenizer(input: &InputArgs) -> Result<TokenizerSource> {
    match input.tokenizer.trim() {
        "" => Err(Error::usage("--tokenizer is empty", "write a hub name, a path, or builtin")),
        "builtin" => Ok(TokenizerSource::Builtin),
        name => Ok(TokenizerSource::Named { name: name.to_owned(), revision: input.tokenizer_revision.clone() }),
    }
}

/// As AIPerf: the explicit number, else one conversation per session, or one prompt per request, so that no prompt
/// meets its own cache; else 100.
fn entries(input: &InputArgs, asked: Option<u64>, notes: &mut Vec<String>) -> usize {
    if let Some(n) = input.num_dataset_entries {
        return n;
    }
    match asked {
        Some(n) if n > MOST_BY_DEFAULT => {
            notes.push(format!(
                "{MOST_BY_DEFAULT} distinct prompts for {n} requests: --num-dataset-entries prepares more"
            ));
            MOST_BY_DEFAULT as usize
        }
        Some(n) => n as usize,
        None => 100,
    }
}

const MOST_BY_DEFAULT: u64 = 10_000;
/// A file whose requests have texts of their own: how long they are is known when they are encoded.
const UNSAID: Length = Length { mean: 0.0, stddev: 0.0 };
