//! Input flags → the synthetic prompts.

use crate::args::{InputArgs, LoadArgs};
use ringload_engine::plan::{Length, Prompts, TokenizerSource};
use ringload_engine::{Error, Result};

/// The synthetic prompts of a run.
pub(crate) fn prompts(
    input: &InputArgs,
    load: &LoadArgs,
    notes: &mut Vec<String>,
) -> Result<Prompts> {
    let osl = match (input.output_tokens_mean, input.output_tokens_stddev) {
        (Some(mean), stddev) => Some(Length {
            mean,
            stddev: stddev.unwrap_or(0.0),
        }),
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
        isl: Length {
            mean: input.synthetic_input_tokens_mean,
            stddev: input.synthetic_input_tokens_stddev,
        },
        osl,
        entries: entries(input, load, notes),
    })
}

fn tokenizer(input: &InputArgs) -> Result<TokenizerSource> {
    match input.tokenizer.trim() {
        "" => Err(Error::usage(
            "--tokenizer is empty",
            "write a hub name, a path, or builtin",
        )),
        "builtin" => Ok(TokenizerSource::Builtin),
        name => Ok(TokenizerSource::Named {
            name: name.to_owned(),
            revision: input.tokenizer_revision.clone(),
        }),
    }
}

/// As AIPerf: the explicit number, else one prompt per request, so that no prompt meets its own cache; else 100.
fn entries(input: &InputArgs, load: &LoadArgs, notes: &mut Vec<String>) -> usize {
    if let Some(n) = input.num_dataset_entries {
        return n;
    }
    match load.request_count {
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
