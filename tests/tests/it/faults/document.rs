//! `docs/RELIABILITY.md`, from the rows that are tested.

use super::{Act, Becomes, Over, Row, elsewhere, figures, fleet, input, legal, machine, network, process, rows};
use std::fmt::Write as _;

#[test]
fn the_matrix_in_the_docs_is_the_one_that_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/RELIABILITY.md");
    let text = document();
    if std::env::var_os("UPDATE_RELIABILITY").is_some() {
        std::fs::write(path, &text).expect("the file is ours");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/RELIABILITY.md is stale: UPDATE_RELIABILITY=1 cargo test -p ringload-tests the_matrix_in_the_docs"
    );
}

#[test]
fn tests_that_the_matrix_names_are_there() {
    for row in elsewhere::ROWS.iter().chain(input::ROWS).chain(process::ROWS).chain(figures::ROWS) {
        for (file, test) in row.tests {
            let held = elsewhere::source(file).contains(&format!("fn {test}("));
            assert!(held, "{file} has no test `{test}`");
        }
    }
}

fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    for (title, rows) in rows() {
        table(&mut text, title, &["fault", "over", "the request", "its partial data", "connection"]);
        for row in rows {
            let cells =
                [row.what.to_owned(), over(row.over()), becomes(row.becomes), partial(row), connection(row).to_owned()];
            line(&mut text, &cells);
        }
    }
    for (title, scenes) in
        [("Network, names, TLS", network::SCENES), ("The machine, pipes and terminals", machine::SCENES)]
    {
        table(&mut text, title, &["fault", "what becomes of the run", "partial data", "exit"]);
        for s in scenes {
            line(&mut text, &[s.what, s.becomes, s.partial, s.exit].map(str::to_owned));
        }
    }
    text += "\n## Legal, however odd\n\nThe same answer as the plain one, to the token and to the letter, without a retry.\n\n| answer | over |\n|---|---|\n";
    for legal in legal::ALL {
        line(&mut text, &[legal.what.to_owned(), over(legal.over())]);
    }
    line(&mut text, &["a head that is split, at every byte in turn".to_owned(), over(&[Over::Http1])]);
    table(&mut text, "Tested elsewhere", &["fault", "what becomes of it", "tests"]);
    for row in elsewhere::ROWS.iter().chain(input::ROWS).chain(process::ROWS).chain(figures::ROWS) {
        let tests: Vec<String> = row.tests.iter().map(|(file, test)| format!("`{file}` `{test}`")).collect();
        line(&mut text, &[row.what.to_owned(), row.becomes.to_owned(), tests.join("<br>")]);
    }
    table(&mut text, "Fleets", &["fault", "what becomes of it", "scene of `tests/fleet/run`"]);
    for scene in fleet::SCENES {
        line(&mut text, &[scene.what.to_owned(), scene.becomes.to_owned(), format!("`{}`", scene.name)]);
    }
    table(&mut text, "Not tested", &["fault", "why"]);
    for (what, why) in elsewhere::MISSING {
        line(&mut text, &[(*what).to_owned(), (*why).to_owned()]);
    }
    text
}

fn table(text: &mut String, title: &str, columns: &[&str]) {
    let rule = "|---".repeat(columns.len());
    // Writing to a string never fails.
    let _ = write!(text, "\n## {title}\n\n| {} |\n{rule}|\n", columns.join(" | "));
}

fn line(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn over(over: &[Over]) -> String {
    let names: Vec<String> = over.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn becomes(becomes: Becomes) -> String {
    match becomes {
        Becomes::Served => "served".to_owned(),
        Becomes::Fails(cause, "") => format!("fails: `{cause}`"),
        Becomes::Fails(cause, says) => format!("fails: `{cause}`, “{}”", says.replace('<', "&lt;")),
    }
}

fn partial(row: &Row) -> String {
    match (row.becomes, row.tokens) {
        (Becomes::Served, n) => format!("all: {n} events"),
        (_, 0) => "none".to_owned(),
        (_, 1) => "1 event, time to first token kept".to_owned(),
        (_, n) => format!("{n} events, time to first token kept"),
    }
}

fn connection(row: &Row) -> &'static str {
    match (row.kept, row.act) {
        (true, _) => "kept",
        (false, Act::Answer(_)) => "closed; HTTP/2: the stream alone",
        (false, Act::Http1(_) | Act::Http2(_)) => "closed",
    }
}

const INTRODUCTION: &str = "\
# What can go wrong, and what becomes of it

Generated from the rows of `tests/tests/it/faults`; a test fails when it differs. Every row is a run of the real binary against a peer that
makes the fault on a real socket, on io_uring and on epoll. In the first three tables the first of three requests meets the fault: it is counted
once, under one cause, with what had come of its answer; it is never sent twice; and the other two are served (exit 0, with `--allow-invalid`).

Of every run in the tests, however it ended, it is asserted that the request accounting adds up: issued = succeeded + failed (by cause) + cancelled + in
flight at the end, planned = issued + never due + dropped + lost with a member, and the records and files say the same. ringload asserts it too, before it prints
anything: a violation is a bug, which the first finding says, and the exit status is 4, `--allow-invalid` or not. Nothing hangs: each run ends
within a bound.
";
