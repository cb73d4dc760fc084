//! What a tracking server of MLflow is sent of a run: REST API 2.0, `runs/create`, `runs/log-batch`, `runs/update`.

use super::input_config;
use super::numbers::percentiles;
use crate::result::run::Outcome;
use ringload_engine::verdict::Status;
use serde_json::{Value, json};

/// The body of `runs/create` in an experiment.
pub(crate) fn creation(
    outcome: &Outcome,
    experiment: &str,
    name: &str,
    tags: &[(String, String)],
    parent: Option<&str>,
) -> Value {
    let own = [
        ("ringload.benchmark_id", outcome.identity.benchmark_id.as_str()),
        ("ringload.version", env!("CARGO_PKG_VERSION")),
        ("ringload.verdict", outcome.verdict.status.word()),
        ("mlflow.source.name", "ringload"),
        ("mlflow.runName", name),
    ];
    let own = own.into_iter().chain(parent.map(|id| ("mlflow.parentRunId", id)));
    let given = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let tags: Vec<Value> = own.chain(given).map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({
        "experiment_id": experiment,
        "run_name": name,
        "start_time": outcome.summary.started_at_ns / NS_PER_MS,
        "tags": tags,
    })
}

/// The bodies of `runs/log-batch`: settings and figures, in parts that the API takes.
pub(crate) fn batches(outcome: &Outcome, run: &str) -> Vec<Value> {
    let at = outcome.summary.ended_at_ns / NS_PER_MS;
    let mut figures = Vec::new();
    let mut put = |key: String, value: f64| {
        if value.is_finite() {
            figures.push(json!({"key": key, "value": value, "timestamp": at, "step": 0}));
        }
    };
    for metric in &outcome.summary.metrics {
        let tag = metric.info.tag;
        match &metric.stats {
            None => put(tag.to_owned(), metric.avg),
            Some(stats) => {
                let ends = [("avg", metric.avg), ("min", stats.min), ("max", stats.max), ("std", stats.std)];
                for (name, value) in ends.into_iter().chain(percentiles(stats)) {
                    put(format!("{tag}.{name}"), value);
                }
            }
        }
    }
    let mut settings = Vec::new();
    flatten(&input_config::of(&outcome.plan, &outcome.identity.secrets), String::new(), &mut settings);
    let mut batches: Vec<Value> =
        figures.chunks(MOST_FIGURES).map(|metrics| json!({"run_id": run, "metrics": metrics})).collect();
    batches.push(batch_of_settings(run, settings));
    batches
}

/// As many settings as the API takes; a tag says how many are left out.
fn batch_of_settings(run: &str, mut settings: Vec<Value>) -> Value {
    let left_out = settings.len().saturating_sub(MOST_SETTINGS);
    settings.truncate(MOST_SETTINGS);
    match left_out {
        0 => json!({"run_id": run, "params": settings}),
        _ => {
            let tag = json!({"key": "ringload.settings_left_out", "value": left_out.to_string()});
            json!({"run_id": run, "params": settings, "tags": [tag]})
        }
    }
}

/// The body of `runs/update` at the end.
pub(crate) fn end(outcome: &Outcome, run: &str) -> Value {
    let status = if outcome.verdict.status == Status::Failed { "FAILED" } else { "FINISHED" };
    json!({"run_id": run, "status": status, "end_time": outcome.summary.ended_at_ns / NS_PER_MS})
}

/// The values of a tree under their paths, as texts.
fn flatten(tree: &Value, path: String, out: &mut Vec<Value>) {
    match tree {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(value, path, out);
            }
        }
        Value::Null => {}
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text: String = text.chars().take(MOST_CHARACTERS).collect();
            out.push(json!({"key": path, "value": text}));
        }
    }
}

const NS_PER_MS: u64 = 1_000_000;
/// What the API takes at once, and of one setting.
const MOST_FIGURES: usize = 1_000;
const MOST_SETTINGS: usize = 100;
const MOST_CHARACTERS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{SECRET, outcome};

    #[test]
    fn a_run_is_its_settings_figures_and_verdict_without_secrets() {
        let outcome = outcome();
        let tags = [("team".to_owned(), "a".to_owned())];
        let made = creation(&outcome, "7", "r", &tags, Some("12"));
        let tag = |key: &str| {
            let all = made["tags"].as_array().unwrap();
            all.iter().find(|tag| tag["key"] == key).map(|tag| tag["value"].as_str().unwrap().to_owned())
        };
        assert_eq!((made["experiment_id"].as_str(), made["run_name"].as_str()), (Some("7"), Some("r")));
        assert_eq!((tag("team"), tag("mlflow.parentRunId")), (Some("a".into()), Some("12".into())));
        assert_eq!(tag("ringload.verdict").as_deref(), Some(outcome.verdict.status.word()));
        let batches = batches(&outcome, "id");
        let figure = |key: &str| {
            let mut all = batches.iter().filter_map(|batch| batch["metrics"].as_array()).flatten();
            all.find(|figure| figure["key"] == key).and_then(|figure| figure["value"].as_f64())
        };
        assert_eq!(figure("request_throughput"), Some(6.174_395));
        let ttft = outcome.metric("time_to_first_token").unwrap().stats.unwrap();
        assert_eq!(figure("time_to_first_token.p99"), Some(ttft.p99));
        let settings = batches.last().unwrap()["params"].as_array().unwrap();
        assert!(settings.len() > 5 && settings.len() <= MOST_SETTINGS);
        assert!(!batches.iter().any(|batch| batch.to_string().contains(SECRET)));
        assert_eq!(end(&outcome, "id")["run_id"], "id");
    }

    #[test]
    fn settings_beyond_what_the_api_takes_are_counted_in_a_tag() {
        let settings = |n: usize| batch_of_settings("id", (0..n).map(|i| json!({"key": i.to_string()})).collect());
        assert_eq!(settings(MOST_SETTINGS).get("tags"), None);
        let many = settings(MOST_SETTINGS + 3);
        assert_eq!(many["params"].as_array().unwrap().len(), MOST_SETTINGS);
        assert_eq!(many["tags"], json!([{"key": "ringload.settings_left_out", "value": "3"}]));
    }
}
