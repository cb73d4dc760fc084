//! `benchmark.phases` → flags on load and warm-up.

use super::reader::{Reader, seconds, snake};
use super::searches;
use super::words::Words;
use serde_json::{Value, json};

/// The phases in their long form: a list of mappings with a name and a kind each.
///
/// # Errors
/// Where they are written in two ways, or in none.
pub(super) fn listed(benchmark: &mut Reader) -> Result<Vec<Value>, String> {
    let phases = benchmark.take("phases");
    let (warmup, profiling) = (benchmark.take("warmup"), benchmark.take("profiling"));
    let named = |name: &str, value: Value| {
        let mut value = value;
        if let Some(map) = value.as_object_mut() {
            map.entry("name").or_insert_with(|| name.into());
            map.entry("kind").or_insert_with(|| name.into());
        }
        value
    };
    match (phases, warmup, profiling) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            Err(format!("{}: stands beside `warmup` or `profiling`: write one or the other", benchmark.at("phases")))
        }
        (Some(Value::Array(list)), ..) => Ok(list),
        (Some(one), ..) => Ok(vec![named("profiling", one)]),
        (None, Some(_), None) => Err(format!("{}: a warm-up alone: add `profiling`", benchmark.at("warmup"))),
        (None, warmup, Some(profiling)) => {
            let warmup = warmup.map(|warmup| named("warmup", warmup));
            Ok(warmup.into_iter().chain([named("profiling", profiling)]).collect())
        }
        (None, None, None) => Err(format!("{}: is missing: write one phase at least", benchmark.at("phases"))),
    }
}

/// Whether a phase is a warm-up, and its name.
pub(super) fn kind(phase: &Value, path: &str) -> Result<(bool, String), String> {
    let field = |key: &str| phase.as_object()?.iter().find(|(k, _)| snake(k) == key)?.1.as_str().map(str::to_owned);
    let name = field("name").unwrap_or_default();
    match field("kind").as_deref().unwrap_or(&name) {
        "warmup" => Ok((true, name)),
        "profiling" => Ok((false, name)),
        _ => Err(format!("{path}: write kind: warmup or kind: profiling")),
    }
}

/// The flags of all phases.
///
/// # Errors
/// A key or a value that is none; phases that one run does not have.
pub(super) fn lower(phases: Vec<Value>, path: &str, words: &mut Words) -> Result<(), String> {
    let mut seen = (0, 0);
    for phase in phases {
        let (warmup, name) = kind(&phase, path)?;
        let path = format!("{path}.{}", if name.is_empty() { "profiling" } else { &name });
        match warmup {
            true if seen.1 > 0 => {
                return Err(format!("{path}: a warm-up behind the measured phase is not made: drop it"));
            }
            true => seen.0 += 1,
            false => seen.1 += 1,
        }
        if seen.0 > 1 || seen.1 > 1 {
            return Err(format!(
                "{path}: a run has one warm-up and one measured phase here: give each measured phase a file of its own, or sweep"
            ));
        }
        one(Reader::new(phase, &path)?, warmup, words)?;
    }
    if seen.1 == 0 {
        return Err(format!("{path}: no phase is measured: add one of kind profiling"));
    }
    Ok(())
}

fn one(mut phase: Reader, warmup: bool, words: &mut Words) -> Result<(), String> {
    let flag = |plain: &str, warm: &str| if warmup { warm.to_owned() } else { plain.to_owned() };
    let at = |phase: &Reader, key: &str, what: &str| Err(format!("{}: {what}", phase.at(key)));
    let _ = (phase.take("name"), phase.take("kind"));
    let Some(pattern) = phase.word("type")? else {
        return at(
            &phase,
            "type",
            "is missing: write concurrency, poisson, gamma, constant, user_centric or fixed_schedule",
        );
    };
    if let Some(excluded) = phase.truth("exclude_from_results")?
        && excluded != warmup
    {
        return at(&phase, "exclude_from_results", "a warm-up never counts, and a measured phase always does");
    }
    if phase.truth("seamless")? == Some(true) {
        return at(&phase, "seamless", "is not done: each phase waits for the answers of the one before");
    }
    match phase.inner("adaptive_scale")? {
        Some(_) if warmup => return at(&phase, "adaptive_scale", "a warm-up searches for no load"),
        Some(block) => searches::scale(block, words)?,
        None => {}
    }
    if phase.take("sla").is_some() {
        return at(&phase, "sla", "is not done: `ringload capacity` finds the largest load that holds");
    }
    let (requests, duration) = (phase.word("requests")?, phase.seconds("duration")?);
    let (sessions, grace) = (phase.word("sessions")?, phase.seconds("grace_period")?);
    let bounded = requests.is_some() || duration.is_some() || sessions.is_some();
    if !bounded && pattern != "fixed_schedule" {
        return at(&phase, "requests", "what ends the phase is missing: write requests, duration or sessions");
    }
    match (&duration, grace) {
        (None, Some(_)) => return at(&phase, "grace_period", "stands without duration"),
        (Some(_), grace) => {
            words.flag(&flag("benchmark-grace-period", "warmup-grace-period"), grace.unwrap_or_else(|| "inf".into()));
        }
        (None, None) => {}
    }
    words.maybe(&flag("request-count", "warmup-request-count"), requests);
    words.maybe(&flag("benchmark-duration", "warmup-duration"), duration);
    words.maybe(&flag("num-conversations", "num-warmup-sessions"), sessions);
    arrivals(&mut phase, &pattern, warmup, words)?;
    let concurrency = phase.word("concurrency")?.or((pattern == "concurrency").then(|| "1".into()));
    if pattern != "user_centric" {
        words.maybe(&flag("concurrency", "warmup-concurrency"), concurrency);
    }
    let prefill = phase.word("prefill_concurrency")?;
    if prefill.is_none() && phase.take("prefill_ramp").is_some() {
        words.note(&phase.at("prefill_ramp"), "there is no prefill_concurrency to reach");
    }
    words.maybe(&flag("prefill-concurrency", "warmup-prefill-concurrency"), prefill);
    for (key, plain, warm) in [
        ("concurrency_ramp", "concurrency-ramp-duration", "warmup-concurrency-ramp-duration"),
        ("prefill_ramp", "prefill-concurrency-ramp-duration", "warmup-prefill-concurrency-ramp-duration"),
        ("rate_ramp", "request-rate-ramp-duration", "warmup-request-rate-ramp-duration"),
    ] {
        ramp(&mut phase, key, &flag(plain, warm), words)?;
    }
    if let Some(mut cancellation) = phase.inner("cancellation")? {
        if warmup {
            return at(&phase, "cancellation", "requests of a warm-up are not cancelled");
        }
        words.maybe("request-cancellation-rate", cancellation.word("rate")?);
        words.maybe("request-cancellation-delay", cancellation.seconds("delay")?);
        cancellation.finish()?;
    }
    match phase.word("failed_request_threshold")? {
        Some(_) if warmup => return at(&phase, "failed_request_threshold", "belongs to the measured phase"),
        share => words.maybe("failed-request-threshold", share),
    }
    phase.finish()
}

/// When the requests of a phase come.
fn arrivals(phase: &mut Reader, pattern: &str, warmup: bool, words: &mut Words) -> Result<(), String> {
    let (rate, series) = (phase.word("rate")?, phase.take("rate_series"));
    let (smoothness, users) = (phase.word("smoothness")?, phase.word("users")?);
    let offsets = (phase.truth("auto_offset")?, phase.word("start_offset")?, phase.word("end_offset")?);
    let missing = |key: &str| Err(format!("{}: is missing with type: {pattern}", phase.at(key)));
    match pattern {
        "concurrency" if rate.is_some() || series.is_some() => {
            return Err(format!("{}: goes with type: poisson, gamma or constant", phase.at("rate")));
        }
        "concurrency" if warmup => words.flag("warmup-arrival-pattern", "concurrency_burst"),
        "concurrency" => {}
        "poisson" | "gamma" | "constant" => {
            match (rate, series) {
                (Some(rate), None) => words.flag(if warmup { "warmup-request-rate" } else { "request-rate" }, rate),
                (None, Some(series)) if !warmup => {
                    words.flag("request-rate-series", points(series, &phase.at("rate_series"))?)
                }
                (None, None) => return missing("rate"),
                _ => {
                    return Err(format!(
                        "{}: write rate or rate_series, and rate alone in a warm-up",
                        phase.at("rate")
                    ));
                }
            }
            words.flag(if warmup { "warmup-arrival-pattern" } else { "arrival-pattern" }, pattern);
            if pattern == "gamma" && !warmup {
                words.maybe("arrival-smoothness", smoothness.clone());
            }
        }
        "user_centric" if !warmup => {
            let (Some(rate), Some(users)) = (rate, users.clone()) else {
                return missing("users");
            };
            words.flag("user-centric-rate", rate);
            words.flag("num-users", users);
        }
        "user_centric" => {
            let (Some(rate), Some(users)) = (rate, users.clone()) else {
                return missing("users");
            };
            words.flag("warmup-request-rate", rate);
            words.flag("warmup-arrival-pattern", "constant");
            words.flag("warmup-concurrency", users);
            let at = phase.at("type");
            words
                .notes
                .push(format!("{at}: a warm-up has no users here: its turns come at the same rate, as many at a time"));
        }
        "fixed_schedule" if !warmup => {
            words.switch("fixed-schedule", Some(true));
            let automatic = offsets.0.unwrap_or(offsets.1.is_none());
            words.switch("fixed-schedule-auto-offset", Some(automatic));
            words.maybe("fixed-schedule-start-offset", offsets.1.clone());
            words.maybe("fixed-schedule-end-offset", offsets.2.clone());
        }
        other => return Err(format!("{}: {other} is no type of such a phase", phase.at("type"))),
    }
    if smoothness.is_some() && pattern != "gamma" {
        return Err(format!("{}: goes with type: gamma", phase.at("smoothness")));
    }
    if users.is_some() && pattern != "user_centric" {
        return Err(format!("{}: goes with type: user_centric", phase.at("users")));
    }
    if (offsets.0.is_some() || offsets.1.is_some() || offsets.2.is_some()) && pattern != "fixed_schedule" {
        return Err(format!("{}: goes with type: fixed_schedule", phase.at("start_offset")));
    }
    Ok(())
}

/// A ramp: a time, or `{duration, strategy}`.
fn ramp(phase: &mut Reader, key: &'static str, flag: &str, words: &mut Words) -> Result<(), String> {
    let path = phase.at(key);
    let Some(value) = phase.take(key) else {
        return Ok(());
    };
    if let Some(lasting) = seconds(&value) {
        words.flag(flag, lasting);
        return Ok(());
    }
    let mut ramp = Reader::new(value, &path)?;
    words.maybe(flag, ramp.seconds("duration")?);
    match ramp.word("strategy")?.as_deref() {
        None | Some("linear") => {}
        Some("exponential") => words.flag("ramp-shape", "exponential"),
        Some(other) => return Err(format!("{path}.strategy: {other} is not done: write linear or exponential")),
    }
    ramp.finish()
}

/// The file of a series of rates: one that is named, or one that is made of the points.
fn points(series: Value, path: &str) -> Result<String, String> {
    let mut series = Reader::new(series, path)?;
    let (file, points) = (series.word("path")?, series.take("points"));
    series.finish()?;
    match (file, points) {
        (Some(file), None) => Ok(file),
        (None, Some(points)) => super::files::keep("rates", &json!({"points": points}).to_string()),
        _ => Err(format!("{path}: write path or points")),
    }
}
