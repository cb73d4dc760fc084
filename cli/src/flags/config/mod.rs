//! A configuration file in AIPerf's format (YAML, schema 2.0), or the plan of an earlier run → command lines, which are
//! then parsed like any other.

mod benchmark;
mod dataset;
pub(crate) mod files;
mod lengths;
mod phases;
mod reader;
mod searches;
mod substitute;
mod sweep;
#[cfg(test)]
mod tests;
mod words;
pub(crate) mod yaml;

use super::files as reading;
use super::parse::{id, ids};
use super::sweep::{self as lists, SweepPointLine};
use reader::{Reader, snake};
use ringload_engine::plan::Plan;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::Path;
use words::Words;

/// What a file of `--config` comes to.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// A command line for each run, and what is to be said of them.
    Lines(Vec<SweepPointLine>, Vec<String>),
    /// A plan, and the command line without the file.
    Plan(Box<Plan>, Vec<OsString>),
}

/// Reads the file that a command line of `profile` names; none where it names none. Flags of the line replace what the
/// file says.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn load(argv: &[OsString], profile: &clap::Command) -> Result<Option<Loaded>, String> {
    let (Some(file), rest) = without_file(argv)? else {
        return Ok(None);
    };
    let name = Path::new(&file).display().to_string();
    let text = reading::text(Path::new(&file), MOST_BYTES).map_err(|e| format!("--config {name}: {e}"))?;
    let within = |e: String| format!("--config {name}: {e}");
    if let Some(plan) = plan_of(&text).map_err(within)? {
        return Ok(Some(Loaded::Plan(Box::new(plan), rest)));
    }
    let variations = variations(&text, &|name| std::env::var(name).ok()).map_err(within)?;
    let given = ids(&rest[2.min(rest.len())..], profile);
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for variation in variations {
        let mut argv: Vec<OsString> = rest.iter().take(2).cloned().collect();
        for (flag, value) in variation.words.flags {
            if id(&flag, profile).is_some_and(|id| given.contains(&id)) {
                continue;
            }
            argv.push(match value {
                Some(value) => format!("--{flag}={value}").into(),
                None => format!("--{flag}").into(),
            });
        }
        argv.extend(rest.iter().skip(2).cloned());
        if notes.is_empty() {
            notes = variation.words.notes;
        }
        lines.push(SweepPointLine { name: variation.name, values: variation.values, argv });
    }
    match lines.as_slice() {
        [one] if one.values.is_empty() => {
            lines = lists::points(&one.argv, profile, lists::kind(&one.argv)).map_err(within)?;
        }
        _ if lists::points(&rest, profile, lists::kind(&rest)).is_ok_and(|points| points.len() > 1) => {
            return Err(within("it has a sweep, and the command line another: leave one of them out".into()));
        }
        _ => {}
    }
    Ok(Some(Loaded::Lines(lines, notes)))
}

/// One run of a file.
#[derive(Debug)]
pub(crate) struct Variation {
    /// Its name, where the file gives one.
    pub(crate) name: Option<String>,
    /// What is swept, and its value.
    pub(crate) values: Vec<(String, String)>,
    words: Words,
}

impl Variation {
    /// Its command line, as a shell takes it.
    pub(crate) fn command_line(&self) -> String {
        let quoted = |text: &str| match text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:,=%@+".contains(&b)) {
            true if !text.is_empty() => text.to_owned(),
            _ => format!("'{}'", text.replace('\'', r"'\''")),
        };
        let flags = self.words.flags.iter().map(|(flag, value)| match value {
            Some(value) => format!(" --{flag} {}", quoted(value)),
            None => format!(" --{flag}"),
        });
        format!("ringload profile{}", flags.collect::<String>())
    }
}

/// The runs of a configuration.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn variations(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Variation>, String> {
    let Value::Object(mut tree) = yaml::parse(text)? else {
        return Err("it is no mapping: `ringload config init` prints one".into());
    };
    let mut notes = Vec::new();
    nested(&mut tree, &mut notes);
    let mut tree = Value::Object(tree);
    substitute::environment(&mut tree, variable)?;
    let all = sweep::expand(tree)?;
    all.into_iter()
        .map(|(name, values, mut tree)| {
            substitute::jinja(&mut tree)?;
            let mut words = Words { notes: notes.clone(), ..Words::default() };
            envelope(tree, &mut words)?;
            Ok(Variation { name, values, words })
        })
        .collect()
}

/// Moves the keys of a flat file under `benchmark`; keys of the envelope are written in `snake_case`.
fn nested(tree: &mut Map<String, Value>, notes: &mut Vec<String>) {
    let all = std::mem::take(tree);
    let mut flat = Map::new();
    for (key, value) in all {
        let plain = snake(&key);
        match ENVELOPE.contains(&plain.as_str()) {
            true => tree.insert(plain, value),
            // An unknown key is one of the envelope, where there is one.
            false => flat.insert(plain, value),
        };
    }
    if tree.contains_key("benchmark") {
        tree.extend(flat);
    } else if !flat.is_empty() {
        notes.push("the keys of `benchmark` stand at the top of the file: write them under `benchmark:`".into());
        tree.insert("benchmark".into(), flat.into());
    }
}

/// The flags of a whole file, without its sweep.
fn envelope(tree: Value, words: &mut Words) -> Result<(), String> {
    let mut file = Reader::new(tree, "")?;
    match file.word("schema_version")?.as_deref() {
        None | Some("2.0" | "2") => {}
        Some(other) => return Err(format!("schemaVersion: {other} is not read: write \"2.0\"")),
    }
    let _ = file.take("variables");
    let benchmark = file.take("benchmark").ok_or("benchmark: is missing: it says what is run")?;
    benchmark::lower(benchmark, words)?;
    words.maybe("random-seed", file.word("random_seed")?);
    words.switch("no-sweep-table", file.truth("no_sweep_table")?);
    if file.take("plot").is_some() {
        words.note("plot", "report.html has the charts of every run");
    }
    if let Some(runs) = file.inner("multi_run")? {
        multi_run(runs, words)?;
    }
    if let Some(mut own) = file.inner("ringload")? {
        for (flag, value) in own.rest() {
            words.own(&flag, value)?;
        }
    }
    if let Some(sweep) = file.inner("sweep")? {
        sweep::order(sweep, words)?;
    }
    file.finish()
}

fn multi_run(mut runs: Reader, words: &mut Words) -> Result<(), String> {
    words.maybe("num-profile-runs", runs.word("num_runs")?);
    words.maybe("profile-run-cooldown-seconds", runs.seconds("cooldown_seconds")?);
    words.maybe("confidence-level", runs.word("confidence_level")?);
    words.switch("set-consistent-seed", runs.truth("set_consistent_seed")?);
    words.switch("vary-seed-per-trial", runs.truth("vary_seed_per_trial")?);
    let once = runs.truth("disable_warmup_after_first")?;
    words.switch("no-profile-run-disable-warmup-after-first", once.map(|once| !once));
    if let Some(mut convergence) = runs.inner("convergence")? {
        for (key, flag) in [
            ("metric", "convergence-metric"),
            ("stat", "convergence-stat"),
            ("mode", "convergence-mode"),
            ("threshold", "convergence-threshold"),
        ] {
            words.maybe(flag, convergence.word(key)?);
        }
        if convergence.take("min_runs").is_some() {
            words.note(&convergence.at("min_runs"), "nothing is said to have settled under three runs");
        }
        convergence.finish()?;
    }
    runs.finish()
}

/// The plan that a text holds, where it is the JSON of one or of a report.
fn plan_of(text: &str) -> Result<Option<Plan>, String> {
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let Ok(tree) = serde_json::from_str::<Value>(text) else {
        return Ok(None);
    };
    let plan = tree.get("plan").unwrap_or(&tree);
    if plan.get("targets").is_none() || plan.get("profiling").is_none() {
        return Ok(None);
    }
    serde_json::from_value(plan.clone()).map(Some).map_err(|e| format!("it is no plan of this version: {e}"))
}

/// The file of `--config` or `-f`, and the line without it.
fn without_file(argv: &[OsString]) -> Result<(Option<OsString>, Vec<OsString>), String> {
    let (mut file, mut rest) = (None, Vec::new());
    let mut words = argv.iter().cloned();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let inline = text.strip_prefix("--config=").or_else(|| text.strip_prefix("-f=")).map(OsString::from);
        let named = match inline {
            Some(inline) => Some(inline),
            None if text == "--config" || text == "-f" => {
                Some(words.next().ok_or("--config: the name of a file is missing")?)
            }
            None => None,
        };
        match named {
            Some(_) if file.is_some() => return Err("--config: two files: write one".into()),
            Some(named) => file = Some(named),
            None => rest.push(word),
        }
    }
    Ok((file, rest))
}

/// A configuration to begin with.
pub(crate) const TEMPLATE: &str = include_str!("template.yaml");

/// Keys of the envelope.
const ENVELOPE: [&str; 9] = [
    "schema_version",
    "benchmark",
    "sweep",
    "multi_run",
    "random_seed",
    "variables",
    "plot",
    "no_sweep_table",
    "ringload",
];
/// A larger file is no configuration.
const MOST_BYTES: u64 = 16 << 20;
