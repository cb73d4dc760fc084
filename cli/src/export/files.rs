//! The artifact folder: every file is opened before the load starts, and appears under its name only when it is whole.

use ringload_engine::{Error, Result};
use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempPath};

/// A file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `profile_export_aiperf.json`
    Summary,
    /// `profile_export_aiperf.csv`
    Table,
    /// `profile_export.jsonl`
    Records,
    /// `inputs.json`
    Inputs,
    /// `ringload_report.json`
    Report,
    /// `profile_export_aiperf_timeslices.json`
    Slices,
    /// `profile_export_aiperf_timeslices.csv`
    SliceTable,
}

/// Files that not every run leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// A line for each request.
    pub(crate) records: bool,
    /// The slices.
    pub(crate) slices: bool,
}

/// The open files of a run.
pub(crate) struct Artifacts {
    dir: PathBuf,
    files: Vec<(Kind, String, BufWriter<NamedTempFile>)>,
    log: TempPath,
}

impl Artifacts {
    /// Makes the folder and opens the files in it under temporary names.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Environment`] when the folder cannot be written to.
    pub(crate) fn open(dir: &Path, prefix: Option<&str>, wanted: Wanted) -> Result<Self> {
        let blame = |e: io::Error| {
            Error::environment(
                format!("--artifact-dir {}: {e}", dir.display()),
                "name a folder that can be written to, on a disk with room",
            )
        };
        fs::create_dir_all(dir).map_err(blame)?;
        let kinds = [
            Kind::Summary,
            Kind::Table,
            Kind::Records,
            Kind::Inputs,
            Kind::Report,
            Kind::Slices,
            Kind::SliceTable,
        ];
        let mut files = Vec::new();
        for kind in kinds.into_iter().filter(|k| wanted.has(*k)) {
            let name = kind.name(prefix);
            if dir.join(&name).is_dir() {
                return Err(blame(io::Error::other(format!("{name} is a folder"))));
            }
            files.push((kind, name, BufWriter::new(temporary(dir).map_err(blame)?)));
        }
        let log = unfinished(dir, 0o600).map_err(blame)?.into_temp_path();
        Ok(Self {
            dir: dir.to_path_buf(),
            files,
            log,
        })
    }

    /// Where the engine keeps its records during the run; deleted at the end.
    pub(crate) fn record_log(&self) -> &Path {
        &self.log
    }

    /// Keeps the record log, for when the run could not be summed up.
    pub(crate) fn keep_log(self) -> Option<PathBuf> {
        self.log.keep().ok().filter(|path| path.exists())
    }

    /// A file to write to, if it is among those of the run.
    pub(crate) fn file(&mut self, kind: Kind) -> Option<&mut impl Write> {
        self.files
            .iter_mut()
            .find(|(k, _, _)| *k == kind)
            .map(|(_, _, file)| file)
    }

    /// Writes a file in one go.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn write(
        &mut self,
        kind: Kind,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let dir = self.dir.clone();
        match self.files.iter_mut().find(|(k, _, _)| *k == kind) {
            Some((_, name, file)) => {
                let written = content(file).and_then(|()| file.flush());
                written.map_err(|e| unwritten(&dir.join(name.as_str()), &e))
            }
            None => Ok(()),
        }
    }

    /// Gives every file its name; what was there before is replaced.
    ///
    /// # Errors
    /// When the disk is full or the folder has gone.
    pub(crate) fn commit(self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for (_, name, file) in self.files {
            let path = self.dir.join(name);
            let file = file.into_inner().map_err(|e| unwritten(&path, e.error()))?;
            file.persist(&path)
                .map_err(|e| unwritten(&path, &e.error))?;
            paths.push(path);
        }
        Ok(paths)
    }
}

impl Wanted {
    fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Records => self.records,
            Kind::Slices | Kind::SliceTable => self.slices,
            Kind::Summary | Kind::Table | Kind::Inputs | Kind::Report => true,
        }
    }
}

impl Kind {
    fn name(self, prefix: Option<&str>) -> String {
        match (self, prefix) {
            (Self::Slices, None) => "profile_export_aiperf_timeslices.json".into(),
            (Self::SliceTable, None) => "profile_export_aiperf_timeslices.csv".into(),
            (Self::Slices, Some(p)) => format!("{p}_timeslices.json"),
            (Self::SliceTable, Some(p)) => format!("{p}_timeslices.csv"),
            (Self::Summary, None) => "profile_export_aiperf.json".into(),
            (Self::Table, None) => "profile_export_aiperf.csv".into(),
            (Self::Records, None) => "profile_export.jsonl".into(),
            (Self::Summary, Some(p)) => format!("{p}.json"),
            (Self::Table, Some(p)) => format!("{p}.csv"),
            (Self::Records, Some(p)) => format!("{p}.jsonl"),
            (Self::Inputs, _) => "inputs.json".into(),
            (Self::Report, None) => "ringload_report.json".into(),
            (Self::Report, Some(p)) => format!("{p}_ringload_report.json"),
        }
    }
}

/// Writes a file that appears under its name only when it is whole; its folder is made where there is none.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let blame = |e: &io::Error| unwritten(path, e);
    fs::create_dir_all(dir).map_err(|e| blame(&e))?;
    let mut file = temporary(dir).map_err(|e| blame(&e))?;
    file.write_all(content).map_err(|e| blame(&e))?;
    file.persist(path).map_err(|e| blame(&e.error))?;
    Ok(())
}

/// Removes what this process, quit at once, would leave in its folder; others may have theirs there.
pub(crate) fn remove_temporaries(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&own()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// How the names of unfinished files begin.
const PREFIX: &str = ".ringload-";

/// How the names of those of this process begin.
fn own() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// A file that will have a name for all to see.
fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    unfinished(dir, 0o666)
}

fn unfinished(dir: &Path, mode: u32) -> io::Result<NamedTempFile> {
    Builder::new()
        .prefix(&own())
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
}

fn unwritten(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("{} could not be written: {e}", path.display()),
        "make room on the disk, or name another folder in --artifact-dir",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: Wanted = Wanted {
        records: true,
        slices: false,
    };

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_appear_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Artifacts::open(dir.path(), None, RECORDS).unwrap();
        files
            .write(Kind::Summary, |to| to.write_all(b"{}"))
            .unwrap();
        assert!(
            names(dir.path())
                .iter()
                .all(|n| n.starts_with(".ringload-"))
        );
        drop(files);
        assert!(
            names(dir.path()).is_empty(),
            "an abandoned run leaves nothing"
        );
        Artifacts::open(dir.path(), None, RECORDS)
            .unwrap()
            .commit()
            .unwrap();
        assert_eq!(
            names(dir.path()),
            [
                "inputs.json",
                "profile_export.jsonl",
                "profile_export_aiperf.csv",
                "profile_export_aiperf.json",
                "ringload_report.json"
            ]
        );
    }

    #[test]
    fn a_prefix_names_every_export_and_summary_level_leaves_the_records_out() {
        let dir = tempfile::tempdir().unwrap();
        Artifacts::open(
            dir.path(),
            Some("foo"),
            Wanted {
                slices: true,
                ..Wanted::default()
            },
        )
        .unwrap()
        .commit()
        .unwrap();
        assert_eq!(
            names(dir.path()),
            [
                "foo.csv",
                "foo.json",
                "foo_ringload_report.json",
                "foo_timeslices.csv",
                "foo_timeslices.json",
                "inputs.json"
            ]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_the_machines_error() {
        let e = Artifacts::open(Path::new("/proc/nowhere"), None, RECORDS)
            .err()
            .unwrap();
        assert_eq!(e.blame, ringload_engine::Blame::Environment);
    }
}
