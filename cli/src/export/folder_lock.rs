//! A folder takes the files of one run at a time: a lock of the kernel on the folder itself (flock(2)), which leaves no
//! file and ends with its process, however that ends.

use super::files::unusable;
use crate::terminal::eprint_line;
use ringload_engine::{Error, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock on a folder, until it is dropped. Folders that were made for it, and are empty then, go too.
pub(crate) struct FolderLock {
    /// The folder; none where it cannot be opened.
    folder: Option<File>,
    /// Folders that were not there before, the innermost first.
    made: Vec<PathBuf>,
}

impl FolderLock {
    /// Takes the lock on `dir`, which is made where it is not there. Where the file system has no locks, or the folder
    /// cannot be opened, the run goes on without: that is said, unless `quiet`.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] when another process has it; [`ringload_engine::Blame::Environment`] when the
    /// folder cannot be made.
    pub(crate) fn take(dir: &Path, quiet: bool) -> Result<Self> {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        for _ in 0..TRIES {
            let mut lock = Self { folder: None, made: absent(dir) };
            fs::create_dir_all(dir).map_err(|e| unusable(dir, &e))?;
            let taken = File::open(dir).and_then(|folder| {
                let folder = lock.folder.insert(folder);
                Ok(flock(folder, FlockOperation::NonBlockingLockExclusive)?)
            });
            match taken {
                // Who had it before may have removed the folder that was opened.
                Ok(()) if lock.is_of(dir) => return Ok(lock),
                Ok(()) => {}
                Err(e) if e.raw_os_error() == Some(Errno::WOULDBLOCK.raw_os_error()) => {
                    let holder = lock.folder.as_ref().and_then(holder);
                    return Err(in_use(dir, holder));
                }
                Err(e) => {
                    if !quiet {
                        eprint_line(format_args!(
                            "note: {} cannot be locked ({e}): let no other run write there before this one ends",
                            dir.display()
                        ));
                    }
                    return Ok(lock);
                }
            }
        }
        Err(in_use(dir, None))
    }

    /// Whether the folder that was opened is the one that lies at this path.
    fn is_of(&self, dir: &Path) -> bool {
        let of = |facts: fs::Metadata| (facts.dev(), facts.ino());
        let opened = self.folder.as_ref().and_then(|folder| folder.metadata().ok()).map(of);
        opened.is_some() && opened == fs::metadata(dir).ok().map(of)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A folder with something in it stays, and what it lies in. The lock ends after that, with its file.
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }
}

/// The folders on the way to `dir` that are not there, the innermost first.
fn absent(dir: &Path) -> Vec<PathBuf> {
    let missing = |at: &&Path| !at.as_os_str().is_empty() && fs::symlink_metadata(at).is_err();
    dir.ancestors().take_while(missing).map(Path::to_owned).collect()
}

fn in_use(dir: &Path, holder: Option<u32>) -> Error {
    let whose = holder.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
    Error::usage(
        format!("--artifact-dir {}: another run ({whose}) has this folder", dir.display()),
        "name another --artifact-dir, or wait for the end of that run",
    )
}

/// The process that has the lock on a folder, where the kernel tells.
fn holder(folder: &File) -> Option<u32> {
    let inode = folder.metadata().ok()?.ino();
    holder_in(&fs::read_to_string("/proc/locks").ok()?, inode)
}

/// The holder of an exclusive flock on an inode, by `/proc/locks` (proc_locks(5)): number, kind, `ADVISORY`, `WRITE`,
/// process, `MAJOR:MINOR:INODE`, range. Who waits for one has an arrow; a process of another namespace is 0.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (kind, _, access) = (fields.next()?, fields.next()?, fields.next()?);
        let (id, place) = (fields.next()?, fields.next()?);
        let same = place.rsplit(':').next()?.parse() == Ok(inode);
        let id = id.parse().ok().filter(|id| *id > 0);
        id.filter(|_| kind == "FLOCK" && access == "WRITE" && same)
    })
}

/// How often a folder is made anew that its last holder removes.
const TRIES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_runs_at_a_time_and_empty_ones_that_were_made_go() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("a/b");
        let lock = FolderLock::take(&dir, true).unwrap();
        let refused = FolderLock::take(&dir, true).err().unwrap();
        assert_eq!(refused.blame, ringload_engine::Blame::Usage);
        let own = format!("process {}", std::process::id());
        assert!(refused.what.contains(&own) && refused.remedy.contains("--artifact-dir"), "{refused}");
        // Another folder, and one inside, are others'.
        drop(FolderLock::take(&base.path().join("c"), true).unwrap());
        drop(lock);
        assert!(!base.path().join("a").exists() && !base.path().join("c").exists());
        let lock = FolderLock::take(&dir, true).unwrap();
        fs::write(dir.join("report.txt"), "").unwrap();
        drop(lock);
        assert!(dir.join("report.txt").exists());
        drop(FolderLock::take(&dir, true).unwrap());
        assert!(dir.exists(), "it was there before");
    }

    #[test]
    fn the_holder_is_the_one_that_has_the_lock_on_the_folder() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:1f:4711 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 00:1f:4712 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 9 00:1f:4711 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 10 00:1f:4713 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 00:1f:4714 0 EOF\n";
        assert_eq!([4711, 4713, 4714, 4715].map(|inode| holder_in(locks, inode)), [Some(9), None, None, None]);
    }
}
