//! The points of a campaign: a plan each, a name each, and a folder each.

use crate::flags::environment::Environment;
use crate::flags::plan;
use crate::flags::variants::{self, Repeat};
use crate::flags::{CampaignArgs, OutputArgs, ProfileArgs};
use ringload_engine::Result;
use ringload_engine::plan::Plan;
use std::path::{Path, PathBuf};

/// One point.
pub(crate) struct SweepPoint {
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

/// Every point of the flags, one where nothing is swept; and what was chosen for the user.
///
/// # Errors
/// When a point cannot be run, with what to write instead.
pub(crate) fn plan(args: &ProfileArgs, environment: &Environment) -> Result<(Vec<SweepPoint>, Vec<String>)> {
    let mut notes = Vec::new();
    if args.points.is_empty() {
        let point = point("base".into(), Vec::new(), args, environment, &mut notes)?;
        return Ok((vec![point], notes));
    }
    let mut points: Vec<SweepPoint> = Vec::new();
    for given in &args.points {
        let label = given.name.clone().unwrap_or_else(|| label(&given.values));
        let mut own = Vec::new();
        let mut point = point(label, given.values.clone(), &given.args, environment, &mut own)?;
        if points.is_empty() {
            notes = own;
        }
        if points.iter().any(|other| other.folder == point.folder) {
            point.folder = format!("{}_{}", point.folder, points.len());
        }
        let earlier = points.iter().map(|point| &point.plan);
        point.plan = variants::sweep_point(point.plan, args.campaign.parameter_sweep_same_seed, earlier);
        points.push(point);
    }
    Ok((points, notes))
}

/// A point of these values; and what was chosen for the user.
///
/// # Errors
/// As [`plan()`].
pub(crate) fn of_values(
    values: Vec<(String, String)>,
    args: &ProfileArgs,
    environment: &Environment,
    notes: &mut Vec<String>,
) -> Result<SweepPoint> {
    point(label(&values), values, args, environment, notes)
}

fn point(
    label: String,
    values: Vec<(String, String)>,
    args: &ProfileArgs,
    environment: &Environment,
    notes: &mut Vec<String>,
) -> Result<SweepPoint> {
    let plan::Planned { plan, notes: own } = plan::plan(args, environment)?;
    notes.extend(own);
    let plan = variants::prewarmed(plan);
    Ok(SweepPoint { folder: folder_name(&label), label, values, output: args.output.clone(), plan })
}

impl SweepPoint {
    /// What is asked in one of its runs.
    pub(crate) fn plan_of(&self, run: Repeat, args: &CampaignArgs) -> Plan {
        variants::repeat(&self.plan, run, args)
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

/// Points that the flags say.
pub(crate) const SWEEP: &str = "sweep";
/// Points that are chosen one after the other.
pub(crate) const SEARCH: &str = "search";

/// The folder of the whole campaign: as given, or AIPerf's name for the base run with what is swept in it.
/// `varied` says how its points came about, [`SWEEP`] or [`SEARCH`]; none where there is one point alone.
pub(crate) fn folder(args: &ProfileArgs, points: &[SweepPoint], varied: Option<&str>) -> PathBuf {
    let first = args.output.folder(&points[0].plan);
    let Some(varied) = varied.filter(|_| args.output.artifact_dir.is_none()) else { return first };
    let axes: Vec<&str> = points[0].values.iter().map(|(flag, _)| flag.as_str()).collect();
    let name = first.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // The load of a search's first point says nothing of the search.
    let name = name.rsplit_once('-').filter(|_| varied == SEARCH).map_or(&*name, |(name, _)| name);
    Path::new("artifacts").join(format!("{name}-{varied}-{}", axes.join("-")))
}
