//! What a server says of an error.

use serde_json::Value;

/// The message of an error body or event, at most 4 096 characters of it, in one line; what is kept of it is an excerpt
/// ([`crate::plan::Secrets::excerpt`]). Cold path.
///
/// Understands the ways that `docs/ENDPOINTS.md` lists; anything else is given as it came.
#[must_use]
pub fn error_message(data: &[u8]) -> String {
    let message = serde_json::from_slice::<Value>(data)
        .ok()
        .and_then(|v| message(&v))
        .unwrap_or_else(|| String::from_utf8_lossy(data).into_owned());
    one_line(&message, MAX_CHARS)
}

/// At most `chars` characters of a text, in one line.
pub(super) fn one_line(text: &str, chars: usize) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars).collect()
}

/// What a JSON text says of an error: at its top, or deeper where the APIs have it.
fn message(value: &Value) -> Option<String> {
    if let Value::Array(items) = value {
        return items.iter().find_map(message);
    }
    let inner = ["response", "meta_info"].iter().map(|name| &value[*name]);
    words(value)
        .or_else(|| choices(value).map(|choice| &choice["error"]).find_map(said))
        .or_else(|| inner.clone().find_map(words))
        .or_else(|| {
            let mut stopped = choices(value).chain(inner).chain([value, &value["delta"]]);
            stopped.find_map(reason)
        })
}

fn choices(value: &Value) -> impl Iterator<Item = &Value> {
    value["choices"].as_array().into_iter().flatten()
}

/// The first of the usual names that has something. Where `error` is a flag, a number or a title only (Spring,
/// Fastify), what else is said counts too.
fn words(value: &Value) -> Option<String> {
    let error = value.get("error");
    let first = |names: &[&str]| names.iter().find_map(|name| said(value.get(*name)?));
    match (error, error.and_then(said)) {
        (Some(Value::String(_)), Some(title)) => Some(match first(&NAMES[..4]) {
            Some(message) if !message.contains(&title) => format!("{title}: {message}"),
            Some(message) => message,
            None => title,
        }),
        (Some(Value::Bool(_) | Value::Number(_)), flag) => first(&NAMES).or(flag),
        (_, said) => said.or_else(|| first(&NAMES)),
    }
}

/// Where a message is, but for `error`; behind the first four, kinds and numbers.
const NAMES: [&str; 9] = [
    "error_message",
    "error_msg",
    "message",
    "detail",
    "errors",
    "base_resp",
    "status_msg",
    "error_type",
    "error_code",
];

fn said(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => {
            let message = words(value).unwrap_or_else(|| value.to_string());
            // What the proxy's own server said (OpenRouter).
            let raw = value["metadata"]["raw"].as_str();
            Some(match raw.filter(|raw| !message.contains(raw)) {
                Some(raw) => format!("{message}: {raw}"),
                None => message,
            })
        }
        other => Some(other.to_string()),
    }
}

/// Why an answer stopped, where that is all it says.
fn reason(value: &Value) -> Option<String> {
    let names = ["finish_reason", "stop_reason", "native_finish_reason", "status"];
    let given = |name: &&str| {
        let reason = match &value[*name] {
            Value::Object(reason) => {
                let told = words(&Value::Object(reason.clone()));
                return told.or_else(|| Some(format!("{name} {}", reason.get("type")?)));
            }
            reason => reason.as_str()?,
        };
        Some(format!("{name} \"{reason}\""))
    };
    let all: Vec<String> = names.iter().filter_map(given).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// How a body that is of no use begins, in one line.
#[must_use]
pub fn first_words(body: &[u8]) -> String {
    let front = &body[..body.len().min(4 * FIRST_CHARS)];
    one_line(&String::from_utf8_lossy(front), FIRST_CHARS)
}

const FIRST_CHARS: usize = 100;
const MAX_CHARS: usize = 4096;
