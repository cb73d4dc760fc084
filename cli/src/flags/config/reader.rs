//! A mapping of the configuration, taken apart key by key; what nobody took is unknown.

use serde_json::{Map, Value};

/// A mapping, and where it stands.
pub(super) struct Reader {
    /// Dotted path, for messages.
    path: String,
    left: Map<String, Value>,
    /// Keys that were asked for.
    known: Vec<&'static str>,
}

impl Reader {
    /// Reads a mapping; its keys may be `camelCase`.
    ///
    /// # Errors
    /// Where it is none, or has a key in both spellings.
    pub(super) fn new(value: Value, path: &str) -> Result<Self, String> {
        let Value::Object(map) = value else {
            return Err(format!("{path}: write a mapping, not {}", shown(&value)));
        };
        let mut left = Map::new();
        for (key, value) in map {
            let plain = snake(&key);
            if left.insert(plain.clone(), value).is_some() {
                return Err(format!("{path}: `{plain}` stands twice, once as `{key}`"));
            }
        }
        Ok(Self { path: path.to_owned(), left, known: Vec::new() })
    }

    /// The path of one of its keys.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes a value; null is none.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.left.remove(key).filter(|value| !value.is_null())
    }

    /// Takes a text, a number or a truth, as a flag takes it.
    pub(super) fn word(&mut self, key: &'static str) -> Result<Option<String>, String> {
        self.take(key).map(|value| word(&value).ok_or_else(|| self.not(key, "one value", &value))).transpose()
    }

    /// Takes a truth.
    pub(super) fn truth(&mut self, key: &'static str) -> Result<Option<bool>, String> {
        self.take(key).map(|value| value.as_bool().ok_or_else(|| self.not(key, "true or false", &value))).transpose()
    }

    /// Takes one value or a list of them.
    pub(super) fn words(&mut self, key: &'static str) -> Result<Vec<String>, String> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let list = match &value {
            Value::Array(list) => list.iter().map(word).collect(),
            one => word(one).map(|one| vec![one]),
        };
        list.ok_or_else(|| self.not(key, "a value or a list of them", &value))
    }

    /// Takes a time in seconds: a number, or a text as `30s`, `5min`, `2h`.
    pub(super) fn seconds(&mut self, key: &'static str) -> Result<Option<String>, String> {
        self.take(key)
            .map(|value| seconds(&value).ok_or_else(|| self.not(key, "seconds, or a time as 30s, 5m or 2h", &value)))
            .transpose()
    }

    /// Takes a mapping.
    pub(super) fn inner(&mut self, key: &'static str) -> Result<Option<Self>, String> {
        let path = self.at(key);
        self.take(key).map(|value| Self::new(value, &path)).transpose()
    }

    /// Takes all that is left: keys that the user chose.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.left)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// The first key that nobody knows, with the nearest that somebody does.
    pub(super) fn finish(self) -> Result<(), String> {
        let Some(key) = self.left.keys().next() else {
            return Ok(());
        };
        let likeness = |known: &&str| strsim::jaro_winkler(known, key);
        let near = self.known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let near = near.filter(|near| likeness(near) > 0.7);
        let remedy = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", self.known.join(", ")),
        };
        Err(format!("{}: no such key; {remedy}", self.at(key)))
    }

    fn not(&self, key: &str, what: &str, value: &Value) -> String {
        format!("{}: write {what}, not {}", self.at(key), shown(value))
    }
}

/// `gracePeriod` → `grace_period`
pub(super) fn snake(key: &str) -> String {
    let mut plain = String::with_capacity(key.len() + 4);
    for (i, c) in key.chars().enumerate() {
        if c.is_ascii_uppercase() {
            if i > 0 {
                plain.push('_');
            }
            plain.push(c.to_ascii_lowercase());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// A value as a flag takes it.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A time in seconds; `inf` where it has no end.
pub(super) fn seconds(value: &Value) -> Option<String> {
    let Value::String(text) = value else {
        return value.as_f64().filter(|s| *s >= 0.0).map(|_| value.to_string());
    };
    let text = text.trim().to_ascii_lowercase();
    if matches!(text.as_str(), "inf" | "infinity") {
        return Some("inf".into());
    }
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match text[end..].trim() {
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3_600.0,
        _ => return None,
    };
    let number: f64 = text[..end].trim().parse().ok()?;
    (number >= 0.0).then(|| (number * factor).to_string())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_known_in_both_spellings_and_unknown_ones_get_the_nearest() {
        let mut reader = Reader::new(json!({"gracePeriod": "2m", "requets": 3}), "phases.warmup").unwrap();
        assert_eq!(reader.seconds("grace_period"), Ok(Some("120".into())));
        assert_eq!(reader.word("requests"), Ok(None));
        let error = reader.finish().unwrap_err();
        assert_eq!(error, "phases.warmup.requets: no such key; did you mean `requests`?");
        assert!(Reader::new(json!({"aB": 1, "a_b": 2}), "x").is_err());
        assert!(Reader::new(json!(3), "x").err().unwrap().contains("not 3"));
    }

    #[test]
    fn times_are_numbers_or_texts_with_units() {
        for (value, expected) in [
            (json!(3), Some("3")),
            (json!("30s"), Some("30")),
            (json!("5min"), Some("300")),
            (json!("2 h"), Some("7200")),
            (json!("inf"), Some("inf")),
            (json!("0.5"), Some("0.5")),
            (json!("3 weeks"), None),
            (json!(-1), None),
            (json!(true), None),
        ] {
            assert_eq!(seconds(&value).as_deref(), expected, "{value}");
        }
    }
}
