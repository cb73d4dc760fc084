//! Flags on a file of requests → what is taken from it, and the instants at which it is sent.

use crate::flags::TraceArgs;
use crate::flags::plan::nanos;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::plan::Synthesis;
use ringload_engine::plan::{Length, LocalMedia, Replay, Timing, Trace};
use ringload_engine::workload::{Survey, detect};
use ringload_engine::{Error, Result};

/// The requests of a file.
pub(crate) struct Requests {
    /// What is taken from the file.
    pub(crate) replay: Replay,
    /// How many conversations there are.
    pub(crate) conversations: usize,
    /// How many turns they have together.
    pub(crate) turns: u64,
    /// Input lengths that it says.
    pub(crate) isl: Option<Length>,
    /// When the conversations begin, where their timestamps are replayed.
    pub(crate) instants: Option<Trace>,
}

/// Reads the file that the flags name, if they name one. Where it is drawn from, so many conversations are.
pub(crate) fn requests(args: &TraceArgs, draws: usize, notes: &mut Vec<String>) -> Result<Option<Requests>> {
    let Some(file) = &args.input_file else {
        return match orphan(args) {
            Some(flag) => Err(Error::usage(
                format!("{flag} without --input-file"),
                format!("add --input-file FILE, a file of requests; or drop {flag}"),
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
    let survey = Survey::read(&replay, 0).map_err(within)?;
    replay.timing.fixed = fixed(args, &survey, notes)?;
    let (conversations, turns) = (survey.conversations(), survey.turns() as u64);
    let isl = survey.isl();
    let instants = replay.timing.fixed.then(|| Trace(survey.starts(&replay.timing).into()));
    Ok(Some(Requests { replay, conversations, turns, isl, instants }))
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
