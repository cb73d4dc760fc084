//! What is printed: a first screen with the headline last, or the whole report, the verdict first. Nothing is computed
//! here.

mod calibrate;
mod campaign;
mod capacity;
mod client;
pub(crate) mod compare;
mod confidence;
mod first_token;
mod fleet;
mod goodput;
mod head;
mod headline;
mod latency;
mod layout;
mod network;
mod phases;
mod picture;
mod requests;
mod screen;
mod selftest;
mod server;
mod slices;
mod table;
#[cfg(test)]
mod tests;
mod thresholds;
mod verdict;

pub(crate) use calibrate::{head as calibrate_head, render as render_calibration, step_line as calibrate_line};
pub(crate) use campaign::{AGAIN, progress_line, render as render_campaign, sweep_in_words};
pub(crate) use capacity::{
    doubt as capacity_doubt, found as capacity_found, head_line as capacity_head, probe_line as capacity_line,
    render as render_capacity,
};
pub(crate) use head::{endpoint as endpoint_words, phase as phase_words};
pub(crate) use layout::{count, percent, short, time};
pub(crate) use selftest::{Setting as SelftestSetting, render as render_selftest};

use crate::export::document;
use crate::flags::{OutputArgs, Percentiles};
use crate::result::run::{Outcome, RunOutput};
use crate::terminal::{columns, print_json, print_report};
use ringload_engine::Error;
use ringload_engine::plan::Statistic;
use ringload_engine::verdict::Status;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// How the report looks.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// Colour the verdict.
    pub(crate) colour: bool,
    /// The headline alone.
    pub(crate) quiet: bool,
    /// The whole report: every metric.
    pub(crate) verbose: bool,
    /// The table of phases.
    pub(crate) phases: bool,
    /// `ringload_report.json` in the place of the report.
    pub(crate) json: bool,
    /// Columns.
    pub(crate) width: usize,
    /// The percentiles of the first screen.
    pub(crate) percentiles: Vec<Statistic>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            colour: false,
            quiet: false,
            verbose: false,
            phases: false,
            json: false,
            width: layout::WIDTH,
            percentiles: Percentiles::default().0,
        }
    }
}

impl Style {
    /// Everything, in a file.
    pub(crate) fn of_file() -> Self {
        Self { verbose: true, phases: true, ..Self::default() }
    }

    /// As stdout and the flags have it.
    pub(crate) fn of_stdout(output: &OutputArgs) -> Self {
        Self {
            colour: has_colour(&io::stdout()),
            quiet: output.quiet,
            verbose: output.verbose > 0,
            phases: output.http_trace_metrics,
            json: output.json,
            width: columns(io::stdout()).clamp(layout::WIDTH, MOST_COLUMNS),
            percentiles: output.percentiles.0.clone(),
        }
    }
}

/// Whether colours are wanted on a stream: it is a terminal that has some, and `NO_COLOR` says nothing else.
pub(crate) fn has_colour(of: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    of.is_terminal() && !set("NO_COLOR") && !dumb
}

/// Prints what came of a run: the first screen, the whole report, or JSON.
///
/// # Errors
/// As [`crate::terminal::check_write`]; [`ringload_engine::Blame::Bug`] where the JSON cannot be made.
pub(crate) fn print_run(run: &RunOutput, output: &OutputArgs) -> Result<(), Error> {
    let style = Style::of_stdout(output);
    if style.json {
        return print_json(&document(&run.outcome).map_err(|e| Error::bug(e.to_string()))?);
    }
    print_report(&render(&run.outcome, &run.files, &style), style.colour)
}

/// The first screen, or the whole report and the headline.
pub(crate) fn render(outcome: &Outcome, files: &[PathBuf], style: &Style) -> String {
    // The table of phases is asked for by a flag of its own.
    if !style.verbose && !style.phases || style.quiet {
        return screen::screen(outcome, files, style);
    }
    whole(outcome, style) + &head::files(files) + "\n" + &headline::text(outcome, style.width)
}

/// The whole report, but for the files: `report.txt`.
pub(crate) fn whole(outcome: &Outcome, style: &Style) -> String {
    let mut text = verdict::section(&outcome.verdict, style.verbose);
    text += &thresholds::section(outcome);
    if outcome.verdict.status == Status::Failed && !style.verbose {
        return text;
    }
    text += &head::run(outcome);
    text += &requests::section(outcome);
    text += &latency::table(outcome, style.verbose);
    text += &server::section(outcome);
    text += &latency::service_and_response(outcome);
    text += &latency::tails(outcome, style.verbose);
    text += &confidence::section(outcome);
    text += &goodput::section(outcome);
    text += &goodput::tiers(outcome);
    text += &slices::section(outcome);
    text += &server::slices(outcome);
    text += &first_token::section(outcome);
    if style.phases {
        text += &phases::section(outcome);
    }
    text += &network::section(outcome);
    text += &server::gpus(outcome);
    text += &fleet::section(outcome);
    text + &client::section(outcome)
}

/// Columns that a wide terminal's screen is limited to.
const MOST_COLUMNS: usize = 120;
