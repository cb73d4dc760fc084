//! The list of what breaks a rule today.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Holds `found` (what, how much) against the lines of `rule` in the list. `UPDATE_TIDY=1` removes and lowers what has
/// become less; more is never added by itself.
///
/// # Panics
/// When the two differ.
pub(crate) fn check(rule: &str, found: &BTreeMap<String, usize>) {
    let listed = listed(rule);
    let more: Vec<_> = found
        .iter()
        .filter(|(what, n)| **n > listed.get(*what).copied().unwrap_or(0))
        .map(|(what, n)| format!("{rule}\t{what}\t{n}"))
        .collect();
    assert!(more.is_empty(), "rule `{rule}` is broken:\n{}", more.join("\n"));
    let less: Vec<_> = listed
        .iter()
        .filter(|(what, n)| found.get(*what).copied().unwrap_or(0) < **n)
        .map(|(what, n)| format!("{rule}\t{what}\t{n} -> {}", found.get(what).copied().unwrap_or(0)))
        .collect();
    if !less.is_empty() && std::env::var_os("UPDATE_TIDY").is_some() {
        return shrink(rule, found);
    }
    assert!(
        less.is_empty(),
        "debts were paid; take them off {}, or run with UPDATE_TIDY=1:\n{}",
        path().display(),
        less.join("\n")
    );
}

fn path() -> PathBuf {
    super::source::root().join("tests/tidy/debts.tsv")
}

fn read() -> String {
    std::fs::read_to_string(path()).expect("debts.tsv")
}

fn listed(rule: &str) -> BTreeMap<String, usize> {
    let text = read();
    let rows = text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[0] == rule).map(|row| (row[1].to_owned(), row[2].parse().expect("a count"))).collect()
}

/// The tests of a binary run at the same time: the list is written by one at a time.
static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn shrink(rule: &str, found: &BTreeMap<String, usize>) {
    let _writing = WRITING.lock().expect("no other writer failed");
    let listed = read();
    let kept = listed.lines().filter_map(|line| {
        let row: Vec<_> = line.split('\t').collect();
        if line.starts_with('#') || row[0] != rule {
            return Some(line.to_owned());
        }
        found.get(row[1]).map(|n| format!("{rule}\t{}\t{n}", row[1]))
    });
    let text: String = kept.map(|line| line + "\n").collect();
    std::fs::write(path(), text).expect("debts.tsv can be written");
}
