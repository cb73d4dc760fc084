//! The name of the artifact folder, as AIPerf makes it.

use ringload_engine::plan::{Load, Plan};
use ringload_engine::{Error, Result};
use std::path::{Path, PathBuf};

/// The folder that files go to: as given, or `artifacts/MODEL-openai-TYPE-LOAD`.
pub(crate) fn artifact_dir(given: Option<&Path>, plan: &Plan) -> PathBuf {
    given.map_or_else(|| Path::new("artifacts").join(name(plan)), Path::to_path_buf)
}

/// A base name for the exported files is a name, not a path.
///
/// # Errors
/// When it is a path.
pub(crate) fn check_prefix(prefix: Option<&str>) -> Result<Option<String>> {
    let Some(prefix) = prefix else {
        return Ok(None);
    };
    let base = SUFFIXES.iter().find_map(|s| prefix.strip_suffix(s)).unwrap_or(prefix);
    if base.is_empty() || base.contains(['/', '\\', '\0']) || base.starts_with('.') || base == "inputs" {
        return Err(Error::usage(
            format!("--profile-export-prefix `{prefix}` is not a base name, or that of another file"),
            "write a name such as run1, and the folder in --artifact-dir",
        ));
    }
    Ok(Some(base.to_owned()))
}

fn name(plan: &Plan) -> String {
    let first = plan.models.first().map_or("model", String::as_str).replace('/', "_");
    let model = if plan.models.len() > 1 { format!("{first}_multi") } else { first };
    let endpoint = plan.endpoint.name();
    let load = match &plan.profiling.load {
        Load::Closed { concurrency, .. } => format!("concurrency{concurrency}"),
        Load::Open { rate, cap, .. } => {
            let cap = cap.map(|cap| format!("concurrency{}-", cap.concurrency));
            // Of a rate that moves, the highest.
            let rate = rate.highest();
            format!("{}request_rate{rate:?}", cap.unwrap_or_default())
        }
        Load::Users { rate, users } => format!("user_centric-users{users}-qps{rate:?}"),
        Load::Fixed { .. } => "fixed_schedule".to_owned(),
    };
    format!("{model}-openai-{endpoint}-{load}")
}

/// Endings that may be written behind a base name, longest first.
const SUFFIXES: &[&str] = &["_timeslices.csv", "_timeslices.json", "_raw.jsonl", ".jsonl", ".json", ".csv"];
