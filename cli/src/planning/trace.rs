//! Flags on a file of requests → their lengths, and the instants at which they are sent.

use crate::args::TraceArgs;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::dataset::{Format, Row};
use ringload_engine::plan::{Said, Trace};
use ringload_engine::{Error, Result};
use std::path::Path;

/// The requests of a file.
pub(super) struct Requests {
    /// Their lengths.
    pub(super) said: Said,
    /// When they are sent, where their timestamps are replayed.
    pub(super) instants: Option<Trace>,
}

/// Reads the file that the flags name, if they name one.
pub(super) fn requests(args: &TraceArgs, notes: &mut Vec<String>) -> Result<Option<Requests>> {
    let Some(file) = &args.input_file else {
        return match orphan(args) {
            Some(flag) => Err(Error::usage(
                format!("{flag} without --input-file"),
                format!("add --input-file FILE, a trace of one request a line; or drop {flag}"),
            )),
            None => Ok(None),
        };
    };
    let (format, mut rows) =
        read(file, args).map_err(|e| e.within(&format!("--input-file {}", file.display())))?;
    let fixed = fixed(args, &rows, notes)?;
    let instants = if fixed {
        Some(instants(args, &mut rows)?)
    } else {
        None
    };
    Ok(Some(Requests {
        said: Said {
            file: file.clone(),
            format: format.name(),
            lengths: rows.iter().map(|row| (row.isl, row.osl)).collect(),
        },
        instants,
    }))
}

fn orphan(args: &TraceArgs) -> Option<&'static str> {
    let flags = [
        ("--custom-dataset-type", args.custom_dataset_type.is_some()),
        ("--fixed-schedule", args.fixed_schedule),
        ("--no-fixed-schedule", args.no_fixed_schedule),
    ];
    let mut all = flags.into_iter().chain(offsets(args));
    all.find(|(_, given)| *given).map(|(flag, _)| flag)
}

fn offsets(args: &TraceArgs) -> [(&'static str, bool); 3] {
    [
        (
            "--fixed-schedule-auto-offset",
            args.fixed_schedule_auto_offset,
        ),
        (
            "--fixed-schedule-start-offset",
            args.fixed_schedule_start_offset.is_some(),
        ),
        (
            "--fixed-schedule-end-offset",
            args.fixed_schedule_end_offset.is_some(),
        ),
    ]
}

fn read(file: &Path, args: &TraceArgs) -> Result<(Format, Vec<Row>)> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        Error::usage(
            e.to_string(),
            "write the path of a trace of one request a line",
        )
    })?;
    let format = args.custom_dataset_type.or_else(|| Format::detect(&text));
    let Some(format) = format else {
        return Err(Error::usage(
            "its first line is of no format that ringload knows",
            "write lines such as {\"timestamp\": 0, \"input_length\": 550, \"output_length\": 128}",
        ));
    };
    Ok((format, format.parse(&text)?))
}

/// Whether timestamps are replayed: as asked; else where every request has one.
fn fixed(args: &TraceArgs, rows: &[Row], notes: &mut Vec<String>) -> Result<bool> {
    let untimed = rows.iter().position(|row| row.at.is_none());
    match (args.fixed_schedule, args.no_fixed_schedule, untimed) {
        (true, true, _) => Err(Error::usage(
            "--fixed-schedule and --no-fixed-schedule contradict each other",
            "drop one of them",
        )),
        (true, false, Some(i)) => Err(Error::usage(
            format!(
                "--fixed-schedule: request {} of the trace has no timestamp",
                i + 1
            ),
            "give each line a timestamp, or drop --fixed-schedule",
        )),
        (true, false, None) => Ok(true),
        (false, false, None) => {
            notes.push(
                "the trace has timestamps, and they are replayed: --no-fixed-schedule leaves them out"
                    .into(),
            );
            Ok(true)
        }
        (false, ..) => match offsets(args).iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Error::usage(
                format!("{flag} where no timestamps are replayed"),
                format!(
                    "write --fixed-schedule and a trace in which each line has one; or drop {flag}"
                ),
            )),
            None => Ok(false),
        },
    }
}

/// The instants of the rows, which are put into their order and cut to the window.
fn instants(args: &TraceArgs, rows: &mut Vec<Row>) -> Result<Trace> {
    let nanos = |ms: f64| (ms * MILLI as f64).round() as Nanos;
    let start = args.fixed_schedule_start_offset.map(nanos);
    let end = args.fixed_schedule_end_offset.map(nanos);
    if args.fixed_schedule_auto_offset && start.is_some() {
        return Err(Error::usage(
            "--fixed-schedule-auto-offset and --fixed-schedule-start-offset both say where the schedule begins",
            "drop one of them",
        ));
    }
    let all = rows.len();
    let at = |row: &Row| row.at.unwrap_or(0);
    rows.retain(|row| at(row) >= start.unwrap_or(0) && at(row) <= end.unwrap_or(Nanos::MAX));
    if rows.is_empty() {
        return Err(Error::usage(
            format!("none of the {all} requests of the trace lies within the offsets"),
            "widen --fixed-schedule-start-offset and --fixed-schedule-end-offset: they are milliseconds of the trace's own clock",
        ));
    }
    rows.sort_by_key(at);
    let zero = match start {
        Some(start) => start,
        None if args.fixed_schedule_auto_offset => at(&rows[0]),
        None => 0,
    };
    Ok(Trace(rows.iter().map(|row| at(row) - zero).collect()))
}
