//! `ringload profile`: the story of a run.

use crate::args::{ExportLevel, OutputArgs, ProfileArgs, Ui};
use crate::exit::Exit;
use crate::export::{self, Artifacts, Kind, RecordWriter};
use crate::outcome::{Identity, Outcome};
use crate::planning::{self, Planned, Surroundings};
use crate::redact::{self, Secrets};
use crate::say::say;
use crate::{live, mock, report, shown};
use jiff::tz::TimeZone;
use ringload_engine::Result;
use ringload_engine::host::HostFacts;
use ringload_engine::measure::Summary;
use ringload_engine::plan::Plan;
use ringload_engine::run::{self, Control, Finished};
use ringload_engine::verdict::judge;
use ringload_engine::workload::Workload;
use std::io::{self, Write};
use std::path::Path;

/// Plans, prepares, runs, judges, writes and reports.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn profile(mut args: ProfileArgs) -> anyhow::Result<Exit> {
    let prefix = planning::check_prefix(args.output.profile_export_prefix.as_deref())?;
    let _demo = mock::demo(&mut args)?;
    let Planned { plan, notes } = planning::plan(&args, &surroundings())?;
    if args.output.dry_run {
        let text = serde_json::to_string_pretty(&plan)?;
        shown(writeln!(io::stdout(), "{text}"))?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &plan, &notes)?;

    let dir = planning::artifact_dir(args.output.artifact_dir.as_deref(), &plan);
    let records = args.output.export_level == ExportLevel::Records;
    let mut files = Artifacts::open(&dir, prefix.as_deref(), records)?;
    let workload = Workload::prepare(&plan)?;
    files.write(Kind::Inputs, |to| workload.write_inputs(to))?;

    let identity = identity(&plan);
    let host = HostFacts::read_start();
    let finished = drive(&plan, &workload, files.record_log(), view(&args.output))?;
    let host = host.finish();
    let summary = match sum_up(
        &plan,
        &workload,
        finished,
        &mut files,
        &identity.secrets,
        args.output.export_http_trace,
    ) {
        Ok(summary) => summary,
        Err(error) => return Err(with_log_kept(error, files)),
    };
    let verdict = judge(&plan, &summary, &host);

    let exit = Exit::of_run(&summary, &verdict, args.output.allow_invalid);
    let outcome = Outcome {
        plan,
        summary,
        verdict,
        host: serde_json::to_value(&host)?,
        identity,
    };
    let written = export::finish(files, &outcome)?;
    let style = report::Style::of_stdout(&args.output);
    shown(io::stdout().write_all(report::render(&outcome, &written, style).as_bytes()))?;
    Ok(exit)
}

fn drive(plan: &Plan, workload: &Workload, log: &Path, view: bool) -> anyhow::Result<Finished> {
    let workers = run::cores(plan)?;
    let control = Control::new(workers.len());
    let quit = || {
        if let Some(dir) = log.parent() {
            export::remove_temporaries(dir);
        }
    };
    let finished = live::watch(plan, &control, &workers, &quit, view, || {
        run::execute(plan, workload, log, &control)
    })??;
    Ok(finished)
}

fn sum_up(
    plan: &Plan,
    workload: &Workload,
    finished: Finished,
    files: &mut Artifacts,
    secrets: &Secrets,
    trace: bool,
) -> Result<Summary> {
    // The offset of the run itself: files and summary must agree to the nanosecond.
    let offset = finished.offset();
    let wall = |at| offset.to_realtime(at);
    let sessions = |entry: u32| {
        workload
            .entries
            .get(entry as usize)
            .map(|e| e.session_id.clone())
    };
    let writer = RecordWriter::new(&wall, &sessions, secrets, trace);
    let mut lines = files.file(Kind::Records);
    let mut summary =
        run::summarize(
            plan,
            workload,
            finished,
            &mut |record, metrics| match &mut lines {
                Some(to) => writer.write(record, metrics, *to),
                None => Ok(()),
            },
        )?;
    // A server may quote what it was sent; the verdict and every renderer quote the server.
    for group in &mut summary.errors {
        group.message = secrets.scrub(&group.message).into_owned();
    }
    Ok(summary)
}

fn with_log_kept(error: ringload_engine::Error, files: Artifacts) -> anyhow::Error {
    if let Some(path) = files.keep_log() {
        say(format_args!(
            "the records of the run are kept in {}",
            path.display()
        ));
    }
    error.into()
}

fn surroundings() -> Surroundings {
    Surroundings {
        api_key: std::env::var("RINGLOAD_API_KEY").ok(),
        // 32 bits: every JSON reader keeps such a number whole.
        fresh_seed: u64::from(rand::random::<u32>()),
    }
}

fn identity(plan: &Plan) -> Identity {
    let secrets = Secrets::of(plan);
    let words: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let command = redact::command_line(words.iter().map(String::as_str));
    Identity {
        benchmark_id: format!("{:012x}", rand::random::<u64>() >> 16),
        command: secrets.scrub(&command).into_owned(),
        zone: TimeZone::system(),
        secrets,
    }
}

fn announce(output: &OutputArgs, plan: &Plan, notes: &[String]) -> anyhow::Result<()> {
    if output.quiet {
        return Ok(());
    }
    for note in notes {
        say(format_args!("note: {note}"));
    }
    if output.ui == Ui::Dashboard {
        say("note: --ui dashboard is not supported yet: falling back to simple");
    }
    if output.verbose > 0 {
        say(format_args!("{}", serde_json::to_string_pretty(plan)?));
    }
    Ok(())
}

fn view(output: &OutputArgs) -> bool {
    output.ui != Ui::None && !output.quiet
}
