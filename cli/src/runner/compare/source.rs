//! Where a run that is compared has left its requests or its figures.

use crate::runner::others;
use ringload_engine::{Error, Result};
use std::path::{Path, PathBuf};

/// Where what is compared lies.
pub(super) enum Source {
    /// A line for each request.
    Lines(PathBuf),
    /// The same of each of several runs of one plan.
    Repeats(Vec<PathBuf>),
    /// One document; of several runs in it the one of this number.
    Document(PathBuf, Option<usize>),
}

/// A file, or what a folder has: the requests rather than figures.
pub(super) fn source_of(path: &Path) -> Result<Source> {
    if path.is_file() {
        let is_document = path.extension().is_some_and(|extension| extension == "json");
        return Ok(if is_document { Source::Document(path.to_owned(), None) } else { Source::Lines(path.to_owned()) });
    }
    // `benchmarks.json#2`
    let named = path.to_str().and_then(|text| text.rsplit_once('#'));
    if let Some((file, number)) = named.filter(|(file, _)| Path::new(file).is_file())
        && let Ok(number) = number.parse()
    {
        return Ok(Source::Document(file.into(), Some(number)));
    }
    let lines = records_of(path);
    let usual = others::USUAL.iter().map(|name| path.join(name)).find(|path| path.is_file());
    match (lines, usual) {
        (Ok(lines), _) => Ok(Source::Lines(lines)),
        (Err(_), Some(document)) => Ok(Source::Document(document, None)),
        (Err(none), None) => several(path)?.map(Source::Repeats).ok_or(none),
    }
}

/// The records of each repeat in a folder of several runs; `None` where there are none.
///
/// # Errors
/// Where the runs are of several plans: one has to be named.
fn several(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    let repeats: Vec<PathBuf> = folders(&path.join("profile_runs")).iter().flat_map(|run| records_of(run)).collect();
    if !repeats.is_empty() {
        return Ok(Some(repeats));
    }
    let of_run = |folder: &Path| records_of(folder).is_ok();
    let is_point =
        |folder: &PathBuf| of_run(folder) || folders(&folder.join("profile_runs")).iter().any(|run| of_run(run));
    let trials = folders(&path.join("profile_runs"));
    let all = folders(path).into_iter().chain(trials.iter().flat_map(|trial| folders(trial)));
    let points: Vec<String> = all.filter(is_point).map(|point| point.display().to_string()).collect();
    match points.first() {
        None => Ok(None),
        Some(first) => Err(Error::usage(
            format!("{}: {} runs of different loads lie in it", path.display(), points.len()),
            format!("name the folder of one, as {first}"),
        )),
    }
}

/// The folders in a folder, in order.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = path.read_dir().into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// The records of the requests in a folder: AIPerf's file, or the only one of its kind.
fn records_of(path: &Path) -> Result<PathBuf> {
    let none = |what: String| {
        Error::usage(
            what,
            "name the --artifact-dir of a run of ringload or AIPerf that wrote a line for each request (--export-level records), or a result in JSON of AIPerf, vllm bench serve, guidellm or inference-perf",
        )
    };
    let usual = path.join("profile_export.jsonl");
    if usual.is_file() {
        return Ok(usual);
    }
    let entries = path.read_dir().map_err(|e| none(format!("{}: {e}", path.display())))?;
    let mut found =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "jsonl") && p.is_file());
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(none(format!("{}: there is no profile_export.jsonl in it", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder with records in these folders of it.
    fn folder(runs: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for run in runs {
            fs::create_dir_all(dir.path().join(run)).unwrap();
            fs::write(dir.path().join(run).join("profile_export.jsonl"), "").unwrap();
        }
        dir
    }

    #[test]
    fn repeats_are_read_together_and_points_have_to_be_named() {
        let repeats = folder(&["profile_runs/run_0002", "profile_runs/run_0001"]);
        let Source::Repeats(found) = source_of(repeats.path()).unwrap() else { panic!("repeats") };
        let expected = ["run_0001", "run_0002"]
            .map(|run| repeats.path().join("profile_runs").join(run).join("profile_export.jsonl"));
        assert_eq!(found, expected);
        for points in [
            &["concurrency_4", "concurrency_8"][..],
            &["concurrency_4/profile_runs/trial_0001"],
            &["profile_runs/trial_0001/concurrency_4", "profile_runs/trial_0002/concurrency_4"],
        ] {
            let sweep = folder(points);
            let error = source_of(sweep.path()).err().expect("several plans");
            assert!(error.what.contains("different loads") && error.remedy.contains("concurrency_4"), "{error}");
        }
        let independent = folder(&["concurrency_4/profile_runs/trial_0001", "concurrency_4/profile_runs/trial_0002"]);
        let found = source_of(&independent.path().join("concurrency_4")).unwrap();
        assert!(matches!(found, Source::Repeats(all) if all.len() == 2));
        let empty = source_of(folder(&[]).path()).err().expect("nothing");
        assert!(empty.what.contains("no profile_export.jsonl"), "{empty}");
    }
}
