//! One run of a plan: prepared, driven, summed up, judged, and written into its folder.

use crate::export::{
    self, Artifacts, EarlierFiles, Kind, OptionalFiles, OutputLocation, RawWriter, RecordWriter, Spans,
};
use crate::flags::{ExportLevel, HookArgs, MlflowArgs, OutputArgs, ProfileArgs, TelemetryArgs};
use crate::live::{progress, signals};
use crate::page;
use crate::redact::Secrets;
use crate::report::{self, Style};
use crate::result::log_head::{Head, Tail};
use crate::result::run::{Identity, Outcome, RunOutput};
use crate::result::telemetry::Scraped;
use crate::runner::calibrations::StoredCalibrations;
use crate::runner::hooks;
use crate::runner::live_view::LiveView;
use crate::runner::mlflow;
use crate::runner::otel::Otel;
use crate::runner::prepared::{Parts, Prepared};
use crate::runner::role::Lead;
use crate::runner::scrape::{self, Scraper};
use crate::runner::stopping::UnlessStopped;
use crate::terminal::{eprint_line, printable};
use ringload_engine::host::HostFacts;
use ringload_engine::measure::{Charts, RequestMetrics, Summary};
use ringload_engine::plan::{Plan, first_session};
use ringload_engine::record::{LogWriter, Note, Record};
use ringload_engine::run::{self, Control, Finished, Gate, Run};
use ringload_engine::verdict::judge;
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use std::io;
use std::sync::Arc;

/// Observes each record of the measured phase when the run is summed up.
pub(crate) type RecordObserver<'a> = &'a mut dyn FnMut(&Record, &RequestMetrics);

/// Observes each record while the run goes on, and may end the run.
pub(crate) type LiveObserver<'a> = &'a mut (dyn FnMut(&Control, &Workload, &Record) + Send);

/// The observers of a run.
#[derive(Default)]
pub(crate) struct Observers<'a> {
    /// While the run goes on.
    pub(crate) live: Option<LiveObserver<'a>>,
    /// When it is summed up.
    pub(crate) on_record: Option<RecordObserver<'a>>,
    /// Which of several runs it is, for the live view.
    pub(crate) place: Option<String>,
}

/// Runs the plan of a command line whose only run it is.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn alone(plan: Plan, args: &ProfileArgs, fleet: Option<Arc<dyn Lead>>) -> anyhow::Result<RunOutput> {
    let output = &args.output;
    let (dir, prefix) = (output.folder(&plan), output.base_name());
    let earlier = EarlierFiles::of_run(&dir, prefix, output.overwrite).quietly(output.quiet);
    let location = OutputLocation { dir: &dir, prefix, earlier: &earlier };
    let identity = Identity::of(&plan);
    run(plan, &mut Prepared::on(args, fleet), &location, output, identity, Observers::default())
}

/// Runs a plan once.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn run(
    plan: Plan,
    prepared: &mut Prepared,
    location: &OutputLocation<'_>,
    output: &OutputArgs,
    identity: Identity,
    observers: Observers<'_>,
) -> anyhow::Result<RunOutput> {
    let wanted = OptionalFiles {
        records: output.export_level != ExportLevel::Summary && prepared.has_records(),
        raw: output.export_level == ExportLevel::Raw,
        slices: plan.slice.is_some(),
        again: false,
        log: output.keep_records,
        scraped: true,
        only: None,
    };
    signals::preparing();
    let mut files = Artifacts::open(location, wanted)?;
    let Parts { workload, calibrations: kept, telemetry, exporter, hooks: around, fleet } =
        prepared.of(&plan, output.quiet)?;
    write_inputs(&mut files, &plan, workload)?;
    // What this process drives of it: all, unless there is a fleet.
    let shared = fleet.map(|fleet| fleet.share(&plan, workload)).transpose()?;
    let own = shared.as_ref().map_or(&plan, |shared| &shared.plan);

    let host = HostFacts::read_start();
    let mut log = match files.record_log() {
        Some(path) => LogWriter::create(path)?,
        None => return Err(Error::bug("a run has no record log").into()),
    };
    let head = Head::of(own, workload, &identity, output, location.prefix, &host.facts);
    let head = Head { member: fleet.map(Lead::head), ..head };
    log.note(Note::Head, &serde_json::to_vec(&head)?)?;
    // Of several runs, what came of them all is reported.
    let alone = observers.on_record.is_none();
    let workers = run::cores(own)?;
    let control = Arc::new(Control::new(workers.len() + fleet.map_or(0, Lead::others)));
    if let Some(exporter) = exporter {
        exporter.show(&control, &workers);
    }
    signals::reserve(parties(around, telemetry));
    hooks::before(around, &plan)?;
    let view = LiveView::of(&plan, output, &workers, observers.place, kept, &host.facts);
    let scraper = Scraper::start(&plan, telemetry, &control, &workers, &view.server);
    let begin = fleet.zip(shared.as_ref()).map(|(fleet, shared)| fleet.begin(shared, &control, &workers));
    let (gate, counting) = begin.unzip();
    let driven = drive(own, workload, (&control, gate), log, view, observers.live);
    hooks::after(around, &plan);
    let mut finished = driven?;
    let scraped = scraper.finish();
    if !output.quiet {
        scrape::tell_absent(&scraped);
    }
    let failure = finished.take_failure();
    let host = host.finish();
    finished.leave(&serde_json::to_vec(&Tail { host: host.clone(), member_clock: None })?);
    if let Some((fleet, shared)) = fleet.zip(shared) {
        finished = match fleet.merge(shared, finished, workload, location.earlier.base()) {
            Ok(merged) => merged,
            Err(error) => return Err(with_log_kept(error, files)),
        };
    }
    drop(counting);
    let otel = telemetry.otel_endpoint.as_ref().map(|url| Otel::new(&url.0, telemetry, output.quiet));
    let mlflow = telemetry.mlflow.clone();
    let driven = Driven { plan, workload, finished, host, identity, scraped, otel, mlflow: Some(mlflow) };
    let done = conclude(driven, files, kept, output, observers.on_record)?;
    let Some(error) = failure else {
        return Ok(done);
    };
    if alone {
        report_without_files(&done, output);
    }
    Err(error.into())
}

/// How many others are told of a run when its load is over.
fn parties(hooks: &HookArgs, telemetry: &TelemetryArgs) -> usize {
    let told =
        [hooks.server_profiler, telemetry.otel_endpoint.is_some(), telemetry.mlflow.mlflow_tracking_uri.is_some()];
    told.into_iter().filter(|told| *told).count()
}

/// A run whose load has ended.
pub(crate) struct Driven<'a> {
    /// What was asked.
    pub(crate) plan: Plan,
    /// What was sent.
    pub(crate) workload: &'a Workload,
    /// Its records.
    pub(crate) finished: Finished,
    /// Its machine.
    pub(crate) host: HostFacts,
    /// Who ran what.
    pub(crate) identity: Identity,
    /// What was read of its server.
    pub(crate) scraped: Scraped,
    /// Where it is sent.
    pub(crate) otel: Option<Otel>,
    /// Where it is noted.
    pub(crate) mlflow: Option<MlflowArgs>,
}

/// Sums a run up, judges it, and writes its files.
///
/// # Errors
/// When its log cannot be read, or a file cannot be written: then the report has been printed.
pub(crate) fn conclude(
    driven: Driven<'_>,
    mut files: Artifacts<'_>,
    kept: &StoredCalibrations,
    output: &OutputArgs,
    on_record: Option<RecordObserver<'_>>,
) -> anyhow::Result<RunOutput> {
    let Driven { plan, workload, finished, host, identity, scraped, mut otel, mlflow } = driven;
    let alone = on_record.is_none();
    let watching = Watching {
        secrets: &identity.secrets,
        trace: output.export_http_trace,
        spans: otel.as_mut().map(|otel| &mut otel.spans),
        on_record,
    };
    let summed = sum_up(&plan, workload, finished, &mut files, watching);
    let (mut summary, charts) = match summed {
        Ok(summed) => summed,
        Err(error) => return Err(with_log_kept(error, files)),
    };
    let scraped = scrape::add_figures(&plan, &mut summary, scraped);
    let full = summary.log_failure.as_ref().map(|why| {
        Error::environment(
            format!("the run ended early: its records could not be written any more ({why})"),
            "make room on the disk, or name another folder in --artifact-dir",
        )
    });
    let ceiling_usage = kept.ceiling_usage(&plan, &summary, &host);
    let verdict = judge(&plan, &summary, &host, ceiling_usage.used());
    let outcome = Outcome { plan, summary, verdict, ceiling_usage, host: serde_json::to_value(&host)?, identity };
    let text = report::whole(&outcome, &Style::of_file());
    let page = page::of_run(&outcome, &charts)?;
    let (written, unwritten) = export::finish(&mut files, &outcome, scraped, &printable(&text), &page);
    let done = RunOutput { outcome, files: written, spoiled_tries: Vec::new() };
    if let Some(otel) = otel {
        otel.send(&done.outcome);
    }
    if let Some(args) = mlflow {
        mlflow::note(&done.outcome, &files.name(), &args, output.quiet);
    }
    if alone && (unwritten.is_some() || full.is_some()) {
        report_without_files(&done, output);
    }
    match (unwritten, full) {
        (None, None) => Ok(done),
        (Some(error), _) => Err(with_log_kept(error, files)),
        (None, Some(error)) => Err(error.into()),
    }
}

/// Writes the prompts of a run, unless a signal comes.
fn write_inputs(files: &mut Artifacts<'_>, plan: &Plan, workload: &Workload) -> anyhow::Result<()> {
    let written = files.write(Kind::Inputs, |to| {
        let secrets = Secrets::in_bodies(plan);
        let mut to = UnlessStopped(to);
        let mut to = secrets.scrubber(&mut to);
        workload.write_inputs(&mut to)?;
        to.end()
    });
    signals::check()?;
    Ok(written?)
}

/// Prints what was found, where its files cannot be written.
fn report_without_files(run: &RunOutput, output: &OutputArgs) {
    // Nothing is left to report to if this fails too.
    let _ = report::print_run(run, output);
}

fn drive(
    plan: &Plan,
    workload: &Arc<Workload>,
    (control, gate): (&Arc<Control>, Option<Gate>),
    log: LogWriter,
    view: LiveView,
    mut live: Option<LiveObserver<'_>>,
) -> anyhow::Result<Finished> {
    let workers = run::cores(plan)?;
    let _loading = signals::loading(control);
    let LiveView { view, samples, .. } = view;
    let finished = progress::watch(control, &workers, view, || {
        let mut run = Run::with(plan, Arc::clone(workload), Arc::clone(control))?.record_to(log);
        if let Some(gate) = gate {
            run = run.begin_by(gate);
        }
        if samples.is_none() && live.is_none() {
            return run.drive(None);
        }
        run.drive(Some(&mut |record: &Record| {
            if let Some(samples) = &samples {
                samples.see(record);
            }
            if let Some(watch) = &mut live {
                watch(control, workload, record);
            }
        }))
    })?;
    Ok(finished)
}

/// Who sees the records of a run when it is summed up.
struct Watching<'a, 'o> {
    secrets: &'a Secrets,
    trace: bool,
    spans: Option<&'a mut Spans>,
    on_record: Option<RecordObserver<'o>>,
}

fn sum_up(
    plan: &Plan,
    workload: &Workload,
    finished: Finished,
    files: &mut Artifacts<'_>,
    watching: Watching<'_, '_>,
) -> Result<(Summary, Charts)> {
    let Watching { secrets, trace, mut spans, mut on_record } = watching;
    // The offset of the run itself: files and summary must agree to the nanosecond.
    let offset = finished.offset();
    let wall = |at| offset.to_realtime(at);
    let sessions = |entry: u32| {
        let id = workload.session_id(entry);
        (!id.is_empty()).then(|| id.to_owned())
    };
    let first = first_session(plan);
    let name = |record: &Record| workload.session_name(record.entry, first + record.k).into_owned();
    let depth = |entry: u32| workload.depth(entry);
    let mut writer = RecordWriter::new(&wall, &sessions, secrets, trace).naming(&name).nesting(&depth);
    let mut raw_writer = RawWriter::new(workload, secrets);
    let (mut lines, mut raw_lines) = files.lines();
    let mut unwritten: Option<(Kind, Error)> = None;
    let mut charts = Charts::new(plan.streaming);
    let mut summary = run::summarize(plan, workload, finished, &mut |record, metrics| {
        charts.add(record, metrics);
        if let Some(spans) = &mut spans {
            spans.add(record, metrics, &wall);
        }
        if let Some(on_record) = &mut on_record {
            on_record(record, metrics);
        }
        if let Some(to) = &mut lines
            && let Err(e) = writer.write(record, metrics, *to)
        {
            // The rest is summed up all the same: what was measured is not lost for want of room.
            lines = None;
            unwritten = Some((Kind::Records, unwritten_record(&e)));
        }
        if let Some(to) = &mut raw_lines
            && let Err(e) = raw_writer.write(&writer, record, *to)
        {
            raw_lines = None;
            unwritten = Some((Kind::Raw, unwritten_record(&e)));
        }
    })?;
    // A server may quote what it was sent; the verdict and every renderer quote the server.
    for group in &mut summary.errors {
        group.message = secrets.scrub(&group.message).into_owned();
    }
    if let Some((kind, error)) = unwritten {
        files.leave_out(kind, error);
    }
    Ok((summary, charts))
}

fn unwritten_record(e: &io::Error) -> Error {
    Error::environment(format!("a record could not be written ({e})"), "free space in --artifact-dir")
}

fn with_log_kept(error: ringload_engine::Error, files: Artifacts<'_>) -> anyhow::Error {
    if let Some(path) = files.keep_log() {
        eprint_line(format_args!("the records of the run are kept in {}", path.display()));
    }
    error.into()
}
