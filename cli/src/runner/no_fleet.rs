//! In the place of `fleet` in a build without that feature: no process is a member of a fleet.

use crate::exit::Exit;
use crate::flags::{FleetArgs, ResultsArgs, StatusArgs, UpArgs};
use crate::runner::role::Role;
use ringload_engine::{Error, Result};

/// Refuses a fleet.
///
/// # Errors
/// When the flags name one.
pub(crate) fn join(args: &FleetArgs) -> Result<Role> {
    args.check()?;
    match args.fleet {
        None => Ok(Role::Alone),
        Some(_) => Err(absent()),
    }
}

/// Refuses.
///
/// # Errors
/// Always.
pub(crate) fn up(_: &UpArgs) -> Result<Exit> {
    Err(absent())
}

/// Refuses.
///
/// # Errors
/// Always.
pub(crate) fn status(_: &StatusArgs) -> Result<Exit> {
    Err(absent())
}

/// Refuses.
///
/// # Errors
/// Always.
pub(crate) fn results(_: &ResultsArgs) -> Result<Exit> {
    Err(absent())
}

fn absent() -> Error {
    Error::usage("this ringload was built without fleets", "build it with the feature `fleet`")
}
