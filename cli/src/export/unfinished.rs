//! Files under temporary names, which tell whose they are: those of this process, of one that has ended, of another
//! machine.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::{Builder, NamedTempFile};

/// Removes the files that this process has not finished, wherever they are; others may have theirs there.
pub(crate) fn remove_temporaries() {
    let folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    for dir in folders.iter() {
        remove_named(dir, own());
    }
}

/// Folders in which this process has files under temporary names.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How the names of unfinished files begin.
pub(super) const PREFIX: &str = ".ringload-";
/// How the name of an unfinished record log ends.
pub(super) const RECORDS: &str = ".records";

/// The name of a log of records that is kept.
pub(super) const KEPT: &str = "ringload_records.log";

/// How the names of the unfinished files of this process begin.
pub(super) fn own() -> &'static str {
    static OWN: OnceLock<String> = OnceLock::new();
    OWN.get_or_init(|| {
        let id = std::process::id();
        let began = began(id).unwrap_or(0);
        let (boot, space) = here();
        format!("{PREFIX}{id}-{began}-{boot}-{space}-")
    })
}

/// When a process began, in ticks since the boot; none where there is no such process, or where it has ended and only
/// its parent has not asked for that yet (states `Z` and `X` of proc(5)).
fn began(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field, the name, may hold blanks and parentheses; the start is the 22nd.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Which boot this is, and which namespace of process numbers. A number alone does not tell a process from those of
/// other containers, or of other days, that have the same folder.
pub(super) fn here() -> (String, String) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = boot.get(..8).unwrap_or("0").to_owned();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits = |c: &char| c.is_ascii_digit();
    (boot, space.to_string_lossy().chars().filter(digits).collect())
}

/// What is known of the process that left a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It runs.
    Alive(u32),
    /// It has ended.
    Dead,
    /// It is, or was, one of another machine, boot or container.
    Elsewhere,
}

impl Owner {
    /// Of a file under a temporary name; `Dead` for any other name.
    pub(crate) fn of(path: &Path) -> Self {
        let Some(key) = key(path) else {
            return Self::Dead;
        };
        let mut parts = key[PREFIX.len()..].split('-');
        let mut part = || parts.next().unwrap_or_default();
        let (id, began_at, of) = (part(), part(), (part().to_owned(), part().to_owned()));
        let (Ok(id), true) = (id.parse(), of == here()) else {
            return Self::Elsewhere;
        };
        match began(id) {
            Some(at) if at.to_string() == began_at => Self::Alive(id),
            _ => Self::Dead,
        }
    }
}

/// What the temporary names of a process have in common, for one of them.
fn key(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let ends = name.match_indices('-').nth(3)?.0 + 1;
    path.file_name()?.to_str()?.get(..PREFIX.len() + ends)
}

/// The record logs of runs that did not end, in a folder, the oldest first; where there are none, those that were kept.
pub(crate) fn logs_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut left, mut kept) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(RECORDS) {
            left.push(path);
        } else if name.ends_with(KEPT) {
            kept.push(path);
        }
    }
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|m| m.modified()).ok();
    left.sort_by_key(changed);
    kept.sort();
    Ok(if left.is_empty() { kept } else { left })
}

/// Removes what processes that have ended left in a folder and nobody can read: files that were not finished, and logs
/// of records without a byte. Logs with records stay.
pub(super) fn remove_unreadable(dir: &Path) {
    for path in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let readable = name.ends_with(RECORDS) && fs::metadata(&path).is_ok_and(|of| of.len() > 0);
        if key(&path).is_some() && !readable && Owner::of(&path) == Owner::Dead {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Removes all that a process that has ended left in the folder of one of its files.
pub(crate) fn remove_leftovers(path: &Path) {
    let (Some(dir), Some(key)) = (path.parent(), key(path)) else {
        return;
    };
    remove_named(dir, key);
}

fn remove_named(dir: &Path, beginning: &str) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(beginning) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file that will have a name for all to see.
pub(super) fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    unfinished(dir, 0o666, "")
}

pub(super) fn unfinished(dir: &Path, mode: u32, ending: &str) -> io::Result<NamedTempFile> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_path_buf());
    Builder::new().prefix(own()).suffix(ending).permissions(Permissions::from_mode(mode)).tempfile_in(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_files_name_a_process_and_when_and_where_it_began() {
        let parts: Vec<&str> = own().trim_end_matches('-').split('-').collect();
        assert_eq!(parts[..2], [".ringload".to_owned(), std::process::id().to_string()]);
        assert_eq!(parts.len(), 5);
        assert!(parts[2].parse::<u64>().unwrap() > 0, "{}", own());
        assert!(parts[4].parse::<u64>().unwrap() > 0, "{}", own());
    }

    #[test]
    fn a_process_that_its_parent_has_not_asked_for_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        assert!(began(std::process::id()).is_some());
        while fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap().rsplit_once(") Z").is_none() {
            std::thread::yield_now();
        }
        assert_eq!(began(child.id()), None);
        child.wait().unwrap();
    }

    #[test]
    fn what_nobody_can_read_of_processes_that_have_ended_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (boot, space) = here();
        let dead = format!("{PREFIX}{}-1-{boot}-{space}-", std::process::id());
        let elsewhere = format!("{PREFIX}7-1-elsewhere-4-");
        let live = own();
        for name in [&dead, &elsewhere, live] {
            for (ending, text) in [("a", "part of a file"), ("b.records", ""), ("c.records", "records")] {
                fs::write(dir.path().join(format!("{name}{ending}")), text).unwrap();
            }
        }
        fs::write(dir.path().join("report.txt"), "").unwrap();
        remove_unreadable(dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        let of = |name: &str, endings: &[&str]| endings.iter().map(|e| format!("{name}{e}")).collect::<Vec<_>>();
        let all = ["a", "b.records", "c.records"];
        let expected = [of(&dead, &all[2..]), of(&elsewhere, &all), of(live, &all), vec!["report.txt".into()]];
        let mut expected = expected.concat().into_iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn only_the_leftovers_of_one_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let all = ["7-1-aaaaaaaa-4-x", "7-1-aaaaaaaa-4-y.records", "7-2-aaaaaaaa-4-x", "71-1-aaaaaaaa-4-x"];
        for name in all {
            fs::write(dir.path().join(format!("{PREFIX}{name}")), "").unwrap();
        }
        remove_leftovers(&dir.path().join(format!("{PREFIX}{}", all[1])));
        let left = [all[2], all[3]].map(|name| format!("{PREFIX}{name}"));
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, left.map(std::ffi::OsString::from));
    }
}
