//! `ringload report`: flags and what they ask of the output.

use super::{ExportLevel, OutputArgs, Percentiles, Ui};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which logs, and what comes out.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// Folders of runs that were killed or kept their records, or record logs.
    #[arg(required = true, value_name = "DIR_OR_LOG")]
    pub(crate) paths: Vec<PathBuf>,

    /// Folder for the files [default: the one that the log is in].
    #[arg(long, visible_alias = "output-artifact-dir", value_name = "DIR")]
    pub(crate) artifact_dir: Option<PathBuf>,

    /// Make these files alone; all others stay as they are, the log too.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FILES")]
    pub(crate) only: Vec<ReportFile>,

    /// Make files and folders readable by their user alone (0600, 0700).
    #[arg(long)]
    pub(crate) private: bool,

    /// Replace what stands in the folder from an earlier run, which is moved to `previous-N/` there otherwise.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print where the time of requests went: queue, DNS, TCP, TLS, send, wait, receive.
    #[arg(long)]
    pub(crate) http_trace_metrics: bool,

    /// Print the whole report, as in report.txt.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the headline alone.
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print what ringload_report.json holds instead of the report.
    #[arg(long, conflicts_with_all = ["verbose", "quiet"])]
    pub(crate) json: bool,

    /// Percentiles on the first screen: up to five of 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9 and 99.99.
    #[arg(long, value_name = "LIST", default_value = "50,90,95,99", value_parser = Percentiles::parse)]
    pub(crate) percentiles: Percentiles,

    /// Exit 0 where an invalid run would exit 4.
    #[arg(long)]
    pub(crate) allow_invalid: bool,

    /// File of the calibrations that runs are compared with
    /// [default: RINGLOAD_CALIBRATION, else ringload/calibration.json in XDG_CACHE_HOME or ~/.cache].
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration_file: Option<PathBuf>,
}

/// What is made of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFile {
    /// report.html.
    Page,
    /// report.txt.
    Text,
    /// ringload_report.json.
    Report,
    /// profile_export_aiperf.json and .csv.
    Summary,
    /// profile_export.jsonl, a line for each request.
    Records,
    /// profile_export_aiperf_timeslices.json and .csv, of a run with slices.
    Timeslices,
    /// config.yaml.
    Config,
}

impl ReportArgs {
    /// What is shown and written; `trace` where the run wrote the instants of each request.
    pub(crate) fn output(&self, trace: bool) -> OutputArgs {
        OutputArgs {
            ui: Some(Ui::None),
            artifact_dir: None,
            private: self.private,
            overwrite: self.overwrite,
            shutdown_grace: 0.0,
            keep_records: false,
            check_output: None,
            profile_export_prefix: None,
            export_level: ExportLevel::Records,
            slice_duration: None,
            http_trace_metrics: self.http_trace_metrics,
            export_http_trace: trace,
            verbose: self.verbose,
            quiet: self.quiet,
            json: self.json,
            percentiles: self.percentiles.clone(),
            dry_run: false,
            allow_invalid: self.allow_invalid,
            junit: None,
            annotations: None,
            no_auto_plot: true,
        }
    }
}
