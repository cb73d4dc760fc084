//! `benchmark` → flags: models, endpoint, what comes out, and what is read beside it.

use super::reader::{Reader, word};
use super::words::Words;
use super::{dataset, phases};
use serde_json::{Map, Value};

/// The flags of a `benchmark`.
///
/// # Errors
/// A key or a value that is none, or that no flag can say.
pub(super) fn lower(benchmark: Value, words: &mut Words) -> Result<(), String> {
    let mut benchmark = Reader::new(benchmark, "benchmark")?;
    models(&mut benchmark, words)?;
    if let Some(endpoint) = benchmark.inner("endpoint")? {
        self::endpoint(endpoint, words)?;
    }
    dataset::lower(&mut benchmark, words)?;
    let path = benchmark.at("phases");
    let all = phases::listed(&mut benchmark)?;
    phases::lower(all, &path, words)?;
    if let Some(artifacts) = benchmark.inner("artifacts")? {
        self::artifacts(artifacts, words)?;
    }
    if let Some(mut slos) = benchmark.inner("slos")? {
        for (metric, value) in slos.rest() {
            let value = word(&value).ok_or_else(|| format!("benchmark.slos.{metric}: write a number"))?;
            words.flag("goodput", format!("{metric}:{value}"));
        }
    }
    tokenizer(&mut benchmark, words)?;
    telemetry(&mut benchmark, words)?;
    peer(&mut benchmark, words)?;
    benchmark.finish()
}

fn models(benchmark: &mut Reader, words: &mut Words) -> Result<(), String> {
    let path = benchmark.at("models");
    let models = match (benchmark.take("model"), benchmark.take("models")) {
        (Some(_), Some(_)) => return Err(format!("{path}: stands beside `model`: write one of them")),
        (one, several) => one.or(several),
    };
    let Some(models) = models else {
        return Ok(());
    };
    if let Some(name) = word(&models) {
        words.flag("model", name);
        return Ok(());
    }
    let items = match models {
        Value::Array(list) => list,
        other => {
            let mut models = Reader::new(other, &path)?;
            match models.word("strategy")?.as_deref() {
                Some("weighted") => {
                    return Err(format!("{path}.strategy: weighted is not done: write round_robin or random"));
                }
                strategy => words.maybe("model-selection-strategy", strategy.map(str::to_owned)),
            }
            let items = models.take("items");
            models.finish()?;
            match items {
                Some(Value::Array(list)) => list,
                _ => return Err(format!("{path}.items: write a list")),
            }
        }
    };
    for item in items {
        if let Some(name) = word(&item) {
            words.flag("model", name);
            continue;
        }
        let mut item = Reader::new(item, &path)?;
        words.maybe("model", item.word("name")?);
        for key in ["weight", "lora", "tokenizer"] {
            if item.take(key).is_some() {
                return Err(format!("{path}.{key}: is not done for one model of several"));
            }
        }
        item.finish()?;
    }
    Ok(())
}

fn endpoint(mut endpoint: Reader, words: &mut Words) -> Result<(), String> {
    let (one, several) = (endpoint.words("url")?, endpoint.words("urls")?);
    if !one.is_empty() && !several.is_empty() {
        return Err(format!("{}: stands beside `url`: write one of them", endpoint.at("urls")));
    }
    for url in one.into_iter().chain(several) {
        words.flag("url", url);
    }
    for (key, flag) in [
        ("type", "endpoint-type"),
        ("path", "custom-endpoint"),
        ("api_key", "api-key"),
        ("connection_reuse", "connection-reuse-strategy"),
        ("url_strategy", "url-strategy"),
        ("session_header", "session-header"),
    ] {
        words.maybe(flag, endpoint.word(key)?);
    }
    for (key, flag) in [
        ("streaming", "streaming"),
        ("use_legacy_max_tokens", "use-legacy-max-tokens"),
        ("use_server_token_count", "use-server-token-count"),
        ("per_chunk_usage", "per-chunk-usage"),
    ] {
        words.switch(flag, endpoint.truth(key)?);
    }
    match endpoint.seconds("timeout")?.as_deref() {
        None => {}
        Some("0" | "inf") => words.flag("request-timeout-seconds", NO_TIMEOUT),
        Some(seconds) => words.flag("request-timeout-seconds", seconds),
    }
    let headers = match endpoint.take("headers") {
        Some(Value::Object(map)) => map,
        Some(_) => return Err(format!("{}: write a mapping", endpoint.at("headers"))),
        None => Map::new(),
    };
    for (name, value) in headers {
        let value = word(&value).ok_or_else(|| format!("benchmark.endpoint.headers.{name}: write a text"))?;
        words.flag("header", format!("{name}:{value}"));
    }
    let mut extra = match endpoint.take("extra") {
        Some(Value::Object(map)) => map,
        Some(_) => return Err(format!("{}: write a mapping", endpoint.at("extra"))),
        None => Map::new(),
    };
    if let Some(mut template) = endpoint.inner("template")? {
        for (key, name) in [("body", "payload_template"), ("response_field", "response_field")] {
            if let Some(text) = template.take(key) {
                extra.insert(name.into(), text.as_str().map_or_else(|| text.to_string(), str::to_owned).into());
            }
        }
        template.finish()?;
    }
    if !extra.is_empty() {
        words.flag("extra-inputs", Value::Object(extra).to_string());
    }
    match endpoint.seconds("wait_for_model_timeout")? {
        Some(seconds) if seconds != "0" => words.flag("wait-for-server", seconds),
        _ => {}
    }
    for key in ["wait_for_model_interval", "wait_for_model_mode"] {
        if endpoint.take(key).is_some() {
            words.note(&endpoint.at(key), "--wait-for-server asks for one short answer each second");
        }
    }
    hooks(&mut endpoint, words)?;
    endpoint.finish()
}

/// `reset_kv_cache` and `server_profiler`: a truth, or a mapping of paths and times.
fn hooks(endpoint: &mut Reader, words: &mut Words) -> Result<(), String> {
    for (key, flag, fields) in [
        ("reset_kv_cache", "reset-kv-cache", RESET.as_slice()),
        ("server_profiler", "server-profiler", PROFILER.as_slice()),
    ] {
        let path = endpoint.at(key);
        match endpoint.take(key) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => words.switch(flag, Some(true)),
            Some(other) => {
                let mut hook = Reader::new(other, &path)?;
                if hook.truth("enabled")? != Some(false) {
                    words.switch(flag, Some(true));
                    for (key, flag) in fields {
                        words.maybe(flag, hook.word(key)?);
                    }
                }
                hook.finish()?;
            }
        }
    }
    Ok(())
}

const RESET: [(&str, &str); 2] =
    [("path", "reset-kv-cache-path"), ("timeout_seconds", "reset-kv-cache-timeout-seconds")];
const PROFILER: [(&str, &str); 3] = [
    ("start_path", "server-profiler-start-path"),
    ("stop_path", "server-profiler-stop-path"),
    ("timeout_seconds", "server-profiler-timeout-seconds"),
];

fn artifacts(mut artifacts: Reader, words: &mut Words) -> Result<(), String> {
    words.maybe("artifact-dir", artifacts.word("dir")?);
    words.maybe("profile-export-prefix", artifacts.word("prefix")?);
    words.maybe("slice-duration", artifacts.seconds("slice_duration")?);
    if artifacts.take("summary") == Some(false.into()) {
        words.note(&artifacts.at("summary"), "the summaries are always written");
    }
    let level = match (artifacts.truth("raw")?, artifacts.take("records") == Some(false.into())) {
        (Some(true), _) => Some("raw"),
        (_, true) => Some("summary"),
        _ => None,
    };
    words.maybe("export-level", level.map(Into::into));
    words.switch("export-http-trace", artifacts.truth("trace")?);
    words.switch("http-trace-metrics", artifacts.truth("show_trace_timing")?);
    if artifacts.truth("auto_plot")?.is_some() {
        words.note(&artifacts.at("auto_plot"), "report.html has the charts of every run");
    }
    match artifacts.take("export_outputs_json") {
        None | Some(Value::Bool(false)) => {}
        Some(_) => {
            let at = artifacts.at("export_outputs_json");
            return Err(format!("{at}: is not written: leave it out; `raw: true` keeps the texts of answers"));
        }
    }
    if artifacts.take("user_files").is_some_and(|files| files.as_array().is_none_or(|list| !list.is_empty())) {
        words.note(&artifacts.at("user_files"), "files of one's own are written by whoever starts the run");
    }
    artifacts.finish()
}

fn tokenizer(benchmark: &mut Reader, words: &mut Words) -> Result<(), String> {
    let path = benchmark.at("tokenizer");
    let Some(value) = benchmark.take("tokenizer") else {
        return Ok(());
    };
    if let Some(name) = word(&value) {
        words.flag("tokenizer", name);
        return Ok(());
    }
    let mut tokenizer = Reader::new(value, &path)?;
    words.maybe("tokenizer", tokenizer.word("name")?);
    words.maybe("tokenizer-revision", tokenizer.word("revision")?);
    words.switch("apply-chat-template", tokenizer.truth("apply_chat_template")?);
    if tokenizer.truth("trust_remote_code")? == Some(true) {
        words.note(&tokenizer.at("trust_remote_code"), "ringload runs no code of a hub");
    }
    tokenizer.finish()
}

fn telemetry(benchmark: &mut Reader, words: &mut Words) -> Result<(), String> {
    for (key, flag, off) in [
        ("server_metrics", "server-metrics", "no-server-metrics"),
        ("gpu_telemetry", "gpu-telemetry", "no-gpu-telemetry"),
    ] {
        let path = benchmark.at(key);
        match benchmark.take(key) {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => words.switch(off, Some(true)),
            Some(value) => {
                let mut telemetry = Reader::new(value, &path)?;
                let on = telemetry.truth("enabled")? != Some(false);
                let (urls, formats) = (telemetry.words("urls")?, telemetry.words("formats")?);
                let collector = telemetry.word("collector")?.filter(|collector| collector != "dcgm");
                for key in ["mode", "metrics_file"] {
                    if telemetry.take(key).is_some() {
                        words.note(
                            &telemetry.at(key),
                            "exporters of DCGM are read, all fields that docs/OUTPUT.md names",
                        );
                    }
                }
                telemetry.finish()?;
                if !on {
                    words.switch(off, Some(true));
                    continue;
                }
                for url in urls.into_iter().chain(collector) {
                    words.flag(flag, url);
                }
                for format in formats {
                    words.flag("server-metrics-formats", format);
                }
            }
        }
    }
    Ok(())
}

/// What is of the peer's own machinery, or of features that there are not.
fn peer(benchmark: &mut Reader, words: &mut Words) -> Result<(), String> {
    if let Some(mut runtime) = benchmark.inner("runtime")? {
        words.maybe("ui", runtime.word("ui")?);
        for key in runtime.rest().keys() {
            words.note(&runtime.at(key), "ringload is one process on pinned cores: --cores says which");
        }
    }
    for key in ["logging", "metrics"] {
        if benchmark.take(key).is_some() {
            words.note(&benchmark.at(key), "ringload keeps no log, and has its metrics always");
        }
    }
    for key in ["network_latency", "otel", "mlflow", "wandb", "accuracy", "scenario", "unsafe_override"] {
        let off = |value: &Value| value == &Value::Bool(false) || value.get("enabled") == Some(&Value::Bool(false));
        if benchmark.take(key).is_some_and(|value| !off(&value)) {
            return Err(format!("{}: is not done: leave it out", benchmark.at(key)));
        }
    }
    Ok(())
}

/// What AIPerf takes for no time-out.
const NO_TIMEOUT: &str = "3000000000";
