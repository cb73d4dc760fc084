//! Input flags → the synthetic prompts.

use crate::flags::files;
use crate::flags::trace::plan::Requests;
use crate::flags::{Bust, ContextArgs, InputArgs, LengthDistributionArg};
use ringload_engine::plan::{Context, Length, LengthDistribution, Prompts, Sampling, TokenizerSource, Turns};
use ringload_engine::{Error, Result};

/// The prompts of a run of so many conversations or requests, where the user says how many.
pub(crate) fn prompts(
    input: &InputArgs,
    context: &ContextArgs,
    asked: Option<u64>,
    turns: Turns,
    requests: Option<Requests>,
    notes: &mut Vec<String>,
) -> Result<Prompts> {
    if let Some(requests) = &requests {
        if input.num_dataset_entries.is_some() && !requests.replay.format.is_pool() {
            return Err(Error::usage(
                "--num-dataset-entries with --input-file: the file says how many there are",
                "drop --num-dataset-entries; --request-count sends fewer",
            ));
        }
        synthetic_only(input, context)?;
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
        isl: match &requests {
            Some(requests) => requests.isl.unwrap_or(UNSAID),
            None => Length { mean: input.synthetic_input_tokens_mean, stddev: input.synthetic_input_tokens_stddev },
        },
        osl,
        turns,
        entries: match &requests {
            Some(requests) => requests.conversations,
            None => entries(input, asked, notes),
        },
        distribution: distribution(input)?,
        context: before(context)?,
        sampling: sampling(input, requests.as_ref())?,
        chat_template: input.apply_chat_template,
        replay: requests.map(|requests| requests.replay),
    })
}

/// How many conversations are drawn from a pool.
pub(crate) fn draws(input: &InputArgs, asked: Option<u64>) -> usize {
    entries(input, asked, &mut Vec::new())
}

fn synthetic_only(input: &InputArgs, context: &ContextArgs) -> Result<()> {
    let flags = [
        ("--seq-dist", input.seq_dist.is_some()),
        ("--random-range-ratio", input.random_range_ratio.is_some()),
        ("--num-prefix-prompts", context.num_prefix_prompts.is_some()),
        ("--prefix-prompt-length", context.prefix_prompt_length.is_some()),
        ("--user-context-prompt-length", context.user_context_prompt_length.is_some()),
    ];
    match flags.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Error::usage(
            format!("{flag} with --input-file: the file says what its prompts are"),
            format!("drop {flag}; --system-prompt and --cache-bust go with a file"),
        )),
        None => Ok(()),
    }
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

/// What stands before the prompts.
fn before(args: &ContextArgs) -> Result<Context> {
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
