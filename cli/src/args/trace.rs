//! Flags on requests that a file describes.

use super::values;
use clap::Args;
use ringload_engine::dataset::Format;
use std::path::PathBuf;

/// Requests that a file describes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Trace")]
pub(crate) struct TraceArgs {
    /// A trace: one request a line, `{"timestamp": ms, "input_length": tokens, "output_length": tokens}`. Prompts are synthetic, of these
    /// lengths; `hash_ids` are not used yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,

    /// Format of --input-file: `mooncake_trace` [default: found by its first line].
    #[arg(long, value_name = "FORMAT", value_parser = values::dataset_format)]
    pub(crate) custom_dataset_type: Option<Format>,

    /// Send each request of --input-file at its timestamp [default where all have one].
    #[arg(long)]
    pub(crate) fixed_schedule: bool,

    /// Take prompts from --input-file and leave its timestamps out: requests are sent in its order, by the flags on load.
    #[arg(long)]
    pub(crate) no_fixed_schedule: bool,

    /// Begin with the first timestamp instead of 0.
    #[arg(long)]
    pub(crate) fixed_schedule_auto_offset: bool,

    /// Leave out what has an earlier timestamp, and begin with this one.
    #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) fixed_schedule_start_offset: Option<f64>,

    /// Leave out what has a later timestamp.
    #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) fixed_schedule_end_offset: Option<f64>,
}
