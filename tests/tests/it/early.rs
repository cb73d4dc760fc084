//! Answers that come before the request was sent whole.

use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::Profile;
use ringload_tests::tls_proxy::{ProxyOptions, TlsProxy};
use ringload_tests::{Io, on_both, until};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn an_early_answer_lets_no_request_into_the_body_of_another() {
    on_both(|io| {
        let bodies = Bodies::default();
        let server = server(bodies.clone());
        let ended = large(Profile::of(server.addr()), io).run().exits(3);
        all_refused(&ended, 429, "too many tokens");
        bodies.are_whole();
    });
}

#[test]
fn an_early_answer_under_tls_lets_no_request_into_the_body_of_another() {
    on_both(|io| {
        let bodies = Bodies::default();
        let server = server(bodies.clone());
        let proxy = TlsProxy::of(server.addr(), &ProxyOptions::default());
        let profile = Profile::of(server.addr())
            .args(["--url", &proxy.url()])
            .args([OsStr::new("--cacert"), proxy.ca().as_os_str()]);
        let ended = large(profile, io).run().exits(3);
        all_refused(&ended, 429, "too many tokens");
        bodies.are_whole();
    });
}

#[test]
fn an_early_answer_and_a_close_keep_status_and_words() {
    on_both(|io| {
        let refusal = peer::whole("413 Content Too Large", r#"{"error":{"message":"the prompt is too large"}}"#);
        let refusal = refusal.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let server = Peer::raw(move |stream, _| {
            // With the body unread the close is a reset, which the client meets while it sends.
            let mut head = [0; 1024];
            let _ = (&stream).read(&mut head);
            let _ = (&stream).write_all(refusal.as_bytes());
        });
        let ended = large(Profile::of(server.addr()), io).run().exits(3);
        all_refused(&ended, 413, "the prompt is too large");
        assert_eq!(server.connections(), REQUESTS);
    });
}

#[test]
fn a_close_while_a_request_is_sent_that_says_nothing_is_told_as_what_it_is() {
    on_both(|io| {
        let server = Peer::raw(|stream, _| {
            let mut head = [0; 1024];
            let _ = (&stream).read(&mut head);
        });
        let ended = large(Profile::of(server.addr()), io).run().exits(3);
        // With bytes unread the close is a reset.
        let all = REQUESTS as u64;
        assert_eq!(ended.failures(), [("reset".to_owned(), all)].into());
        assert_eq!(server.connections(), REQUESTS, "none is sent again");
    });
}

const REQUESTS: usize = 6;

/// Requests that do not fit into the buffers between.
fn large(profile: Profile, io: Io) -> Profile {
    profile
        .on(io)
        .args(["--isl", "400000", "--num-dataset-entries", "1"])
        .args(["--tcp-send-buffer", "64k", "--concurrency", "1"])
        .args(["--request-count", &REQUESTS.to_string()])
        .args(["--request-timeout-seconds", "30"])
}

#[track_caller]
fn all_refused(ended: &ringload_tests::profile::Ended, status: u64, words: &str) {
    let all = REQUESTS as u64;
    assert_eq!(ended.failures(), [("http_status".to_owned(), all)].into());
    for record in ended.records() {
        let error = &record["error"];
        assert_eq!(error["code"], status, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// What a server found where it looked for requests.
#[derive(Clone, Default)]
struct Bodies {
    found: Arc<Mutex<Vec<Result<(), String>>>>,
    /// Connections that were accepted, and those of them that have ended.
    connections: Arc<[AtomicUsize; 2]>,
}

impl Bodies {
    fn note(&self, found: Result<(), String>) {
        self.found.lock().expect("no test panics with it").push(found);
    }

    /// Each whole, or cut off by the end of its connection.
    #[track_caller]
    fn are_whole(&self) {
        // The server reads on after its last answer, when the client may have ended.
        until("the server is done", || {
            let [begun, ended] = [0, 1].map(|i| self.connections[i].load(Ordering::Acquire));
            begun > 0 && begun == ended
        });
        let found = self.found.lock().expect("no test panics with it");
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
}

/// A server that answers 429 after the head, and reads the body later.
fn server(bodies: Bodies) -> Peer {
    Peer::raw(move |stream, _| {
        // However it ends, what was found before is what counts.
        bodies.connections[0].fetch_add(1, Ordering::AcqRel);
        let _ = converse(&stream, &bodies);
        bodies.connections[1].fetch_add(1, Ordering::AcqRel);
    })
}

fn converse(stream: &TcpStream, bodies: &Bodies) -> io::Result<()> {
    let answer = peer::whole("429 Too Many Requests", r#"{"error":{"message":"too many tokens a minute"}}"#);
    let mut from = BufReader::new(stream.try_clone()?);
    let mut to = stream.try_clone()?;
    loop {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line != b"POST /v1/chat/completions HTTP/1.1\r\n" {
            let front = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
            bodies.note(Err(format!("no request: {front}")));
            return Ok(());
        }
        let mut length = 0;
        while line != b"\r\n" {
            line.clear();
            from.read_until(b'\n', &mut line)?;
            let field = String::from_utf8_lossy(&line).to_ascii_lowercase();
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        to.write_all(answer.as_bytes())?;
        std::thread::sleep(Duration::from_millis(20));
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        let json = serde_json::from_slice::<serde_json::Value>(&body);
        bodies.note(json.map(drop).map_err(|e| format!("no body: {e}")));
    }
}
