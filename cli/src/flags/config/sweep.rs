//! `sweep` → the trees of its variations.

use super::phases::kind;
use super::reader::{Reader, snake, word};
use super::searches;
use super::words::Words;
use serde_json::{Map, Value, json};

/// A variation: its name, what is swept and its value, and its tree.
pub(super) type One = (Option<String>, Vec<(String, String)>, Value);

/// The variations of a tree; one where nothing is swept.
///
/// # Errors
/// What is wrong with the sweep.
pub(super) fn expand(mut tree: Value) -> Result<Vec<One>, String> {
    if let Some(benchmark) = tree.get_mut("benchmark") {
        long_form(benchmark);
    }
    let sweep = tree.get("sweep").cloned().filter(|sweep| !sweep.is_null());
    let mut axes = lists_of_phases(&tree);
    let Some(sweep) = sweep else {
        return if axes.is_empty() { Ok(vec![(None, Vec::new(), tree)]) } else { grid(&tree, &axes) };
    };
    let field = |key: &str| sweep.as_object()?.iter().find(|(k, _)| snake(k) == key).map(|(_, v)| v.clone());
    let kind = field("type").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_else(|| "grid".into());
    match kind.as_str() {
        "grid" | "zip" => {
            let parameters = field("parameters").ok_or("sweep.parameters: is missing")?;
            let map = parameters.as_object().ok_or("sweep.parameters: write a mapping of paths to lists")?;
            for (path, values) in map {
                let list = values.as_array().filter(|list| !list.is_empty());
                let list = list.ok_or_else(|| format!("sweep.parameters.{path}: write a list of values"))?;
                axes.push((path.clone(), list.clone()));
            }
            axes.sort_by(|a, b| a.0.cmp(&b.0));
            if kind == "grid" { grid(&tree, &axes) } else { zip(&tree, &axes) }
        }
        // Its points are chosen one after the other.
        "adaptive_search" if axes.is_empty() => Ok(vec![(None, Vec::new(), tree)]),
        "scenarios" => scenarios(&tree, &field("runs").ok_or("sweep.runs: is missing")?),
        other => Err(format!(
            "sweep.type: {other} is not done: write grid, zip, scenarios or adaptive_search; `ringload capacity` searches for a load"
        )),
    }
}

/// What of a sweep is said by flags; the rest was expanded.
///
/// # Errors
/// A key or a value that is none.
pub(super) fn order(mut sweep: Reader, words: &mut Words) -> Result<(), String> {
    let kind = sweep.word("type")?;
    let _ = (sweep.take("parameters"), sweep.take("runs"));
    if kind.as_deref() == Some("adaptive_search") {
        searches::adaptive(&mut sweep, words)?;
    }
    words.maybe("parameter-sweep-mode", sweep.word("iteration_order")?);
    words.switch("parameter-sweep-same-seed", sweep.truth("same_seed")?);
    words.maybe("parameter-sweep-cooldown-seconds", sweep.seconds("cooldown_seconds")?);
    if sweep.take("sla_filters").is_some_and(|filters| filters != json!([])) {
        return Err(format!("{}: is not done: judge each run by slos", sweep.at("sla_filters")));
    }
    sweep.finish()
}

/// Phases as a list with names, the dataset as a list of one, and lengths under `prompts`, so that paths find them.
fn long_form(benchmark: &mut Value) {
    let Some(map) = benchmark.as_object_mut() else { return };
    let all: Map<String, Value> = std::mem::take(map).into_iter().map(|(key, value)| (snake(&key), value)).collect();
    *map = all;
    if let Some(Value::Object(mut phase)) = map.get("phases").cloned() {
        phase.entry("name").or_insert_with(|| "profiling".into());
        map.insert("phases".into(), json!([phase]));
    }
    if !map.contains_key("phases") && map.get("profiling").is_some_and(Value::is_object) {
        let mut phases = Vec::new();
        for name in ["warmup", "profiling"] {
            if let Some(Value::Object(mut phase)) = map.remove(name) {
                phase.entry("name").or_insert_with(|| name.into());
                phase.entry("kind").or_insert_with(|| name.into());
                phases.push(Value::Object(phase));
            }
        }
        map.insert("phases".into(), phases.into());
    }
    if let Some(dataset) = map.remove("dataset").filter(|_| !map.contains_key("datasets")) {
        map.insert("datasets".into(), json!([dataset]));
    }
    let datasets = map.get_mut("datasets").and_then(Value::as_array_mut);
    for dataset in datasets.into_iter().flatten().filter_map(Value::as_object_mut) {
        dataset.entry("name").or_insert_with(|| "default".into());
        for key in ["isl", "osl"] {
            let prompts = dataset.get("prompts").is_none_or(|prompts| prompts.get(key).is_none());
            if let Some(length) = dataset.remove(key).filter(|_| prompts) {
                dataset.entry("prompts").or_insert_with(|| json!({}))[key] = length;
            }
        }
    }
}

/// Lists where a phase has a number: the same as a grid over it.
fn lists_of_phases(tree: &Value) -> Vec<(String, Vec<Value>)> {
    let phases = tree.pointer("/benchmark/phases").and_then(Value::as_array);
    let mut axes = Vec::new();
    for (place, phase) in phases.into_iter().flatten().enumerate() {
        let name = phase.get("name").and_then(Value::as_str).map_or_else(|| place.to_string(), str::to_owned);
        for (key, value) in phase.as_object().into_iter().flatten() {
            let plain = snake(key);
            if let (true, Value::Array(list)) = (LISTS.contains(&plain.as_str()), value) {
                axes.push((format!("phases.{name}.{plain}"), list.clone()));
            }
        }
    }
    axes
}

fn grid(tree: &Value, axes: &[(String, Vec<Value>)]) -> Result<Vec<One>, String> {
    let cells = axes.iter().try_fold(1_usize, |n, (_, list)| n.checked_mul(list.len())).unwrap_or(usize::MAX);
    bounded(cells)?;
    let chosen = |cell: usize| {
        let mut rest = cell;
        let mut places: Vec<usize> = axes
            .iter()
            .rev()
            .map(|(_, list)| {
                let place = rest % list.len();
                rest /= list.len();
                place
            })
            .collect();
        places.reverse();
        places
    };
    (0..cells).map(|cell| cell_of(tree, axes, &chosen(cell))).collect()
}

fn zip(tree: &Value, axes: &[(String, Vec<Value>)]) -> Result<Vec<One>, String> {
    let cells = axes.first().map_or(0, |(_, list)| list.len());
    bounded(cells)?;
    if let Some((path, list)) = axes.iter().find(|(_, list)| list.len() != cells) {
        return Err(format!(
            "sweep.parameters.{path}: {} values, and {cells} of the first: make them as many",
            list.len()
        ));
    }
    (0..cells).map(|cell| cell_of(tree, axes, &vec![cell; axes.len()])).collect()
}

fn cell_of(tree: &Value, axes: &[(String, Vec<Value>)], places: &[usize]) -> Result<One, String> {
    let mut tree = tree.clone();
    let mut values = Vec::new();
    for ((path, list), place) in axes.iter().zip(places) {
        let value = &list[*place];
        set(&mut tree, path, value.clone())?;
        let leaf = path.rsplit('.').next().unwrap_or(path);
        values.push((snake(leaf), word(value).unwrap_or_else(|| value.to_string())));
    }
    Ok((None, values, tree))
}

fn bounded(cells: usize) -> Result<(), String> {
    if cells > MOST_CELLS { Err(format!("sweep: over {MOST_CELLS} variations: shorten the lists")) } else { Ok(()) }
}

/// Puts a value where a dotted path points.
fn set(tree: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let unknown = |what: &str| format!("sweep: {path}: {what}");
    let mut parts: Vec<&str> = path.split('.').collect();
    if matches!(parts[0], "sweep" | "multi_run" | "random_seed") {
        return Err(unknown("cannot be swept"));
    }
    let mut at = match parts[0] {
        "variables" => tree,
        _ => tree.get_mut("benchmark").ok_or_else(|| unknown("there is no benchmark"))?,
    };
    if parts[0] == "benchmark" {
        parts.remove(0);
    }
    if let [bare] = parts[..]
        && BARE.contains(&snake(bare).as_str())
    {
        let phases = at.get_mut("phases").and_then(Value::as_array_mut);
        let measured = phases.into_iter().flatten().find(|phase| kind(phase, path).is_ok_and(|(warmup, _)| !warmup));
        at = measured.ok_or_else(|| unknown("there is no measured phase"))?;
    }
    let (last, inner) = parts.split_last().ok_or_else(|| unknown("is empty"))?;
    for part in inner {
        at = entry(at, part).ok_or_else(|| unknown(&format!("there is no `{part}`")))?;
    }
    match at {
        Value::Object(map) => {
            let plain = snake(last);
            let key = map.keys().find(|key| snake(key) == plain).cloned().unwrap_or(plain);
            map.insert(key, value);
            Ok(())
        }
        Value::Array(_) => {
            *entry(at, last).ok_or_else(|| unknown(&format!("there is no `{last}`")))? = value;
            Ok(())
        }
        _ => Err(unknown("leads through a value")),
    }
}

/// An entry of a mapping, made where it is not there; of a list by its name or its place.
fn entry<'a>(at: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match at {
        Value::Object(map) => {
            let plain = snake(part);
            let key = map.keys().find(|key| snake(key) == plain).cloned().unwrap_or(plain);
            Some(map.entry(key).or_insert_with(|| json!({})))
        }
        Value::Array(list) => {
            let named = list.iter().position(|item| item.get("name").and_then(Value::as_str) == Some(part));
            list.get_mut(named.or_else(|| part.parse().ok())?)
        }
        _ => None,
    }
}

fn scenarios(tree: &Value, runs: &Value) -> Result<Vec<One>, String> {
    let runs = runs.as_array().filter(|runs| !runs.is_empty()).ok_or("sweep.runs: write a list of runs")?;
    bounded(runs.len())?;
    let one = |(place, run): (usize, &Value)| {
        let mut run = Reader::new(run.clone(), &format!("sweep.runs.{place}"))?;
        let name = run.word("name")?.unwrap_or_else(|| format!("run_{place}"));
        let mut tree = tree.clone();
        if let Some(mut benchmark) = run.take("benchmark") {
            long_form(&mut benchmark);
            merge(tree.pointer_mut("/benchmark").ok_or("benchmark: is missing")?, benchmark);
        }
        if let Some(variables) = run.take("variables") {
            merge(&mut tree["variables"], variables);
        }
        for (path, value) in run.inner("values")?.map(|mut values| values.rest()).unwrap_or_default() {
            set(&mut tree, &path, value)?;
        }
        run.finish()?;
        Ok((Some(name.clone()), vec![("scenario".to_owned(), name)], tree))
    };
    runs.iter().enumerate().map(one).collect()
}

/// Lays a tree over another: mappings key by key, lists of named entries by name; all else replaces.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            // A distribution of another kind replaces.
            let kinds = ["points", "peaks", "median", "value"];
            if kinds.iter().any(|key| base.contains_key(*key) != over.contains_key(*key)) {
                *base = over;
                return;
            }
            for (key, value) in over {
                let plain = snake(&key);
                let key = base.keys().find(|key| snake(key) == plain).cloned().unwrap_or(plain);
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(over)) if over.iter().all(|item| item.get("name").is_some()) => {
            for item in over {
                match base.iter_mut().find(|other| other.get("name") == item.get("name")) {
                    Some(other) => merge(other, item),
                    None => base.push(item),
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Keys of a phase that may be lists.
const LISTS: [&str; 7] = ["concurrency", "prefill_concurrency", "rate", "requests", "duration", "sessions", "users"];
/// Names that mean those of the measured phase.
const BARE: [&str; 12] = [
    "concurrency",
    "prefill_concurrency",
    "rate",
    "requests",
    "duration",
    "sessions",
    "users",
    "smoothness",
    "grace_period",
    "concurrency_ramp",
    "prefill_ramp",
    "rate_ramp",
];
const MOST_CELLS: usize = 1_000;
