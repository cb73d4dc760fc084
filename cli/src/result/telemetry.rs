//! What was read of the server and its GPUs while a run was under way.

use crate::flags::MetricsFormat;
use ringload_engine::telemetry::{Collector, GpuFigures, ServerFigures};
use std::fs::File;

/// What was read while a run was under way.
#[derive(Default)]
pub(crate) struct Scraped {
    /// Endpoints of the server that brought metrics.
    pub(crate) server: Vec<ScrapedEndpoint>,
    /// Exporters that answered.
    pub(crate) gpus: Vec<ScrapedEndpoint>,
    /// Endpoints that the user named and that brought nothing.
    pub(crate) absent: Vec<Absent>,
    /// Whether the endpoints tell of all servers under the load, as far as can be told.
    pub(crate) is_whole: bool,
    /// The files that are asked for.
    pub(crate) formats: Vec<MetricsFormat>,
    /// What the run of a log had written of them, where nothing is read.
    pub(crate) reported: Option<Reported>,
}

/// What a run has written of its server and GPUs into its report.
#[derive(Debug)]
pub(crate) struct Reported {
    /// Of the server.
    pub(crate) server: Option<ServerFigures>,
    /// Of its GPUs.
    pub(crate) gpu: Option<GpuFigures>,
}

/// An endpoint that the user named and that brought nothing.
pub(crate) struct Absent {
    pub(crate) url: String,
    /// Why it brought nothing.
    pub(crate) why: String,
    /// Whether it was named as an exporter of GPUs.
    pub(crate) gpus: bool,
}

/// One endpoint.
pub(crate) struct ScrapedEndpoint {
    /// Its scrapes.
    pub(crate) collector: Collector,
    /// A line a scrape, where they were asked for: an unnamed file.
    pub(crate) lines: Option<File>,
}

/// What is left for the files when the figures are in the summary.
#[derive(Default)]
pub(crate) struct Collected {
    /// The scrapes of the server.
    pub(crate) server: Vec<Collector>,
    /// URLs that the user named for the server's metrics, and that brought none.
    pub(crate) absent: Vec<String>,
    /// Its lines.
    pub(crate) server_lines: Vec<File>,
    /// The lines of GPUs.
    pub(crate) gpu_lines: Vec<File>,
    /// The files that are asked for.
    pub(crate) formats: Vec<MetricsFormat>,
}
