//! `output_check.json` (`--check-output`): how many answers under load are other than those of one request at a time.

use super::draft::write_whole;
use crate::result::output_check::OutputCheck;
use ringload_engine::{Error, Result};
use std::path::Path;

/// Writes the file into the folder of a run.
///
/// # Errors
/// When the disk is full or the folder has gone.
pub(crate) fn write(dir: &Path, found: &OutputCheck) -> Result<()> {
    let text = serde_json::to_string_pretty(found).map_err(|e| Error::bug(e.to_string()))?;
    write_whole(&dir.join("output_check.json"), format!("{text}\n").as_bytes())
}
