//! Files that the user names: bounded, and not waited for without end.

use crate::clock::{self, MILLI, Nanos, SECOND};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Reads a file of at most `limit` bytes. A FIFO is a file too (`<(command)`): its writer has `TIME_LIMIT` to write and
/// close it. A device is read as far as the limit.
///
/// # Errors
/// When it cannot be read, is not written in time, or is over the limit ([`ErrorKind::FileTooLarge`]).
pub fn small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read(path, limit, TIME_LIMIT)
}

/// Reads a text as [`small`] does.
///
/// # Errors
/// As [`small`], and when it is not UTF-8.
pub fn small_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(small(path, limit)?).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))
}

/// Opens a regular file, and nothing that could block or act when it is opened: neither a FIFO nor a device. `links`:
/// also through one.
///
/// # Errors
/// When it is not regular, or cannot be opened.
pub fn regular(path: &Path, links: bool) -> io::Result<File> {
    let check = |facts: std::fs::Metadata| match facts.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    };
    check(path.metadata()?)?;
    // What lies there may be another by now: nothing blocks, and what was opened is looked at again.
    let file = OpenOptions::new().read(true).custom_flags(OPEN[0] | if links { 0 } else { OPEN[1] }).open(path)?;
    check(file.metadata()?)?;
    Ok(file)
}

/// Opens a file to be read from its beginning to its end, however long it is. A FIFO has `TIME_LIMIT` to write the
/// first bytes, and as long each time until it writes more or is closed.
///
/// # Errors
/// When it cannot be opened. Reads fail when a FIFO is not written in time ([`ErrorKind::TimedOut`]).
pub fn stream(path: &Path) -> io::Result<impl Read + use<>> {
    Stream::open(path, TIME_LIMIT)
}

/// A file that is read without end.
struct Stream {
    file: File,
    /// Whether it is a FIFO of which nothing has come yet: one that nobody has opened for writing looks as if it had
    /// ended.
    awaited: bool,
    time_limit: Nanos,
}

impl Stream {
    fn open(path: &Path, time_limit: Nanos) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).custom_flags(OPEN[0]).open(path)?;
        let awaited = file.metadata()?.file_type().is_fifo();
        Ok(Self { file, awaited, time_limit })
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let until = clock::monotonic().saturating_add(self.time_limit);
        loop {
            match self.file.read(into) {
                Ok(0) if self.awaited && !into.is_empty() => {}
                Ok(n) => {
                    self.awaited = false;
                    return Ok(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
            if clock::monotonic() >= until {
                return Err(io::Error::new(ErrorKind::TimedOut, not_in_time(self.time_limit)));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn not_in_time(time_limit: Nanos) -> String {
    format!("it was not written and closed within {} s", time_limit / SECOND)
}

fn read(path: &Path, limit: u64, time_limit: Nanos) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(OPEN[0]).open(path)?;
    let fifo = file.metadata()?.file_type().is_fifo();
    let mut input = file.take(limit + 1);
    let mut bytes = Vec::new();
    let until = clock::monotonic().saturating_add(time_limit);
    loop {
        let ended = match input.read_to_end(&mut bytes) {
            // A FIFO that nobody has opened for writing yet looks as if it had ended.
            Ok(_) => !fifo || !bytes.is_empty(),
            Err(e) if e.kind() == ErrorKind::WouldBlock => false,
            Err(e) => return Err(e),
        };
        if bytes.len() as u64 > limit {
            let what = format!("it has more than the limit of {limit} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, what));
        }
        if ended {
            return Ok(bytes);
        }
        if clock::monotonic() >= until {
            return Err(io::Error::new(ErrorKind::TimedOut, not_in_time(time_limit)));
        }
        std::thread::sleep(LOOK);
    }
}

/// Flags of an open that waits for nobody and makes no terminal the process's own; and of one that follows no link.
const OPEN: [i32; 2] =
    [OFlags::NONBLOCK.union(OFlags::NOCTTY).bits().cast_signed(), OFlags::NOFOLLOW.bits().cast_signed()];
/// How long a FIFO is waited for.
const TIME_LIMIT: Nanos = 30 * SECOND;
/// How often it is looked at.
const LOOK: Duration = Duration::from_nanos(5 * MILLI);

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn said(result: io::Result<Vec<u8>>) -> String {
        result.unwrap_err().to_string()
    }

    fn fifo(dir: &tempfile::TempDir) -> std::path::PathBuf {
        let path = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        path
    }

    #[test]
    fn no_more_than_the_limit_is_read_of_whatever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("text");
        fs::write(&file, "four").unwrap();
        assert_eq!(small(&file, 4).unwrap(), b"four");
        assert!(said(small(&file, 3)).contains("limit of 3 bytes"));
        assert!(said(small(Path::new("/dev/zero"), 1000)).contains("limit of 1000 bytes"));
        assert_eq!(small(Path::new("/dev/null"), 4).unwrap(), b"");
        fs::write(&file, [0xff]).unwrap();
        let kind = small_text(&file, 4).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::InvalidData);
        let kind = small(&dir.path().join("none"), 4).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::NotFound);
        let kind = small(dir.path(), 4).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::IsADirectory);
    }

    #[test]
    fn a_fifo_is_read_to_its_end_however_late_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = fifo(&dir);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
                for part in ["fo", "ur"] {
                    writer.write_all(part.as_bytes()).unwrap();
                    std::thread::sleep(4 * LOOK);
                }
            });
            assert_eq!(small(&path, 4).unwrap(), b"four");
        });
    }

    #[test]
    fn a_fifo_that_nobody_writes_or_closes_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = fifo(&dir);
        let short = 20 * MILLI;
        assert!(said(read(&path, 4, short)).contains("not written and closed"));
        let both = OpenOptions::new().read(true).write(true).open(&path);
        both.as_ref().unwrap().write_all(b"1").unwrap();
        assert!(said(read(&path, 4, short)).contains("not written and closed"));
    }

    #[test]
    fn a_fifo_of_any_length_is_read_while_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = fifo(&dir);
        let short = 20 * MILLI;
        let mut read = Vec::new();
        let end = Stream::open(&path, short).unwrap().read_to_end(&mut read).unwrap_err();
        assert!(end.kind() == ErrorKind::TimedOut && end.to_string().contains("not written and closed"), "{end}");
        // Opened for both: it does not end, and nothing comes for the second read.
        let mut both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        both.write_all(b"1").unwrap();
        let end = Stream::open(&path, short).unwrap().read_to_end(&mut read).unwrap_err();
        assert_eq!((end.kind(), read.as_slice()), (ErrorKind::TimedOut, &b"1"[..]));
        drop(both);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
                for _ in 0..40 {
                    writer.write_all(&[7; 4096]).unwrap();
                }
                std::thread::sleep(2 * LOOK);
                writer.write_all(b"end").unwrap();
            });
            let mut read = Vec::new();
            stream(&path).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!((read.len(), &read[read.len() - 3..]), (40 * 4096 + 3, &b"end"[..]));
        });
    }

    #[test]
    fn only_a_regular_file_is_opened_as_one() {
        let dir = tempfile::tempdir().unwrap();
        for other in [fifo(&dir), "/dev/zero".into(), dir.path().to_owned()] {
            let e = regular(&other, true).unwrap_err().to_string();
            assert!(e.contains("not a regular file"), "{e}");
        }
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(regular(&file, true).is_ok());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(regular(&link, true).is_ok());
        assert!(regular(&link, false).is_err());
    }
}
