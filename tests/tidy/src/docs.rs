//! `docs/ARCHITECTURE.md` draws the graph of the folders as it is, and names files that are there.

use super::source::{Crate, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const BEGIN: &str = "<!-- imports: written by `UPDATE_ARCHITECTURE=1 cargo test -p ringload-tidy` -->\n";
const END: &str = "<!-- end of imports -->\n";

/// A line for each folder (or file) at the top of a crate: what of the same crate it imports.
fn graph() -> String {
    let mut text = String::new();
    for (name, sources) in super::cycles::CRATES {
        let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in Crate::read(sources).imports() {
            let (Some(from), Some(to)) = (from.first(), to.first()) else {
                continue;
            };
            let row = rows.entry(from.clone()).or_default();
            if from != to {
                row.insert(to.clone());
            }
        }
        writeln!(text, "\n`{sources}`\n").expect("a string");
        assert!(!rows.is_empty(), "{name} has modules");
        for (from, to) in rows {
            let to: Vec<_> = to.into_iter().collect();
            writeln!(text, "    {from:<14} -> {}", if to.is_empty() { "nothing".to_owned() } else { to.join(" ") })
                .expect("a string");
        }
    }
    text + "\n"
}

#[test]
fn the_architecture_draws_the_imports_as_they_are() {
    let path = root().join("docs/ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).expect("docs/ARCHITECTURE.md");
    let (before, rest) = text.split_once(BEGIN).expect("the mark before the imports");
    let (drawn, after) = rest.split_once(END).expect("the mark behind the imports");
    let graph = graph();
    if drawn != graph && std::env::var_os("UPDATE_ARCHITECTURE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{graph}{END}{after}"))
            .expect("docs/ARCHITECTURE.md can be written");
        return;
    }
    assert_eq!(drawn, graph, "run UPDATE_ARCHITECTURE=1 cargo test -p ringload-tidy");
}

#[test]
fn the_places_that_the_architecture_names_are_there() {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    let (_, section) = text.split_once("## Where do I find").expect("the section");
    let section = section.split("\n## ").next().expect("a text");
    let places = section.split('`').skip(1).step_by(2).filter(|word| word.ends_with('/') || word.ends_with(".rs"));
    let mut seen = 0;
    for place in places {
        let is_in = |folder: &&str| root().join(folder).join(place).exists();
        assert!(["", "engine/src", "cli/src/flags"].iter().any(is_in), "{place} is nowhere");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} places are named");
}
