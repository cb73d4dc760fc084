//! Report and files of a run from its record log, also of one that was killed.

use crate::exit::Exit;
use crate::export::{
    Artifacts, EarlierFiles, FolderLock, Kind, OptionalFiles, OutputLocation, Owner, logs_in, remove_leftovers,
    reported,
};
use crate::flags::{BaseName, ReportArgs};
use crate::live::signals;
use crate::report;
use crate::result::log_head::{Head, MemberClock, Tail};
use crate::result::run::Identity;
use crate::result::telemetry::Scraped;
use crate::runner::calibrations::StoredCalibrations;
use crate::runner::run::{Driven, conclude};
use crate::terminal::eprint_line;
use jiff::tz::TimeZone;
use ringload_engine::driver::keep_files_private;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::{Limits, Secrets};
use ringload_engine::run::{Finished, Reread, reread, reread_all};
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};

/// The logs that are meant.
///
/// # Errors
/// When a folder cannot be read, or has none.
pub(crate) fn logs(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
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

/// The logs of the members of a fleet that are meant: those in a folder, and in the folders of members in it.
///
/// # Errors
/// When a folder cannot be read, or has none.
pub(crate) fn logs_of_members(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        let mut members = member_folders(path);
        members.retain(|folder| logs_in(folder).is_ok_and(|logs| !logs.is_empty()));
        if members.is_empty() || logs_in(path).is_ok_and(|logs| !logs.is_empty()) {
            all.push(path.clone());
        }
        all.append(&mut members);
    }
    logs(&all)
}

/// The folders in an `--artifact-dir` where the members of a fleet leave their logs.
fn member_folders(path: &Path) -> Vec<PathBuf> {
    let of_member = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("member_"));
        name.is_some_and(|rank| rank.parse::<usize>().is_ok()) && path.is_dir()
    };
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(of_member).collect();
    found.sort();
    found
}

/// A log that was read: what its run was, and what it left.
pub(super) struct ReadLog {
    pub(super) head: Head,
    pub(super) host: HostFacts,
    /// How the clock of a member stood, where its load came to its end.
    pub(super) member_clock: Option<MemberClock>,
    /// How many prompts there are at least.
    pub(super) prompts: u64,
    pub(super) finished: Finished,
    pub(super) owner: Owner,
}

/// Reads a log.
///
/// # Errors
/// When it cannot be read, or its run is still under way.
pub(super) fn read(log: &Path) -> Result<ReadLog> {
    let owner = owner(log)?;
    read_as(log, owner, reread(log)?)
}

/// As [`read`], of several: what came of each, in their order.
pub(super) fn read_all(logs: &[PathBuf]) -> Vec<Result<ReadLog>> {
    let paths: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let read = |(log, reread): (&PathBuf, Result<Reread>)| read_as(log, owner(log)?, reread?);
    logs.iter().zip(reread_all(&paths)).map(read).collect()
}

/// Whose log it is, where its run has ended.
fn owner(log: &Path) -> Result<Owner> {
    let owner = Owner::of(log);
    if let Owner::Alive(id) = owner {
        let what = format!("{}: its run is still under way", log.display());
        let remedy = format!("wait for its end, or end it (`kill -TERM {id}` leaves its results)");
        return Err(Error::usage(what, remedy));
    }
    Ok(owner)
}

fn read_as(log: &Path, owner: Owner, reread: Reread) -> Result<ReadLog> {
    let Reread { head, tail, prompts, finished } = reread;
    let damaged = |e: serde_json::Error| {
        Error::environment(
            format!("{}: its head is damaged ({e})", log.display()),
            "read it with the ringload that wrote it",
        )
    };
    let mut head: Head = serde_json::from_slice(&head).map_err(damaged)?;
    if head.private {
        keep_files_private();
    }
    // A log is a file like others: it chooses no path, and takes no more room than a run does.
    head.prefix.as_deref().map(BaseName::parse).transpose().map_err(|_| {
        Error::environment(
            format!("{}: its header has an invalid file prefix", log.display()),
            "read a log that ringload wrote",
        )
    })?;
    head.plan.limits.slices = head.plan.limits.slices.min(Limits::default().slices);
    head.plan.limits.exact_gaps = head.plan.limits.exact_gaps.min(Limits::default().exact_gaps);
    let Tail { host, member_clock } = match tail {
        Some(tail) => serde_json::from_slice(&tail).map_err(damaged)?,
        None => Tail { host: head.host.clone(), member_clock: None },
    };
    Ok(ReadLog { head, host, member_clock, prompts, finished, owner })
}

/// Makes report and files of a log.
///
/// # Errors
/// When it cannot be read, when its run is still under way, or when a file cannot be written.
pub(crate) fn run(log: &Path, args: &ReportArgs) -> anyhow::Result<Exit> {
    let read = read(log)?;
    let owner = read.owner;
    let exit = report_on(read, log, args)?;
    match owner {
        // What was not made yet can be made later.
        _ if !args.only.is_empty() => {}
        Owner::Dead => remove_leftovers(log),
        Owner::Alive(_) | Owner::Elsewhere => eprint_line(format_args!(
            "note: {} stays: whether its process has ended cannot be told here",
            log.display()
        )),
    }
    Ok(exit)
}

/// Makes report and files of what was read; they go beside `log` where the flags name no folder.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn report_on(read: ReadLog, log: &Path, args: &ReportArgs) -> anyhow::Result<Exit> {
    let ReadLog { head, host, prompts, finished, .. } = read;
    let workload = Workload::of_shape(&head.plan, head.shape, prompts)?;
    let output = args.output(head.trace);
    let beside = log.parent().unwrap_or(Path::new("."));
    let dir = args.artifact_dir.as_deref().unwrap_or(beside);
    let _folder = FolderLock::take(dir, args.quiet)?;
    let prefix = head.prefix.as_deref();
    // Read before what stands there moves aside.
    let reported = reported(beside, prefix, &head.benchmark_id);
    let mut earlier = EarlierFiles::of_report(dir, prefix, log, args.overwrite).quietly(args.quiet);
    if reported.is_some() && same_folder(dir, beside) {
        earlier = earlier.keeping_scraped(prefix);
    }
    let only: Vec<Kind> = args.only.iter().flat_map(|word| Kind::meant(*word)).copied().collect();
    let only = (!only.is_empty()).then_some(only);
    if let Some(kinds) = &only {
        earlier = earlier.of_kinds(kinds, prefix);
    }
    let location = OutputLocation { dir, prefix, earlier: &earlier };
    let wanted = OptionalFiles {
        records: head.records && !finished.is_condensed(),
        raw: false,
        slices: head.plan.slice.is_some(),
        again: true,
        log: false,
        scraped: false,
        only,
    };
    let files = Artifacts::open(&location, wanted)?;
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
        scraped: Scraped { reported, ..Scraped::default() },
        otel: None,
        mlflow: None,
    };
    let calibrations = StoredCalibrations::read(args.calibration_file.as_deref());
    let done = conclude(driven, files, &calibrations, &output, None)?;
    signals::printing();
    report::print_run(&done, &output)?;
    Ok(done.exit(args.allow_invalid, signals::received()))
}

/// Whether two paths lead to the same folder; one that is not there yet is no other's.
fn same_folder(one: &Path, other: &Path) -> bool {
    let real =
        |path: &Path| if path.as_os_str().is_empty() { Path::new(".").canonicalize() } else { path.canonicalize() };
    real(one).ok().zip(real(other).ok()).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn logs_of_members_lie_in_a_folder_and_in_those_of_members_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = |folder: &str, name: &str| {
            let folder = dir.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join(name);
            fs::write(&path, "").unwrap();
            path
        };
        let own = log("shared", "ringload_records.log");
        let of_members = [1, 2].map(|rank| log(&format!("shared/member_{rank}"), "run_0_ringload_records.log"));
        log("shared/member_x", "ringload_records.log");
        let apart = log("apart/member_3", "run_0_ringload_records.log");
        fs::create_dir_all(dir.path().join("apart/member_4")).unwrap();
        let of = |folders: &[&str]| {
            let folders: Vec<PathBuf> = folders.iter().map(|folder| dir.path().join(folder)).collect();
            logs_of_members(&folders)
        };
        let apart = [apart];
        assert_eq!(of(&["shared", "apart"]).unwrap(), [&[own][..], &of_members, &apart].concat());
        assert_eq!(of(&["apart/member_3"]).unwrap(), apart);
        assert!(of(&["apart/member_4"]).unwrap_err().to_string().contains("no record log"));
        assert!(of(&["nowhere"]).is_ok_and(|paths| paths == [dir.path().join("nowhere")]), "opening it tells");
    }
}
