//! Reads what runs have left, and holds them against each other.

mod source;

use crate::flags::{CompareArgs, Format};
use crate::result::comparison::{Changed, Comparison, Curves, Pair};
use crate::runner::others;
use crate::runner::record_lines::observed;
use ringload_engine::comparison::{Estimate, Limit, Observed, compare, curve, figures, of_repeats};
use ringload_engine::files::{regular, small};
use ringload_engine::plan::metric;
use ringload_engine::verdict::Status;
use ringload_engine::{Error, Result};
use serde_json::Value;
use source::{Source, source_of};
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
        let read = |(i, path): (usize, &PathBuf)| {
            let left = Left::read(path)?;
            let figures = left.figures(u64::from(i > 0));
            Ok((left, figures))
        };
        let reading: Vec<_> = paths.into_iter().enumerate().map(|place| scope.spawn(move || read(place))).collect();
        let ended =
            reading.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Error::bug("a reader panicked"))));
        ended.collect::<Result<Vec<_>>>()
    })?;
    let (base, estimates) = runs.remove(0);
    let pair = |(new, theirs): &(Left, Vec<Estimate>)| {
        let differences = compare(&estimates, theirs, args.confidence);
        let held = limits.iter().map(|limit| (limit.clone(), limit.judge(&differences))).collect();
        Pair {
            name: new.name.clone(),
            requests: new.requests(),
            verdict: new.verdict.clone(),
            changed: base.changed(new),
            notes: notes(&base, new, &estimates, theirs),
            differences,
            held,
        }
    };
    let all: Vec<&Left> = std::iter::once(&base).chain(runs.iter().map(|(left, _)| left)).collect();
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
        let values = left.values(tag);
        (!values.is_empty()).then(|| (left.name.clone(), curve(&values)))
    };
    let tags = runs.iter().take(1).flat_map(|base| &base.observed[0].metrics);
    tags.map(|(tag, ..)| {
        let name = metric::find(tag).map_or(tag.as_str(), |info| info.header);
        Curves { name: name.to_owned(), runs: runs.iter().filter_map(|left| of(left, tag)).collect() }
    })
    .collect()
}

/// What a run has left.
struct Left {
    name: String,
    /// Who made the run.
    tool: &'static str,
    /// Its requests; of repeats those of each.
    observed: Vec<Observed>,
    /// What is said of it beside its requests.
    figures: Vec<Estimate>,
    /// `VALID` …; of ringload's runs. Of repeats the worst.
    verdict: Option<String>,
    /// Plan and machine, by the path of each fact.
    facts: Vec<(String, String)>,
    /// What of the plan every tool has, under the same names.
    common: Vec<(String, String)>,
    /// What cannot be compared, or means something else.
    notes: Vec<String>,
}

impl Left {
    fn read(path: &Path) -> Result<Self> {
        match source_of(path)? {
            Source::Lines(lines) => Self::of_lines(path, &lines),
            Source::Repeats(all) => Self::of_repeats(path, &all),
            Source::Document(document, number) => Self::of_document(path, &document, number),
        }
    }

    /// Of ringload or AIPerf: a line for each request, with what lies beside them.
    fn of_lines(path: &Path, lines: &Path) -> Result<Self> {
        let dir = lines.parent().unwrap_or(Path::new("."));
        let observed = observed(lines)?;
        let report = document(dir, "ringload_report.json");
        let summary = document(dir, "profile_export_aiperf.json");
        let (mut facts, mut common) = (Vec::new(), Vec::new());
        // AIPerf's file has the plan of both tools under the same names.
        if let Some(config) = summary.as_ref().and_then(|s| s.get("input_config")) {
            flatten("", config, &mut facts);
            common = common_facts(config);
        }
        for part in ["ringload_version", "host"] {
            if let Some(value) = report.as_ref().and_then(|r| r.get(part)) {
                flatten(part, value, &mut facts);
            }
        }
        let verdict = report.as_ref().and_then(|r| r.pointer("/verdict/status")?.as_str());
        let theirs = summary.as_ref().is_some_and(|s| s.get("aiperf_version").is_some());
        Ok(Self {
            name: path.display().to_string(),
            tool: if theirs { "AIPerf" } else { "ringload" },
            observed: vec![observed],
            figures: Vec::new(),
            verdict: verdict.map(str::to_owned),
            facts,
            common,
            notes: Vec::new(),
        })
    }

    /// Of the same plan several times: facts are those of the first.
    fn of_repeats(path: &Path, all: &[PathBuf]) -> Result<Self> {
        let mut runs = all.iter().map(|lines| Self::of_lines(path, lines)).collect::<Result<Vec<_>>>()?;
        let others = runs.split_off(1);
        let mut left = runs.remove(0);
        for other in others {
            left.observed.extend(other.observed);
            left.verdict = worse(left.verdict.take(), other.verdict);
        }
        left.notes.push(format!(
            "{} runs: figures are means over them, and intervals as wide as the runs lie apart",
            left.observed.len()
        ));
        Ok(left)
    }

    /// Of any tool, in one document.
    fn of_document(path: &Path, document: &Path, number: Option<usize>) -> Result<Self> {
        let bytes = small(document, MOST_BYTES).map_err(|e| {
            Error::environment(
                format!("{}: {e}", document.display()),
                "name a file that this user may read, of at most 4 GiB",
            )
        })?;
        let foreign = others::read(&bytes, document, number)?;
        let (mut facts, mut common) = (foreign.facts.clone(), foreign.facts);
        if let Some(config) = &foreign.config {
            flatten("", config, &mut facts);
            common.extend(common_facts(config));
        }
        Ok(Self {
            name: path.display().to_string(),
            tool: foreign.tool,
            observed: vec![foreign.observed],
            figures: foreign.figures,
            verdict: None,
            facts,
            common,
            notes: foreign.notes,
        })
    }

    fn requests(&self) -> u64 {
        let of = |run: &Observed| {
            let of_metrics = run.metrics.iter().map(|(.., values)| values.len()).max().unwrap_or(0);
            run.ends.len().max(of_metrics) as u64
        };
        self.observed.iter().map(of).sum()
    }

    /// The values of a metric, of all requests.
    fn values(&self, tag: &str) -> Vec<f64> {
        let metrics = self.observed.iter().flat_map(|run| &run.metrics);
        metrics.filter(|(other, ..)| other == tag).flat_map(|(.., values)| values).copied().collect()
    }

    /// Its figures; those that its requests do not show without an error.
    fn figures(&self, seed: u64) -> Vec<Estimate> {
        let of_runs: Vec<_> = self.observed.iter().map(|run| figures(run, seed)).collect();
        let mut found = of_repeats(&of_runs);
        for figure in &self.figures {
            if !found.iter().any(|one| (&one.tag, one.statistic) == (&figure.tag, figure.statistic)) {
                found.push(figure.clone());
            }
        }
        found
    }

    /// What differs of plan and machine. Two tools name their settings each in its own way: of these what all have.
    fn changed(&self, new: &Self) -> Vec<Changed> {
        if self.has_facts_as(new) {
            return changed(&self.facts, &new.facts);
        }
        let with_tool = |left: &Self| {
            let mut facts = left.common.clone();
            facts.push(("tool".into(), left.tool.into()));
            facts
        };
        let both = |change: &Changed| change.base.is_some() && change.new.is_some();
        changed(&with_tool(self), &with_tool(new)).into_iter().filter(both).collect()
    }

    fn has_facts_as(&self, new: &Self) -> bool {
        let config = |left: &Self| matches!(left.tool, "ringload" | "AIPerf");
        self.tool == new.tool || config(self) && config(new)
    }
}

/// The worse of two verdicts.
fn worse(one: Option<String>, other: Option<String>) -> Option<String> {
    let rank = |verdict: &Option<String>| {
        let word = verdict.as_deref().unwrap_or_default();
        [Status::Valid, Status::Suspect, Status::Invalid, Status::Failed].iter().position(|s| s.word() == word)
    };
    if rank(&one) < rank(&other) { other } else { one }
}

/// What of two runs cannot be compared.
fn notes(base: &Left, new: &Left, figures: &[Estimate], theirs: &[Estimate]) -> Vec<String> {
    let mut notes = Vec::new();
    let of_both = |note: &String| base.tool == new.tool && base.notes.contains(note) && new.notes.contains(note);
    for note in &base.notes {
        let which = if of_both(note) { "both" } else { "base" };
        notes.push(format!("{which} ({}): {note}", base.tool));
    }
    for note in new.notes.iter().filter(|note| !of_both(note)) {
        notes.push(format!("new ({}): {note}", new.tool));
    }
    let missing = |of: &[Estimate], there: &[Estimate]| -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for one in there.iter().filter(|one| !of.iter().any(|other| other.tag == one.tag)) {
            if !tags.contains(&one.tag) {
                tags.push(one.tag.clone());
            }
        }
        tags
    };
    for (which, tags) in [("base", missing(figures, theirs)), ("new run", missing(theirs, figures))] {
        if !tags.is_empty() {
            notes.push(format!("the {which} does not have {}", tags.join(", ")));
        }
    }
    let tested = |of: &[Estimate]| of.iter().any(|figure| figure.error.is_some());
    if base.observed.len() == 1 && new.observed.len() == 1 && tested(figures) && tested(theirs) {
        notes.push(ONE_RUN_A_SIDE.into());
    }
    if base.tool != new.tool && !base.has_facts_as(new) {
        notes.push(format!(
            "{} and {} measure each in its own way: a difference may be one of the tools; their settings are compared as far as both have them",
            base.tool, new.tool
        ));
    }
    notes
}

/// What every tool has of a plan, from AIPerf's configuration.
fn common_facts(config: &Value) -> Vec<(String, String)> {
    let phase = config.get("phases").and_then(|phases| phases.as_array()?.last());
    let of = |value: Option<&Value>| match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let phase_fact = |name: &str| of(phase.and_then(|phase| phase.get(name)));
    let facts = [
        ("model", of(config.pointer("/models/items/0/name"))),
        ("concurrency", phase_fact("concurrency")),
        ("request_rate", phase_fact("rate")),
        ("requests", phase_fact("requests")),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
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

/// What the intervals of two single runs do not hold.
const ONE_RUN_A_SIDE: &str = "one run a side: the intervals have what varies within a run, not from run to run; repeat both (--num-profile-runs 5) before a small change is taken for one of the server";
/// Of a document of another tool, which may have the text of each answer.
const MOST_BYTES: u64 = 4 << 30;
const OF_THE_MOMENT: [&str; 7] = ["artifact", "cli_command", "benchmark_id", "host.start", "host.end", "load", "steal"];
const NAMES_OF_THE_MOMENT: [&str; 5] = ["watched_s", "uptime_s", "pid", "run_id", "available_bytes"];
