//! The files that a run may leave, and their names.

use crate::flags::ReportFile;

/// A file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `profile_export_aiperf.json`
    Summary,
    /// `config.yaml`
    Config,
    /// `profile_export_aiperf.csv`
    Table,
    /// `profile_export.jsonl`
    Records,
    /// `profile_export_raw.jsonl`
    Raw,
    /// `inputs.json`
    Inputs,
    /// `ringload_report.json`
    Report,
    /// `report.txt`
    Text,
    /// `report.html`
    Page,
    /// `profile_export_aiperf_timeslices.json`
    Slices,
    /// `profile_export_aiperf_timeslices.csv`
    SliceTable,
    /// `server_metrics_export.json`
    ServerMetrics,
    /// `server_metrics_export.csv`
    ServerMetricsTable,
    /// `server_metrics_export.jsonl`
    ServerMetricsLines,
    /// `server_metrics_export.parquet`
    ServerMetricsColumns,
    /// `gpu_telemetry_export.jsonl`
    GpuLines,
}

/// Files that not every run leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionalFiles {
    /// A line for each request.
    pub(crate) records: bool,
    /// A line for what each request sent and was answered.
    pub(crate) raw: bool,
    /// The slices.
    pub(crate) slices: bool,
    /// What a run leaves that is made from its log: neither prompts nor a log of its own.
    pub(crate) again: bool,
    /// The log of records, for later.
    pub(crate) log: bool,
    /// What is read of the server and its GPUs, where there is any.
    pub(crate) scraped: bool,
    /// None but these.
    pub(crate) only: Option<Vec<Kind>>,
}

impl OptionalFiles {
    pub(super) fn has(&self, kind: Kind) -> bool {
        let meant = self.only.as_ref().is_none_or(|only| only.contains(&kind));
        let there = match kind {
            Kind::Records => self.records,
            Kind::Raw => self.raw,
            Kind::Slices | Kind::SliceTable => self.slices,
            Kind::Inputs => !self.again,
            kind if kind.is_scraped() => self.scraped,
            _ => true,
        };
        meant && there
    }
}

impl Kind {
    /// Those that a user means by a word.
    pub(crate) fn meant(by: ReportFile) -> &'static [Self] {
        match by {
            ReportFile::Page => &[Self::Page],
            ReportFile::Text => &[Self::Text],
            ReportFile::Report => &[Self::Report],
            ReportFile::Summary => &[Self::Summary, Self::Table],
            ReportFile::Records => &[Self::Records],
            ReportFile::Timeslices => &[Self::Slices, Self::SliceTable],
            ReportFile::Config => &[Self::Config],
        }
    }

    /// Whether it is made while a run is under way, of what its log does not have.
    pub(super) fn is_scraped(self) -> bool {
        matches!(
            self,
            Self::ServerMetrics
                | Self::ServerMetricsTable
                | Self::ServerMetricsLines
                | Self::ServerMetricsColumns
                | Self::GpuLines
        )
    }

    /// Every file that a run may leave.
    pub(super) const ALL: [Self; 16] = [
        Self::Summary,
        Self::Config,
        Self::Table,
        Self::Records,
        Self::Raw,
        Self::Inputs,
        Self::Report,
        Self::Text,
        Self::Page,
        Self::Slices,
        Self::SliceTable,
        Self::ServerMetrics,
        Self::ServerMetricsTable,
        Self::ServerMetricsLines,
        Self::ServerMetricsColumns,
        Self::GpuLines,
    ];

    /// The names of all files that a run may leave.
    pub(super) fn names(prefix: Option<&str>) -> impl Iterator<Item = String> {
        Self::ALL.into_iter().map(move |kind| kind.name(prefix))
    }

    pub(super) fn name(self, prefix: Option<&str>) -> String {
        match (self, prefix) {
            (Self::Slices, None) => "profile_export_aiperf_timeslices.json".into(),
            (Self::SliceTable, None) => "profile_export_aiperf_timeslices.csv".into(),
            (Self::Slices, Some(p)) => format!("{p}_timeslices.json"),
            (Self::SliceTable, Some(p)) => format!("{p}_timeslices.csv"),
            (Self::Summary, None) => "profile_export_aiperf.json".into(),
            (Self::Table, None) => "profile_export_aiperf.csv".into(),
            (Self::Records, None) => "profile_export.jsonl".into(),
            (Self::Config, None) => "config.yaml".into(),
            (Self::Config, Some(p)) => format!("{p}_config.yaml"),
            (Self::Raw, None) => "profile_export_raw.jsonl".into(),
            (Self::Raw, Some(p)) => format!("{p}_raw.jsonl"),
            (Self::Summary, Some(p)) => format!("{p}.json"),
            (Self::Table, Some(p)) => format!("{p}.csv"),
            (Self::Records, Some(p)) => format!("{p}.jsonl"),
            (Self::Inputs, _) => "inputs.json".into(),
            (Self::Report, None) => "ringload_report.json".into(),
            (Self::Report, Some(p)) => format!("{p}_ringload_report.json"),
            (Self::Text, None) => "report.txt".into(),
            (Self::Text, Some(p)) => format!("{p}_report.txt"),
            (Self::Page, None) => "report.html".into(),
            (Self::Page, Some(p)) => format!("{p}_report.html"),
            (Self::ServerMetrics, None) => "server_metrics_export.json".into(),
            (Self::ServerMetricsTable, None) => "server_metrics_export.csv".into(),
            (Self::ServerMetricsLines, None) => "server_metrics_export.jsonl".into(),
            (Self::ServerMetricsColumns, None) => "server_metrics_export.parquet".into(),
            (Self::GpuLines, None) => "gpu_telemetry_export.jsonl".into(),
            (Self::ServerMetrics, Some(p)) => format!("{p}_server_metrics.json"),
            (Self::ServerMetricsTable, Some(p)) => format!("{p}_server_metrics.csv"),
            (Self::ServerMetricsLines, Some(p)) => format!("{p}_server_metrics.jsonl"),
            (Self::ServerMetricsColumns, Some(p)) => format!("{p}_server_metrics.parquet"),
            (Self::GpuLines, Some(p)) => format!("{p}_gpu_telemetry.jsonl"),
        }
    }
}
