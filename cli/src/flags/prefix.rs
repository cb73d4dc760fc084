//! What stands before the prompts: flags, checks and their part of the plan.

use super::{files, values};
use clap::Args;
use ringload_engine::plan::{Context, Marker};
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// What stands before the prompts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Prefixes")]
pub(crate) struct PrefixArgs {
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

    /// Tokens of a message before each conversation's first turn, a different one in each.
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) user_context_prompt_length: Option<u32>,

    /// System prompt of all conversations; a conversation's own follows it.
    #[arg(long, value_name = "TEXT", conflicts_with = "system_prompt_file")]
    pub(crate) system_prompt: Option<String>,

    /// File with the system prompt, sent to its last line feed.
    #[arg(long, value_name = "FILE")]
    pub(crate) system_prompt_file: Option<PathBuf>,

    /// Put a cache buster on each conversation, so that no prefix cache hits across them: `none`, `system_prefix`,
    /// `system_suffix`, `first_turn_prefix` or `first_turn_suffix` [default: none].
    #[arg(long, value_name = "WHERE", value_parser = marker)]
    pub(crate) cache_bust: Option<Bust>,
}

/// Where a mark is put, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bust(pub(crate) Option<Marker>);

fn marker(text: &str) -> std::result::Result<Bust, String> {
    Ok(Bust(Some(match values::choice(text).as_str() {
        "none" => return Ok(Bust(None)),
        "system_prefix" => Marker::SystemPrefix,
        "system_suffix" => Marker::SystemSuffix,
        "first_turn_prefix" => Marker::FirstTurnPrefix,
        "first_turn_suffix" => Marker::FirstTurnSuffix,
        "warmup_isolation_system" | "warmup_isolation_first_turn" => {
            return Err("known to AIPerf, not supported by ringload: warm-up and measured phase take different prompts anyway; write none, system_prefix, system_suffix, first_turn_prefix or first_turn_suffix".into());
        }
        _ => {
            return Err("write none, system_prefix, system_suffix, first_turn_prefix or first_turn_suffix".into());
        }
    })))
}

impl PrefixArgs {
    /// What stands before the prompts; the file of the system prompt is read here.
    pub(super) fn plan(&self) -> Result<Context> {
        context(self)
    }
}

fn context(args: &PrefixArgs) -> Result<Context> {
    let (prefixes, prefix_tokens) = (args.num_prefix_prompts.unwrap_or(0), args.prefix_prompt_length.unwrap_or(0));
    for (one, other, lacking) in [
        ("--num-prefix-prompts", "--prefix-prompt-length TOKENS", prefixes > 0 && prefix_tokens == 0),
        ("--prefix-prompt-length", "--num-prefix-prompts N", prefix_tokens > 0 && prefixes == 0),
    ] {
        if lacking {
            return Err(Error::usage(format!("{one} alone makes no prefix"), format!("add {other}, or drop {one}")));
        }
    }
    let system = match (&args.system_prompt, &args.system_prompt_file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(file)) => Some(files::text(file, files::PROMPT_BYTES).map_err(|e| {
            Error::usage(
                format!("--system-prompt-file {}: {e}", file.display()),
                "write the path of a UTF-8 text that this user may read",
            )
        })?),
        (None, None) => None,
    };
    if system.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Error::usage("the system prompt is empty", "write a text, or drop --system-prompt"));
    }
    Ok(Context {
        prefixes,
        prefix_tokens,
        system_tokens: args.shared_system_prompt_length,
        user_tokens: args.user_context_prompt_length,
        system,
        cache_bust: args.cache_bust.and_then(|Bust(marker)| marker),
    })
}
