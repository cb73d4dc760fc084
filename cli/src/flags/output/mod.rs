//! What is shown and written: flags, checks, the time slices, and the names of folder and files.

#[cfg(test)]
mod tests;

use super::units::nanos;
use super::values;
use clap::{Args, ValueEnum};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::plan::{Limits, Load, Phase, Plan, Statistic};
use ringload_engine::{Error, Result};
use std::path::{Path, PathBuf};

/// What is shown and written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Live view on stderr: a screen with keys, one line, or nothing
    /// [default: dashboard on a terminal of 100 columns and 20 rows, else simple].
    #[arg(long, visible_alias = "ui-type", value_enum)]
    pub(crate) ui: Option<Ui>,

    /// Folder for the files [default: artifacts/MODEL-openai-TYPE-LOAD].
    #[arg(long, visible_alias = "output-artifact-dir", value_name = "DIR")]
    pub(crate) artifact_dir: Option<PathBuf>,

    /// Make files and folders readable by their user alone (0600, 0700); what stood there before keeps its mode.
    #[arg(long)]
    pub(crate) private: bool,

    /// Replace what stands in the folder from an earlier run, which is moved to `previous-N/` there otherwise.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// After SIGTERM, SIGINT or another signal that ends a run, end within so many seconds, results and exports
    /// included: what is in flight is awaited for what is left of them.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::seconds)]
    pub(crate) shutdown_grace: f64,

    /// Keep the log of records as `ringload_records.log`: `ringload report` makes report and files from it again.
    #[arg(long)]
    pub(crate) keep_records: bool,

    /// Base name of the exported files instead of `profile_export…`.
    #[arg(long, visible_alias = "profile-export-file", value_name = "NAME", value_parser = BaseName::parse)]
    pub(crate) profile_export_prefix: Option<BaseName>,

    /// `summary`, or `records` for a line per request as well, or `raw` for what was sent and answered too.
    #[arg(long, visible_alias = "profile-export-level", value_enum, default_value = "records")]
    pub(crate) export_level: ExportLevel,

    /// Send N prompts (20) one at a time first, twice each, with temperature 0 and a seed, then the load with the same
    /// prompts: how many of its responses differ is printed, and written to output_check.json.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20", value_parser = values::one_count)]
    pub(crate) check_output: Option<u32>,

    /// Length of the time slices in which the run is shown as well, from the first request on.
    #[arg(long, visible_alias = "timeslice-duration", value_name = "SECONDS", value_parser = values::slice)]
    pub(crate) slice_duration: Option<f64>,

    /// Print where the time of requests went: queue, DNS, TCP, TLS, send, wait, receive.
    #[arg(long, visible_alias = "show-trace-timing")]
    pub(crate) http_trace_metrics: bool,

    /// Add the instants of each request's connection, sending and receiving to profile_export.jsonl.
    #[arg(long)]
    pub(crate) export_http_trace: bool,

    /// Print the whole report, as in report.txt, and the plan before the run.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the headline alone.
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print the document of the run instead of the report: what ringload_report.json holds; of several runs
    /// ringload_campaign.json, of a search ringload_capacity.json.
    #[arg(long, conflicts_with_all = ["verbose", "quiet"])]
    pub(crate) json: bool,

    /// Percentiles on the first screen: up to five of 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9 and 99.99.
    #[arg(long, value_name = "LIST", default_value = "50,90,95,99", value_parser = Percentiles::parse)]
    pub(crate) percentiles: Percentiles,

    /// Print the plan as JSON (secrets redacted) and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Exit 0 where an invalid run would exit 4.
    #[arg(long)]
    pub(crate) allow_invalid: bool,

    /// Write what came of --fail-if, of the verdict and of its findings to this file, as JUnit XML: a suite for each
    /// run.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Print what failed, and findings worth a warning, as annotations of a pull request [default: github where
    /// GITHUB_ACTIONS is true, else none].
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub(crate) annotations: Option<Annotations>,

    /// AIPerf's, and always so here: nothing is plotted.
    #[arg(long, hide = true)]
    pub(crate) no_auto_plot: bool,
}

/// Percentiles by their names.
#[derive(Clone, Debug)]
pub(crate) struct Percentiles(pub(crate) Vec<Statistic>);

impl Default for Percentiles {
    fn default() -> Self {
        Self(vec![Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99])
    }
}

impl Percentiles {
    /// Reads `50,95,99.9`; a `p` before a number is understood.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let one = |part: &str| {
            let number = part.trim().trim_start_matches(['p', 'P']);
            let known =
                Statistic::named(&format!("p{number}")).filter(|_| number.starts_with(|c: char| c.is_ascii_digit()));
            known
                .ok_or_else(|| format!("`{}` is none of 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9 and 99.99", part.trim()))
        };
        let found: Vec<Statistic> = text.split(',').map(one).collect::<std::result::Result<_, _>>()?;
        match found.len() {
            0..=MOST_PERCENTILES => Ok(Self(found)),
            n => Err(format!(
                "{n} percentiles, and {MOST_PERCENTILES} fit on the screen: --verbose and the files have all"
            )),
        }
    }
}

/// Percentiles that fit beside mean and maximum in 80 columns.
const MOST_PERCENTILES: usize = 5;

/// The live view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ui {
    /// One line.
    Simple,
    /// Nothing.
    None,
    /// The run now and over time, with keys to stop it.
    Dashboard,
}

/// Whose annotations are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Annotations {
    /// Those of GitHub Actions.
    Github,
    /// None.
    None,
}

/// Which files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportLevel {
    /// The summaries.
    Summary,
    /// And a line for each request.
    Records,
    /// And what each request sent and was answered.
    Raw,
}

impl OutputArgs {
    /// Whether a line is printed on stdout for each run of several.
    pub(crate) fn prints_lines(&self) -> bool {
        !self.quiet && !self.json
    }

    /// The folder of a run: as given, or named after what the plan asks for.
    pub(crate) fn folder(&self, plan: &Plan) -> PathBuf {
        artifact_dir(self.artifact_dir.as_deref(), plan)
    }

    /// The base name of the files, where one is given.
    pub(crate) fn base_name(&self) -> Option<&str> {
        self.profile_export_prefix.as_ref().map(BaseName::as_str)
    }

    /// The length of the time slices, against how long the phase may last.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] when it is under a millisecond, longer than the run, or cuts more slices than
    /// are kept; or when something is to be written to a file that there is not.
    pub(super) fn plan(&self, profiling: &Phase) -> Result<Option<Nanos>> {
        let slice = slice(self.slice_duration, profiling)?;
        if self.export_http_trace && self.export_level == ExportLevel::Summary {
            return Err(Error::usage(
                "--export-http-trace with --export-level summary: there is no file of records to put it in",
                "write --export-level records, or drop it",
            ));
        }
        Ok(slice)
    }
}

fn slice(seconds: Option<f64>, profiling: &Phase) -> Result<Option<Nanos>> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let slice = nanos(seconds);
    if slice < MILLI {
        return Err(Error::usage(
            format!("--slice-duration {seconds}: no slice is shorter than a millisecond"),
            "write 0.001 or more seconds",
        ));
    }
    let limit = Limits::default().slices as u64;
    match profiling.duration {
        Some(duration) if slice > duration => Err(Error::usage(
            format!("--slice-duration {seconds} is longer than --benchmark-duration: there would be no complete slice"),
            format!("write a tenth of it, --slice-duration {}", duration as f64 / SECOND as f64 / 10.0),
        )),
        Some(duration) if duration.div_ceil(slice) > limit => Err(Error::usage(
            format!(
                "--slice-duration {seconds} cuts --benchmark-duration into {} slices, and {limit} are kept (limit `slices`)",
                duration.div_ceil(slice)
            ),
            format!("write --slice-duration {} or more", duration.div_ceil(limit) as f64 / SECOND as f64),
        )),
        _ => Ok(Some(slice)),
    }
}

/// The folder that files go to: as given, or `artifacts/MODEL-openai-TYPE-LOAD`.
pub(crate) fn artifact_dir(given: Option<&Path>, plan: &Plan) -> PathBuf {
    given.map_or_else(|| Path::new("artifacts").join(name(plan)), Path::to_path_buf)
}

/// A base name for the exported files: a name, not a path, and none that another file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseName(String);

impl BaseName {
    /// Reads a name, with or without the endings of the files.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let base = SUFFIXES.iter().find_map(|s| text.strip_suffix(s)).unwrap_or(text);
        if base.is_empty() || base.contains(['/', '\\', '\0']) || base.starts_with('.') || base == "inputs" {
            return Err("write a name such as run1, and the folder in --artifact-dir".into());
        }
        Ok(Self(base.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn name(plan: &Plan) -> String {
    let first = plan.models.first().map_or("model", String::as_str).replace('/', "_");
    let model = if plan.models.len() > 1 { format!("{first}_multi") } else { first };
    let endpoint = plan.endpoint.name();
    let load = match &plan.profiling.load {
        Load::Closed { concurrency, .. } => format!("concurrency{concurrency}"),
        Load::Open { rate, cap, .. } => {
            let cap = cap.map(|cap| format!("concurrency{}-", cap.concurrency));
            // Of a rate that moves, the highest.
            let rate = rate.highest();
            format!("{}request_rate{rate:?}", cap.unwrap_or_default())
        }
        Load::Users { rate, users } => format!("user_centric-users{users}-qps{rate:?}"),
        Load::Fixed { .. } => "fixed_schedule".to_owned(),
    };
    format!("{model}-openai-{endpoint}-{load}")
}

/// Endings that may be written behind a base name, longest first.
const SUFFIXES: &[&str] = &["_timeslices.csv", "_timeslices.json", "_raw.jsonl", ".jsonl", ".json", ".csv"];
