//! Files: one module each, all in AIPerf's shapes where AIPerf has the file.

#[cfg(test)]
mod agreement;
mod campaign;
mod capacity;
mod csv;
mod files;
mod input_config;
mod json;
mod numbers;
mod records;
mod report;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
pub(crate) mod sample_campaign;
#[cfg(test)]
mod sample_judged;
#[cfg(test)]
mod sample_slices;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod timeslices;

pub(crate) use campaign::finish as finish_campaign;
pub(crate) use capacity::finish as finish_capacity;
pub(crate) use files::{Artifacts, Kind, Wanted, remove_temporaries};
pub(crate) use records::RecordWriter;
pub(crate) use time::utc;

use crate::outcome::Outcome;
use ringload_engine::Result;
use std::path::PathBuf;

/// Writes the summaries and gives all files their names.
///
/// # Errors
/// When the disk is full or the folder has gone.
pub(crate) fn finish(mut artifacts: Artifacts, outcome: &Outcome) -> Result<Vec<PathBuf>> {
    artifacts.write(Kind::Summary, |to| json::write(outcome, to))?;
    artifacts.write(Kind::Table, |to| {
        csv::write(&outcome.summary, &outcome.notes(), to)
    })?;
    artifacts.write(Kind::Slices, |to| timeslices::json(outcome, to))?;
    artifacts.write(Kind::SliceTable, |to| timeslices::csv(outcome, to))?;
    artifacts.write(Kind::Report, |to| report::write(outcome, to))?;
    artifacts.commit()
}
