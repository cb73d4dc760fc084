//! Words of our own for things that have a standard name. `docs/GLOSSARY.md` has the standard ones.

use super::source::{files, root};
use std::collections::BTreeMap;

/// A private word and the term that stands for it.
const WORDS: &[(&str, &str)] = &[
    ("alight", "cancel a stream"),
    ("burnt", "loaded by other work"),
    ("carrier", "HTTP/2 connection"),
    ("crammed", "over memory budget"),
    ("eyes", "observers"),
    ("films", "video"),
    ("fresh reader", "reviewer"),
    ("greeted", "settings received"),
    ("happened", "event"),
    ("heed", "handle"),
    ("hung up", "closed the connection"),
    ("in lumps", "coalesced"),
    ("in vain", "without result"),
    ("last words", "close reason"),
    ("law", "distribution"),
    ("looked after", "kept, drained"),
    ("look on", "observe"),
    ("looks on", "observes"),
    ("mended", "fixed"),
    ("papers", "certificates"),
    ("payer", "initiator: the request that opened the connection"),
    ("rider", "stream"),
    ("rooms", "modules, resources"),
    ("seat", "worker thread"),
    ("sounds", "audio"),
    ("standing", "ceiling usage"),
    ("surroundings", "environment"),
    ("take leave", "close the connection"),
    ("the books", "request accounting"),
    ("tripwire", "error limit"),
    ("unbegun", "unprocessed (RFC 9113, 6.8)"),
    ("way and back", "round trip"),
];

/// Where a word is not ours: an author's name, a theorem's; and keys of earlier schemas, which are read.
const NAMES: [&str; 8] = [
    "law and kelton",
    "little s law",
    "alias law",
    "distribution law",
    "law is distribution",
    "alias sounds",
    "audio sounds",
    "sounds is audio",
];

/// The parts of a text that are words: `CamelCase` and `snake_case` names fall apart into theirs, in lower case, one
/// space between two.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let ends = c.is_uppercase() && before.is_lowercase() || !c.is_alphanumeric();
        if ends && !out.ends_with(' ') {
            out.push(' ');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
        before = c;
    }
    out
}

fn count(text: &str, word: &str) -> usize {
    let plural = format!(" {word}s ");
    // Every other space ends one word and begins the next.
    let text = text.replace(' ', "  ");
    let word = word.replace(' ', "  ");
    text.matches(&format!(" {word} ")).count() + text.matches(plural.as_str()).count()
}

#[test]
fn nothing_has_a_private_name() {
    let mut found = BTreeMap::new();
    let read = |p: &std::path::PathBuf| {
        let kind = p.extension().and_then(|e| e.to_str());
        matches!(kind, Some("rs" | "md" | "sh" | "py")) && !p.starts_with("tests/tidy")
    };
    for path in files().iter().filter(|p| read(p)) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        let text = NAMES.iter().fold(format!(" {} ", words(&text)), |text, name| text.replace(name, ""));
        for (word, instead) in WORDS {
            let n = count(&text, word);
            if n > 0 {
                *found.entry(format!("{word} ({instead})")).or_insert(0) += n;
            }
        }
    }
    super::debts::check("word", &found);
}

#[test]
fn names_fall_apart_into_words() {
    let text = format!(" {} ", words("struct NewCarrier; let a_carrier = carriers(Carried); carrier carrier"));
    assert_eq!(count(&text, "carrier"), 5);
    assert_eq!(count(&format!(" {} ", words("no one looks on. He looks_on")), "looks on"), 2);
}
