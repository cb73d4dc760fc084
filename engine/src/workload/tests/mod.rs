//! The workload as a whole: exact, the same for all, distinct.

mod context;
mod families;
mod prepare;
mod replay;
mod templates;

use super::{Hub, Tokenizer};
use crate::plan::*;
use serde_json::json;

/// A plan with one phase of one request, for `entries` prompts.
pub(super) fn plan(entries: usize, mean: f64, stddev: f64) -> Plan {
    let mut plan = Plan::new(vec![Target::parse("http://localhost:8000").unwrap()], "m", Phase::closed(1, 1));
    plan.prompts.isl = Length { mean, stddev };
    plan.prompts.entries = entries;
    plan.seed = 42;
    plan
}

/// The prompt in a body, by the JSON of either endpoint.
fn prompt_of(body: &[u8]) -> String {
    let tree: serde_json::Value = serde_json::from_slice(body).unwrap();
    let text = tree.pointer("/messages/0/content").or(tree.pointer("/prompt"));
    text.and_then(|t| t.as_str()).unwrap().to_owned()
}

/// The vocabulary under `tests/data`, as a tree to be changed.
fn tiny_tree() -> serde_json::Value {
    let path = tiny_dir().join("tokenizer.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn tiny_dir() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/tiny-hf")
}

/// Loads a changed vocabulary as a user's file.
pub(super) fn load(tree: &serde_json::Value) -> Tokenizer {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokenizer.json");
    std::fs::write(&path, tree.to_string()).unwrap();
    let source = TokenizerSource::Named { name: path.to_str().unwrap().into(), revision: "main".into() };
    Tokenizer::load(&source, &Hub::at(dir.path())).unwrap()
}

/// A vocabulary that puts a mark, a token of its own, in front of every text.
pub(super) fn prefixing_tree() -> serde_json::Value {
    let mut tree = tiny_tree();
    tree["normalizer"] = json!({"type": "Prepend", "prepend": "|"});
    tree
}
