//! Whether JSON that the program wrote is what its schemas say.

use crate::binary::ringload;
use jsonschema::Validator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// Asserts that a value follows the schema of this name, as `ringload schema NAME` prints it.
///
/// # Panics
/// When it does not, or there is none.
pub fn follows(name: &str, value: &Value) {
    let errors: Vec<String> =
        validator(name).iter_errors(value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

fn validator(name: &str) -> Arc<Validator> {
    static KNOWN: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let printed = Command::new(ringload()).args(["schema", name]).output().expect("the binary runs");
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let schema = serde_json::from_slice(&printed.stdout).expect("JSON alone");
        Arc::new(jsonschema::validator_for(&schema).expect("a schema"))
    };
    Arc::clone(known.entry(name.to_owned()).or_insert_with(make))
}
