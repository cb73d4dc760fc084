//! Ends that are not the usual one.

use std::thread;
use std::time::Duration;

use ringload_mock::{Config, Timing, start};

use crate::client::{Client, chat, paced, post};

#[test]
fn a_scripted_status_is_the_answer_and_the_connection_lives() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let response = client.chat(r#","mock":{"status":503}"#);
    assert_eq!(response.status, 503);
    let expected = r#"{"error":{"message":"scripted status 503","type":"ScriptedError","param":null,"code":503}}"#;
    assert_eq!(response.body, expected);
    assert_eq!(client.chat("").status, 200);
    let state = server.state();
    assert_eq!((state.requests, state.finished, state.refused), (2, 1, 1));
}

#[test]
fn a_failure_in_the_stream_is_an_event_and_then_the_end() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let response = client.chat(r#","mock":{"fail_after":3}"#);
    assert_eq!((response.status, response.sent_ns().len()), (200, 3));
    assert!(response.complete);
    let error = r#"{"error":{"message":"scripted failure","type":"InternalServerError","param":null,"code":500}}"#;
    let end = format!("data: {error}\n\ndata: [DONE]\n\n");
    assert!(response.body.ends_with(&end), "{}", response.body);
    let whole = client.post("/v1/completions", r#"{"prompt":"","mock":{"fail_after":1}}"#);
    assert_eq!((whole.status, whole.body.as_str()), (500, error));
}

#[test]
fn a_close_cuts_the_stream_without_a_terminator() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let response = client.chat(r#","mock":{"close_after":2}"#);
    assert_eq!(response.sent_ns().len(), 2);
    assert!(!response.complete && !response.body.contains("[DONE]"));
    assert!(client.is_closed());
}

#[test]
fn a_reset_is_a_reset() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let body = chat(r#","mock":{"reset_after":2}"#);
    client.send(post("/v1/chat/completions", &body).as_bytes());
    while server.state().connections_open > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let (reset, before) = client.reset();
    assert!(reset);
    assert_eq!(before.matches(r#""delta":{"content""#).count(), 2);
}

#[test]
fn a_stalled_stream_ends_when_its_client_goes() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let body = chat(r#","mock":{"stall_after":2}"#);
    client.send(post("/v1/chat/completions", &body).as_bytes());
    while server.state().output_tokens < 2 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.state().in_flight, 1);
    drop(client);
    while server.state().in_flight > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.state().cancelled, 1);
}

#[test]
fn a_client_that_does_not_read_holds_its_stream_and_no_other() {
    let server = paced(0, 0);
    let mut slow = Client::connect(server.addr());
    slow.send(post("/v1/chat/completions", &chat(r#","max_tokens":100000"#)).as_bytes());
    let mut quick = Client::connect(server.addr());
    for _ in 0..20 {
        assert!(quick.chat("").complete);
    }
    assert!(server.state().in_flight == 1, "{:?}", server.state());
    assert_eq!(slow.response().sent_ns().len(), 100_000);
}

#[test]
fn faults_at_random_are_a_share_of_the_requests_and_the_same_for_a_seed() {
    let ends = |faults: f64| -> Vec<String> {
        let config = Config { faults, seed: 7, timing: Timing::Unpaced, ..Config::default() };
        let server = start(config).expect("a server starts");
        let ends = (0..80).map(|_| {
            let mut client = Client::connect(server.addr());
            let request = post("/v1/chat/completions", &chat(r#","max_tokens":4"#));
            let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            client.send(request.as_bytes());
            let (reset, text) = client.reset();
            let status = text.get(9..12).unwrap_or_default();
            match (reset, status) {
                // What was on its way then may be lost.
                (true, _) => "reset".into(),
                (_, "200") if text.contains("scripted failure") => "failure".into(),
                (_, "200") if text.contains("[DONE]") => "whole".into(),
                (_, "200" | "") => "closed".into(),
                _ => format!("status {status}"),
            }
        });
        ends.collect()
    };
    assert!(ends(0.0).iter().all(|end| end == "whole"));
    let some = ends(0.5);
    let faulty = some.iter().filter(|end| *end != "whole").count();
    assert!((20..=60).contains(&faulty), "{some:?}");
    for fault in ["reset", "failure", "closed", "status 429", "status 500", "status 503"] {
        assert!(some.iter().any(|end| end == fault), "{fault}: {some:?}");
    }
    assert_eq!(ends(0.5), some);
}
