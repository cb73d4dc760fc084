//! `ringload calibrate`

use crate::exit::Exit;
use crate::flags::CalibrateArgs;
use crate::live::signals;
use crate::live::steps::Steps;
use crate::report;
use crate::runner::calibrate::{StepEvent, calibration};
use crate::runner::calibration_steps::StepRunner;
use crate::runner::calibrations::CalibrationStore;
use crate::runner::server::DemoServer;
use crate::terminal::{eprint_line, print, print_json};

/// Tries loads against the built-in server, and keeps what a request and an output event cost.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn calibrate(mut args: CalibrateArgs) -> anyhow::Result<Exit> {
    signals::preparing();
    args.profile.fleet.refuse("calibrate")?;
    DemoServer::fill_in_calibration(&mut args)?;
    let store = CalibrationStore::open(args.profile.machine.calibration_file.as_deref())?;
    let runner = StepRunner::new(&args)?;
    let style = report::Style::of_stdout(&args.profile.output);
    let lines = args.profile.output.prints_lines();
    if lines {
        print(&report::calibrate_head(runner.core(), runner.in_flight(), runner.alone()))?;
    }
    let mut steps = Steps::start(&args.profile.output);
    let found = calibration(&runner, &mut |load| {
        match load {
            StepEvent::Begins(kind) => steps.tell(kind),
            StepEvent::Over(step) if lines => steps.print(&report::calibrate_line(step))?,
            StepEvent::Over(_) => {}
        }
        Ok(())
    });
    drop(steps);
    let Some(calibration) = found? else {
        eprint_line("interrupted: nothing was kept");
        return Ok(Exit::Interrupted);
    };
    let path = store.keep(calibration.clone())?;
    match style.json {
        true => print_json(&calibration)?,
        false => print(&report::render_calibration(&calibration, runner.alone(), &path, &style))?,
    }
    Ok(Exit::Done)
}
