//! `ringload selftest`

use crate::exit::Exit;
use crate::flags::SelftestArgs;
use crate::live::signals;
use crate::live::steps::Steps;
use crate::report::{self, SelftestSetting};
use crate::runner::calibration_steps::StepRunner;
use crate::runner::calibrations::CalibrationStore;
use crate::runner::selftest::selftest as test;
use crate::runner::server::DemoServer;
use crate::terminal::{eprint_line, print, print_json};

/// Holds what ringload says against the built-in server's own notes, finds what this machine can drive, and says
/// whether that is what was asked about. What it found of a core is kept, as by `ringload calibrate`.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn selftest(mut args: SelftestArgs) -> anyhow::Result<Exit> {
    signals::preparing();
    args.calibrate.profile.fleet.refuse("selftest")?;
    let streams = args.fill_in();
    DemoServer::fill_in_calibration(&mut args.calibrate)?;
    let output = &args.calibrate.profile.output;
    let store = CalibrationStore::open(args.calibrate.profile.machine.calibration_file.as_deref())?;
    let runner = StepRunner::new(&args.calibrate)?;
    let style = report::Style::of_stdout(output);
    let mut steps = Steps::start(output);
    let found = test(&runner, streams, args.drive.tokens_per_second, &mut |what| steps.tell(what));
    drop(steps);
    let Some(found) = found? else {
        eprint_line("interrupted: nothing was kept");
        return Ok(Exit::Interrupted);
    };
    let path = found.calibration.clone().map(|calibration| store.keep(calibration)).transpose()?;
    let setting = SelftestSetting {
        core: runner.core(),
        streams: runner.in_flight(),
        alone: runner.alone(),
        path: path.as_deref(),
    };
    match style.json {
        true => print_json(&found)?,
        false => print(&report::render_selftest(&found, &setting, &style))?,
    }
    Ok(if found.passed() { Exit::Done } else { Exit::Failed })
}
