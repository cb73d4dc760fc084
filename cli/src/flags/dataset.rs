//! `ringload dataset` and `ringload analyze-trace`: flags and their plans.

use super::values;
use clap::{Args, Subcommand};
use ringload_engine::Result;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::plan::{
    ClientClasses, EndpointKind, Format, LocalMedia, Phase, Plan, Prompts, Replay, Target, TokenizerSource,
};
use ringload_engine::workload::detect;
use std::path::{Path, PathBuf};

/// What to do with a file of requests.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Say what a file is, how long its requests are, and what would be sent.
    Inspect {
        /// The file.
        #[command(flatten)]
        file: FileArgs,
        /// Whole request bodies to show, of the first turns.
        #[arg(long, value_name = "N", default_value = "0")]
        show: usize,
    },
    /// Write the requests of a file in another format.
    Convert {
        /// The file.
        #[command(flatten)]
        file: FileArgs,
        /// The format to write: `mooncake_trace`, `multi_turn` or `inputs_json`.
        #[arg(long, value_name = "FORMAT", value_parser = values::dataset_format)]
        to: Format,
        /// The file to write.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

/// A file of requests, and what makes requests of it.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArgs {
    /// The file or folder.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Its format [default: found by its beginning].
    #[arg(long, value_name = "FORMAT", value_parser = values::dataset_format)]
    pub(crate) custom_dataset_type: Option<Format>,

    /// Tokens of a block that `hash_ids` name [default: 512; 16 for bailian_trace].
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) isl_block_size: Option<u32>,

    /// Which part of it.
    #[command(flatten)]
    pub(crate) part: PartArgs,

    /// Which media it may name.
    #[command(flatten)]
    pub(crate) media: FileMediaArgs,

    /// Model that requests name.
    #[arg(long, short, value_name = "NAME", default_value = "model")]
    pub(crate) model: String,

    /// The API that requests are made for.
    #[arg(long, value_name = "TYPE", default_value = "chat", value_parser = values::endpoint_type)]
    pub(crate) endpoint_type: EndpointKind,

    /// Ask for streams.
    #[arg(long)]
    pub(crate) streaming: bool,

    /// Tokenizer: a hub name, a file, a directory with `tokenizer.json`, or `builtin` (approximate lengths).
    #[arg(long, value_name = "NAME", default_value = "builtin")]
    pub(crate) tokenizer: String,

    /// Branch, tag or commit of the tokenizer on the hub.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub(crate) tokenizer_revision: String,

    /// Seed of synthetic texts.
    #[arg(long, value_name = "N", default_value = "0", value_parser = values::seed)]
    pub(crate) random_seed: u64,
}

/// Which images, audio and video a file may name.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileMediaArgs {
    /// Folder that holds the images, audio and video which the file names by path; nothing outside of it is read
    /// [default: the folder of the file].
    #[arg(long, value_name = "DIR", conflicts_with = "allow_local_media")]
    pub(crate) media_root: Option<PathBuf>,

    /// Let the file name any image, audio or video file that this user may read: each is sent to the server.
    #[arg(long)]
    pub(crate) allow_local_media: bool,
}

/// A part of a file of requests.
#[derive(Args, Clone, Debug)]
pub(crate) struct PartArgs {
    /// Leave out what has an earlier timestamp.
    #[arg(long, hide_short_help = true, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) fixed_schedule_start_offset: Option<f64>,

    /// Leave out what has a later timestamp.
    #[arg(long, hide_short_help = true, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) fixed_schedule_end_offset: Option<f64>,

    /// Requests per second that the clients of a folder of ServeGen send together, on average [default: as they were
    /// recorded].
    #[arg(long, hide_short_help = true, value_name = "REQ/S", value_parser = values::one_rate)]
    pub(crate) clients_rate: Option<f64>,
}

/// `ringload analyze-trace`.
#[derive(Args, Clone, Debug)]
pub(crate) struct AnalyzeArgs {
    /// The trace, of any format that says lengths.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Its format [default: found by its beginning].
    #[arg(long, value_name = "FORMAT", value_parser = values::dataset_format)]
    pub(crate) custom_dataset_type: Option<Format>,

    /// Tokens of a block that `hash_ids` name [default: 512; 16 for bailian_trace].
    #[arg(long, visible_alias = "isl-block-size", value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) block_size: Option<u32>,

    /// Which part of it.
    #[command(flatten)]
    pub(crate) part: PartArgs,

    /// Write what was found to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: Option<PathBuf>,
}

fn replay(file: &Path, format: Option<Format>, block: Option<u32>, part: &PartArgs, seed: u64) -> Result<Replay> {
    let format = match format {
        Some(format) => format,
        None => detect(file)?,
    };
    let mut replay = Replay::of(file.to_owned(), format);
    let instant = |ms: f64| (ms * MILLI as f64).round() as Nanos;
    replay.timing.from = part.fixed_schedule_start_offset.map(instant);
    replay.timing.until = part.fixed_schedule_end_offset.map(instant);
    if format == Format::ServeGen {
        replay.clients = ClientClasses { seed, rate: part.clients_rate };
    }
    Ok(Replay { block: block.unwrap_or(replay.block), ..replay })
}

impl FileArgs {
    /// The plan that would send the file.
    ///
    /// # Errors
    /// When the file cannot be read, or its format is not known.
    pub(crate) fn plan(&self) -> Result<Plan> {
        plan(self)
    }
}

impl AnalyzeArgs {
    /// The trace as it is.
    ///
    /// # Errors
    /// When the file cannot be read, or its format is not known.
    pub(crate) fn replay(&self) -> Result<Replay> {
        replay(&self.file, self.custom_dataset_type, self.block_size, &self.part, 0)
    }
}

fn plan(args: &FileArgs) -> Result<Plan> {
    let target = Target::parse("http://localhost:8000")?;
    let plan = Plan::new(vec![target], &args.model, Phase::closed(1, 1));
    let tokenizer = match args.tokenizer.as_str() {
        "builtin" => plan.prompts.tokenizer.clone(),
        name => TokenizerSource::Named { name: name.to_owned(), revision: args.tokenizer_revision.clone() },
    };
    let media = match &args.media.media_root {
        Some(folder) => LocalMedia::Under(folder.clone()),
        None if args.media.allow_local_media => LocalMedia::Anywhere,
        None => LocalMedia::Beside,
    };
    let (format, block) = (args.custom_dataset_type, args.isl_block_size);
    let replay = Replay { media, ..replay(&args.file, format, block, &args.part, args.random_seed)? };
    Ok(Plan {
        endpoint: args.endpoint_type,
        streaming: args.streaming,
        seed: args.random_seed,
        prompts: Prompts { tokenizer, replay: Some(replay), ..plan.prompts },
        ..plan
    })
}
