//! Flags on what is sent.

use super::values;
use clap::Args;

/// What is sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Field of every request body: `key:value` (numbers, true, false, null and JSON keep their type), or a JSON object.
    #[arg(long, value_name = "KEY:VALUE", num_args = 1..)]
    pub(crate) extra_inputs: Vec<String>,

    /// Tokenizer: a hub name, a file, a directory with `tokenizer.json`, or `builtin` (approximate lengths).
    #[arg(long, value_name = "NAME", default_value = "builtin")]
    pub(crate) tokenizer: String,

    /// Branch, tag or commit of the tokenizer on the hub.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub(crate) tokenizer_revision: String,

    /// Mean prompt length in tokens.
    #[arg(
        long,
        visible_aliases = ["prompt-input-tokens-mean", "isl"],
        value_name = "TOKENS",
        default_value = "550",
        value_parser = values::mean_tokens
    )]
    pub(crate) synthetic_input_tokens_mean: f64,

    /// Standard deviation of the prompt length.
    #[arg(
        long,
        visible_aliases = ["prompt-input-tokens-stddev", "isl-stddev"],
        value_name = "TOKENS",
        default_value = "0",
        value_parser = values::stddev_tokens
    )]
    pub(crate) synthetic_input_tokens_stddev: f64,

    /// Mean output length to ask for [default: the server decides].
    #[arg(
        long,
        visible_aliases = ["prompt-output-tokens-mean", "osl"],
        value_name = "TOKENS",
        value_parser = values::mean_tokens
    )]
    pub(crate) output_tokens_mean: Option<f64>,

    /// Standard deviation of the output length asked for [default: 0].
    #[arg(
        long,
        visible_aliases = ["prompt-output-tokens-stddev", "osl-stddev"],
        value_name = "TOKENS",
        value_parser = values::stddev_tokens
    )]
    pub(crate) output_tokens_stddev: Option<f64>,

    /// Distinct prompts; request k uses prompt k modulo this [default: --request-count up to 10000, else 100].
    #[arg(long, visible_alias = "num-prompts", value_name = "N", value_parser = values::entries)]
    pub(crate) num_dataset_entries: Option<usize>,

    /// Seed of the schedule and the prompts [default: chosen by the system, and printed].
    #[arg(long, value_name = "N", value_parser = values::seed)]
    pub(crate) random_seed: Option<u64>,
}
