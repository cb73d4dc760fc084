//! Input flags → the synthetic prompts.

use super::trace::Requests;
use crate::args::InputArgs;
use ringload_engine::plan::{Length, Prompts, Said, TokenizerSource, Turns};
use ringload_engine::{Error, Result};

/// The synthetic prompts of a run of so many conversations or requests, where the user says how many.
pub(crate) fn prompts(
    input: &InputArgs,
    asked: Option<u64>,
    turns: Turns,
    requests: Option<Requests>,
    notes: &mut Vec<String>,
) -> Result<Prompts> {
    let said = requests.map(|r| r.said);
    if said.is_some() && input.num_dataset_entries.is_some() {
        return Err(Error::usage(
            "--num-dataset-entries with --input-file: the file says how many there are",
            "drop --num-dataset-entries; --request-count sends fewer",
        ));
    }
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
        isl: match &said {
            Some(said) => moments(said),
            None => Length {
                mean: input.synthetic_input_tokens_mean,
                stddev: input.synthetic_input_tokens_stddev,
            },
        },
        osl,
        turns,
        entries: match &said {
            Some(said) => said.lengths.len(),
            None => entries(input, asked, notes),
        },
        said,
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

/// Mean and deviation of the input lengths that a file says.
fn moments(said: &Said) -> Length {
    let lengths = || said.lengths.iter().map(|(isl, _)| f64::from(*isl));
    let n = said.lengths.len() as f64;
    let mean = lengths().sum::<f64>() / n;
    let squares: f64 = lengths().map(|isl| (isl - mean).powi(2)).sum();
    Length {
        mean,
        stddev: (squares / n).sqrt(),
    }
}

/// As AIPerf: the explicit number, else one conversation per session, or one prompt per request, so that no prompt meets its own cache;
/// else 100.
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
