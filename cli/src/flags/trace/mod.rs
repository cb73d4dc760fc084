//! Requests that a file describes: flags, checks, what is taken from the file, and the instants at which it is sent.

#[cfg(test)]
mod tests;

use super::units::nanos;
use super::values;
use clap::Args;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::plan::{ClientClasses, Format, Length, LocalMedia, Replay, Synthesis, Timing, Trace};
use ringload_engine::workload::{Survey, detect};
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// Requests that a file describes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Trace")]
pub(crate) struct TraceArgs {
    /// Requests to send, instead of synthetic ones: a file of any of the formats in docs/WORKLOADS.md, or a folder of
    /// such files.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,

    /// Format of --input-file: single_turn, multi_turn, random_pool, dag_jsonl, mooncake_trace, weka_trace,
    /// bailian_trace, burst_gpt_trace, azure, servegen, otel_genai, vllm_custom, sharegpt, raw_payload, inputs_json,
    /// openai_batch and others of docs/WORKLOADS.md [default: found by its beginning].
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

    /// Requests per second that the clients of a folder of ServeGen send together, on average over the part of their
    /// time that is sent [default: as they were recorded].
    #[arg(long, value_name = "REQ/S", value_parser = values::one_rate)]
    pub(crate) clients_rate: Option<f64>,

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

/// The requests of a file.
pub(super) struct Requests {
    /// What is taken from the file.
    pub(super) replay: Replay,
    /// How many conversations there are.
    pub(super) conversations: usize,
    /// How many turns they have together.
    pub(super) turns: u64,
    /// Input lengths that it says.
    pub(super) isl: Option<Length>,
    /// When the conversations begin, where their timestamps are replayed.
    pub(super) instants: Option<Trace>,
    /// Whether conversations begin others.
    pub(super) branches: bool,
}

impl TraceArgs {
    /// The requests of the file that the flags name, if they name one; it is read here. Where it is drawn from, `draws`
    /// conversations are; from classes of clients, with `seed`.
    pub(super) fn plan(&self, draws: usize, seed: u64, notes: &mut Vec<String>) -> Result<Option<Requests>> {
        requests(self, draws, seed, notes)
    }
}

fn requests(args: &TraceArgs, draws: usize, seed: u64, notes: &mut Vec<String>) -> Result<Option<Requests>> {
    let Some(file) = &args.input_file else {
        return match orphan(args) {
            Some(flag) => Err(Error::usage(
                format!("{flag} without --input-file"),
                format!("add --input-file FILE, a dataset; or drop {flag}"),
            )),
            None => Ok(None),
        };
    };
    let within = |e: Error| e.within("--input-file");
    let format = match args.custom_dataset_type {
        Some(format) => format,
        None => detect(file).map_err(within)?,
    };
    let mut replay = Replay {
        draws,
        synthesis: synthesis(args),
        timing: timing(args)?,
        media: media(args),
        ..Replay::of(file.clone(), format)
    };
    replay.block = args.isl_block_size.unwrap_or(replay.block);
    if format == Format::ServeGen {
        replay.clients = ClientClasses { seed, rate: args.clients_rate };
    } else if args.clients_rate.is_some() {
        return Err(Error::usage(
            format!("--clients-rate with a file of {}: its requests are sent as they are", format.name()),
            "drop --clients-rate; --replay-speedup sends them closer together",
        ));
    }
    let survey = Survey::read(&replay, 0).map_err(within)?;
    replay.timing.fixed = fixed(args, &survey, notes)?;
    let (conversations, turns) = (survey.conversations(), survey.turns() as u64);
    let isl = survey.isl();
    replay.remarks = survey.remarks(&replay.timing);
    replay.width = survey.width();
    let branches = survey.branches();
    notes.extend(replay.remarks.sentences().into_iter().map(|remark| format!("{}: {remark}", file.display())));
    let instants = replay.timing.fixed.then(|| Trace(survey.starts(&replay.timing).into()));
    Ok(Some(Requests { replay, conversations, turns, isl, instants, branches }))
}

/// Which files of this machine the rows may name.
fn media(args: &TraceArgs) -> LocalMedia {
    match &args.media_root {
        Some(folder) => LocalMedia::Under(folder.clone()),
        None if args.allow_local_media => LocalMedia::Anywhere,
        None => LocalMedia::Beside,
    }
}

fn orphan(args: &TraceArgs) -> Option<&'static str> {
    let flags = [
        ("--media-root", args.media_root.is_some()),
        ("--allow-local-media", args.allow_local_media),
        ("--custom-dataset-type", args.custom_dataset_type.is_some()),
        ("--fixed-schedule", args.fixed_schedule),
        ("--no-fixed-schedule", args.no_fixed_schedule),
        ("--isl-block-size", args.isl_block_size.is_some()),
        ("--ignore-trace-delays", args.ignore_trace_delays),
        ("--inter-turn-delay-cap-seconds", args.inter_turn_delay_cap_seconds.is_some()),
        ("--max-idle-gap-cap-seconds", args.max_idle_gap_cap_seconds.is_some()),
        ("--replay-speedup", args.replay_speedup.is_some()),
        ("--clients-rate", args.clients_rate.is_some()),
        ("--synthesis-speedup-ratio", args.synthesis_speedup_ratio.is_some()),
        ("--synthesis-prefix-len-multiplier", args.synthesis_prefix_len_multiplier.is_some()),
        ("--synthesis-prefix-root-multiplier", args.synthesis_prefix_root_multiplier.is_some()),
        ("--synthesis-prompt-len-multiplier", args.synthesis_prompt_len_multiplier.is_some()),
        ("--synthesis-output-len-multiplier", args.synthesis_output_len_multiplier.is_some()),
        ("--synthesis-max-isl", args.synthesis_max_isl.is_some()),
        ("--synthesis-max-osl", args.synthesis_max_osl.is_some()),
    ];
    let mut all = flags.into_iter().chain(offsets(args));
    all.find(|(_, given)| *given).map(|(flag, _)| flag)
}

fn offsets(args: &TraceArgs) -> [(&'static str, bool); 3] {
    [
        ("--fixed-schedule-auto-offset", args.fixed_schedule_auto_offset),
        ("--fixed-schedule-start-offset", args.fixed_schedule_start_offset.is_some()),
        ("--fixed-schedule-end-offset", args.fixed_schedule_end_offset.is_some()),
    ]
}

fn synthesis(args: &TraceArgs) -> Synthesis {
    Synthesis {
        speedup: args.synthesis_speedup_ratio.unwrap_or(1.0),
        prefix_len: args.synthesis_prefix_len_multiplier.unwrap_or(1.0),
        prefix_roots: args.synthesis_prefix_root_multiplier.unwrap_or(1),
        prompt_len: args.synthesis_prompt_len_multiplier.unwrap_or(1.0),
        output_len: args.synthesis_output_len_multiplier.unwrap_or(1.0),
        max_isl: args.synthesis_max_isl,
        max_osl: args.synthesis_max_osl,
    }
}

fn timing(args: &TraceArgs) -> Result<Timing> {
    let offset = |ms: f64| (ms * MILLI as f64).round() as Nanos;
    if args.fixed_schedule_auto_offset && args.fixed_schedule_start_offset.is_some() {
        return Err(Error::usage(
            "--fixed-schedule-auto-offset and --fixed-schedule-start-offset both say where the schedule begins",
            "drop one of them",
        ));
    }
    if args.ignore_trace_delays && args.fixed_schedule {
        return Err(Error::usage(
            "--fixed-schedule and --ignore-trace-delays contradict each other",
            "drop one of them",
        ));
    }
    if args.no_fixed_schedule || args.ignore_trace_delays {
        no_offsets(args)?;
    }
    Ok(Timing {
        fixed: false,
        from: args.fixed_schedule_start_offset.map(offset),
        until: args.fixed_schedule_end_offset.map(offset),
        from_first: args.fixed_schedule_auto_offset,
        ignored: args.ignore_trace_delays,
        speedup: args.replay_speedup.unwrap_or(1.0),
        delay_cap: args.inter_turn_delay_cap_seconds.map(nanos),
        gap_cap: args.max_idle_gap_cap_seconds.map(nanos),
    })
}

/// Whether timestamps are replayed: as asked; else where every conversation has one.
fn fixed(args: &TraceArgs, survey: &Survey, notes: &mut Vec<String>) -> Result<bool> {
    let left_out = args.no_fixed_schedule || args.ignore_trace_delays;
    match (args.fixed_schedule, left_out, survey.untimed()) {
        (true, true, _) => {
            Err(Error::usage("--fixed-schedule and --no-fixed-schedule contradict each other", "drop one of them"))
        }
        (true, false, Some(id)) => Err(Error::usage(
            format!("--fixed-schedule: the conversation `{id}` of the file has no timestamp"),
            "give each a timestamp, or drop --fixed-schedule",
        )),
        (true, false, None) => Ok(true),
        (false, false, None) => {
            notes.push("the file has timestamps, and they are replayed: --no-fixed-schedule leaves them out".into());
            Ok(true)
        }
        (false, ..) => no_offsets(args).map(|()| false),
    }
}

/// Refuses a window of timestamps that are not replayed.
fn no_offsets(args: &TraceArgs) -> Result<()> {
    match offsets(args).iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Error::usage(
            format!("{flag} where no timestamps are replayed"),
            format!("write --fixed-schedule and a file in which each request has one; or drop {flag}"),
        )),
        None => Ok(()),
    }
}
