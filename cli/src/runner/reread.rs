//! `ringload report`: report and files of a run from its record log, also of one that was killed.

use crate::args::{ExportLevel, OutputArgs, ReportArgs, Ui};
use crate::exit::Exit;
use crate::export::{Artifacts, Aside, Owner, Place, Wanted, logs_in, remove_leftovers};
use crate::live::signals;
use crate::report;
use crate::result::run::{Identity, OfSeveral};
use crate::runner::calibrations::Kept;
use crate::runner::run::{self as runner, Driven};
use crate::terminal::{print_report, say};
use jiff::tz::TimeZone;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::{Plan, Secrets};
use ringload_engine::run::{self, Reread};
use ringload_engine::workload::{Shape, Workload};
use ringload_engine::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What stands at the head of a record log: all that the report needs of a run beside its records.
#[derive(Deserialize, Serialize)]
pub(crate) struct Head {
    ringload_version: String,
    plan: Plan,
    host: HostFacts,
    benchmark_id: String,
    command: String,
    of_several: OfSeveral,
    prefix: Option<String>,
    records: bool,
    trace: bool,
    shape: Shape,
}

impl Head {
    /// Of a run whose load is about to begin.
    pub(crate) fn of(
        plan: &Plan,
        workload: &Workload,
        identity: &Identity,
        output: &OutputArgs,
        place: &Place<'_>,
        host: &HostFacts,
    ) -> Self {
        Self {
            ringload_version: env!("CARGO_PKG_VERSION").into(),
            plan: plan.clone(),
            host: host.clone(),
            benchmark_id: identity.benchmark_id.clone(),
            command: identity.command.clone(),
            of_several: identity.of_several.clone(),
            prefix: place.prefix.map(str::to_owned),
            records: output.export_level == ExportLevel::Records,
            trace: output.export_http_trace,
            shape: workload.shape(),
        }
    }
}

/// Makes report and files of each log, or of those in each folder.
///
/// # Errors
/// When a log cannot be read, or a file cannot be written.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    signals::finishing();
    let mut worst = Exit::Done;
    for path in logs(&args.paths)? {
        let exit = one(&path, args)?;
        if worst == Exit::Done {
            worst = exit;
        }
    }
    Ok(worst)
}

/// The logs that are meant.
fn logs(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for path in paths {
        if !path.is_dir() {
            logs.push(path.clone());
            continue;
        }
        let unreadable = |e: io::Error| {
            Error::environment(
                format!("{}: {e}", path.display()),
                "name a folder or a record log that this user may read",
            )
        };
        let found = logs_in(path).map_err(unreadable)?;
        if found.is_empty() {
            return Err(Error::usage(
                format!("{}: there is no record log in it", path.display()),
                "name the --artifact-dir of a run that was killed, or that ran with --keep-records; of several runs, the folder of one that has a log",
            ));
        }
        logs.extend(found);
    }
    Ok(logs)
}

fn one(log: &Path, args: &ReportArgs) -> anyhow::Result<Exit> {
    let owner = Owner::of(log);
    if let Owner::Alive(id) = owner {
        let what = format!("{}: its run is still under way", log.display());
        let remedy = format!("wait for its end, or end it (`kill -TERM {id}` leaves its results)");
        return Err(Error::usage(what, remedy).into());
    }
    let Reread { head, tail, finished } = run::reread(log)?;
    let damaged = |e: serde_json::Error| {
        Error::environment(
            format!("{}: its head is damaged ({e})", log.display()),
            "read it with the ringload that wrote it",
        )
    };
    let head: Head = serde_json::from_slice(&head).map_err(damaged)?;
    let host = match tail {
        Some(tail) => serde_json::from_slice(&tail).map_err(damaged)?,
        None => head.host,
    };
    let workload = Workload::of_shape(&head.plan, head.shape)?;
    let output = output(args, head.trace);
    let beside = log.parent().unwrap_or(Path::new("."));
    let dir = args.artifact_dir.as_deref().unwrap_or(beside);
    let prefix = head.prefix.as_deref();
    let aside = Aside::of_report(dir, prefix, args.overwrite).quietly(args.quiet);
    let place = Place { dir, prefix, aside: &aside };
    let wanted = Wanted { records: head.records, slices: head.plan.slice.is_some(), again: true, log: false };
    let files = Artifacts::open(&place, wanted)?;
    let driven = Driven {
        identity: Identity {
            benchmark_id: head.benchmark_id,
            command: head.command,
            zone: TimeZone::system(),
            secrets: Secrets::of(&head.plan),
            of_several: head.of_several,
        },
        plan: head.plan,
        workload: &workload,
        finished,
        host,
    };
    let kept = Kept::read(args.calibration_file.as_deref());
    let done = runner::conclude(driven, files, &kept, &output, None)?;
    let style = report::Style::of_stdout(&output);
    let text = report::render(&done.outcome, &done.files, style);
    print_report(&text, style.colour)?;
    match owner {
        Owner::Dead => remove_leftovers(log),
        Owner::Alive(_) | Owner::Elsewhere => {
            say(format_args!("note: {} stays: whether its process has ended cannot be told here", log.display()))
        }
    }
    let outcome = &done.outcome;
    Ok(Exit::of_run(&outcome.summary, &outcome.verdict, args.allow_invalid))
}

fn output(args: &ReportArgs, trace: bool) -> OutputArgs {
    OutputArgs {
        ui: Ui::None,
        artifact_dir: None,
        private: args.private,
        overwrite: args.overwrite,
        shutdown_grace: 0.0,
        keep_records: false,
        profile_export_prefix: None,
        export_level: ExportLevel::Records,
        slice_duration: None,
        http_trace_metrics: args.http_trace_metrics,
        export_http_trace: trace,
        verbose: args.verbose,
        quiet: args.quiet,
        dry_run: false,
        allow_invalid: args.allow_invalid,
        no_gpu_telemetry: true,
        no_server_metrics: true,
        no_auto_plot: true,
    }
}
