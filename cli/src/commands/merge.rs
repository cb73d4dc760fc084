//! `ringload merge`

use crate::exit::Exit;
use crate::flags::ReportArgs;
use crate::live::signals;
use crate::runner::merge;

/// Makes one report of the logs of all members.
///
/// # Errors
/// When a log cannot be read, they are not of one run, or a file cannot be written.
pub(crate) fn merge(args: &ReportArgs) -> anyhow::Result<Exit> {
    signals::finishing();
    merge::merge(args)
}
