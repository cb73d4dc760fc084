//! Reads what runs have left, and holds them against each other.

use crate::flags::{CompareArgs, Format};
use crate::result::comparison::{Changed, Comparison, Curves, Pair};
use crate::runner::record_lines::observed;
use ringload_engine::comparison::{Limit, Observed, compare, curve, figures};
use ringload_engine::files::regular;
use ringload_engine::plan::metric;
use ringload_engine::{Error, Result};
use serde_json::Value;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::thread;

/// Compares each new run with the base.
///
/// # Errors
/// When a folder has no records of requests, or a condition is none.
pub(crate) fn comparison(args: &CompareArgs) -> Result<Comparison> {
    let limits = args.fail_if.iter().map(|text| Limit::parse(text)).collect::<Result<Vec<_>>>()?;
    let paths: Vec<&PathBuf> = std::iter::once(&args.base).chain(&args.new).collect();
    let mut runs = thread::scope(|scope| {
        let reading: Vec<_> = paths.iter().map(|path| scope.spawn(|| Left::read(path))).collect();
        let ended =
            reading.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Error::bug("a reader panicked"))));
        ended.collect::<Result<Vec<_>>>()
    })?;
    let base = runs.remove(0);
    let estimates = figures(&base.observed, 0);
    let pair = |new: &Left| {
        let differences = compare(&estimates, &figures(&new.observed, 1), args.confidence);
        let held = limits.iter().map(|limit| (limit.clone(), limit.judge(&differences))).collect();
        Pair {
            name: new.name.clone(),
            requests: new.requests(),
            verdict: new.verdict.clone(),
            changed: changed(&base.facts, &new.facts),
            differences,
            held,
        }
    };
    let all: Vec<&Left> = std::iter::once(&base).chain(&runs).collect();
    Ok(Comparison {
        curves: if args.format == Format::Html { curves_of(&all) } else { Vec::new() },
        base: base.name.clone(),
        requests: base.requests(),
        verdict: base.verdict.clone(),
        confidence: args.confidence,
        pairs: runs.iter().map(pair).collect(),
    })
}

/// Of each metric of the base, the curve of every run that has it.
fn curves_of(runs: &[&Left]) -> Vec<Curves> {
    let of = |left: &Left, tag: &str| {
        let (.., values) = left.observed.metrics.iter().find(|(other, ..)| other == tag)?;
        Some((left.name.clone(), curve(values)))
    };
    let tags = runs.iter().take(1).flat_map(|base| &base.observed.metrics);
    tags.map(|(tag, ..)| {
        let name = metric::find(tag).map_or(tag.as_str(), |info| info.header);
        Curves { name: name.to_owned(), runs: runs.iter().filter_map(|left| of(left, tag)).collect() }
    })
    .collect()
}

/// What a run has left.
struct Left {
    name: String,
    observed: Observed,
    /// `VALID` …; of ringload's runs.
    verdict: Option<String>,
    /// Plan and machine, by the path of each fact.
    facts: Vec<(String, String)>,
}

impl Left {
    fn read(path: &Path) -> Result<Self> {
        let lines = records_of(path)?;
        let dir = lines.parent().unwrap_or(Path::new("."));
        let observed = observed(&lines)?;
        let report = document(dir, "ringload_report.json");
        let summary = document(dir, "profile_export_aiperf.json");
        let mut facts = Vec::new();
        // AIPerf's file has the plan of both tools under the same names.
        if let Some(config) = summary.as_ref().and_then(|s| s.get("input_config")) {
            flatten("", config, &mut facts);
        }
        for part in ["ringload_version", "host"] {
            if let Some(value) = report.as_ref().and_then(|r| r.get(part)) {
                flatten(part, value, &mut facts);
            }
        }
        let verdict = report.as_ref().and_then(|r| r.pointer("/verdict/status")?.as_str());
        Ok(Self { name: path.display().to_string(), observed, verdict: verdict.map(str::to_owned), facts })
    }

    fn requests(&self) -> u64 {
        self.observed.ends.len() as u64
    }
}

/// The records of the requests in a folder: AIPerf's file, or the only one of its kind.
fn records_of(path: &Path) -> Result<PathBuf> {
    let none = |what: String| {
        Error::usage(
            what,
            "name the --artifact-dir of a run of ringload or AIPerf that wrote a line for each request (--export-level records)",
        )
    };
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let usual = path.join("profile_export.jsonl");
    if usual.is_file() {
        return Ok(usual);
    }
    let entries = path.read_dir().map_err(|e| none(format!("{}: {e}", path.display())))?;
    let mut found =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "jsonl") && p.is_file());
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(none(format!("{}: there is no profile_export.jsonl in it", path.display()))),
    }
}

/// A document of a run, where it can be read.
fn document(dir: &Path, usual: &str) -> Option<Value> {
    let file = regular(&dir.join(usual), true).ok()?;
    serde_json::from_reader(BufReader::new(file)).ok()
}

/// Every fact of a document under its path.
fn flatten(path: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, facts)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(i, item)| flatten(&below(&i.to_string()), item, facts));
        }
        Value::String(text) => facts.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => facts.push((path.to_owned(), other.to_string())),
    }
}

/// Facts that differ, or that only one of the two has.
fn changed(base: &[(String, String)], new: &[(String, String)]) -> Vec<Changed> {
    let of =
        |facts: &[(String, String)], path: &str| facts.iter().find(|(p, _)| p == path).map(|(_, value)| value.clone());
    let mut paths: Vec<&String> =
        base.iter().chain(new).map(|(path, _)| path).filter(|path| !is_of_the_moment(path)).collect();
    paths.sort_unstable();
    paths.dedup();
    let change = |path: &String| {
        let (base, new) = (of(base, path), of(new, path));
        (base != new).then(|| Changed { what: path.clone(), base, new })
    };
    paths.into_iter().filter_map(change).collect()
}

/// What differs between any two runs: folders, readings of the machine at the time.
fn is_of_the_moment(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    OF_THE_MOMENT.iter().any(|part| path.contains(part)) || NAMES_OF_THE_MOMENT.contains(&name)
}

const OF_THE_MOMENT: [&str; 7] = ["artifact", "cli_command", "benchmark_id", "host.start", "host.end", "load", "steal"];
const NAMES_OF_THE_MOMENT: [&str; 5] = ["watched_s", "uptime_s", "pid", "run_id", "available_bytes"];
