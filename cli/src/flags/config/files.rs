//! What a configuration has in itself and flags take from a file: written to temporary files, which go with the
//! process.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use tempfile::TempPath;

static KEPT: Mutex<Vec<TempPath>> = Mutex::new(Vec::new());

/// Writes a text to a file of its own; its path.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep(name: &str, text: &str) -> Result<String, String> {
    let made = tempfile::Builder::new().prefix(&format!("ringload-{name}-")).suffix(".jsonl").tempfile();
    let mut file = made.map_err(|e| format!("a temporary file cannot be made: {e}"))?;
    file.write_all(text.as_bytes()).map_err(|e| format!("a temporary file cannot be written: {e}"))?;
    let path = file.into_temp_path();
    let name = path.display().to_string();
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    Ok(name)
}

/// Removes the files.
pub(crate) fn remove() {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
