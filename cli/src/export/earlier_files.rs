//! What stands in an artifact folder from earlier runs moves into `previous-N/` there, so that no run silently takes
//! the place of another.

use super::files::log_name;
use super::kinds::Kind;
use super::unfinished::remove_unreadable;
use crate::terminal::eprint_line;
use ringload_engine::{Error, Result, files};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// The files of earlier runs in one folder, until they are set aside.
pub(crate) struct EarlierFiles {
    base: PathBuf,
    names: BTreeSet<String>,
    /// They are replaced instead (`--overwrite`).
    overwrite: bool,
    quiet: bool,
    /// What several runs left there stays.
    alone: bool,
    /// Prompts of another run, in the place of which none come.
    foreign: Option<PathBuf>,
    cleared: Cell<bool>,
}

impl EarlierFiles {
    /// Before a run whose files go to `base`.
    pub(crate) fn of_run(base: &Path, prefix: Option<&str>, overwrite: bool) -> Self {
        let log = std::iter::once(log_name(prefix));
        let names = Kind::names(prefix).chain(log).collect();
        Self::of(base, names, overwrite)
    }

    /// Before the files of a run are made again from its log: prompts and log stay. The prompts of a later run in the
    /// same folder are none of its: they were written after the log was.
    pub(crate) fn of_report(base: &Path, prefix: Option<&str>, log: &Path, overwrite: bool) -> Self {
        let written = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
        let inputs = written(&base.join(INPUTS));
        let later = inputs.is_some() && inputs > written(log);
        let names = Kind::names(prefix).filter(|name| later || *name != INPUTS);
        let foreign = later.then(|| base.join(INPUTS));
        Self { alone: true, foreign, ..Self::of(base, names.collect(), overwrite) }
    }

    /// The same, but for the files of what was read of its server and GPUs: they stay.
    pub(crate) fn keeping_scraped(mut self, prefix: Option<&str>) -> Self {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_scraped()) {
            self.names.remove(&kind.name(prefix));
        }
        self
    }

    /// The same, but for all files that are none of these: they stay.
    pub(crate) fn of_kinds(mut self, kinds: &[Kind], prefix: Option<&str>) -> Self {
        self.names.retain(|name| kinds.iter().any(|kind| kind.name(prefix) == *name));
        self.foreign = None;
        self
    }

    /// Before a search: the folders of its probes too, of a search that was killed before its document was written.
    pub(crate) fn of_search(base: &Path, overwrite: bool) -> Self {
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        let of_a_probe =
            |name: &String| name.strip_prefix("probe_").is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
        let probes = entries.filter_map(|e| e.file_name().into_string().ok()).filter(of_a_probe);
        Self::of_several(base, probes, overwrite)
    }

    /// Before several runs: their files go to these folders in `base`, and what they have in common to `base` itself.
    pub(crate) fn of_several(base: &Path, folders: impl IntoIterator<Item = String>, overwrite: bool) -> Self {
        let own = SEVERAL.into_iter().map(String::from);
        let names = own.chain(folders).chain(Kind::names(None)).collect();
        Self::of(base, names, overwrite)
    }

    fn of(base: &Path, names: BTreeSet<String>, overwrite: bool) -> Self {
        Self {
            base: base.to_owned(),
            names,
            overwrite,
            quiet: false,
            alone: false,
            foreign: None,
            cleared: Cell::new(false),
        }
    }

    /// The same, saying nothing where `quiet`.
    pub(crate) fn quietly(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// The folder.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Moves what stands there into `previous-N/`, the first time that it is called, and says so. By renames: whenever
    /// the process is killed, each file is in its old place or in its new one. What runs that were killed left there
    /// unfinished goes, where it tells nothing.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Environment`] when something cannot be moved.
    pub(crate) fn clear(&self) -> Result<()> {
        if self.cleared.replace(true) {
            return Ok(());
        }
        if self.overwrite {
            let removed = self.foreign.as_ref().map_or(Ok(()), fs::remove_file);
            return removed.map_err(|e| self.in_the_way(&e));
        }
        let mut names = self.names.clone();
        if !self.alone {
            remove_unreadable(&self.base);
            names.extend(of_earlier_runs(&self.base));
        }
        let present = |name: &String| fs::symlink_metadata(self.base.join(name)).is_ok();
        let present: Vec<String> = names.into_iter().filter(present).collect();
        if present.is_empty() {
            return Ok(());
        }
        let moved = previous(&self.base).and_then(|to| {
            for name in &present {
                fs::rename(self.base.join(name), to.join(name))?;
            }
            Ok(to)
        });
        let to = moved.map_err(|e| self.in_the_way(&e))?;
        if !self.quiet {
            eprint_line(format_args!(
                "note: {} of an earlier run moved to {} (--overwrite replaces)",
                match present.len() {
                    1 => "1 file".to_owned(),
                    n => format!("{n} files"),
                },
                to.display()
            ));
        }
        Ok(())
    }
}

impl EarlierFiles {
    fn in_the_way(&self, e: &io::Error) -> Error {
        let what = format!("{}: files of an earlier run could not be moved aside ({e})", self.base.display());
        Error::environment(what, "name another --artifact-dir, or write --overwrite to replace it")
    }
}

/// A new folder for what stood there.
fn previous(base: &Path) -> io::Result<PathBuf> {
    let mut n = 1;
    loop {
        let dir = base.join(format!("previous-{n}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(e) => return Err(e),
        }
    }
}

/// The files that several runs left there together, and the folders of those runs: only what their own document names,
/// and only where one stands.
fn of_earlier_runs(base: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (document, runs) in DOCUMENTS {
        let mut text = Vec::new();
        let read = files::regular(&base.join(document), true).and_then(|f| f.take(MOST_BYTES).read_to_end(&mut text));
        if read.is_err() {
            continue;
        }
        let document: Value = serde_json::from_slice(&text).unwrap_or_default();
        let folders = runs
            .iter()
            .flat_map(|pointer| document.pointer(pointer))
            .flat_map(folders_in)
            .filter_map(|folder| below(base, &folder));
        names.extend(folders);
        names.extend(SEVERAL.map(String::from));
    }
    names
}

/// Every `folder` in a part of a document.
fn folders_in(value: &Value) -> Vec<PathBuf> {
    match value {
        Value::Array(items) => items.iter().flat_map(folders_in).collect(),
        Value::Object(fields) => {
            let own = fields.get("folder").and_then(Value::as_str).map(PathBuf::from);
            let inner = fields.get("runs").map(folders_in).unwrap_or_default();
            own.into_iter().chain(inner).collect()
        }
        _ => Vec::new(),
    }
}

/// The name in `base` under which a folder lies: a plain name, and nothing outside of it.
fn below(base: &Path, folder: &Path) -> Option<String> {
    match folder.strip_prefix(base).ok()?.components().next()? {
        Component::Normal(name) => Some(name.to_str()?.to_owned()),
        _ => None,
    }
}

/// Documents of several runs, and where in them the runs are; `/cells` in schema 1.0.
const DOCUMENTS: [(&str, &[&str]); 2] = [
    ("ringload_campaign.json", &["/sweep_points", "/cells"]),
    ("ringload_capacity.json", &["/one_at_a_time", "/probes"]),
];
/// Most bytes of a document that are read: one of 10 000 runs has some 10 MB.
const MOST_BYTES: u64 = 256 << 20;
/// The prompts of a run.
const INPUTS: &str = "inputs.json";
/// What several runs leave together.
const SEVERAL: [&str; 7] = [
    "aggregate",
    "goodput_sweep.csv",
    "profile_runs",
    "ringload_campaign.json",
    "ringload_capacity.json",
    super::SEARCH_HISTORY,
    "sweep_aggregate",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(dir: &Path, name: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }

    #[test]
    fn what_a_run_would_replace_moves_and_all_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        for round in 1..=3 {
            put(dir.path(), "ringload_report.json");
            put(dir.path(), "profile_export.jsonl");
            put(dir.path(), "notes.txt");
            put(dir.path(), "aggregate/of-the-user");
            let earlier = EarlierFiles::of_run(dir.path(), None, false).quietly(true);
            earlier.clear().unwrap();
            // Once: what is there later is the run's own.
            put(dir.path(), "inputs.json");
            earlier.clear().unwrap();
            let moved = names(&dir.path().join(format!("previous-{round}")));
            let expected: &[&str] = match round {
                1 => &["profile_export.jsonl", "ringload_report.json"],
                _ => &["inputs.json", "profile_export.jsonl", "ringload_report.json"],
            };
            assert_eq!(moved, expected);
        }
        let left = names(dir.path());
        let expected = ["aggregate", "inputs.json", "notes.txt", "previous-1", "previous-2", "previous-3"];
        assert_eq!(left, expected);
    }

    #[test]
    fn a_report_takes_no_prompts_of_a_later_run() {
        for (later, overwrite, left) in [
            (false, false, &["inputs.json", "log", "previous-1"] as &[_]),
            (false, true, &["inputs.json", "log", "ringload_report.json"]),
            (true, false, &["log", "previous-1"]),
            (true, true, &["log", "ringload_report.json"]),
        ] {
            let dir = tempfile::tempdir().unwrap();
            ["log", "inputs.json", "ringload_report.json"].iter().for_each(|name| put(dir.path(), name));
            let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
            let written = |name: &str, seconds| {
                let file = fs::File::options().write(true).open(dir.path().join(name)).unwrap();
                file.set_modified(at + std::time::Duration::from_secs(seconds)).unwrap();
            };
            written("log", 10);
            written("inputs.json", if later { 11 } else { 0 });
            let log = dir.path().join("log");
            EarlierFiles::of_report(dir.path(), None, &log, overwrite).quietly(true).clear().unwrap();
            assert_eq!(names(dir.path()), left, "{later} {overwrite}");
        }
    }

    #[test]
    fn a_report_keeps_the_files_of_what_was_read_of_the_server_where_it_has_no_others() {
        for keeps in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let scraped = ["gpu_telemetry_export.jsonl", "server_metrics_export.csv", "server_metrics_export.json"];
            ["log", "ringload_report.json"].iter().chain(&scraped).for_each(|name| put(dir.path(), name));
            let earlier = EarlierFiles::of_report(dir.path(), None, &dir.path().join("log"), false).quietly(true);
            let earlier = if keeps { earlier.keeping_scraped(None) } else { earlier };
            earlier.clear().unwrap();
            let stays = names(dir.path()).iter().filter(|name| scraped.contains(&name.as_str())).count();
            assert_eq!(stays, if keeps { 3 } else { 0 });
        }
    }

    #[test]
    fn a_search_sets_the_probes_of_one_that_was_killed_aside() {
        let dir = tempfile::tempdir().unwrap();
        for probe in ["probe_00_one_at_a_time", "probe_01_rate_8"] {
            put(dir.path(), &format!("{probe}/ringload_report.json"));
        }
        put(dir.path(), "probe_notes/of-the-user");
        EarlierFiles::of_search(dir.path(), false).quietly(true).clear().unwrap();
        assert_eq!(names(dir.path()), ["previous-1", "probe_notes"]);
        assert_eq!(names(&dir.path().join("previous-1")), ["probe_00_one_at_a_time", "probe_01_rate_8"]);
    }

    #[test]
    fn overwriting_moves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "ringload_report.json");
        EarlierFiles::of_run(dir.path(), None, true).clear().unwrap();
        assert_eq!(names(dir.path()), ["ringload_report.json"]);
    }

    #[test]
    fn of_several_runs_the_folders_move_that_their_document_names() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        for (schema, points) in ["cells", "sweep_points"].iter().enumerate() {
            for point in ["concurrency_1", "concurrency_2", "mine"] {
                put(base, &format!("{point}/ringload_report.json"));
            }
            put(base, "goodput_sweep.csv");
            let folder = |name: &str| base.join(name).display().to_string();
            let document = serde_json::json!({(*points): [
                {"runs": [{"folder": folder("concurrency_1")}]},
                {"runs": [{"folder": folder("concurrency_2/profile_runs/trial_0001")}, {"folder": "/etc"}, {"folder": folder("..")}]},
            ]});
            fs::write(base.join("ringload_campaign.json"), document.to_string()).unwrap();
            let earlier = EarlierFiles::of_several(base, ["concurrency_4".to_owned()], false).quietly(true);
            earlier.clear().unwrap();
            assert_eq!(names(base), [&["mine", "previous-1"][..], &["previous-2"][..schema]].concat());
            assert_eq!(
                names(&base.join(format!("previous-{}", schema + 1))),
                ["concurrency_1", "concurrency_2", "goodput_sweep.csv", "ringload_campaign.json"]
            );
        }
    }

    #[test]
    fn a_document_that_is_a_fifo_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("ringload_campaign.json");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        put(dir.path(), "ringload_report.json");
        EarlierFiles::of_run(dir.path(), None, false).quietly(true).clear().unwrap();
        assert_eq!(names(dir.path()), ["previous-1", "ringload_campaign.json"]);
    }
}
