//! The artifact folder: every file is opened before the load starts, and appears under its name only when it is whole.

use super::kinds::{Kind, OptionalFiles};
use super::unfinished::{KEPT, RECORDS, temporary, unfinished};
use super::{earlier_files::EarlierFiles, records::BUFFER};
use ringload_engine::{Error, Result};
use std::fs;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Where the files of a run go.
pub(crate) struct OutputLocation<'a> {
    /// Folder.
    pub(crate) dir: &'a Path,
    /// Base name instead of AIPerf's.
    pub(crate) prefix: Option<&'a str>,
    /// What stands there from earlier runs; its folder, above `dir` or `dir` itself, has the files until they are
    /// whole.
    pub(crate) earlier: &'a EarlierFiles,
}

/// The open files of a run.
pub(crate) struct Artifacts<'a> {
    dir: PathBuf,
    earlier: &'a EarlierFiles,
    files: Vec<(Kind, String, BufWriter<NamedTempFile>)>,
    /// Why the first file that could not be written could not, and the names of all of them.
    failed: Option<(Error, Vec<String>)>,
    log: Option<NamedTempFile>,
    /// The name that the log gets.
    keep_log_as: Option<String>,
}

/// That files can be written to a folder, or to the one that it would be made in. Nothing is left there.
///
/// # Errors
/// [`ringload_engine::Blame::Environment`] when they cannot.
pub(crate) fn check_folder(dir: &Path) -> Result<()> {
    let there = dir.ancestors().map(|at| if at.as_os_str().is_empty() { Path::new(".") } else { at });
    let there = there.into_iter().find(|at| at.exists()).unwrap_or(Path::new("/"));
    let made = tempfile::tempfile_in(there);
    made.map(|_| ()).map_err(|e| unusable(dir, &e))
}

pub(super) fn unusable(dir: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("--artifact-dir {}: {e}", dir.display()),
        remedy(e, "name a folder that can be written to, on a disk with room"),
    )
}

/// What to do about a file that cannot be opened or written: where descriptors ran out, no other folder helps.
fn remedy(e: &io::Error, of_the_disk: &'static str) -> &'static str {
    match e.raw_os_error() {
        Some(EMFILE | ENFILE) => "raise the limit of open files (`ulimit -n`)",
        _ => of_the_disk,
    }
}

/// Too many open files of the process, and of the system (Linux `errno.h`).
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

impl<'a> Artifacts<'a> {
    /// Makes the folder and opens the files under temporary names.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Environment`] when the folder cannot be written to.
    pub(crate) fn open(location: &OutputLocation<'a>, wanted: OptionalFiles) -> Result<Self> {
        let dir = location.dir;
        let blame = |e: io::Error| unusable(dir, &e);
        let base = location.earlier.base();
        fs::create_dir_all(base).map_err(blame)?;
        let mut files = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|k| wanted.has(*k)) {
            let name = kind.name(location.prefix);
            if dir.join(&name).is_dir() {
                return Err(blame(io::Error::other(format!("{name} is a folder"))));
            }
            files.push((kind, name, BufWriter::with_capacity(BUFFER, temporary(base).map_err(blame)?)));
        }
        let log = match wanted.again {
            true => None,
            false => Some(unfinished(base, 0o600, RECORDS).map_err(blame)?),
        };
        Ok(Self {
            dir: dir.to_path_buf(),
            earlier: location.earlier,
            files,
            failed: None,
            log,
            keep_log_as: wanted.log.then(|| log_name(location.prefix)),
        })
    }

    /// The name of the folder.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where the engine keeps its records during the run; deleted at the end.
    pub(crate) fn record_log(&self) -> Option<&Path> {
        self.log.as_ref().map(NamedTempFile::path)
    }

    /// Keeps the record log, for when not all that it says could be written.
    pub(crate) fn keep_log(self) -> Option<PathBuf> {
        let (_, path) = self.log?.keep().ok()?;
        path.exists().then_some(path)
    }

    /// The files to which a line is written for each request: the records, and what was sent and answered.
    pub(crate) fn lines(&mut self) -> (Option<&mut impl Write>, Option<&mut impl Write>) {
        let (mut records, mut raw) = (None, None);
        for (kind, _, file) in &mut self.files {
            match kind {
                Kind::Records => records = Some(file),
                Kind::Raw => raw = Some(file),
                _ => {}
            }
        }
        (records, raw)
    }

    /// Writes a file in one go.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn write(&mut self, kind: Kind, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let dir = self.dir.clone();
        match self.files.iter_mut().find(|(k, _, _)| *k == kind) {
            Some((_, name, file)) => {
                let written = content(file).and_then(|()| file.flush());
                written.map_err(|e| unwritten(&dir.join(name.as_str()), &e))
            }
            None => Ok(()),
        }
    }

    /// Leaves out a file that could not be written; the others may be.
    pub(crate) fn leave_out(&mut self, kind: Kind, why: Error) {
        let out = self.files.iter().position(|(k, _, _)| *k == kind).map(|at| self.files.remove(at));
        if let Some((_, name, _)) = out {
            self.note_failed(name, || why);
        }
    }

    fn note_failed(&mut self, name: String, why: impl FnOnce() -> Error) {
        self.failed.get_or_insert_with(|| (why(), Vec::new())).1.push(name);
    }

    /// Leaves out a file that there is nothing for.
    pub(crate) fn leave_empty(&mut self, kind: Kind) {
        self.files.retain(|(k, _, _)| *k != kind);
    }

    /// Gives every file that could be written its name; what stood there before is set aside. Those that have one, and
    /// why the first that has none has none, with the names of all such.
    pub(crate) fn commit(&mut self) -> (Vec<PathBuf>, Option<Error>) {
        if let Err(e) = self.earlier.clear() {
            return (Vec::new(), Some(e));
        }
        let mut paths = Vec::new();
        for (_, name, file) in std::mem::take(&mut self.files) {
            let path = self.dir.join(&name);
            match named(file, &path) {
                Ok(()) => paths.push(path),
                Err(e) => self.note_failed(name, || unwritten(&path, &e)),
            }
        }
        if let Some(name) = self.keep_log_as.take()
            && let Some(log) = self.log.take()
        {
            let path = self.dir.join(&name);
            match named(BufWriter::new(log), &path) {
                Ok(()) => paths.push(path),
                Err(e) => self.note_failed(name, || unwritten(&path, &e)),
            }
        }
        let failed = self.failed.take().map(|(mut first, names)| {
            first.what = format!("{} (not written: {})", first.what, names.join(", "));
            first
        });
        (paths, failed)
    }
}

/// The name of a log of records that is kept.
pub(super) fn log_name(prefix: Option<&str>) -> String {
    match prefix {
        None => KEPT.into(),
        Some(prefix) => format!("{prefix}_{KEPT}"),
    }
}

/// Gives a file its name; where its folder has gone meanwhile, in a new one.
pub(super) fn named(file: BufWriter<NamedTempFile>, path: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let gone = match file.persist(path) {
        Ok(_) => return Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::NotFound => e.file,
        Err(e) => return Err(e.error),
    };
    let mut from = gone.as_file();
    from.rewind()?;
    let mut again = temporary(dir)?;
    again.as_file().set_permissions(from.metadata()?.permissions())?;
    io::copy(&mut from, &mut again)?;
    again.persist(path).map_err(|e| e.error)?;
    Ok(())
}

pub(super) fn unwritten(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("{} could not be written: {e}", path.display()),
        remedy(e, "make room on the disk, or name another folder in --artifact-dir"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::unfinished::{Owner, PREFIX, here, logs_in};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const RECORDS_TOO: OptionalFiles = OptionalFiles {
        records: true,
        raw: false,
        slices: false,
        again: false,
        log: false,
        scraped: false,
        only: None,
    };

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Files of a run into `dir`.
    fn open<'a>(earlier: &'a EarlierFiles, prefix: Option<&'a str>, wanted: OptionalFiles) -> Artifacts<'a> {
        let place = OutputLocation { dir: earlier.base(), prefix, earlier };
        Artifacts::open(&place, wanted).unwrap()
    }

    fn earlier(dir: &Path) -> EarlierFiles {
        EarlierFiles::of_run(dir, None, false)
    }

    const NAMES: [&str; 8] = [
        "config.yaml",
        "inputs.json",
        "profile_export.jsonl",
        "profile_export_aiperf.csv",
        "profile_export_aiperf.json",
        "report.html",
        "report.txt",
        "ringload_report.json",
    ];

    #[test]
    fn files_appear_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let earlier = earlier(dir.path());
        let mut files = open(&earlier, None, RECORDS_TOO);
        files.write(Kind::Summary, |to| to.write_all(b"{}")).unwrap();
        assert!(names(dir.path()).iter().all(|n| n.starts_with(".ringload-")));
        drop(files);
        assert!(names(dir.path()).is_empty(), "an abandoned run leaves nothing");
        let mut files = open(&earlier, None, RECORDS_TOO);
        assert!(files.commit().1.is_none());
        drop(files);
        assert_eq!(names(dir.path()), NAMES);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let earlier = earlier(dir.path());
        let mut files = open(&earlier, None, RECORDS_TOO);
        files.leave_out(Kind::Records, Error::environment("full", "make room"));
        let (written, failed) = files.commit();
        let said = "full (not written: profile_export.jsonl)";
        assert_eq!((written.len(), failed.unwrap().what.as_str()), (7, said));
        assert!(!dir.path().join("profile_export.jsonl").exists());
    }

    #[test]
    fn a_folder_that_has_gone_is_made_again_with_all_that_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("artifacts");
        let earlier = earlier(&base);
        let mut files = open(&earlier, None, OptionalFiles { log: true, ..RECORDS_TOO });
        files.write(Kind::Summary, |to| to.write_all(b"before ")).unwrap();
        fs::write(files.record_log().unwrap(), "records").unwrap();
        fs::rename(&base, dir.path().join("renamed")).unwrap();
        files.write(Kind::Summary, |to| to.write_all(b"after")).unwrap();
        assert!(files.commit().1.is_none());
        assert_eq!(names(&base), [&NAMES[..7], &["ringload_records.log"], &NAMES[7..]].concat());
        let log = base.join(KEPT);
        assert_eq!(fs::read_to_string(&log).unwrap(), "records");
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(base.join("profile_export_aiperf.json")).unwrap();
        assert_eq!(text, "before after");
    }

    #[test]
    fn the_owner_of_a_leftover_is_known_by_number_start_boot_and_namespace() {
        let dir = tempfile::tempdir().unwrap();
        let earlier = earlier(dir.path());
        let files = open(&earlier, None, RECORDS_TOO);
        let logs = logs_in(dir.path()).unwrap();
        assert_eq!(logs, [files.record_log().unwrap()]);
        assert_eq!(Owner::of(&logs[0]), Owner::Alive(std::process::id()));
        let (boot, space) = here();
        let id = std::process::id();
        let of = |name: String| Owner::of(&dir.path().join(name));
        // The same number, but of a process that began at another time.
        assert_eq!(of(format!("{PREFIX}{id}-1-{boot}-{space}-x.records")), Owner::Dead);
        for (boot, space) in [("00000000", space.as_str()), (&boot, "1")] {
            let name = format!("{PREFIX}{id}-1-{boot}-{space}-x.records");
            assert_eq!(of(name), Owner::Elsewhere);
        }
        assert_eq!(of(KEPT.into()), Owner::Dead);
        drop(files);
        fs::write(dir.path().join(KEPT), "").unwrap();
        assert_eq!(logs_in(dir.path()).unwrap(), [dir.path().join(KEPT)]);
    }

    #[test]
    fn a_prefix_names_every_export_and_summary_level_leaves_the_records_out() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = OptionalFiles { slices: true, ..OptionalFiles::default() };
        let earlier = earlier(dir.path());
        open(&earlier, Some("foo"), wanted).commit();
        assert_eq!(
            names(dir.path()),
            [
                "foo.csv",
                "foo.json",
                "foo_config.yaml",
                "foo_report.html",
                "foo_report.txt",
                "foo_ringload_report.json",
                "foo_timeslices.csv",
                "foo_timeslices.json",
                "inputs.json"
            ]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_the_machines_error() {
        let earlier = earlier(Path::new("/proc/nowhere"));
        let place = OutputLocation { dir: earlier.base(), prefix: None, earlier: &earlier };
        let e = Artifacts::open(&place, RECORDS_TOO).err().unwrap();
        assert_eq!(e.blame, ringload_engine::Blame::Environment);
    }
}
