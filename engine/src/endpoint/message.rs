//! What a server says of an error.

use serde_json::Value;

/// The message of an error body or event, at most 4 096 characters of it, in one line; what is kept of it is an excerpt ([`crate::plan::Secrets::excerpt`]). Cold
/// path.
///
/// Understands `{"error": {"message": …}}`, `{"error": "…"}`, `{"message": …}` and `{"detail": …}`; anything else is given as it came.
#[must_use]
pub fn error_message(data: &[u8]) -> String {
    let message = serde_json::from_slice::<Value>(data)
        .ok()
        .and_then(|v| message(&v))
        .unwrap_or_else(|| String::from_utf8_lossy(data).into_owned());
    message
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_CHARS)
        .collect()
}

fn message(value: &Value) -> Option<String> {
    ["error", "message", "detail"]
        .iter()
        .filter_map(|name| value.get(name))
        .find(|v| !v.is_null())
        .map(|said| match said {
            Value::String(text) => text.clone(),
            Value::Object(_) => message(said).unwrap_or_else(|| said.to_string()),
            other => other.to_string(),
        })
}

const MAX_CHARS: usize = 4096;
