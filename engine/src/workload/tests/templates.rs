//! Encodings and rendered templates are those of the Python libraries: `tests/data/encodings.json`, made by
//! `encodings.py` beside it.

use super::{plan, tiny_dir};
use crate::plan::TokenizerSource;
use crate::workload::{ChatTemplate, Hub, Tokenizer, Workload};
use serde_json::{Map, Value};

fn fixture() -> Value {
    let path = tiny_dir().join("../encodings.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn tiny() -> TokenizerSource {
    TokenizerSource::Named { name: tiny_dir().to_str().unwrap().into(), revision: "main".into() }
}

#[test]
fn texts_are_encoded_as_the_tokenizers_library_encodes_them() {
    let tokenizer = Tokenizer::load(&tiny(), &Hub::at(&tiny_dir())).unwrap();
    let builtin = Tokenizer::builtin().unwrap();
    let fixture = fixture();
    let texts = fixture["texts"].as_array().unwrap();
    assert!(texts.len() > 40);
    for case in texts {
        let text = case["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(tokenizer.ids_of(text), ids, "{text:?}");
        assert_eq!(builtin.count(text) as usize, ids.len(), "{text:?}");
    }
}

#[test]
fn templates_render_as_transformers_renders_them() {
    let fixture = fixture();
    let cases = fixture["templates"].as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let config: Map<String, Value> = serde_json::from_value(case["special"].clone()).unwrap();
        let template = ChatTemplate::new(case["template"].as_str().unwrap(), &config).unwrap();
        let tools = case.get("tools").filter(|t| !t.is_null());
        let made = template.render(case["messages"].as_array().unwrap(), tools).unwrap();
        assert_eq!(made, case["rendered"].as_str().unwrap(), "{}", case["name"]);
    }
}

#[test]
fn prompts_have_their_length_after_the_template_when_asked() {
    let mut plan = plan(50, 64.0, 20.0);
    plan.prompts.tokenizer = tiny();
    plan.prompts.chat_template = true;
    let workload = Workload::prepare(&plan).unwrap();
    assert_eq!(workload.inexact_prompts, 0);
    let tokenizer =
        Tokenizer::load(&tiny(), &Hub::at(&tiny_dir())).unwrap().with_template(&tiny(), &Hub::at(&tiny_dir())).unwrap();
    let bare = crate::workload::tests::plan(50, 64.0, 20.0);
    let asked = Workload::prepare(&bare).unwrap();
    for (entry, asked) in workload.entries.iter().zip(&asked.entries) {
        let body: Value = serde_json::from_slice(entry.body.in_memory()).unwrap();
        let seen = tokenizer.template().unwrap().render(body["messages"].as_array().unwrap(), None).unwrap();
        assert!(seen.ends_with("<|assistant|>"), "{seen}");
        assert_eq!((tokenizer.count(&seen), entry.isl), (asked.isl, asked.isl));
    }
}

#[test]
fn a_tokenizer_without_a_template_says_where_it_was_looked_for() {
    let mut plan = plan(1, 9.0, 0.0);
    plan.prompts.chat_template = true;
    let e = Workload::prepare(&plan).map(|_| ()).unwrap_err();
    assert!(e.what.contains("has no chat template"), "{e}");
}
