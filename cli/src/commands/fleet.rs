//! `ringload fleet`

use crate::exit::Exit;
use crate::flags::FleetCommand;
use crate::live::signals;
use crate::runner::fleet::{results, status, up};

/// Runs a fleet on this machine, or looks at one.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn fleet(command: &FleetCommand) -> anyhow::Result<Exit> {
    Ok(match command {
        FleetCommand::Up(args) => {
            signals::preparing();
            up(args)?
        }
        FleetCommand::Status(args) => status(args)?,
        FleetCommand::Results(args) => results(args)?,
    })
}
