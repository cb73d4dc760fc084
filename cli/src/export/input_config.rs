//! `input_config`: the plan in the words of AIPerf's configuration, so that its models load it.

use crate::redact::Secrets;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{
    Arrival, EndpointKind, Length, Load, Phase, Plan, Reuse, TokenizerSource,
};
use serde_json::{Map, Value, json};

/// The plan as an AIPerf benchmark configuration; header values hidden.
pub(crate) fn of(plan: &Plan, secrets: &Secrets) -> Value {
    let mut phases = Vec::new();
    phases.extend(plan.warmup.as_ref().map(|p| phase("warmup", p)));
    phases.push(phase("profiling", &plan.profiling));
    let mut config = json!({
        "models": {"items": plan.models.iter().map(|m| json!({"name": m})).collect::<Vec<_>>()},
        "endpoint": endpoint(plan, secrets),
        "datasets": [{
            "name": "main",
            "type": "synthetic",
            "entries": plan.prompts.entries,
            "random_seed": plan.seed,
            "prompts": {"isl": length(plan.prompts.isl), "osl": plan.prompts.osl.map(length)},
        }],
        "phases": phases,
        "tokenizer": tokenizer(&plan.prompts.tokenizer),
    });
    if !plan.slos.is_empty() {
        let slos: Map<String, Value> = plan
            .slos
            .iter()
            .map(|s| (s.tag.to_owned(), s.threshold.into()))
            .collect();
        config["slos"] = Value::Object(slos);
    }
    config
}

fn endpoint(plan: &Plan, secrets: &Secrets) -> Value {
    let headers: Map<String, Value> = plan
        .headers
        .iter()
        .map(|h| (h.name.clone(), "<redacted>".into()))
        .collect();
    let extra: Map<String, Value> = plan
        .extra_inputs
        .iter()
        .map(|(k, v)| (k.clone(), scrubbed(v, secrets)))
        .collect();
    json!({
        "urls": plan.targets.iter().map(|t| t.url.as_str()).collect::<Vec<_>>(),
        "type": match plan.endpoint {
            EndpointKind::Chat => "chat",
            EndpointKind::Completions => "completions",
        },
        "path": plan.custom_endpoint,
        "streaming": plan.streaming,
        "timeout": seconds(plan.timeouts.request),
        "connection_reuse": match plan.reuse {
            Reuse::Pooled => "pooled",
            Reuse::Never => "never",
            Reuse::StickySessions => "sticky-user-sessions",
        },
        "use_legacy_max_tokens": plan.use_legacy_max_tokens.then_some(true),
        "use_server_token_count": plan.use_server_token_count.then_some(true),
        "per_chunk_usage": plan.per_chunk_usage.then_some(true),
        "headers": (!headers.is_empty()).then_some(headers),
        "extra": (!extra.is_empty()).then_some(extra),
    })
}

fn phase(kind: &str, phase: &Phase) -> Value {
    let mut object = json!({
        "name": kind,
        "kind": kind,
        "exclude_from_results": (kind == "warmup").then_some(true),
        "requests": phase.requests,
        "duration": phase.duration.map(seconds),
        "grace_period": phase.grace.map(seconds),
    });
    match phase.load {
        Load::Closed { concurrency } => {
            object["type"] = "concurrency".into();
            object["concurrency"] = concurrency.into();
        }
        Load::Open { rate, pattern, cap } => {
            object["rate"] = rate.into();
            object["type"] = match pattern {
                Arrival::Constant => "constant",
                Arrival::Poisson => "poisson",
                Arrival::Gamma { .. } => "gamma",
            }
            .into();
            if let Arrival::Gamma { smoothness } = pattern {
                object["smoothness"] = smoothness.into();
            }
            if let Some(cap) = cap {
                object["concurrency"] = cap.concurrency.into();
            }
        }
    }
    object
}

fn length(length: Length) -> Value {
    json!({"mean": length.mean, "stddev": (length.stddev > 0.0).then_some(length.stddev)})
}

fn tokenizer(source: &TokenizerSource) -> Value {
    match source {
        TokenizerSource::Builtin => json!({"name": "builtin"}),
        TokenizerSource::Named { name, revision } => json!({"name": name, "revision": revision}),
    }
}

fn scrubbed(value: &Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => secrets.scrub(text).into(),
        other => other.clone(),
    }
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}
