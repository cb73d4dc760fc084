//! Flags on requests that a file describes.

pub(super) mod plan;
#[cfg(test)]
mod tests;

use super::values;
use clap::Args;
use ringload_engine::plan::Format;
use std::path::PathBuf;

/// Requests that a file describes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Trace")]
pub(crate) struct TraceArgs {
    /// Requests to send, instead of synthetic ones: a file of any of the formats in docs/WORKLOADS.md, or a folder of
    /// such files.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,

    /// Format of --input-file: single_turn, multi_turn, random_pool, mooncake_trace, bailian_trace, burst_gpt_trace,
    /// azure, sharegpt, raw_payload, inputs_json or openai_batch [default: found by its beginning].
    #[arg(long, value_name = "FORMAT", value_parser = values::dataset_format)]
    pub(crate) custom_dataset_type: Option<Format>,

    /// Folder that holds the images, audio and video which the file names by path; nothing outside of it is read
    /// [default: the folder of the file].
    #[arg(long, value_name = "DIR", conflicts_with = "allow_local_media")]
    pub(crate) media_root: Option<PathBuf>,

    /// Let the file name any image, audio or video file that this user may read: each is sent to the server.
    #[arg(long)]
    pub(crate) allow_local_media: bool,

    /// Tokens of a block that `hash_ids` name [default: 512; 16 for bailian_trace].
    #[arg(
        long,
        visible_aliases = ["prompt-input-tokens-block-size", "synthetic-input-tokens-block-size"],
        value_name = "TOKENS",
        value_parser = values::one_count
    )]
    pub(crate) isl_block_size: Option<u32>,

    /// Send each request of --input-file at its timestamp [default where all have one].
    #[arg(long)]
    pub(crate) fixed_schedule: bool,

    /// Take prompts from --input-file and leave its timestamps out: requests are sent in its order, by the flags on
    /// load.
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

    /// Leave out the timestamps and the delays between turns.
    #[arg(long)]
    pub(crate) ignore_trace_delays: bool,

    /// Cut longer delays between turns to this.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_not_negative)]
    pub(crate) inter_turn_delay_cap_seconds: Option<f64>,

    /// Cut longer gaps between two timestamps that follow each other to this.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) max_idle_gap_cap_seconds: Option<f64>,

    /// Divide timestamps and delays by this.
    #[arg(long, value_name = "RATIO", value_parser = values::one_rate)]
    pub(crate) replay_speedup: Option<f64>,

    /// Divide timestamps by this.
    #[arg(long, value_name = "RATIO", value_parser = values::one_rate)]
    pub(crate) synthesis_speedup_ratio: Option<f64>,

    /// Make the shared beginnings of prompts (their first `hash_ids`) this many times as long.
    #[arg(long, value_name = "RATIO", value_parser = values::one_not_negative)]
    pub(crate) synthesis_prefix_len_multiplier: Option<f64>,

    /// Deal sessions, at random, to this many copies of the trace's blocks, which share nothing.
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) synthesis_prefix_root_multiplier: Option<u32>,

    /// Make the rest of each prompt this many times as long.
    #[arg(long, value_name = "RATIO", value_parser = values::one_not_negative)]
    pub(crate) synthesis_prompt_len_multiplier: Option<f64>,

    /// Multiply output lengths by this.
    #[arg(long, value_name = "RATIO", value_parser = values::one_not_negative)]
    pub(crate) synthesis_output_len_multiplier: Option<f64>,

    /// Leave out requests of longer inputs.
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) synthesis_max_isl: Option<u32>,

    /// Cut longer outputs to this.
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) synthesis_max_osl: Option<u32>,
}
