//! The report on stdout: the verdict first, then what it rests on. At most 80 columns; nothing is computed here.

mod calibrate;
mod campaign;
mod capacity;
mod client;
mod confidence;
mod goodput;
mod head;
mod latency;
mod layout;
mod network;
mod phases;
mod requests;
mod slices;
mod table;
#[cfg(test)]
mod tests;
mod thresholds;
mod verdict;

pub(crate) use calibrate::{head as calibrate_head, render as render_calibration, step_line as calibrate_line};
pub(crate) use campaign::{AGAIN, progress_line, render as render_campaign};
pub(crate) use capacity::{head_line as capacity_head, probe_line as capacity_line, render as render_capacity};

use crate::flags::OutputArgs;
use crate::result::run::{Outcome, RunOutput};
use crate::terminal::print_report;
use ringload_engine::Error;
use ringload_engine::verdict::Status;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// How the report looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Colour the verdict.
    pub(crate) colour: bool,
    /// The verdict alone.
    pub(crate) quiet: bool,
    /// Every metric.
    pub(crate) verbose: bool,
    /// The table of phases.
    pub(crate) phases: bool,
}

impl Style {
    /// As stdout and the flags have it.
    pub(crate) fn of_stdout(output: &OutputArgs) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Self {
            colour: io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
            quiet: output.quiet,
            verbose: output.verbose > 0,
            phases: output.http_trace_metrics,
        }
    }
}

/// Prints the report of a run.
///
/// # Errors
/// As [`crate::terminal::check_write`].
pub(crate) fn print_run(run: &RunOutput, output: &OutputArgs) -> Result<(), Error> {
    let style = Style::of_stdout(output);
    print_report(&render(&run.outcome, &run.files, style), style.colour)
}

/// The whole report.
pub(crate) fn render(outcome: &Outcome, files: &[PathBuf], style: Style) -> String {
    let mut text = verdict::section(&outcome.verdict, style.verbose);
    text += &thresholds::section(outcome);
    if style.quiet {
        return text;
    }
    if outcome.verdict.status == Status::Failed && !style.verbose {
        return text + &head::files(files);
    }
    text += &head::run(outcome);
    text += &requests::section(outcome);
    text += &latency::table(outcome, style.verbose);
    text += &latency::service_and_response(outcome);
    text += &latency::tails(outcome, style.verbose);
    text += &confidence::section(outcome);
    text += &goodput::section(outcome);
    text += &goodput::tiers(outcome);
    text += &slices::section(outcome);
    if style.phases {
        text += &phases::section(outcome);
    }
    text += &network::section(outcome);
    text += &client::section(outcome);
    text += &head::files(files);
    text
}
