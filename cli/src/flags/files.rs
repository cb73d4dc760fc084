//! Small files that flags name.

use ringload_engine::files;
use std::io;
use std::path::Path;

/// Reads a text as [`files::small_text`] does; a byte order mark before it is no part of it (RFC 3629 §6).
///
/// # Errors
/// As [`files::small_text`].
pub(crate) fn text(path: &Path, limit: u64) -> io::Result<String> {
    let text = files::small_text(path, limit)?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// Most bytes of a file that holds a key.
pub(crate) const KEY_BYTES: u64 = 64 << 10;
/// Most bytes of a file of a rate series.
pub(crate) const SERIES_BYTES: u64 = 64 << 20;
/// Most bytes of a file that holds a system prompt.
pub(crate) const PROMPT_BYTES: u64 = 64 << 20;
/// Most bytes of a file of headers.
pub(crate) const HEADER_BYTES: u64 = 1 << 20;
