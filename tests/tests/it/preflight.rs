//! The one request before the load: what it says of a server that answers, and the next step where one does not.

use ringload_tests::peer::{self, Peer, ReservedPort, Then, closed_port};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{on_both, together, until};
use std::thread;
use std::time::Duration;

/// An answer of a status with a JSON body of an error.
fn error(status: &str, words: &str) -> String {
    peer::whole(status, &serde_json::json!({"error": {"message": words}}).to_string())
}

/// What is said, and the remedy, of a server that answers every request so; what it lists under `/v1/models`.
fn refused(answer: String, models: &'static [&'static str]) -> String {
    let server = Peer::start(move |to, request| {
        let listed = request.head.starts_with("GET /v1/models ") && !models.is_empty();
        let names: Vec<_> = models.iter().map(|name| serde_json::json!({"id": name})).collect();
        let list = serde_json::json!({"object": "list", "data": names}).to_string();
        peer::write(to, if listed { peer::whole("200 OK", &list) } else { answer.clone() }.as_str())
    });
    let ended = Profile::of(server.addr()).probing().args(["--request-count", "1000"]).run().exits(3);
    let posts = server.requests().iter().filter(|r| r.head.starts_with("POST ")).count();
    assert!(posts <= 3, "{posts} requests: the load was not to begin");
    assert!(ended.stdout.is_empty() && !ended.artifacts().exists(), "{}", ended.stdout);
    ended.stderr
}

#[test]
fn a_server_that_answers_is_named_with_what_it_said() {
    on_both(|io| {
        let server = Peer::start(|to, _| peer::write(to, &peer::chat(3)));
        let ended = Profile::of(server.addr()).on(io).probing().args(["--request-count", "101"]).run().exits(0);
        let line = ended.stderr.lines().find(|line| line.starts_with("probe: ")).expect("a line");
        let url = format!("http://{}/v1/chat/completions (HTTP/1.1, model mock): first token after ", server.addr());
        assert!(line.contains(&url) && line.ends_with("3 out by usage, finish reason length"), "{line}");
        // No request of the run asks the same.
        let requests = server.requests();
        assert_eq!((requests.len(), ended.count("issued")), (102, 101));
        assert!(requests[1..].iter().all(|r| r.json()["messages"] != requests[0].json()["messages"]));
        assert!(!ended.stderr.contains("waiting"));
    });
}

#[test]
fn a_short_load_is_sent_as_it_was_asked_for() {
    let _turn = together();
    for (flags, requests) in
        [(&["--request-count", "5"][..], 5), (&["--num-sessions", "2", "--session-turns-mean", "2"], 4)]
    {
        let server = Peer::start(|to, _| peer::write(to, &peer::chat(3)));
        let ended = Profile::of(server.addr()).probing().args(flags.iter().copied()).run().exits(0);
        assert_eq!(server.requests().len(), requests, "{flags:?}");
        assert!(!ended.stderr.contains("probe"), "{}", ended.stderr);
    }
}

#[test]
fn a_short_load_without_a_success_is_followed_by_the_reason() {
    let _turn = together();
    for (flags, sent) in [(&["--concurrency", "2"][..], 4), (&["--concurrency", "1,2"], 8)] {
        let server = Peer::start(|to, _| peer::write(to, &error("404 Not Found", "no such route")));
        let flags = flags.iter().copied().chain(["--request-count", "4"]);
        let ended = Profile::of(server.addr()).probing().args(flags).run().exits(3);
        let posts = server.requests().iter().filter(|r| r.head.starts_with("POST ")).count();
        assert_eq!(posts, sent + 1, "the load, and one request that tells why");
        let line = ended.stderr.lines().find(|line| line.starts_with("probe: ")).expect("a line");
        assert!(line.contains("/v1/chat/completions answers 404: no such route: correct --url"), "{line}");
    }
}

#[test]
fn a_server_that_is_not_there_ends_the_run_with_one_sentence() {
    let _turn = together();
    let ended = Profile::of(closed_port()).probing().args(["--request-count", "1000"]).run().exits(3);
    assert!(ended.stderr.contains("nothing listens at 127.0.0.1:"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--wait-for-server"), "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
}

#[test]
fn a_server_that_takes_the_request_and_keeps_silent_is_not_waited_for_without_end() {
    let _turn = together();
    let server = Peer::raw(|stream, _| {
        let _ = std::io::copy(&mut &stream, &mut std::io::sink());
    });
    let flags = ["--request-count", "1000", "--request-timeout-seconds", "0.5"];
    let ended = Profile::of(server.addr()).probing().args(flags).run().exits(3);
    assert!(ended.stderr.contains("took the request and did not answer it"), "{}", ended.stderr);
    // Its thread may come late to what the kernel has accepted.
    until("the connection is taken", || server.connections() == 1);
}

#[test]
fn what_a_server_refuses_is_told_with_the_next_step() {
    let _turn = together();
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 27\r\n\r\n<html>Welcome home</html>\n\n";
    let cases: [(String, &[&str], &[&str]); 7] = [
        (error("401 Unauthorized", "bad key"), &[], &["answers 401: bad key", "RINGLOAD_API_KEY"]),
        (error("403 Forbidden", "no"), &[], &["answers 403", "RINGLOAD_API_KEY"]),
        (
            error("404 Not Found", "no such route"),
            &[],
            &["/v1/chat/completions answers 404: no such route", "--custom-endpoint"],
        ),
        (
            error("404 Not Found", "The model `mock` does not exist."),
            &["llama", "qwen"],
            &["no model `mock`", "--model llama, qwen"],
        ),
        (
            error("400 Bad Request", "unknown field"),
            &["mock"],
            &["answers 400: unknown field", "does not take this request"],
        ),
        (error("500 Internal Server Error", "out of memory"), &[], &["http_status 500: out of memory", "--no-probe"]),
        (html.to_owned(), &[], &["text/html", "<html>Welcome home</html>", "--endpoint-type"]),
    ];
    for (answer, models, words) in cases {
        let said = refused(answer, models);
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
}

#[test]
fn a_server_that_starts_late_is_waited_for() {
    let _turn = together();
    let port = ReservedPort::default();
    let address = port.addr;
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        Peer::at(port.listen(), |to, _| peer::write(to, &peer::chat(2)))
    });
    let ended = Profile::of(address)
        .probing()
        .args(["--wait-for-server", "60", "--request-count", "2", "--concurrency", "1"])
        .run()
        .exits(0);
    assert!(ended.stderr.contains("waiting for the server (60 s at most): nothing listens"), "{}", ended.stderr);
    assert_eq!((ended.count("succeeded"), late.join().expect("a server").requests().len()), (2, 3));
}

#[test]
fn the_only_model_of_a_server_is_taken() {
    let _turn = together();
    let run = |models: &'static [&'static str]| -> (Ended, Peer) {
        let server = Peer::start(move |to, request| {
            let names: Vec<_> = models.iter().map(|name| serde_json::json!({"id": name})).collect();
            let list = serde_json::json!({"data": names}).to_string();
            let listed = request.head.starts_with("GET /v1/models ");
            peer::write(to, if listed { peer::whole("200 OK", &list) } else { peer::chat(2) }.as_str())?;
            Ok(Then::Keep)
        });
        let url = format!("http://{}/v1/chat/completions", server.addr());
        let flags =
            ["--url", &url, "--streaming", "--request-count", "2", "--isl", "8", "--ui", "none", "--allow-invalid"];
        (Profile::bare().args(flags).run(), server)
    };
    let (ended, server) = run(&["only-one"]);
    let ended = ended.exits(0);
    assert!(ended.stderr.contains("--model only-one"), "{}", ended.stderr);
    let posts: Vec<_> = server.requests().into_iter().filter(|r| r.head.starts_with("POST ")).collect();
    assert_eq!(posts.len(), 2);
    for request in posts {
        assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{}", request.head);
        assert_eq!(request.json()["model"], "only-one");
    }
    let ended = run(&["a", "b"]).0.exits(2);
    assert!(ended.stderr.contains("--model with one of a, b"), "{}", ended.stderr);
}
