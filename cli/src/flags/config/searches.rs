//! Searches of a configuration: `sweep` of type `adaptive_search`, and `adaptive_scale` of a phase.

use super::reader::{Reader, word};
use super::words::Words;
use serde_json::Value;

/// An adaptive search: the flags `--search-…`. What is varied has no value of its own.
///
/// # Errors
/// A key or a value that is none.
pub(super) fn adaptive(sweep: &mut Reader, words: &mut Words) -> Result<(), String> {
    for (place, value) in list(sweep, "search_space")?.into_iter().enumerate() {
        let mut dimension = Reader::new(value, &format!("{}[{place}]", sweep.at("search_space")))?;
        let (path, low) = (required(&mut dimension, "path")?, required(&mut dimension, "lo")?);
        let (high, kind) = (required(&mut dimension, "hi")?, dimension.word("kind")?);
        let _ = dimension.take("prior");
        dimension.finish()?;
        let kind = kind.map_or_else(String::new, |kind| format!(":{kind}"));
        words.flags.retain(|(flag, _)| !varies(&path, flag));
        words.flag("search-space", format!("{path}:{low},{high}{kind}"));
    }
    let objectives = list(sweep, "objectives")?;
    if objectives.len() > 1 {
        return Err(format!("{}: one figure is searched for: leave the others out", sweep.at("objectives")));
    }
    for value in objectives {
        let mut objective = Reader::new(value, &format!("{}[0]", sweep.at("objectives")))?;
        words.flag("search-metric", required(&mut objective, "metric")?);
        words.maybe("search-stat", objective.word("stat")?);
        words.maybe("search-direction", objective.word("direction")?.map(|way| way.to_ascii_lowercase()));
        let _ = objective.take("threshold");
        objective.finish()?;
    }
    words.maybe("search-planner", sweep.word("planner")?);
    words.maybe("search-max-iterations", sweep.word("max_iterations")?);
    words.maybe("search-initial-points", sweep.word("n_initial_points")?);
    words.maybe("search-random-seed", sweep.word("random_seed")?);
    words.maybe("search-percentile-pooling", sweep.word("objective_pooling")?);
    for (place, value) in list(sweep, "sla_filters")?.into_iter().enumerate() {
        words.flag("search-sla", filter(value, &format!("{}[{place}]", sweep.at("sla_filters")))?);
    }
    for (place, value) in list(sweep, "sla_tiers")?.into_iter().enumerate() {
        let path = format!("{}[{place}]", sweep.at("sla_tiers"));
        let mut tier = Reader::new(value, &path)?;
        let label = required(&mut tier, "label")?;
        let bounds = list(&mut tier, "filters")?.into_iter().map(|value| filter(value, &path));
        let bounds = bounds.collect::<Result<Vec<_>, _>>()?.join(",");
        tier.finish()?;
        words.flag("search-sla-tier", format!("{label}:{bounds}"));
    }
    if sweep.take("outcome_constraints").is_some_and(|bounds| bounds.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(format!("{}: is not done: write sla_filters", sweep.at("outcome_constraints")));
    }
    for key in OF_AIPERFS_PLANNERS {
        if sweep.take(key).is_some() {
            words.note(&sweep.at(key), "the search is ringload's own");
        }
    }
    Ok(())
}

/// The adaptive scale of a phase: the flags `--adaptive-…`.
///
/// # Errors
/// A key or a value that is none.
pub(super) fn scale(mut block: Reader, words: &mut Words) -> Result<(), String> {
    if block.truth("enabled")? == Some(false) {
        block.rest();
        return Ok(());
    }
    words.switch("adaptive-scale", Some(true));
    let mut variable = block.word("control_variable")?;
    let mut low = block.word("control_min")?.or(block.word("min_concurrency")?);
    let mut high = block.word("control_max")?.or(block.word("max_concurrency")?);
    if let Some(mut control) = block.inner("control")? {
        variable = control.word("variable")?.or(variable);
        low = control.word("min")?.or(low);
        high = control.word("max")?.or(high);
        control.finish()?;
    }
    if let Some(high) = high {
        let (variable, low) = (variable.unwrap_or_else(|| "concurrency".into()), low.unwrap_or_else(|| "1".into()));
        words.flag("adaptive-scale-control", format!("{variable}:{low},{high}"));
    } else if variable.is_some_and(|name| name != "concurrency") {
        return Err(format!(
            "{}: the largest value is missing: write control: {{variable, min, max}}",
            block.at("control")
        ));
    }
    let period = block.seconds("assessment_period")?;
    words.maybe("adaptive-scale-assessment-period", period.or(block.seconds("window")?));
    words.maybe("adaptive-sustain-duration", block.seconds("sustain_duration")?);
    for key in ["strategy", "min_completed_requests"] {
        if block.take(key).is_some() {
            words.note(&block.at(key), "the load is doubled until a bound breaks, then halved");
        }
    }
    let path = block.at("sla");
    match block.take("sla") {
        Some(Value::Array(filters)) => {
            for value in filters {
                words.flag("adaptive-scale-sla", filter(value, &path)?);
            }
        }
        Some(Value::Object(metrics)) => {
            for bound in compact(&metrics).ok_or_else(|| format!("{path}: write METRIC: {{STAT: {{OP: BOUND}}}}"))? {
                words.flag("adaptive-scale-sla", bound);
            }
        }
        Some(_) => return Err(format!("{path}: write METRIC: {{STAT: {{OP: BOUND}}}}")),
        None => {}
    }
    block.finish()
}

/// `{request_latency: {p95: {le: 30000}}}` as the flags have it.
fn compact(metrics: &serde_json::Map<String, Value>) -> Option<Vec<String>> {
    let mut bounds = Vec::new();
    for (metric, stats) in metrics {
        for (stat, ops) in stats.as_object()? {
            for (op, bound) in ops.as_object()? {
                bounds.push(format!("{metric}:{stat}:{op}:{}", word(bound)?));
            }
        }
    }
    Some(bounds)
}

/// A bound, written as a mapping.
fn filter(value: Value, path: &str) -> Result<String, String> {
    let mut filter = Reader::new(value, path)?;
    let parts = ["metric_tag", "stat", "op", "threshold"].map(|key| required(&mut filter, key));
    filter.finish()?;
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.join(":"))
}

fn required(reader: &mut Reader, key: &'static str) -> Result<String, String> {
    reader.word(key)?.ok_or_else(|| format!("{}: is missing", reader.at(key)))
}

fn list(reader: &mut Reader, key: &'static str) -> Result<Vec<Value>, String> {
    match reader.take(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("{}: write a list", reader.at(key))),
    }
}

/// Whether a flag sets what a path names.
fn varies(path: &str, flag: &str) -> bool {
    let leaf = match path.strip_suffix(".mean").unwrap_or(path).rsplit('.').next().unwrap_or(path) {
        "rate" => "request-rate",
        "users" => "num-users",
        leaf => leaf,
    };
    leaf.replace('_', "-") == flag
}

/// Settings of AIPerf's own planners.
const OF_AIPERFS_PLANNERS: [&str; 11] = [
    "plateau_window",
    "plateau_threshold",
    "improvement_patience",
    "optuna_sampler",
    "optuna_acquisition",
    "optuna_terminator",
    "monotonic_stability_trials",
    "sla_replicates",
    "sla_precision",
    "sla_warmup_seconds",
    "constraint_mode",
];
