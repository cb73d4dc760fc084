//! What a run is judged by: objectives, tiers from a file, and conditions under which it has failed.

use super::LoadArgs;
use crate::flags::files;
use ringload_engine::plan::{Slo, Threshold, Tier};
use ringload_engine::{Error, Result};
use std::path::Path;

/// What a run is judged by.
pub(crate) struct Objectives {
    /// Those of `--goodput`.
    pub(crate) slos: Vec<Slo>,
    /// Those of `--slo-file`.
    pub(crate) tiers: Vec<Tier>,
    /// The conditions of `--fail-if`.
    pub(crate) thresholds: Vec<Threshold>,
    /// Whether those that the run cannot decide have failed.
    pub(crate) fail_if_undecided: bool,
}

impl LoadArgs {
    /// What the run is judged by; the file of tiers is read here.
    ///
    /// # Errors
    /// When an objective or the file cannot be read, or a condition is of goodput without objectives.
    pub(crate) fn objectives(&self) -> Result<Objectives> {
        let slos = Slo::parse_all(&self.goodput)?;
        let tiers = tiers(self.slo_file.as_deref())?;
        for threshold in &self.fail_if {
            threshold.check(!slos.is_empty(), &tiers)?;
        }
        Ok(Objectives { slos, tiers, thresholds: self.fail_if.clone(), fail_if_undecided: self.fail_if_undecided })
    }
}

impl Objectives {
    /// Every objective, of `--goodput` and of all tiers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Slo> {
        self.slos.iter().chain(self.tiers.iter().flat_map(|tier| &tier.slos))
    }
}

fn tiers(file: Option<&Path>) -> Result<Vec<Tier>> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let name = file.display();
    let text = files::text(file, MOST_BYTES)
        .map_err(|e| Error::usage(format!("--slo-file {name}: {e}"), "name a file of JSON that can be read"))?;
    Tier::parse_all(&text)
}

const MOST_BYTES: u64 = 1 << 20;
