//! Single files that appear under their names only when they are whole.

use super::files::{named, unwritten};
use super::unfinished::temporary;
use ringload_engine::Result;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

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

/// A file that appears under its name when it is whole. What is no file (a pipe, a terminal) is written to as it is.
pub(crate) enum Draft {
    /// Under a temporary name in its folder.
    Beside(BufWriter<NamedTempFile>),
    /// What stands there.
    Itself(BufWriter<fs::File>),
}

impl Draft {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            let file = fs::OpenOptions::new().write(true).open(path)?;
            return Ok(Self::Itself(BufWriter::new(file)));
        }
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = parent.unwrap_or(Path::new("."));
        // Of a folder that is not there the error would name the temporary file.
        fs::metadata(dir)?;
        let file = temporary(dir)?;
        Ok(Self::Beside(BufWriter::new(file)))
    }

    /// Writes a file whole, so that none is ever cut under this name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
        let mut draft = Self::of(path)?;
        draft.write_all(content)?;
        draft.finish(path)
    }

    /// It is whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Beside(file) => named(file, path),
            Self::Itself(mut file) => file.flush(),
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Itself(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Itself(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_earlier_one_until_the_next_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("suite.xml");
        Draft::write_whole(&path, b"one").unwrap();
        let mut next = Draft::of(&path).unwrap();
        next.write_all(b"tw").unwrap();
        next.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        drop(next);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        Draft::write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let no_folder = Draft::of(&dir.path().join("none/suite.xml")).err().unwrap();
        assert_eq!(no_folder.to_string(), "No such file or directory (os error 2)");
        assert!(Draft::of(dir.path()).is_err(), "a folder is no file");
    }
}
