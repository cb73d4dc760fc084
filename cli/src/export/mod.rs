//! Files: one module each, all in AIPerf's shapes where AIPerf has the file.

mod campaign;
mod capacity;
mod config_file;
mod csv;
mod draft;
mod earlier_files;
mod files;
mod folder_lock;
mod input_config;
mod json;
mod junit;
mod kinds;
pub(crate) mod mlflow;
mod numbers;
mod otlp;
mod output_check;
mod parquet;
mod raw;
mod records;
mod report;
mod reported;
mod search_history;
mod server_metrics;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod timeslices;
mod unfinished;

pub(crate) use campaign::{document as campaign_document, finish as finish_campaign};
pub(crate) use capacity::{document as capacity_document, finish as finish_capacity};
pub(crate) use draft::Draft;
pub(crate) use earlier_files::EarlierFiles;
pub(crate) use files::{Artifacts, OutputLocation, check_folder};
pub(crate) use folder_lock::FolderLock;
pub(crate) use junit::{check_service, tell_service};
pub(crate) use kinds::{Kind, OptionalFiles};
pub(crate) use otlp::{Spans, documents as otlp_documents};
pub(crate) use output_check::write as write_output_check;
pub(crate) use raw::RawWriter;
pub(crate) use records::{RecordWriter, uuid};
pub(crate) use report::document;
pub(crate) use reported::reported;
pub(crate) use search_history::{
    SEARCH_HISTORY, document as search_document, folder_name as search_folder, write as write_search_history,
};
pub(crate) use server_metrics::energy;
pub(crate) use server_metrics::{LineAt, LineOf};
pub(crate) use time::utc;
pub(crate) use unfinished::{Owner, logs_in, remove_leftovers, remove_temporaries};

use crate::flags::MetricsFormat;
use crate::result::run::Outcome;
use crate::result::telemetry::Collected;
use ringload_engine::Error;
use std::fs::File;
use std::io::{self, Seek};
use std::path::PathBuf;

/// Writes the summaries and gives all files their names: those that could be written, and why the first that could not
/// be could not.
///
/// `text` is the whole report in words, `page` as HTML.
pub(crate) fn finish(
    artifacts: &mut Artifacts<'_>,
    outcome: &Outcome,
    scraped: Collected,
    text: &str,
    page: &str,
) -> (Vec<PathBuf>, Option<Error>) {
    type Content<'a> = &'a dyn Fn(&mut dyn io::Write) -> io::Result<()>;
    let Collected { server, absent, server_lines, gpu_lines, formats, .. } = scraped;
    let wanted = |format| formats.contains(&format) && !server.is_empty();
    for (kind, is_there) in [
        (Kind::ServerMetrics, wanted(MetricsFormat::Json)),
        (Kind::ServerMetricsTable, wanted(MetricsFormat::Csv)),
        (Kind::ServerMetricsLines, wanted(MetricsFormat::Jsonl) && !server_lines.is_empty()),
        (Kind::ServerMetricsColumns, wanted(MetricsFormat::Parquet) && !server_lines.is_empty()),
        (Kind::GpuLines, !gpu_lines.is_empty()),
    ] {
        if !is_there {
            artifacts.leave_empty(kind);
        }
    }
    let contents: [(Kind, Content<'_>); 13] = [
        (Kind::Summary, &|to| json::write(outcome, to)),
        (Kind::Config, &|to| config_file::write(outcome, to)),
        (Kind::Table, &|to| csv::write(&outcome.summary, &outcome.notes(), to)),
        (Kind::Slices, &|to| timeslices::json(outcome, to)),
        (Kind::SliceTable, &|to| timeslices::csv(outcome, to)),
        (Kind::Report, &|to| report::write(outcome, to)),
        (Kind::Text, &|to| to.write_all(text.as_bytes())),
        (Kind::Page, &|to| to.write_all(page.as_bytes())),
        (Kind::ServerMetrics, &|to| server_metrics::json(outcome, &server, &absent, to)),
        (Kind::ServerMetricsTable, &|to| server_metrics::csv(outcome, &server, to)),
        (Kind::ServerMetricsLines, &|to| copy(&server_lines, to)),
        (Kind::ServerMetricsColumns, &|to| server_metrics::columns(outcome, &server, &server_lines, to)),
        (Kind::GpuLines, &|to| copy(&gpu_lines, to)),
    ];
    for (kind, content) in contents {
        if let Err(e) = artifacts.write(kind, |to| content(to)) {
            artifacts.leave_out(kind, e);
        }
    }
    artifacts.commit()
}

fn copy(lines: &[File], to: &mut dyn io::Write) -> io::Result<()> {
    lines.iter().try_for_each(|mut file| {
        file.rewind()?;
        io::copy(&mut file, to).map(|_| ())
    })
}
