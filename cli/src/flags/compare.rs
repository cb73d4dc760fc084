//! `ringload compare`: flags.

use super::values;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What is compared, and how it is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// Run that others are compared with: a folder of ringload or AIPerf with `profile_export.jsonl`, or a result in
    /// JSON of AIPerf, vllm bench serve, guidellm (`benchmarks.json#2` is its second) or inference-perf.
    #[arg(value_name = "BASE")]
    pub(crate) base: PathBuf,

    /// Runs that are compared with it, of the same or of another tool.
    #[arg(required = true, value_name = "NEW")]
    pub(crate) new: Vec<PathBuf>,

    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,

    /// Exit 1 where a figure has changed by more, as in `ttft.p99>+10%` or `rps<-5%`, and the runs show it.
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<String>,

    /// A condition that these runs cannot decide has failed.
    #[arg(long)]
    pub(crate) fail_if_undecided: bool,

    /// Confidence of all intervals of a comparison together.
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = values::open_share)]
    pub(crate) confidence: f64,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal.
    Text,
    /// Tables for a pull request.
    Markdown,
    /// Everything.
    Json,
    /// A page with the curves of all runs.
    Html,
}
