//! What `--check-output` does not go with.

use super::ProfileArgs;
use ringload_engine::plan::Plan;
use ringload_engine::{Error, Result};

impl ProfileArgs {
    /// Refuses to compare the responses of several runs, or of several processes.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] with the flag to drop.
    pub(crate) fn check_output(&self) -> Result<()> {
        if self.output.check_output.is_none() {
            return Ok(());
        }
        let against = [("several runs", self.has_several_runs()), ("--fleet", self.fleet.fleet.is_some())];
        match against.iter().find(|(_, given)| *given) {
            Some((what, _)) => Err(Error::usage(
                format!("--check-output with {what}: the responses of one run are compared, in one process"),
                "drop --check-output, or run once",
            )),
            None => Ok(()),
        }
    }
}

/// Refuses a plan whose responses cannot be compared.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] with the flag to drop.
pub(crate) fn comparable(plan: &Plan) -> Result<()> {
    let begins_others = plan.prompts.replay.as_ref().is_some_and(|replay| replay.width > 1);
    let against = [
        ("conversations of several turns, whose later turns depend on the responses", !plan.prompts.turns.is_one()),
        ("conversations that begin others, which depend on the responses", begins_others),
        ("an endpoint whose responses have no text", !plan.endpoint.produces_tokens()),
    ];
    match against.iter().find(|(_, there)| *there) {
        Some((what, _)) => Err(Error::usage(format!("--check-output with {what}"), "drop --check-output")),
        None => Ok(()),
    }
}
