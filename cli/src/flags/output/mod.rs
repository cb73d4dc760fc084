//! Flags on what is shown and written.

pub(super) mod naming;
pub(super) mod slices;
#[cfg(test)]
mod tests;

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What is shown and written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Live view on stderr: `simple` (one line) or `none`; `dashboard` falls back to `simple`.
    #[arg(long, visible_alias = "ui-type", value_enum, default_value = "simple")]
    pub(crate) ui: Ui,

    /// Folder for the files [default: artifacts/MODEL-openai-TYPE-LOAD].
    #[arg(long, visible_alias = "output-artifact-dir", value_name = "DIR")]
    pub(crate) artifact_dir: Option<PathBuf>,

    /// Make files and folders readable by their user alone (0600, 0700); what stood there before keeps its mode.
    #[arg(long)]
    pub(crate) private: bool,

    /// Replace what stands in the folder from an earlier run, which is moved to `previous-N/` there otherwise.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// After SIGTERM, SIGINT or SIGHUP end within so many seconds, results included: what is in flight is awaited for
    /// what is left of them.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = super::values::seconds)]
    pub(crate) shutdown_grace: f64,

    /// Keep the log of records as `ringload_records.log`: `ringload report` makes report and files from it again.
    #[arg(long)]
    pub(crate) keep_records: bool,

    /// Base name of the exported files instead of `profile_export…`.
    #[arg(long, visible_alias = "profile-export-file", value_name = "NAME")]
    pub(crate) profile_export_prefix: Option<String>,

    /// `summary`, or `records` for a line per request as well.
    #[arg(long, visible_alias = "profile-export-level", value_enum, default_value = "records")]
    pub(crate) export_level: ExportLevel,

    /// Length of the time slices in which the run is shown as well, from the first request on.
    #[arg(long, visible_alias = "timeslice-duration", value_name = "SECONDS", value_parser = super::values::slice)]
    pub(crate) slice_duration: Option<f64>,

    /// Print where the time of requests went: queue, DNS, TCP, TLS, send, wait, receive.
    #[arg(long, visible_alias = "show-trace-timing")]
    pub(crate) http_trace_metrics: bool,

    /// Add the instants of each request's connection, sending and receiving to profile_export.jsonl.
    #[arg(long)]
    pub(crate) export_http_trace: bool,

    /// Print every metric, and the plan before the run.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the verdict alone.
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print the plan as JSON (secrets redacted) and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Exit 0 where an invalid run would exit 4.
    #[arg(long)]
    pub(crate) allow_invalid: bool,

    /// AIPerf's, and always so here: no GPU telemetry is collected.
    #[arg(long, hide = true)]
    pub(crate) no_gpu_telemetry: bool,

    /// AIPerf's, and always so here: no server metrics are collected.
    #[arg(long, hide = true)]
    pub(crate) no_server_metrics: bool,

    /// AIPerf's, and always so here: nothing is plotted.
    #[arg(long, hide = true)]
    pub(crate) no_auto_plot: bool,
}

/// The live view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ui {
    /// One line.
    Simple,
    /// Nothing.
    None,
    /// AIPerf's full screen; here as `simple`.
    #[value(hide = true)]
    Dashboard,
}

/// Which files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportLevel {
    /// The summaries.
    Summary,
    /// And a line for each request.
    Records,
}
