//! The files of the results on the bus: left there by a leader whose disk goes with it, and fetched from there.

use super::{address, ours};
use crate::exit::Exit;
use crate::export::Draft;
use crate::flags::ResultsArgs;
use crate::terminal::eprint_line;
use ringload_engine::{Error, Result};
use ringload_fleet::{fetch_results, name_of};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Fetches the files that a run has left on the bus.
///
/// # Errors
/// When the bus has none, or one cannot be written.
pub(crate) fn results(args: &ResultsArgs) -> Result<Exit> {
    let address = address(&args.of.fleet, &args.of.tls)?;
    let folder = args.artifact_dir.clone();
    let write = move |name: &str, bytes: &[u8]| {
        let unwritable = |e: io::Error| {
            let what = format!("{}: {e}", folder.join(name).display());
            ringload_fleet::Error::environment(what, "name a folder that is writable in --artifact-dir")
        };
        let path = below(&folder, name).map_err(unwritable)?;
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(unwritable)?;
        Draft::write_whole(&path, bytes).map_err(unwritable)?;
        eprint_line(format_args!("{}", path.display()));
        Ok(())
    };
    fetch_results(&address, &name_of(&args.of.run), write).map_err(ours)?;
    Ok(Exit::Done)
}

/// A path below a folder, by a name that somebody else gave.
fn below(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let within = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    match within && !name.is_empty() {
        true => Ok(folder.join(name)),
        false => Err(io::Error::other("its name leads out of the folder")),
    }
}

/// The files below a folder that were written since an instant, by their paths there; those of other members and those
/// that are not whole yet are left out.
pub(super) fn written_since(folder: &Path, since: SystemTime) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    gather(folder, "", since, &mut found).map_err(|e| {
        Error::environment(format!("{}: {e}", folder.display()), "see that the folder of the results stays readable")
    })?;
    found.sort();
    Ok(found)
}

fn gather(folder: &Path, below: &str, since: SystemTime, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (kind, path) = (entry.file_type()?, format!("{below}{name}"));
        if name.starts_with('.') || kind.is_dir() && is_of_a_member(&name) {
            continue;
        }
        if kind.is_dir() {
            gather(&entry.path(), &format!("{path}/"), since, found)?;
        } else if kind.is_file() && entry.metadata()?.modified()? >= since {
            found.push((path, entry.path()));
        }
    }
    Ok(())
}

/// Whether a folder of this name is where a member keeps its records: `member_` and its rank.
fn is_of_a_member(name: &str) -> bool {
    let rank = name.strip_prefix("member_").unwrap_or_default();
    !rank.is_empty() && rank.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_written_since_is_found_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("concurrency_4/member_1")).unwrap();
        for name in [
            "report.txt",
            "member_a.json",
            "concurrency_4/report.txt",
            "concurrency_4/member_1/run.log",
            ".ringload-1.records",
        ] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let old = std::fs::File::create(dir.path().join("old.txt")).unwrap();
        let since = SystemTime::now() - Duration::from_secs(60);
        old.set_modified(since - Duration::from_secs(1)).unwrap();
        let found = written_since(dir.path(), since).unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["concurrency_4/report.txt", "member_a.json", "report.txt"]);
        assert_eq!(std::fs::read(&found[0].1).unwrap(), b"concurrency_4/report.txt");
    }

    #[test]
    fn a_name_from_the_bus_stays_below_the_folder() {
        let folder = Path::new("out");
        assert_eq!(below(folder, "a/b.json").unwrap(), Path::new("out/a/b.json"));
        for name in ["../a", "/etc/a", "a/../../b", "", "./a"] {
            assert!(below(folder, name).is_err(), "{name}");
        }
    }
}
