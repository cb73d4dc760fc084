//! In what two plans differ, by the names of their fields. Pure.

use serde_json::Value;

/// Fields in which members may differ: each machine has cores and addresses of its own.
const OWN: [&str; 5] = ["cores", "core_range", "io", "fifo", "network.source_ips"];

/// The first differences between two plans, as `field: here … , there …`; none where they are the same but for what
/// each machine has of its own.
#[must_use]
pub fn differences(here: &Value, there: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", here, there, &mut found);
    found.truncate(MOST);
    found
}

fn compare(path: &str, here: &Value, there: &Value, found: &mut Vec<String>) {
    if OWN.contains(&path) || here == there {
        return;
    }
    if let (Value::Object(one), Value::Object(other)) = (here, there) {
        let added = other.keys().filter(|name| !one.contains_key(*name));
        for name in one.keys().chain(added) {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
            compare(&below, &of(one), &of(other), found);
        }
        return;
    }
    found.push(format!("{path}: {} here, {} there", shown(here), shown(there)));
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Differences that are told.
const MOST: usize = 4;
/// Characters of a value that are shown.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_have_the_names_of_their_fields() {
        let here = json!({"seed": 1, "profiling": {"requests": 10, "load": {"mode": "closed"}}, "cores": {"count": 1}});
        let there =
            json!({"seed": 1, "profiling": {"requests": 12, "load": {"mode": "closed"}}, "cores": {"count": 2}});
        assert_eq!(differences(&here, &there), ["profiling.requests: 10 here, 12 there"]);
        assert!(differences(&here, &here).is_empty());
        let more = json!({"seed": 1, "slice": 5, "profiling": here["profiling"], "network": {"source_ips": ["::1"]}});
        assert_eq!(
            differences(&here, &more),
            ["slice: nothing here, 5 there", "network: nothing here, {\"source_ips\":[\"::1\"]} there"]
        );
    }

    #[test]
    fn a_long_value_is_cut_and_many_differences_are_some() {
        let here = json!({"a": "é".repeat(200), "b": 1, "c": 1, "d": 1, "e": 1});
        let found = differences(&here, &json!({}));
        assert_eq!(found.len(), 4);
        assert!(found[0].chars().count() < 120 && found[0].ends_with("… here, nothing there"), "{}", found[0]);
    }
}
