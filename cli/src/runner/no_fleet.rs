//! In the place of `fleet` in a build without that feature: no process is a member of a fleet.

use crate::exit::Exit;
use crate::flags::{FleetArgs, ProfileArgs, StatusArgs, UpArgs};
use crate::result::log_head::MemberHead;
use ringload_engine::plan::Plan;
use ringload_engine::run::{Control, Finished, Gate};
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

/// What a process is.
#[expect(dead_code, reason = "what matches a role is written once, for builds with fleets too")]
pub(crate) enum Role {
    /// No member of a fleet.
    Alone,
    /// Never.
    Leads(Arc<Leader>),
    /// Never.
    Follows(Follower),
    /// Never.
    Late(Exit),
}

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

fn absent() -> Error {
    Error::usage("this ringload was built without fleets", "build it with the feature `fleet`")
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

/// There is none.
pub(crate) struct Leader(Infallible);

/// There is none.
pub(crate) struct Follower(Infallible);

/// There is none.
pub(crate) struct Shared {
    /// A share.
    pub(crate) plan: Plan,
}

/// There are none.
pub(crate) struct Reports(Infallible);

impl Drop for Reports {
    fn drop(&mut self) {
        match self.0 {}
    }
}

impl Leader {
    pub(crate) fn announce(&self, _: u64, _: &[&Plan], _: bool) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn share(&self, _: &Plan, _: &Workload) -> Result<Shared> {
        match self.0 {}
    }

    pub(crate) fn others(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn head(&self) -> MemberHead {
        match self.0 {}
    }

    pub(crate) fn begin(&self, _: &Shared, _: &Arc<Control>, _: &[usize]) -> (Gate, Reports) {
        match self.0 {}
    }

    pub(crate) fn merge(&self, _: Shared, _: Finished, _: &Workload, _: &Path) -> Result<Finished> {
        match self.0 {}
    }

    pub(crate) fn over(&self, _: Exit) {
        match self.0 {}
    }
}

impl Follower {
    pub(crate) fn follow(
        self,
        _: &ProfileArgs,
        _: impl FnOnce(u64) -> anyhow::Result<Vec<Plan>>,
    ) -> anyhow::Result<Exit> {
        match self.0 {}
    }
}
