//! The hub's cache and download, against directories and a local server of our own.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests serve a stand-in for the hub"
)]

use super::*;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

fn from_vars(vars: &[(&str, &str)]) -> Hub {
    let vars: HashMap<_, _> = vars.iter().copied().collect();
    Hub::from_vars(|name| vars.get(name).map(|v| (*v).to_owned()))
}

/// A cache with one snapshot, as the hub's libraries lay it out.
fn cache_with(name: &str, branch: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join(name);
    fs::create_dir_all(repo.join("refs")).unwrap();
    fs::create_dir_all(repo.join("snapshots").join(HASH)).unwrap();
    fs::write(repo.join("refs").join(branch), HASH).unwrap();
    fs::write(repo.join("snapshots").join(HASH).join(FILE_NAME), "{}").unwrap();
    dir
}

#[test]
fn the_environment_is_read_as_huggingface_hub_reads_it() {
    let cache = |vars: &[(&str, &str)]| from_vars(vars).cache;
    assert_eq!(
        cache(&[("HOME", "/h")]),
        Path::new("/h/.cache/huggingface/hub")
    );
    assert_eq!(
        cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
        Path::new("/x/huggingface/hub")
    );
    assert_eq!(
        cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")]),
        Path::new("/hf/hub")
    );
    assert_eq!(
        cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]),
        Path::new("/c")
    );
    let hub = from_vars(&[("HF_TOKEN", " t\n"), ("HF_ENDPOINT", "http://mirror/")]);
    assert_eq!(hub.token.as_deref(), Some("t"));
    assert_eq!(hub.endpoint, "http://mirror");
    assert!(!hub.offline);
    assert!(from_vars(&[("HF_HUB_OFFLINE", "YES")]).offline);
    assert!(!from_vars(&[("HF_HUB_OFFLINE", "0")]).offline);
}

#[test]
fn a_token_file_is_used_when_no_variable_is_set() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "secret\n").unwrap();
    let hub = from_vars(&[("HF_HOME", dir.path().to_str().unwrap())]);
    assert_eq!(hub.token.as_deref(), Some("secret"));
}

#[test]
fn a_cached_tokenizer_is_found_by_branch_and_by_hash_without_the_network() {
    let dir = cache_with("models--org--model", "main");
    let hub = Hub {
        offline: true,
        ..Hub::at(dir.path())
    };
    for revision in ["main", HASH] {
        let path = hub.tokenizer_file("org/model", revision).unwrap();
        assert!(path.ends_with(format!("{HASH}/{FILE_NAME}")), "{path:?}");
    }
}

#[test]
fn offline_and_absent_says_what_was_looked_for_and_where() {
    let dir = cache_with("models--org--model", "main");
    let hub = Hub {
        offline: true,
        ..Hub::at(dir.path())
    };
    for (name, revision) in [("org/other", "main"), ("org/model", "v2")] {
        let e = hub.tokenizer_file(name, revision).unwrap_err();
        assert_eq!(e.blame, crate::Blame::Environment);
        for part in [
            name,
            revision,
            dir.path().to_str().unwrap(),
            "HF_HUB_OFFLINE",
        ] {
            assert!(e.what.contains(part), "{part} in {e}");
        }
        assert!(
            e.remedy
                .contains("pass a local path, or pre-download with `hf download")
        );
    }
}

#[test]
fn names_that_could_leave_the_cache_are_refused() {
    let hub = Hub::at(Path::new("/nowhere"));
    for bad in [
        "",
        "a/b/c",
        "../x",
        "/abs",
        "a/..",
        ".hidden/x",
        "a b",
        "a/",
        "-x",
        "ü/x",
    ] {
        assert!(hub.tokenizer_file(bad, "main").is_err(), "{bad}");
        assert!(!is_repo_name(bad), "{bad}");
    }
    for bad in ["", "..", "a/../b", "/x"] {
        assert!(!is_revision(bad), "{bad}");
    }
    assert!(is_revision("refs/pr/1") && is_revision("v1.0") && is_repo_name("gpt2"));
}

#[test]
fn a_tokenizer_is_downloaded_into_the_cache_and_then_found_there() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let serving = std::thread::spawn(move || serve(&server, "200 OK", 2));
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub {
        endpoint,
        token: Some("secret".into()),
        ..Hub::at(dir.path())
    };
    let path = hub.tokenizer_file("org/model", "main").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), BODY);
    let heads = serving.join().unwrap();
    assert!(heads[0].starts_with("GET /org/model/resolve/main/tokenizer.json "));
    assert!(
        heads[0]
            .to_lowercase()
            .contains("authorization: bearer secret")
    );
    // The server is gone: the second look-up is the cache's.
    let again = hub.tokenizer_file("org/model", "main").unwrap();
    assert_eq!(fs::read_to_string(again).unwrap(), BODY);
}

#[test]
fn a_gated_model_is_told_from_a_dead_network() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let serving = std::thread::spawn(move || serve(&server, "401 Unauthorized", 1));
    let dir = tempfile::tempdir().unwrap();
    let mut hub = Hub {
        endpoint,
        ..Hub::at(dir.path())
    };
    let gated = hub.tokenizer_file("org/model", "main").unwrap_err();
    assert!(gated.remedy.contains("HF_TOKEN"), "{gated}");
    serving.join().unwrap();
    hub.endpoint = "http://127.0.0.1:1".into();
    let dead = hub.tokenizer_file("org/model", "main").unwrap_err();
    assert!(!dead.remedy.contains("HF_TOKEN"), "{dead}");
    assert!(dead.what.contains("http://127.0.0.1:1"), "{dead}");
}

/// Answers `n` requests, one per connection, and returns their heads.
fn serve(server: &TcpListener, status: &str, n: usize) -> Vec<String> {
    (0..n)
        .map(|_| {
            let (mut stream, _) = server.accept().unwrap();
            let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(std::result::Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let probe = head.iter().any(|l| l.to_lowercase() == "range: bytes=0-0");
            let body = if probe { &BODY[..1] } else { BODY };
            write!(
                stream,
                "HTTP/1.1 {status}\r\nx-repo-commit: {HASH}\r\netag: \"e\"\r\ncontent-range: bytes 0-0/{}\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                BODY.len(),
                body.len()
            )
            .unwrap();
            head.join("\n")
        })
        .collect()
}

const BODY: &str = "{\"a\": 1}";
