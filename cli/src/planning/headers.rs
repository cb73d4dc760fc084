//! `--header` and the API key → headers. Values are never repeated in an error.

use crate::args::EndpointArgs;
use ringload_engine::plan::{EndpointKind, Header};
use ringload_engine::{Error, Result};
use serde_json::{Map, Value};

/// Headers of every request, in order.
pub(crate) fn headers(endpoint: &EndpointArgs, env_key: Option<&str>) -> Result<Vec<Header>> {
    let mut headers = Vec::new();
    for item in &endpoint.header {
        if item.trim_start().starts_with('{') {
            headers.extend(from_json(item)?);
        } else {
            let (name, value) = item.split_once(':').ok_or_else(|| {
                Error::usage(
                    "--header: no colon",
                    "write Name:Value, or a JSON object; quote it for the shell",
                )
            })?;
            headers.push(header(name, value)?);
        }
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
        headers.push(header(name, &value)?);
    }
    Ok(headers)
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
        let text = super::files::text(path, super::files::KEY_BYTES).map_err(|e| {
            Error::environment(
                format!("--api-key-file {}: {e}", path.display()),
                "name a readable file whose first line is the key",
            )
        })?;
        let key = text.lines().next().unwrap_or_default().trim().to_owned();
        if key.is_empty() {
            return Err(Error::usage(
                format!("--api-key-file {}: its first line is empty", path.display()),
                "put the key on the first line",
            ));
        }
        return Ok(Some(key));
    }
    Ok(env_key.filter(|k| !k.is_empty()).map(str::to_owned))
}

fn from_json(item: &str) -> Result<Vec<Header>> {
    let object: Map<String, Value> = serde_json::from_str(item).map_err(|_| {
        Error::usage(
            "--header: not a JSON object",
            r#"write '{"Name": "value"}' or Name:Value"#,
        )
    })?;
    object
        .iter()
        .map(|(name, value)| match value {
            Value::String(s) => header(name, s),
            Value::Number(_) | Value::Bool(_) => header(name, &value.to_string()),
            _ => Err(Error::usage(
                format!("--header {name}: its value is not text"),
                "write a string",
            )),
        })
        .collect()
}

fn header(name: &str, value: &str) -> Result<Header> {
    let (name, value) = (name.trim(), value.trim());
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Error::usage(
            "--header: the name is not a header name",
            "write Name:Value with letters, digits and dashes",
        ));
    }
    if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        return Err(Error::usage(
            format!("--header {name}: the value holds a control character"),
            "take line breaks out of it",
        ));
    }
    if OWNED.iter().any(|owned| name.eq_ignore_ascii_case(owned)) {
        return Err(Error::usage(
            format!(
                "--header {name}: the engine sets this one, and a second would break the framing"
            ),
            "leave it out",
        ));
    }
    Ok(Header {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// Fields that frame the message.
const OWNED: &[&str] = &[
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "te",
    "upgrade",
];
