//! The cells of a campaign: a plan each, a name each, and a folder each.

use crate::flags::environment::Environment;
use crate::flags::{CampaignArgs, OutputArgs, ProfileArgs, artifact_dir};
use crate::flags::{plan, variants};
use crate::runner::environment::environment;
use ringload_engine::Result;
use ringload_engine::plan::Plan;
use std::path::{Path, PathBuf};

/// One cell.
pub(crate) struct Planned {
    /// How it is called in files and tables.
    pub(crate) label: String,
    /// Name of its folder.
    pub(crate) folder: String,
    /// Flag and value of each axis.
    pub(crate) values: Vec<(String, String)>,
    /// What is shown and written of each run.
    pub(crate) output: OutputArgs,
    /// What is asked in its first run.
    pub(crate) plan: Plan,
}

/// Every cell of the flags, one where nothing is swept; and what was chosen for the user.
///
/// # Errors
/// When a cell cannot be run, with what to write instead.
pub(crate) fn plan(args: &ProfileArgs) -> Result<(Vec<Planned>, Vec<String>)> {
    let environment = environment();
    let mut notes = Vec::new();
    if args.cells.is_empty() {
        let cell = cell("base".into(), Vec::new(), args, &environment, &mut notes)?;
        return Ok((vec![cell], notes));
    }
    let mut cells: Vec<Planned> = Vec::new();
    for given in &args.cells {
        let label = given.name.clone().unwrap_or_else(|| label(&given.values));
        let mut own = Vec::new();
        let mut cell = cell(label, given.values.clone(), &given.args, &environment, &mut own)?;
        if cells.is_empty() {
            notes = own;
        }
        if cells.iter().any(|other| other.folder == cell.folder) {
            cell.folder = format!("{}_{}", cell.folder, cells.len());
        }
        cell.plan = variants::sweep_point(cell.plan, cells.len(), args.campaign.parameter_sweep_same_seed);
        cells.push(cell);
    }
    Ok((cells, notes))
}

fn cell(
    label: String,
    values: Vec<(String, String)>,
    args: &ProfileArgs,
    environment: &Environment,
    notes: &mut Vec<String>,
) -> Result<Planned> {
    let plan::Planned { plan, notes: own } = plan::plan(args, environment)?;
    notes.extend(own);
    let plan = variants::prewarmed(plan);
    Ok(Planned { folder: folder_name(&label), label, values, output: args.output.clone(), plan })
}

impl Planned {
    /// What is asked in one of its runs.
    pub(crate) fn plan_of(&self, trial: usize, args: &CampaignArgs) -> Plan {
        variants::repeat(&self.plan, trial, args)
    }
}

/// `concurrency=8 isl=128`
fn label(values: &[(String, String)]) -> String {
    let pairs: Vec<String> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(" ")
}

/// `concurrency_8__isl_128`
fn folder_name(label: &str) -> String {
    label
        .replace(' ', "__")
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        })
        .collect()
}

/// The folder of the whole campaign: as given, or AIPerf's name for the base run with what is swept in it.
pub(crate) fn folder(args: &ProfileArgs, cells: &[Planned]) -> PathBuf {
    let first = artifact_dir(args.output.artifact_dir.as_deref(), &cells[0].plan);
    if args.output.artifact_dir.is_some() || cells.len() == 1 {
        return first;
    }
    let axes: Vec<&str> = cells[0].values.iter().map(|(flag, _)| flag.as_str()).collect();
    let name = first.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Path::new("artifacts").join(format!("{name}-sweep-{}", axes.join("-")))
}
