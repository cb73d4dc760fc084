//! `docs/ARCHITECTURE.md` draws the tree and its imports as they are; documents name files and items that are there.

use super::source::{Crate, files, root, rust};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- imports: written by `UPDATE_ARCHITECTURE=1 cargo test -p ringload-tidy` -->\n";
const END: &str = "<!-- end of imports -->\n";

/// The folders of the workspace's crates.
const PACKAGES: [&str; 11] = [
    "engine",
    "engine/driver",
    "engine/wire",
    "engine/mock",
    "cli",
    "bench",
    "fleet",
    "fuzz",
    "tests",
    "tests/models",
    "tests/tidy",
];

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A line of a graph.
fn draw(text: &mut String, from: &str, to: &BTreeSet<String>) {
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    writeln!(text, "    {from:<14} -> {}", if to.is_empty() { "nothing".to_owned() } else { to.join(" ") })
        .expect("a string");
}

/// What each crate uses of the other crates of the tree, by their folders; for its tests too.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = |folder: &str| read(&format!("{folder}/Cargo.toml"));
    let name = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("name = ")).expect("a package's name");
        line.trim_matches('"').to_owned()
    };
    let folders: BTreeMap<_, _> = PACKAGES.iter().map(|folder| (name(&manifest(folder)), *folder)).collect();
    let uses = |folder: &str| {
        let text = manifest(folder);
        let named = text.lines().map(|line| line.split(['.', ' ', '=']).next().expect("a part"));
        let others = named.filter_map(|name| folders.get(name)).filter(|other| **other != folder);
        others.map(|other| (*other).to_owned()).collect()
    };
    PACKAGES.iter().map(|folder| ((*folder).to_owned(), uses(folder))).collect()
}

/// A row for each folder (or file) at the top of a crate: what of the same crate it imports.
fn imports(sources: &str) -> BTreeMap<String, BTreeSet<String>> {
    let of = Crate::read(sources);
    let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for top in of.modules.keys().filter_map(|name| name.first()) {
        rows.entry(top.clone()).or_default();
    }
    for (from, to) in of.imports() {
        let (Some(from), Some(to)) = (from.first(), to.first()) else {
            continue;
        };
        if from != to {
            rows.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    rows
}

fn graph() -> String {
    let mut text = String::from("\nThe crates, their tests included:\n\n");
    for (from, to) in crates() {
        draw(&mut text, &from, &to);
    }
    for (name, sources) in super::cycles::CRATES {
        writeln!(text, "\n`{sources}`\n").expect("a string");
        let rows = imports(sources);
        assert!(!rows.is_empty(), "{name} has modules");
        for (from, to) in rows {
            draw(&mut text, &from, &to);
        }
    }
    text + "\n"
}

#[test]
fn the_architecture_draws_the_imports_as_they_are() {
    let text = read("docs/ARCHITECTURE.md");
    let (before, rest) = text.split_once(BEGIN).expect("the mark before the imports");
    let (drawn, after) = rest.split_once(END).expect("the mark behind the imports");
    let graph = graph();
    if drawn != graph && std::env::var_os("UPDATE_ARCHITECTURE").is_some() {
        std::fs::write(root().join("docs/ARCHITECTURE.md"), format!("{before}{BEGIN}{graph}{END}{after}"))
            .expect("docs/ARCHITECTURE.md can be written");
        return;
    }
    assert_eq!(drawn, graph, "run UPDATE_ARCHITECTURE=1 cargo test -p ringload-tidy");
}

/// A crate or module, as the tree at the head of `docs/ARCHITECTURE.md` has it.
pub(crate) struct Drawn {
    pub name: String,
    pub is_pure: bool,
}

/// The modules that the tree draws directly below `crate_folder` (as it stands there: `cli/`), in its order; with
/// `""` the crates.
pub(crate) fn tree(crate_folder: &str) -> Vec<Drawn> {
    let text = read("docs/ARCHITECTURE.md");
    let tree = text.split("\n## ").next().expect("the part before the first heading");
    let indent = if crate_folder.is_empty() { "    " } else { "      " };
    let mut drawn = vec![];
    let mut at = "";
    for line in tree.lines().filter(|line| line.starts_with("    ")) {
        if !line.starts_with("     ") {
            at = line.split_whitespace().next().expect("a name");
        }
        let Some(row) = line.strip_prefix(indent).filter(|row| !row.starts_with(' ')) else {
            continue;
        };
        if !crate_folder.is_empty() && at != crate_folder {
            continue;
        }
        let (names, rest) = row.split_once("  ").unwrap_or((row, ""));
        for name in names.split(' ') {
            let name = name.trim_end_matches('/').trim_end_matches(".rs").to_owned();
            drawn.push(Drawn { name, is_pure: rest.trim_start().starts_with("PURE ") });
        }
    }
    drawn
}

#[test]
fn the_tree_has_every_module_above_what_it_imports() {
    for (folder, sources) in [("engine/", "engine/src"), ("cli/", "cli/src")] {
        let drawn: Vec<_> = tree(folder).into_iter().map(|module| module.name).collect();
        let rows = imports(sources);
        let modules: BTreeSet<_> = rows.keys().cloned().collect();
        let named: BTreeSet<_> = drawn.iter().cloned().collect();
        assert_eq!(named, modules, "the modules of {sources} in the tree of docs/ARCHITECTURE.md");
        let place = |name: &str| drawn.iter().position(|module| module == name).expect("it is drawn");
        for (from, to) in &rows {
            for to in to {
                assert!(place(from) < place(to), "{sources}: {from} imports {to}, and stands below it in the tree");
            }
        }
    }
}

#[test]
fn the_tree_has_every_crate() {
    let drawn: BTreeSet<_> = tree("").into_iter().map(|of| of.name).collect();
    let crates: BTreeSet<_> = PACKAGES.iter().filter(|p| !p.starts_with("tests/")).map(|p| (*p).to_owned()).collect();
    assert_eq!(drawn, crates);
}

/// The documents that speak of the code: records of what was measured on a day are left as they were.
fn documents() -> impl Iterator<Item = &'static Path> {
    let kept = |path: &&std::path::PathBuf| {
        path.extension().is_some_and(|e| e == "md") && !path.starts_with("findings") && !path.ends_with("CHANGELOG.md")
    };
    files().iter().filter(kept).map(std::path::PathBuf::as_path)
}

/// What a text has between backticks, outside of blocks of code.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("    ")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The paths that a word with braces stands for: `a/{b,c}.rs`.
fn paths(word: &str) -> Vec<String> {
    match word.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (parts, after))) => parts.split(',').map(|part| format!("{before}{part}{after}")).collect(),
        None => vec![word.to_owned()],
    }
}

/// Where documents begin a path: at the root, or in a crate's sources.
const BASES: [&str; 5] = ["", "engine/src", "engine/src/worker", "cli/src", "cli/src/flags"];
/// Folders that a run writes.
const WRITTEN: [&str; 5] = ["AXIS_VALUE/", "profile_runs/", "previous-", "HF_HOME/", "target/"];

#[test]
fn places_that_documents_name_are_there() {
    let mut seen = 0;
    let mut lost = vec![];
    for document in documents() {
        let text = read(&document.display().to_string());
        let is_path = |word: &&str| {
            let ends = [".rs", ".sh", ".py", ".toml", ".tsv", "/"].iter().any(|end| word.ends_with(end));
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./{},".contains(c));
            ends && plain && word.len() > 4 && !word.starts_with(['/', '.']) | word.starts_with(".ci/")
        };
        for place in quoted(&text).filter(is_path).filter(|word| !WRITTEN.iter().any(|w| word.starts_with(w))) {
            seen += 1;
            for path in paths(place) {
                let beside = document.parent().expect("a file's folder").join(&path);
                let known = BASES.iter().any(|base| root().join(base).join(&path).exists());
                if !known && !root().join(beside).exists() {
                    lost.push(format!("{}: {path}", document.display()));
                }
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            let leads = !link.is_empty() && !link.contains(':');
            if leads && !root().join(document.parent().expect("a file's folder")).join(link).exists() {
                lost.push(format!("{}: ({link})", document.display()));
            }
        }
    }
    assert!(lost.is_empty(), "nowhere: {lost:#?}");
    assert!(seen > 60, "only {seen} places are named");
}

#[test]
fn items_that_documents_name_are_in_the_code() {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut known = BTreeSet::new();
    for (path, text) in rust("").filter(|(path, _)| !path.starts_with("tests/tidy")) {
        known.insert(path.file_stem().expect("a name").to_string_lossy().into_owned());
        let code = text.lines().map(|line| line.split("//").next().expect("a part"));
        known.extend(code.flat_map(|line| line.split(|c| !is_part(c))).map(str::to_owned));
    }
    let mut seen = 0;
    let mut lost = vec![];
    for document in documents() {
        let text = read(&document.display().to_string());
        let is_item = |word: &&str| word.contains("::") && word.chars().all(|c| is_part(c) || ":{}, ".contains(c));
        for item in quoted(&text).filter(is_item) {
            seen += 1;
            let parts = item.split(|c| !is_part(c)).filter(|part| !part.is_empty());
            lost.extend(parts.filter(|p| !known.contains(*p)).map(|p| format!("{}: {item} ({p})", document.display())));
        }
    }
    assert!(lost.is_empty(), "no such item: {lost:#?}");
    assert!(seen > 20, "only {seen} items are named");
}

#[test]
fn the_driver_says_of_each_file_why_it_is_unsafe() {
    let readme = read("engine/driver/README.md");
    let table: BTreeSet<_> = quoted(&readme).filter_map(|word| word.strip_prefix("src/")).collect();
    let is_unsafe = |text: &str| text.lines().any(|line| line.contains("unsafe {") && !line.trim().starts_with("//"));
    let unsafe_files: Vec<_> = rust("engine/driver/src").filter(|(_, text)| is_unsafe(text)).collect();
    let names: BTreeSet<_> =
        unsafe_files.iter().map(|(path, _)| path.strip_prefix("engine/driver/src").expect("below").to_str()).collect();
    assert_eq!(table.into_iter().map(Some).collect::<BTreeSet<_>>(), names);
}
