//! `config.yaml`: the plan as a configuration file of AIPerf's (schema 2.0), to be run again or changed.

use super::input_config;
use super::numbers::without_nulls;
use crate::result::run::Outcome;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
    let plan = &outcome.plan;
    let mut benchmark = without_nulls(input_config::of(plan, &outcome.identity.secrets));
    let mut text = format!("# What ringload {} was asked.\n", env!("CARGO_PKG_VERSION"));
    if let Some(endpoint) = benchmark["endpoint"].as_object_mut()
        && endpoint.remove("headers").is_some()
    {
        let names: Vec<&str> = plan.headers.iter().map(|header| header.name.as_str()).collect();
        let _ = writeln!(text, "# Header fields are left out, as they may be secrets: {}.", names.join(", "));
    }
    let document = json!({"schemaVersion": "2.0", "randomSeed": plan.seed, "benchmark": benchmark});
    block(&document, 0, &mut text);
    to.write_all(text.as_bytes())
}

/// Appends a mapping or list in block style, at a depth.
fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let _ = write!(out, "{indent}{}:", scalar(name));
                behind(value, depth, out);
            }
        }
        Value::Array(list) => {
            for value in list {
                let _ = write!(out, "{indent}-");
                behind(value, depth, out);
            }
        }
        other => {
            let _ = writeln!(out, "{indent}{other}");
        }
    }
}

/// Appends what stands behind a key or a dash: what is not flat, on lines of its own.
fn behind(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::String(text) => {
            let _ = writeln!(out, " {}", scalar(text));
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

/// A text, plain where nobody reads it as anything else; else as JSON has it, which YAML 1.2 takes. What looks like a
/// reference or a template is read as one: `$` and `{{` are as they were in the plan.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/.".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let other = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    if word && !other.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{SECRET, outcome};

    #[test]
    fn a_tree_is_written_in_blocks_and_texts_stay_texts() {
        let mut text = String::new();
        let tree = json!({"a": {"b": [1, {"c": "x y", "d": []}], "e": "true"}, "f g": {}, "h": "1.0", "i": "chat"});
        block(&tree, 0, &mut text);
        let expected = "a:\n  b:\n    - 1\n    -\n      c: \"x y\"\n      d: []\n  e: \"true\"\n\"f g\": {}\nh: \"1.0\"\ni: chat\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_plan_of_a_run_is_a_configuration_without_its_secrets() {
        let mut text = Vec::new();
        write(&outcome(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("# Header fields are left out, as they may be secrets: Authorization.\n"), "{text}");
        assert!(text.contains("\nbenchmark:\n  models:\n    items:\n      -\n        name: llama3-8b\n"), "{text}");
        assert!(!text.contains(SECRET) && !text.contains("redacted"), "{text}");
    }
}
