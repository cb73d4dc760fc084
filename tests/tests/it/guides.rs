//! The guides of `docs/guide`: every command of a fenced block `sh` is run as it stands, against the built-in server; a
//! block `file NAME` is the file of that name.

use crate::known_answers::pacing;
use ringload_mock::start;
use ringload_tests::binary::ringload;
use ringload_tests::together;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What a fenced block is.
enum Block {
    /// Commands, a line each.
    Commands(Vec<String>),
    /// A file: its name and content.
    File(String, String),
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let inner: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        match kind.split_once(' ') {
            _ if kind == "sh" => found.push(Block::Commands(inner.into_iter().map(str::to_owned).collect())),
            Some(("file", name)) => found.push(Block::File(name.to_owned(), inner.join("\n") + "\n")),
            _ => panic!("a fenced block `{kind}` is neither run nor written"),
        }
    }
    found
}

/// The words of a command: quotes as a shell has them, nothing else of it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().expect("a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_every_guide_runs_as_it_stands() {
    let _turn = together();
    let server = start(pacing(2, 1)).expect("a server");
    let here = server.addr().to_string();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    let mut ran = 0;
    for entry in fs::read_dir(folder).expect("the guides") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a guide");
        let dir = TempDir::new().expect("a folder");
        for block in blocks(&text) {
            match block {
                Block::File(name, content) => {
                    fs::write(dir.path().join(name), content.replace("localhost:8000", &here)).expect("a file");
                }
                Block::Commands(lines) => {
                    for line in lines {
                        let words = words(&line.replace("localhost:8000", &here));
                        assert_eq!(words.first().map(String::as_str), Some("ringload"), "{line}");
                        let ended = Command::new(ringload())
                            .args(&words[1..])
                            .current_dir(dir.path())
                            .env("XDG_CACHE_HOME", dir.path())
                            .output()
                            .expect("a process");
                        // 4: what else runs on this machine was in the figures, which no guide is about.
                        let fine = ended.status.success() || ended.status.code() == Some(4);
                        assert!(fine, "{}: {line}\n{}", path.display(), String::from_utf8_lossy(&ended.stderr));
                        ran += 1;
                    }
                }
            }
        }
    }
    assert!(ran >= 15, "{ran} commands");
}
