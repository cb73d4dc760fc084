//! `ringload schema`: the JSON schema (2020-12) of every file that holds JSON, as `docs/schema` has it.

use crate::terminal::print;
use ringload_engine::{Error, Result};
use serde_json::Value;

/// Prints the schema of a file, or which there are.
///
/// # Errors
/// When there is no such schema.
pub(crate) fn schema(name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        return print(&list());
    };
    match find(name) {
        Some(text) => print(text),
        None => Err(Error::usage(
            format!("there is no schema {name}"),
            format!("name one of {}", SCHEMAS.map(|(name, _)| name).join(", ")),
        )),
    }
}

/// The schema of this name, or of the file of this name.
fn find(name: &str) -> Option<&'static str> {
    let stem = name.strip_suffix(".json").or_else(|| name.strip_suffix(".jsonl")).unwrap_or(name);
    // A file of lines may stand beside a document of the same stem.
    let lines = name.ends_with(".jsonl").then(|| format!("{stem}_lines"));
    let of = |wanted: &str| SCHEMAS.iter().find(|(known, _)| *known == wanted).map(|(_, text)| *text);
    lines.and_then(|lines| of(&lines)).or_else(|| of(stem))
}

/// A line a schema: its name, the file, what that holds.
fn list() -> String {
    let line = |(name, text): &(&str, &str)| {
        let schema: Value = serde_json::from_str(text).unwrap_or_default();
        let text = |field: &str| schema[field].as_str().unwrap_or_default().to_owned();
        let first = text("description");
        let first = first.split_once(". ").map_or(first.trim_end_matches('.'), |(first, _)| first);
        format!("{name:<34}{:<40}{first}\n", text("title"))
    };
    SCHEMAS.iter().map(line).collect()
}

macro_rules! schemas {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../docs/schema/", $name, ".schema.json")))),*]
    };
}

/// Name and text of each.
const SCHEMAS: [(&str, &str); 17] = schemas![
    "ringload_report",
    "ringload_campaign",
    "ringload_capacity",
    "ringload_comparison",
    "ringload_selftest",
    "calibration",
    "inputs",
    "profile_export",
    "profile_export_raw",
    "profile_export_aiperf",
    "profile_export_aiperf_timeslices",
    "profile_export_aiperf_aggregate",
    "profile_export_aiperf_sweep",
    "search_history",
    "server_metrics_export",
    "server_metrics_export_lines",
    "gpu_telemetry_export"
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_the_docs_is_in_the_binary_and_is_one() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema");
        let mut files: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let mut names = SCHEMAS.map(|(name, _)| format!("{name}.schema.json"));
        names.sort();
        assert_eq!(files, names);
        for (name, text) in SCHEMAS {
            let schema: Value = serde_json::from_str(text).unwrap();
            assert!(jsonschema::meta::is_valid(&schema), "{name}");
            assert!(schema["$id"].as_str().unwrap().ends_with(&format!("/{name}.schema.json")), "{name}");
        }
        let title = |name: &str| serde_json::from_str::<Value>(find(name).unwrap()).unwrap()["title"].clone();
        for file in ["server_metrics_export.json", "server_metrics_export.jsonl", "profile_export.jsonl"] {
            assert_eq!(title(file), file);
        }
        assert!(list().lines().all(|line| line.split_whitespace().count() > 3), "{}", list());
    }
}
