//! `ringload report`

use crate::exit::Exit;
use crate::flags::ReportArgs;
use crate::live::signals;
use crate::runner::reread;

/// Makes report and files of each log, or of those in each folder.
///
/// # Errors
/// When a log cannot be read, or a file cannot be written.
pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<Exit> {
    signals::finishing();
    let mut worst = Exit::Done;
    for log in reread::logs(&args.paths)? {
        let exit = reread::run(&log, args)?;
        if worst == Exit::Done {
            worst = exit;
        }
    }
    Ok(worst)
}
