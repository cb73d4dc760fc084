//! Flags on what stands before the prompts.

use super::{input, values};
use clap::Args;
use ringload_engine::plan::Marker;
use std::path::PathBuf;

/// What stands before the prompts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Prefixes")]
pub(crate) struct ContextArgs {
    /// Distinct prefixes for first turns to begin with, to fill a server's prefix cache; each takes one at random.
    #[arg(
        long,
        visible_aliases = ["prompt-prefix-pool-size", "prefix-prompt-pool-size"],
        value_name = "N",
        value_parser = values::count_or_none
    )]
    pub(crate) num_prefix_prompts: Option<u32>,

    /// Tokens of each prefix, beside --isl.
    #[arg(long, visible_alias = "prompt-prefix-length", value_name = "TOKENS", value_parser = values::count_or_none)]
    pub(crate) prefix_prompt_length: Option<u32>,

    /// Tokens of a synthetic system prompt that all conversations share.
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count, conflicts_with_all = ["system_prompt", "system_prompt_file"])]
    pub(crate) shared_system_prompt_length: Option<u32>,

    /// Tokens of a message that stands before each conversation's first turn, different in each.
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) user_context_prompt_length: Option<u32>,

    /// System prompt of all conversations; a conversation's own follows it.
    #[arg(long, value_name = "TEXT", conflicts_with = "system_prompt_file")]
    pub(crate) system_prompt: Option<String>,

    /// File with the system prompt, sent to its last line feed.
    #[arg(long, value_name = "FILE")]
    pub(crate) system_prompt_file: Option<PathBuf>,

    /// Put a mark of its own on each conversation, so that no prefix cache hits across them: `none`, `system_prefix`,
    /// `system_suffix`, `first_turn_prefix` or `first_turn_suffix` [default: none].
    #[arg(long, value_name = "WHERE", value_parser = input::values::marker)]
    pub(crate) cache_bust: Option<Bust>,
}

/// Where a mark is put, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bust(pub(crate) Option<Marker>);
