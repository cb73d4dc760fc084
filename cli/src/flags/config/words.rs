//! The flags that a configuration comes to.

use serde_json::Value;

/// Flags with their values, in order.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Each as the table of flags has it, without dashes; none for a switch.
    pub(super) flags: Vec<(String, Option<String>)>,
    /// What is taken and changes nothing.
    pub(super) notes: Vec<String>,
}

impl Words {
    /// A flag with a value.
    pub(super) fn flag(&mut self, name: &str, value: impl Into<String>) {
        self.flags.push((name.to_owned(), Some(value.into())));
    }

    /// A flag with its value, where there is one.
    pub(super) fn maybe(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.flag(name, value);
        }
    }

    /// A switch, where it is on.
    pub(super) fn switch(&mut self, name: &str, on: Option<bool>) {
        if on == Some(true) {
            self.flags.push((name.to_owned(), None));
        }
    }

    /// A note that a key changes nothing.
    pub(super) fn note(&mut self, path: &str, why: &str) {
        self.notes.push(format!("{path} changes nothing: {why}"));
    }

    /// The flags of `ringload:`, by their names.
    pub(super) fn own(&mut self, name: &str, value: Value) -> Result<(), String> {
        let name = name.trim_start_matches('-').replace('_', "-");
        match value {
            Value::Null => {}
            Value::Bool(true) => self.flags.push((name, None)),
            Value::Bool(false) => {}
            Value::Array(list) => {
                for value in list {
                    self.own(&name, value)?;
                }
            }
            Value::Object(_) => self.flag(&name, value.to_string()),
            other => self.flag(&name, super::reader::word(&other).unwrap_or_default()),
        }
        Ok(())
    }
}
