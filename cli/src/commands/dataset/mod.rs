//! `ringload dataset`: what a file of requests is, and the same in another format.

mod convert;
mod inspect;
mod layout;

pub(crate) use layout::analyze;

use crate::exit::Exit;
use crate::flags::{DatasetCommand, FileArgs};
use ringload_engine::Result;
use ringload_engine::plan::Format;
use ringload_engine::plan::{LocalMedia, Phase, Plan, Replay, Target, TokenizerSource};
use ringload_engine::workload::detect;
use std::path::Path;

/// Does it.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn run(command: DatasetCommand) -> anyhow::Result<Exit> {
    match command {
        DatasetCommand::Inspect { file, show } => inspect::inspect(&file, show)?,
        DatasetCommand::Convert { file, to, output } => convert::convert(&file, to, &output)?,
    }
    Ok(Exit::Done)
}

/// A file as it is.
fn replay(file: &Path, format: Option<Format>, block: Option<u32>) -> Result<Replay> {
    let format = match format {
        Some(format) => format,
        None => detect(file)?,
    };
    let replay = Replay::of(file.to_owned(), format);
    Ok(Replay { block: block.unwrap_or(replay.block), ..replay })
}

/// The plan that would send a file.
fn plan(args: &FileArgs) -> Result<Plan> {
    let target = Target::parse("http://localhost:8000")?;
    let mut plan = Plan::new(vec![target], &args.model, Phase::closed(1, 1));
    plan.endpoint = args.endpoint_type;
    plan.streaming = args.streaming;
    plan.seed = args.random_seed;
    if args.tokenizer != "builtin" {
        plan.prompts.tokenizer =
            TokenizerSource::Named { name: args.tokenizer.clone(), revision: args.tokenizer_revision.clone() };
    }
    let mut replay = replay(&args.file, args.custom_dataset_type, args.isl_block_size)?;
    replay.media = match &args.media_root {
        Some(folder) => LocalMedia::Under(folder.clone()),
        None if args.allow_local_media => LocalMedia::Anywhere,
        None => LocalMedia::Beside,
    };
    plan.prompts.replay = Some(replay);
    Ok(plan)
}
