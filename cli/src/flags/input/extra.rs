//! `--extra-inputs` → fields of the request body, typed.

use ringload_engine::plan::{EndpointKind, HIDDEN, LengthDistribution, Plan, names_a_secret};
use ringload_engine::{Error, Result};
use serde_json::{Map, Value};

/// A pair that is none, as it may be shown: behind a telling name stands a secret.
fn shown(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if names_a_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

/// Fields of every request body, in order; a later one wins.
pub(crate) fn inputs(items: &[String]) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for item in items {
        if item.trim_start().starts_with('{') {
            let object: Map<String, Value> = serde_json::from_str(item).map_err(|e| {
                Error::usage(
                    format!("--extra-inputs: not a JSON object ({e})"),
                    r#"write '{"temperature": 0.7}' or temperature:0.7"#,
                )
            })?;
            fields.extend(object);
        } else {
            for pair in pairs(item) {
                let (key, value) = pair.split_once(':').filter(|(k, _)| !k.trim().is_empty()).ok_or_else(|| {
                    Error::usage(
                        format!("--extra-inputs: `{}` has no key", shown(pair)),
                        "write key:value, as in temperature:0.7 ignore_eos:true",
                    )
                })?;
                fields.insert(key.trim().to_owned(), typed(value.trim()));
            }
        }
    }
    for (owned, flag) in [("model", "--model"), ("stream", "--streaming")] {
        if fields.contains_key(owned) {
            return Err(Error::usage(
                format!("--extra-inputs: `{owned}` is not an extra: it would contradict the plan"),
                format!("use {flag}"),
            ));
        }
    }
    Ok(fields)
}

/// One item may hold several pairs behind commas, as AIPerf allows; a comma inside a value is not one of those.
fn pairs(item: &str) -> Vec<&str> {
    let whole = item.split_once(':').is_some_and(|(_, v)| serde_json::from_str::<Value>(v).is_ok());
    let parts: Vec<&str> = item.split(',').collect();
    let each_is_a_pair = parts.iter().all(|p| {
        p.split_once(':').is_some_and(|(k, _)| {
            !k.trim().is_empty()
                && k.trim().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        })
    });
    if whole || !each_is_a_pair { vec![item] } else { parts }
}

fn typed(text: &str) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "none" | "null" => return Value::Null,
        _ => {}
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Several choices are one request: what that means for its figures is said.
pub(crate) fn several_choices(extra: &Map<String, Value>, notes: &mut Vec<String>) {
    let several = ["n", "best_of"].iter().find_map(|name| {
        let n = extra.get(*name)?.as_u64().filter(|n| *n > 1)?;
        Some((*name, n))
    });
    if let Some((name, n)) = several {
        notes.push(format!(
            "{name}:{n} in --extra-inputs: the events and tokens of all choices are the request's, so inter_token_latency is the time \
             per token of all choices together; see docs/MEASUREMENT.md"
        ));
    }
}

/// An output length bounds a response from above only, and most models end synthetic text long before it.
pub(crate) fn upper_bound(plan: &Plan, notes: &mut Vec<String>) {
    let asked = plan.prompts.osl.is_some() || matches!(plan.prompts.distribution, LengthDistribution::Pairs(_));
    let sent = !matches!(plan.endpoint, EndpointKind::Raw | EndpointKind::Template);
    if asked && sent && !plan.asks_for_whole_length() {
        notes.push(
            "responses may end before --osl: --extra-inputs ignore_eos:true, or min_tokens:N, goes on to it where the server takes that".into(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(items: &[&str]) -> Value {
        Value::Object(inputs(&items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap())
    }

    #[test]
    fn values_keep_their_type() {
        assert_eq!(
            parsed(&["temperature:0.7", "top_k:40", "ignore_eos:True", "stop:[\"a\",\"b\"]", "user:bob", "x:None"]),
            json!({"temperature": 0.7, "top_k": 40, "ignore_eos": true, "stop": ["a", "b"], "user": "bob", "x": null})
        );
    }

    #[test]
    fn json_objects_and_comma_lists_are_taken() {
        assert_eq!(parsed(&[r#"{"a": {"b": 1}}"#, "c:1,d:two"]), json!({"a": {"b": 1}, "c": 1, "d": "two"}));
        assert_eq!(parsed(&["greeting:hello, world"]), json!({"greeting": "hello, world"}));
        assert_eq!(parsed(&["url:http://h:1/x"]), json!({"url": "http://h:1/x"}));
    }

    #[test]
    fn what_the_plan_owns_is_refused() {
        for (bad, flag) in
            [("stream:false", "--streaming"), ("model:x", "--model"), ("novalue", "key:value"), ("{x", "JSON")]
        {
            let e = inputs(&[bad.to_owned()]).unwrap_err().to_string();
            assert!(e.contains(flag), "{e}");
        }
    }
}
