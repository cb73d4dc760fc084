//! `--header` and the API key → headers. Values are never repeated in an error.

use super::EndpointArgs;
use crate::flags::files;
use ringload_engine::plan::{EndpointKind, Header};
use ringload_engine::{Error, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// Headers of every request, in order.
pub(super) fn headers(endpoint: &EndpointArgs, env_key: Option<&str>) -> Result<Vec<Header>> {
    let mut headers = Vec::new();
    for item in &endpoint.header {
        headers.extend(one("--header", item)?);
    }
    for path in &endpoint.header_file {
        headers.extend(of_file(path)?);
    }
    if let Some(key) = key(endpoint, env_key)? {
        let (name, value) = match endpoint.endpoint_type {
            EndpointKind::Messages => ("x-api-key", key),
            _ => ("Authorization", format!("Bearer {key}")),
        };
        if headers.iter().any(|h| h.name.eq_ignore_ascii_case(name)) {
            return Err(Error::usage(
                format!("an API key and an {name} header were both given"),
                "drop one (the key may come from RINGLOAD_API_KEY: unset it)",
            ));
        }
        headers.push(header("the API key", name, &value)?);
    }
    Ok(headers)
}

/// The path of a file that is there; what is none may be the secret itself.
fn shown(path: &Path) -> String {
    if path.exists() { path.display().to_string() } else { "(not shown: it may be a key)".into() }
}

/// The headers of a file: a JSON object, or a header on each line.
fn of_file(path: &Path) -> Result<Vec<Header>> {
    let at = format!("--header-file {}", shown(path));
    let text = crate::flags::files::text(path, crate::flags::files::HEADER_BYTES).map_err(|e| {
        Error::environment(format!("{at}: {e}"), "name a readable file with `Name: value` on each line")
    })?;
    if text.trim_start().starts_with('{') {
        return from_json(&at, &text);
    }
    let mut headers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            headers.extend(one(&format!("{at}, line {}", index + 1), line)?);
        }
    }
    Ok(headers)
}

/// What `Name:Value` or a JSON object says; `at` is where it stands.
fn one(at: &str, item: &str) -> Result<Vec<Header>> {
    if item.trim_start().starts_with('{') {
        return from_json(at, item);
    }
    let (name, value) = item.split_once(':').ok_or_else(|| {
        Error::usage(format!("{at}: no colon"), "write Name:Value, or a JSON object; quote it for the shell")
    })?;
    Ok(vec![header(at, name, value)?])
}

fn key(endpoint: &EndpointArgs, env_key: Option<&str>) -> Result<Option<String>> {
    if let Some(key) = &endpoint.api_key {
        if key.trim().is_empty() {
            return Err(Error::usage(
                "--api-key is empty",
                "give the key, or leave the flag out (is the variable that should hold it set?)",
            ));
        }
        return Ok(Some(key.clone()));
    }
    if let Some(path) = &endpoint.api_key_file {
        let text = files::text(path, files::KEY_BYTES).map_err(|e| {
            Error::environment(
                format!("--api-key-file {}: {e}", shown(path)),
                "name a readable file whose first line is the key",
            )
        })?;
        let key = text.lines().next().unwrap_or_default().trim().to_owned();
        if key.is_empty() {
            return Err(Error::usage(
                format!("--api-key-file {}: its first line is empty", shown(path)),
                "put the key on the first line",
            ));
        }
        return Ok(Some(key));
    }
    Ok(env_key.filter(|k| !k.is_empty()).map(str::to_owned))
}

fn from_json(at: &str, item: &str) -> Result<Vec<Header>> {
    let object: Map<String, Value> = serde_json::from_str(item)
        .map_err(|_| Error::usage(format!("{at}: not a JSON object"), r#"write '{"Name": "value"}' or Name:Value"#))?;
    object
        .iter()
        .map(|(name, value)| match value {
            Value::String(s) => header(at, name, s),
            Value::Number(_) | Value::Bool(_) => header(at, name, &value.to_string()),
            _ => Err(Error::usage(format!("{at}: the value of {name} is not text"), "write a string")),
        })
        .collect()
}

fn header(at: &str, name: &str, value: &str) -> Result<Header> {
    let (name, value) = (name.trim(), value.trim());
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Error::usage(
            format!("{at}: the name is not a header name"),
            "write Name:Value with letters, digits and dashes",
        ));
    }
    if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        return Err(Error::usage(
            format!("{at}: the value of {name} holds a control character"),
            "take line breaks out of it",
        ));
    }
    if OWNED.iter().any(|owned| name.eq_ignore_ascii_case(owned)) {
        return Err(Error::usage(
            format!("{at}: the engine sets {name} itself, and a second would break the framing"),
            "leave it out",
        ));
    }
    Ok(Header { name: name.to_owned(), value: value.to_owned() })
}

/// Fields that frame the message.
const OWNED: &[&str] = &["content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"];
