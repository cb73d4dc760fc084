//! `ringload calibrate`

use crate::args::CalibrateArgs;
use crate::exit::Exit;
use crate::live::signals;
use crate::report;
use crate::runner::calibrate::calibration;
use crate::runner::calibration_steps::Bench;
use crate::runner::calibrations::Store;
use crate::runner::server::Demo;
use crate::terminal::{print, print_json, say};

/// Tries loads against the built-in server, and keeps what a request and an output event cost.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn calibrate(mut args: CalibrateArgs) -> anyhow::Result<Exit> {
    signals::preparing();
    Demo::aim_calibration(&mut args)?;
    let store = Store::open(args.profile.machine.calibration_file.as_deref())?;
    let bench = Bench::new(&args)?;
    let style = report::Style::of_stdout(&args.profile.output);
    let lines = !args.measure.json && !style.quiet;
    let Some(calibration) = calibration(&bench, lines)? else {
        say("interrupted: nothing was kept");
        return Ok(Exit::Interrupted);
    };
    let path = store.keep(calibration.clone())?;
    match args.measure.json {
        true => print_json(&calibration)?,
        false => print(&report::render_calibration(&calibration, bench.alone(), &path, style))?,
    }
    Ok(Exit::Done)
}
