//! What a server says of an error.

use super::failed::failed;
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

/// What a JSON object says at its top in one of those ways, where it does not say that it is an error.
#[must_use]
pub fn message_at_top(data: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(data).ok()?;
    words(&value).map(|words| one_line(&words, MAX_CHARS))
}

/// At most `chars` characters of a text, in one line.
pub(super) fn one_line(text: &str, chars: usize) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars).collect()
}

/// What a JSON text says of an error: at its top, or deeper where the APIs have it.
fn message(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => return items.iter().find_map(message),
        Value::String(words) => return Some(words.clone()),
        _ => {}
    }
    let inner = ["response", "meta_info", "x_groq", "Response"].iter().map(|name| &value[*name]);
    words(value)
        .or_else(|| choices(value).flat_map(|choice| [&choice["error"], &choice["error_message"]]).find_map(said))
        .or_else(|| inner.clone().find_map(words))
        .or_else(|| {
            let stopped = choices(value).chain(inner).chain([value, &value["delta"]]);
            // Of several choices the one that failed.
            stopped.clone().filter(|value| has_failed(value)).chain(stopped).find_map(reason)
        })
}

fn choices(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value["choices"].as_array().into_iter().flatten()
}

/// The first of the usual names that has something. Where `error` is a flag, a number or a title only (Spring,
/// Fastify), what else is said counts too.
fn words(value: &Value) -> Option<String> {
    let error = value.get("error");
    let first = |names: &[&str]| names.iter().find_map(|name| said(value.get(*name)?));
    match (error, error.and_then(said)) {
        (Some(Value::String(_)), Some(title)) => Some(match first(&NAMES[..MESSAGES]) {
            Some(message) if !message.contains(&title) => format!("{title}: {message}"),
            Some(message) => message,
            None => title,
        }),
        (Some(Value::Bool(_) | Value::Number(_)), flag) => first(&NAMES).or(flag),
        (_, said) => said.or_else(|| first(&NAMES)).or_else(|| exception(value)),
    }
}

/// What is said under the name of an exception (Bedrock).
fn exception(value: &Value) -> Option<String> {
    value.as_object()?.iter().find(|(name, _)| name.ends_with("Exception")).and_then(|(_, value)| said(value))
}

/// Where a message is, but for `error`; behind the first of them, kinds and numbers.
const NAMES: [&str; 18] = [
    "error_message",
    "error_msg",
    "message",
    "detail",
    "msg",
    "errmsg",
    "Message",
    "Msg",
    "ErrorMsg",
    "Error",
    "title",
    "errors",
    "fault",
    "faultstring",
    "base_resp",
    "status_msg",
    "error_type",
    "error_code",
];
const MESSAGES: usize = 11;

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

/// Whether the reason why a response stopped says that it failed.
fn has_failed(value: &Value) -> bool {
    let reasons = REASONS.iter().map(|name| &value[*name]);
    reasons.filter_map(|reason| reason.as_str().or_else(|| reason["type"].as_str())).any(|r| failed(r.as_bytes()))
}

/// Where the reason why a response stopped is.
const REASONS: [&str; 4] = ["finish_reason", "stop_reason", "native_finish_reason", "status"];

/// Why a response stopped, where that is all it says.
fn reason(value: &Value) -> Option<String> {
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
    let all: Vec<String> = REASONS.iter().filter_map(given).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// How a body that is of no use begins, in one line. As much of it is given as of an error: it is an excerpt that is
/// shown, secrets redacted.
#[must_use]
pub fn first_words(body: &[u8]) -> String {
    let front = body;
    let body = body.trim_ascii_start();
    if front.len() >= MAX_CHARS && body.len() < MAX_CHARS / 2 {
        return "blanks".into();
    }
    one_line(&String::from_utf8_lossy(&body[..body.len().min(MAX_CHARS)]), MAX_CHARS)
}

const MAX_CHARS: usize = 4096;
