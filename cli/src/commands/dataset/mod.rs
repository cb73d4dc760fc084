//! `ringload dataset`: what a file of requests is, and the same in another format.

mod convert;
mod inspect;
mod layout;

pub(crate) use layout::analyze;

use crate::exit::Exit;
use crate::flags::DatasetCommand;

/// Does it.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn run(command: DatasetCommand) -> anyhow::Result<Exit> {
    match command {
        DatasetCommand::Inspect { file, show } => inspect::inspect(&file, show)?,
        DatasetCommand::Convert { file, to, output } => convert::convert(&file, to, &output)?,
    }
    Ok(Exit::Done)
}
