//! `input_config`: the plan in the words of AIPerf's configuration, so that its models load it.

use crate::redact::Secrets;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{
    Arrival, Cap, Length, Load, Phase, Plan, Ramp, Rate, Reuse, Shape, Target, TokenizerSource,
};
use ringload_engine::plan::{without_json_secrets, without_query_secrets};
use serde_json::{Map, Value, json};

/// The plan as an AIPerf benchmark configuration; header values hidden.
pub(crate) fn of(plan: &Plan, secrets: &Secrets) -> Value {
    let mut phases = Vec::new();
    phases.extend(plan.warmup.as_ref().map(|p| phase("warmup", p)));
    phases.push(profiling(plan));
    let mut config = json!({
        "models": {"items": plan.models.iter().map(|m| json!({"name": m})).collect::<Vec<_>>()},
        "endpoint": endpoint(plan, secrets),
        "datasets": [dataset(plan)],
        "phases": phases,
        "tokenizer": tokenizer(&plan.prompts.tokenizer),
    });
    if !plan.slos.is_empty() {
        let slos: Map<String, Value> = plan.slos.iter().map(|s| (s.tag.to_owned(), s.threshold.into())).collect();
        config["slos"] = Value::Object(slos);
    }
    config
}

fn dataset(plan: &Plan) -> Value {
    let prompts = &plan.prompts;
    let osl = prompts.osl.map(length);
    let talks = !prompts.turns.is_one();
    match &prompts.replay {
        Some(replay) => json!({
            "name": "main",
            "type": "file",
            "path": replay.file.display().to_string(),
            "format": replay.format.name(),
            "entries": prompts.entries,
            "random_seed": plan.seed,
            "prompts": {"osl": osl},
        }),
        None => json!({
            "name": "main",
            "type": "synthetic",
            "entries": prompts.entries,
            "random_seed": plan.seed,
            "prompts": {"isl": length(prompts.isl), "osl": osl},
            "turns": talks.then(|| length(prompts.turns.count)),
            "turn_delay": talks.then(|| json!({
                "mean": prompts.turns.delay_mean_ms,
                "stddev": prompts.turns.delay_stddev_ms,
            })),
            "turn_delay_ratio": talks.then_some(prompts.turns.delay_ratio),
        }),
    }
}

fn endpoint(plan: &Plan, secrets: &Secrets) -> Value {
    let headers: Map<String, Value> = plan.headers.iter().map(|h| (h.name.clone(), "<redacted>".into())).collect();
    let extra: Map<String, Value> =
        plan.extra_inputs.iter().map(|(k, v)| (k.clone(), scrubbed(&without_json_secrets(k, v), secrets))).collect();
    let url = |target: &Target| {
        let query = target.query.as_deref().map(without_query_secrets).unwrap_or_default();
        format!("{}{query}", target.url)
    };
    json!({
        "urls": plan.targets.iter().map(url).collect::<Vec<_>>(),
        "type": plan.endpoint.name(),
        "path": plan.custom_endpoint.as_deref().map(without_query_secrets),
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

/// The measured phase, with what ends its requests, or itself, early.
fn profiling(plan: &Plan) -> Value {
    let mut object = phase("profiling", &plan.profiling);
    if let Some(c) = plan.cancellation {
        object["cancellation"] = json!({"rate": c.share * 100.0, "delay": seconds(c.delay)});
    }
    if let Some(threshold) = plan.failed_request_threshold {
        object["failed_request_threshold"] = threshold.into();
    }
    object
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
    if let Some(sessions) = phase.sessions {
        object["sessions"] = sessions.into();
    }
    match &phase.load {
        Load::Closed { concurrency, ramp } => {
            object["type"] = "concurrency".into();
            object["concurrency"] = (*concurrency).into();
            set_ramp(&mut object, "concurrency_ramp", *ramp);
        }
        Load::Open { rate, pattern, cap } => {
            set_rate(&mut object, rate);
            object["type"] = match pattern {
                Arrival::Constant => "constant",
                Arrival::Poisson => "poisson",
                Arrival::Gamma { .. } => "gamma",
            }
            .into();
            if let Arrival::Gamma { smoothness } = pattern {
                object["smoothness"] = (*smoothness).into();
            }
            set_cap(&mut object, *cap);
        }
        Load::Users { rate, users } => {
            object["type"] = "user_centric".into();
            object["rate"] = (*rate).into();
            object["users"] = (*users).into();
        }
        Load::Fixed { cap, .. } => {
            object["type"] = "fixed_schedule".into();
            set_cap(&mut object, *cap);
        }
    }
    if let Some(prefill) = phase.prefill {
        object["prefill_concurrency"] = prefill.concurrency.into();
        set_ramp(&mut object, "prefill_ramp", prefill.ramp);
    }
    object
}

fn set_cap(object: &mut Value, cap: Option<Cap>) {
    if let Some(cap) = cap {
        object["concurrency"] = cap.concurrency.into();
        set_ramp(object, "concurrency_ramp", cap.ramp);
    }
}

fn set_ramp(object: &mut Value, name: &str, ramp: Option<Ramp>) {
    if let Some(ramp) = ramp {
        let strategy = match ramp.shape {
            Shape::Linear => "linear",
            Shape::Exponential => "exponential",
        };
        object[name] = json!({"duration": seconds(ramp.lasting), "strategy": strategy});
    }
}

/// A rate that stays, a ramp up to one, or the points of a series.
fn set_rate(object: &mut Value, rate: &Rate) {
    if let Some(rate) = rate.constant() {
        object["rate"] = rate.into();
        return;
    }
    if let [ramp] = rate.pieces()
        && ramp.to == rate.after()
        && (ramp.from == 0.0 || ramp.shape == Shape::Exponential)
    {
        object["rate"] = rate.after().into();
        let ramp = Ramp { lasting: ramp.lasting, shape: ramp.shape };
        set_ramp(object, "rate_ramp", Some(ramp));
        return;
    }
    let mut points = Vec::new();
    let mut at = 0;
    for piece in rate.pieces() {
        points.push((at, piece.from));
        at += piece.lasting;
        points.push((at, piece.to));
    }
    if points.last().is_some_and(|(_, to)| *to != rate.after()) {
        points.push((at, rate.after()));
    }
    points.dedup();
    let point = |(at, qps): (Nanos, f64)| json!({"time_s": seconds(at), "qps": qps});
    let points: Vec<Value> = points.into_iter().map(point).collect();
    object["rate_series"] = json!({"points": points});
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

#[cfg(test)]
mod tests {
    use super::*;
    use ringload_engine::plan::{Piece, Prefill};

    fn of_load(load: Load) -> Value {
        let mut phase = super::phase(
            "profiling",
            &Phase { load, prefill: None, requests: None, sessions: None, duration: None, grace: None },
        );
        for other in ["name", "kind", "exclude_from_results", "requests", "duration", "grace_period"] {
            phase.as_object_mut().unwrap().remove(other);
        }
        phase
    }

    fn open(rate: Rate) -> Value {
        of_load(Load::Open { rate, pattern: Arrival::Poisson, cap: None })
    }

    #[test]
    fn rates_that_move_are_ramps_or_series_of_points() {
        let ramp = Ramp { lasting: 5 * SECOND, shape: Shape::Exponential };
        assert_eq!(
            open(Rate::ramped(40.0, ramp)),
            json!({"type": "poisson", "rate": 40.0, "rate_ramp": {"duration": 5.0, "strategy": "exponential"}})
        );
        let stages = vec![Piece::steady(5.0, SECOND), Piece::linear(5.0, 9.0, SECOND)];
        let point = |time_s: f64, qps: f64| json!({"time_s": time_s, "qps": qps});
        assert_eq!(
            open(Rate::new(stages, 0.0)),
            json!({
                "type": "poisson",
                "rate_series": {"points": [point(0.0, 5.0), point(1.0, 5.0), point(2.0, 9.0), point(2.0, 0.0)]},
            })
        );
    }

    #[test]
    fn users_and_bounds_have_their_names() {
        assert_eq!(
            of_load(Load::Users { rate: 2.0, users: 15 }),
            json!({"type": "user_centric", "rate": 2.0, "users": 15})
        );
        let mut bounded = Phase::closed(4, 8);
        bounded.prefill = Some(Prefill { concurrency: 2, ramp: Some(Ramp { lasting: SECOND, shape: Shape::Linear }) });
        let phase = super::phase("profiling", &bounded);
        assert_eq!(phase["prefill_concurrency"], 2);
        assert_eq!(phase["prefill_ramp"], json!({"duration": 1.0, "strategy": "linear"}));
    }
}
