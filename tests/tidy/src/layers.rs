//! What may stand only in some folders, and which crate may depend on which.

use super::source::{is_test, root, rust};
use std::collections::BTreeMap;

/// The lines of code (not comments) below `folder` that are `wrong`, by file.
fn lines(folder: &str, wrong: impl Fn(&str) -> bool, allowed: &[&str]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (path, text) in rust(folder) {
        if is_test(path) || allowed.iter().any(|a| path.starts_with(a)) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let n = code.lines().filter(|l| !l.trim_start().starts_with("//") && wrong(l)).count();
        if n > 0 {
            found.insert(path.display().to_string(), n);
        }
    }
    found
}

#[test]
fn only_the_driver_calls_libc() {
    let mut found = lines("engine/src", |l| l.contains("libc::"), &[]);
    found.extend(lines("engine/wire/src", |l| l.contains("libc::"), &[]));
    found.extend(lines("cli/src", |l| l.contains("libc::"), &[]));
    found.extend(lines("fleet/src", |l| l.contains("libc::"), &[]));
    super::debts::check("libc", &found);
}

#[test]
fn only_the_driver_is_unsafe() {
    let mut found = lines("engine/src", |l| l.contains("unsafe "), &[]);
    found.extend(lines("engine/wire/src", |l| l.contains("unsafe "), &[]));
    found.extend(lines("cli/src", |l| l.contains("unsafe "), &[]));
    found.extend(lines("fleet/src", |l| l.contains("unsafe "), &[]));
    super::debts::check("unsafe", &found);
}

#[test]
fn nothing_depends_on_bench() {
    let mut found = BTreeMap::new();
    for package in
        ["engine", "engine/driver", "engine/wire", "engine/mock", "cli", "fleet", "tests", "tests/models", "fuzz"]
    {
        let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        let n = manifest.lines().filter(|l| l.starts_with("ringload-bench") || l.contains("/bench")).count();
        if n > 0 {
            found.insert(package.to_owned(), n);
        }
    }
    super::debts::check("bench", &found);
}

/// Packages that stand alone, and what of ours each may name all the same: a leaf as well.
const LEAVES: [(&str, &[&str]); 4] = [
    ("engine/driver", &[]),
    ("engine/wire", &[]),
    ("engine/mock", &[]),
    ("fleet", &["ringload-driver.workspace = true"]),
];

#[test]
fn leaves_depend_on_nothing_else_of_ours() {
    for (package, allowed) in LEAVES {
        let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        let ours: Vec<_> = manifest
            .lines()
            .filter(|l| l.starts_with("ringload") || l.contains("path = \".."))
            .filter(|l| !allowed.contains(l))
            .collect();
        assert!(ours.is_empty(), "{package}: {ours:?}");
    }
}
