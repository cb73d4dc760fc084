//! Flags on what is sent.

pub(super) mod extra;
pub(super) mod plan;
#[cfg(test)]
mod tests;
pub(super) mod values;

use super::values::{entries, mean_tokens, seed, stddev_tokens};
use clap::Args;
use ringload_engine::plan::{Pair, Sampling};

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

    /// Distinct prompts; request k uses prompt k modulo this [default: --request-count up to 10000, else 100].
    #[arg(long, visible_alias = "num-prompts", value_name = "N", value_parser = entries)]
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
