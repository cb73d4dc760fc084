//! Small files that flags name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The text of a file of at most `limit` bytes. A FIFO or a device is read as far as the limit: `<(command)` is a file
/// too.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is over the limit.
pub(crate) fn text(file: &Path, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it has more than the limit of {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Most bytes of a file that holds a key.
pub(crate) const KEY_BYTES: u64 = 64 << 10;
/// Most bytes of a file of a rate series.
pub(crate) const SERIES_BYTES: u64 = 64 << 20;
/// Most bytes of a file that holds a system prompt.
pub(crate) const PROMPT_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_read_of_whatever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("text");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(text(&file, 4).unwrap(), "four");
        assert!(text(&file, 3).unwrap_err().to_string().contains("limit of 3 bytes"));
        assert!(text(Path::new("/dev/zero"), 1000).unwrap_err().to_string().contains("limit of 1000 bytes"));
        std::fs::write(&file, [0xff]).unwrap();
        assert_eq!(text(&file, 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(text(&dir.path().join("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
