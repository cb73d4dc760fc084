//! Families of tokenizers that split differently from the built-in one: each is made from the small vocabulary of
//! `tests/data`.

use super::{load, plan, prefixing_tree, prompt_of, tiny_tree};
use crate::workload::Workload;
use serde_json::{Map, Value, json};

#[test]
fn metaspace_without_pieces_is_exact() {
    // As Llama 2 and Mistral 7B: spaces become ▁, one is put in front, and the whole text goes to the model.
    let mut tree = tiny_tree();
    rename(&mut tree, |token| token.replace('Ġ', "▁"));
    tree["normalizer"] = json!({"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]});
    tree["pre_tokenizer"] = Value::Null;
    tree["decoder"] = json!({"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]});
    assert_exact(&tree);
}

#[test]
fn merges_across_words_are_corrected() {
    // No split at spaces, and the first merge of all joins an `e` with the space after it.
    let mut tree = tiny_tree();
    tree["pre_tokenizer"]["use_regex"] = json!(false);
    tree["model"]["vocab"]["eĠ"] = json!(2_048);
    if let Some(merges) = tree["model"]["merges"].as_array_mut() {
        merges.insert(0, json!(["e", "Ġ"]));
    }
    assert_exact(&tree);
}

#[test]
fn added_tokens_of_several_words_are_reckoned_with() {
    let mut tree = tiny_tree();
    let words = ["the", "of", "any", "work", "you", "may", "free", "terms"];
    let pairs = words.iter().flat_map(|a| words.map(|b| format!(" {a} {b}")));
    let added = pairs.enumerate().map(|(i, text)| {
        json!({"id": 2_048 + i, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": false})
    });
    let known = tree["added_tokens"].as_array().unwrap().clone();
    tree["added_tokens"] = known.into_iter().chain(added).collect();
    let tokenizer = load(&tree);
    assert_eq!(tokenizer.count("x the of"), tokenizer.count("x") + 1);
    assert_exact(&tree);
}

#[test]
fn word_pieces_are_exact() {
    let mut tree = tiny_tree();
    let mut vocab = Map::new();
    vocab.insert("[UNK]".into(), json!(0));
    let tokens = tree["model"]["vocab"].as_object().unwrap().clone();
    for token in tokens.keys() {
        let word = token.strip_prefix('Ġ').unwrap_or(token).to_lowercase();
        let id = vocab.len();
        vocab.entry(word.clone()).or_insert_with(|| json!(id));
        let id = vocab.len();
        vocab.entry(format!("##{word}")).or_insert_with(|| json!(id));
    }
    tree["model"] = json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": vocab});
    tree["added_tokens"] = json!([]);
    tree["normalizer"] = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true});
    tree["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
    tree["decoder"] = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
    assert_exact(&tree);
}

#[test]
fn a_vocabulary_without_ascii_makes_unicode_prompts() {
    let words: Map<String, Value> = ["[UNK]".to_owned()]
        .into_iter()
        .chain((0..300).map(|i| {
            let letter = |n: u32| char::from_u32(0x4e00 + n).unwrap();
            format!("{}{}", letter(i), letter(2 * i + 1_000))
        }))
        .enumerate()
        .map(|(id, word)| (word, json!(id)))
        .collect();
    let mut tree = tiny_tree();
    tree["model"] = json!({"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"});
    tree["added_tokens"] = json!([]);
    tree["pre_tokenizer"] = json!({"type": "WhitespaceSplit"});
    tree["decoder"] = Value::Null;
    let workload = assert_exact(&tree);
    assert!(!prompt_of(workload.entries[0].body.in_memory()).is_ascii());
}

#[test]
fn one_token_per_character_is_exact_and_needs_no_spaces() {
    let mut tree = tiny_tree();
    tree["model"]["merges"] = json!([]);
    let vocab = tree["model"]["vocab"].as_object_mut().unwrap();
    vocab.retain(|token, _| token.chars().count() == 1 || token.starts_with('<'));
    let workload = assert_exact(&tree);
    assert!(!prompt_of(workload.entries[0].body.in_memory()).contains(' '));
}

#[test]
fn lengths_that_cannot_be_had_are_counted_and_the_closest_is_taken() {
    // No text has one token.
    let tree = prefixing_tree();
    let tokenizer = load(&tree);
    assert_eq!(tokenizer.count("the"), 2);
    let workload = Workload::with_tokenizer(&plan(20, 1.0, 0.0), tokenizer).unwrap();
    assert_eq!(workload.inexact_prompts, 20);
    assert!(workload.entries.iter().all(|entry| entry.isl == 2));
    let workload = Workload::with_tokenizer(&plan(20, 9.0, 0.0), load(&tree)).unwrap();
    assert_eq!(workload.inexact_prompts, 0);
}

#[test]
fn a_vocabulary_without_words_is_an_error_with_a_remedy() {
    let mut tree = tiny_tree();
    tree["model"] = json!({"type": "WordLevel", "vocab": {"1": 0, "2": 1}, "unk_token": "1"});
    tree["added_tokens"] = json!([]);
    let e = Workload::with_tokenizer(&plan(1, 9.0, 0.0), load(&tree)).err();
    assert!(e.unwrap().to_string().contains("`plan.prompts.tokenizer` builtin"));
}

/// Many lengths in one run, each checked by the tokenizer's own count.
fn assert_exact(tree: &Value) -> Workload {
    let workload = Workload::with_tokenizer(&plan(150, 60.0, 50.0), load(tree)).unwrap();
    for (i, entry) in workload.entries.iter().enumerate() {
        let text = prompt_of(entry.body.in_memory());
        assert_eq!(workload.count_tokens(&text), entry.isl, "entry {i}: {text}");
    }
    assert_eq!(workload.inexact_prompts, 0);
    workload
}

/// Renames all tokens of a BPE, in its vocabulary and its merges.
fn rename(tree: &mut Value, to: impl Fn(&str) -> String) {
    let model = &mut tree["model"];
    let vocab: Map<String, Value> =
        model["vocab"].as_object().unwrap().iter().map(|(token, id)| (to(token), id.clone())).collect();
    model["vocab"] = vocab.into();
    for part in model["merges"].as_array_mut().unwrap().iter_mut().flat_map(|pair| pair.as_array_mut().unwrap()) {
        *part = to(part.as_str().unwrap()).into();
    }
}
