//! The hub's cache and download, against directories and a local server of our own.
#![allow(clippy::disallowed_methods, reason = "the tests serve a stand-in for the hub")]

use super::*;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;

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
    assert_eq!(cache(&[("HOME", "/h")]), Path::new("/h/.cache/huggingface/hub"));
    assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
    assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")]), Path::new("/hf/hub"));
    assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
    let hub = from_vars(&[("HF_TOKEN", " t\n"), ("HF_ENDPOINT", "http://mirror/hf/"), ("HF_HOME", "/hf")]);
    assert_eq!(hub.token.as_deref(), Some("t"));
    assert_eq!(hub.downloads, Path::new("/hf/ringload"));
    assert!(!format!("{hub:?}").contains("\"t\""), "a token is not shown: {hub:?}");
    let url = address(&hub.endpoint().unwrap(), "org/model", "refs/pr/1", FILE_NAME);
    assert_eq!(url.as_str(), "http://mirror/hf/org/model/resolve/refs%2Fpr%2F1/tokenizer.json");
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
    let hub = Hub { offline: true, ..Hub::at(dir.path()) };
    for revision in ["main", HASH] {
        let path = hub.tokenizer_file("org/model", revision).unwrap();
        assert!(path.ends_with(format!("{HASH}/{FILE_NAME}")), "{path:?}");
    }
}

#[test]
fn offline_and_absent_says_what_was_looked_for_and_where() {
    let dir = cache_with("models--org--model", "main");
    let hub = Hub { offline: true, ..Hub::at(dir.path()) };
    for (name, revision) in [("org/other", "main"), ("org/model", "v2")] {
        let e = hub.tokenizer_file(name, revision).unwrap_err();
        assert_eq!(e.blame, crate::Blame::Environment);
        for part in [name, revision, dir.path().to_str().unwrap(), "HF_HUB_OFFLINE"] {
            assert!(e.what.contains(part), "{part} in {e}");
        }
        assert!(e.remedy.contains("pass a local path, or pre-download with `hf download"));
    }
}

#[test]
fn names_that_could_leave_the_cache_are_refused() {
    let hub = Hub::at(Path::new("/nowhere"));
    let long = "x".repeat(100);
    for bad in [long.as_str(), "", "a/b/c", "../x", "/abs", "a/..", ".hidden/x", "a b", "a/", "-x", "ü/x"] {
        assert!(hub.tokenizer_file(bad, "main").is_err(), "{bad}");
        assert!(!is_repo_name(bad), "{bad}");
    }
    for bad in ["", "..", "a/../b", "/x"] {
        assert!(!is_revision(bad), "{bad}");
    }
    assert!(is_revision("refs/pr/1") && is_revision("v1.0") && is_repo_name("gpt2"));
}

#[test]
fn a_commit_that_could_leave_the_cache_is_not_followed() {
    let dir = cache_with("models--org--model", "main");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join(FILE_NAME), "{}").unwrap();
    let hub = Hub { offline: true, ..Hub::at(dir.path()) };
    let long = "x".repeat(5_000);
    for commit in ["../../..", outside.path().to_str().unwrap(), "", "a/b", long.as_str()] {
        fs::write(dir.path().join("models--org--model/refs/main"), commit).unwrap();
        assert!(hub.tokenizer_file("org/model", "main").is_err(), "{commit}");
    }
}

#[test]
fn endpoints_that_are_none_are_named_without_what_they_hold() {
    for bad in ["mirror", "ftp://mirror", "https://mirror?token=secret", "https://"] {
        let hub = Hub { endpoint: bad.into(), ..Hub::at(Path::new("/nowhere/hub")) };
        let e = hub.tokenizer_file("org/model", "main").unwrap_err();
        assert!(e.what.contains("HF_ENDPOINT") && !e.to_string().contains("secret"), "{e}");
    }
}

#[test]
fn a_tokenizer_is_downloaded_under_our_own_names_and_then_found_there() {
    // What a hub says of commits and tags chooses nothing.
    let odd = "x-repo-commit: ../../../../etc\r\netag: \"../../evil\"\r\nx-linked-etag: \"/abs\"\r\n";
    let server = StandIn::start(vec![ok_with(odd, BODY)]);
    let dir = tempfile::tempdir().unwrap();
    let hub = server.hub(dir.path());
    let path = hub.tokenizer_file("org/model", "main").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), BODY);
    let port = server.port;
    assert_eq!(path, dir.path().join(format!("ringload/http___127.0.0.1_{port}/org+model@main/{FILE_NAME}")));
    let heads = server.heads();
    assert!(heads[0].starts_with("GET /org/model/resolve/main/tokenizer.json "), "{}", heads[0]);
    assert!(heads[0].to_lowercase().contains("authorization: bearer secret"));
    // The server is gone: the second look-up is the cache's.
    assert_eq!(hub.tokenizer_file("org/model", "main").unwrap(), path);
    // Of another revision, nothing is known.
    assert!(hub.tokenizer_file("org/model", "v2").is_err());
}

#[test]
fn redirects_are_followed_without_the_token() {
    let cdn = StandIn::start(vec![ok(BODY)]);
    let there = format!("http://127.0.0.1:{}/blob?signature=s", cdn.port);
    let server = StandIn::start(vec![redirect("307 Temporary Redirect", "/moved"), redirect("302 Found", &there)]);
    let dir = tempfile::tempdir().unwrap();
    server.hub(dir.path()).tokenizer_file("org/model", "main").unwrap();
    let (ours, theirs) = (server.heads(), cdn.heads());
    assert!(ours[0].to_lowercase().contains("authorization: bearer secret"));
    assert!(ours[1].starts_with("GET /moved ") && !ours[1].to_lowercase().contains("authorization"), "{}", ours[1]);
    assert!(theirs[0].starts_with("GET /blob?signature=s ") && !theirs[0].to_lowercase().contains("authorization"));
}

#[test]
fn redirects_that_leave_https_are_not_followed() {
    let (hub, here) = (Url::parse("https://hub.test/a").unwrap(), Url::parse("http://127.0.0.1:1/a").unwrap());
    let to = |from: &Url, location: &str| fetch::redirected(from, from, Some(location)).map(|url| url.to_string());
    assert_eq!(to(&hub, "/b").unwrap(), "https://hub.test/b");
    assert_eq!(to(&hub, "https://cdn.test/b?x=1").unwrap(), "https://cdn.test/b?x=1");
    assert_eq!(to(&here, "http://[::1]:2/b").unwrap(), "http://[::1]:2/b");
    let plain = Url::parse("http://mirror.test/a").unwrap();
    assert_eq!(to(&plain, "b").unwrap(), "http://mirror.test/b");
    for (from, location) in [
        (&hub, "http://hub.test/b"),
        (&hub, "http://127.0.0.1/b"),
        (&hub, "https://localhost/b"),
        (&hub, "file:///etc/passwd"),
        (&hub, "https://user:pass@cdn.test/b"),
        (&hub, "https://"),
        (&plain, "http://other.test/b"),
        (&plain, "http://mirror.test:81/b"),
    ] {
        assert!(to(from, location).is_err(), "{location}");
    }
    assert!(fetch::redirected(&hub, &hub, None).is_err());
}

#[test]
fn redirects_end() {
    let server = StandIn::start(vec![redirect("302 Found", "/again"); 3]);
    let dir = tempfile::tempdir().unwrap();
    let mut hub = server.hub(dir.path());
    hub.limits = Limits { bytes: 100, redirects: 2, ..Limits::DEFAULT };
    let e = hub.tokenizer_file("org/model", "main").unwrap_err();
    assert!(e.what.contains("redirected more than 2 times"), "{e}");
    assert_eq!(server.heads().len(), 3);
}

#[test]
fn the_token_stays_here_over_http_and_a_bad_one_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    for bad in ["x y", "x\u{1}", "xü"] {
        let hub =
            Hub { token: Some(bad.into()), endpoint: "http://127.0.0.1:1".into(), ..Hub::at(&dir.path().join("hub")) };
        let e = hub.tokenizer_file("org/model", "main").unwrap_err();
        assert!(e.what.contains("the token holds") && !e.to_string().contains(bad), "{e}");
    }
    // 192.0.2.0/24 is nobody's; what matters is that the address is not this host's.
    assert!(!fetch::is_loopback(&Url::parse("http://192.0.2.1/").unwrap()));
    assert!(fetch::is_loopback(&Url::parse("http://LOCALHOST/").unwrap()));
}

#[test]
fn bodies_have_a_limit_and_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{BODY}");
    for (answer, words) in [
        (ok(&format!("[{}1]", "1,".repeat(60))), "more than the limit"),
        (ok("{\"a\": "), "is not JSON"),
        (ok("<html>"), "is not JSON"),
        (cut, "broke off"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 999999999999999999999\r\n\r\n".to_owned(), "could not be had"),
        ("no HTTP\r\n\r\n".to_owned(), "could not be had"),
        ("HTTP/1.1 302 Found\r\nconnection: close\r\n\r\n".to_owned(), "redirected to nowhere"),
        (status("503 Service Unavailable"), "status 503"),
    ] {
        let server = StandIn::start(vec![answer]);
        let mut hub = server.hub(dir.path());
        hub.limits = Limits { bytes: 100, redirects: 2, ..Limits::DEFAULT };
        let e = hub.tokenizer_file("org/model", "main").unwrap_err();
        assert!(e.what.contains(words) && !e.to_string().contains("secret"), "{words}: {e}");
        assert!(hub.cached("org/model", "main", FILE_NAME).is_none());
    }
    assert!(!dir.path().join("ringload").exists(), "nothing was kept");
}

#[test]
fn a_body_that_stalls_or_drips_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut hub = Hub { endpoint: format!("http://{}", silent.local_addr().unwrap()), ..Hub::at(dir.path()) };
    hub.limits = Limits { patience: std::time::Duration::from_millis(20), ..Limits::DEFAULT };
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            let (mut to, _) = silent.accept().unwrap();
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{").unwrap();
            to
        });
        let e = hub.tokenizer_file("org/model", "main").unwrap_err();
        assert!(e.what.contains("broke off (under 30720 bytes came in"), "{e}");
        drop(served.join());
    });
}

#[test]
fn a_gated_model_is_told_from_one_that_is_not_there_and_from_a_dead_network() {
    let dir = tempfile::tempdir().unwrap();
    let server = StandIn::start(vec![
        status("401 Unauthorized"),
        status("404 Not Found"),
        redirect("307 Temporary Redirect", "/moved"),
        status("403 Forbidden"),
        status("404 Not Found"),
    ]);
    let mut hub = server.hub(dir.path());
    let of = |hub: &Hub| hub.tokenizer_file("org/model", "main").unwrap_err();
    let gated = of(&hub);
    assert!(gated.remedy.contains("set HF_TOKEN"), "{gated}");
    let absent = of(&hub);
    assert!(absent.what.contains("404") && absent.remedy.contains("`plan.prompts.tokenizer.revision`"), "{absent}");
    let withheld = of(&hub);
    assert!(withheld.what.contains("not sent to where the hub redirects"), "{withheld}");
    assert_eq!(hub.file("org/model", "main", "chat_template.jinja").unwrap(), None);
    assert_eq!(server.heads().len(), 5);
    hub.endpoint = "http://127.0.0.1:1".into();
    let dead = of(&hub);
    assert!(!dead.remedy.contains("HF_TOKEN"), "{dead}");
    assert!(dead.what.contains("http://127.0.0.1:1"), "{dead}");
}

/// A hub that gives one answer a connection, in order, and then is gone.
struct StandIn {
    port: u16,
    heads: mpsc::Receiver<String>,
}

impl StandIn {
    fn start(answers: Vec<String>) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let (said, heads) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = server.accept().unwrap();
                let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                    .lines()
                    .map_while(std::result::Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let _ = said.send(head.join("\n"));
                // A client that has read enough closes.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, heads }
    }

    fn hub(&self, home: &Path) -> Hub {
        Hub {
            endpoint: format!("http://127.0.0.1:{}/", self.port),
            token: Some("secret".into()),
            ..Hub::at(&home.join("hub"))
        }
    }

    /// The heads of the requests until the last response was given.
    fn heads(&self) -> Vec<String> {
        self.heads.iter().collect()
    }
}

fn ok(body: &str) -> String {
    ok_with("", body)
}

fn ok_with(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn redirect(line: &str, location: &str) -> String {
    format!("HTTP/1.1 {line}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

const BODY: &str = "{\"a\": 1}";
