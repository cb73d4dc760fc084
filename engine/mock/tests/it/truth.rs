//! What the server notes of its own doing, against what the client was told.

use ringload_mock::{Config, Jitter, Protocol, Server, Timing, now_ns, start};
use std::time::Duration;

use crate::client::{Client, chat, post};
use crate::http2;

fn noting(config: Config) -> Server {
    let timing = Timing::Fixed { ttft: Duration::from_millis(5), itl: Duration::from_millis(2), jitter: Jitter::None };
    start(Config { timing, truth: true, ..config }).expect("a server starts")
}

fn named(id: &str, fields: &str) -> String {
    let header = format!("HTTP/1.1\r\nX-Request-ID: {id}\r\n");
    post("/v1/chat/completions", &chat(fields)).replacen("HTTP/1.1\r\n", &header, 1)
}

#[test]
fn every_write_lies_between_what_the_event_says_and_its_end() {
    let server = noting(Config::default());
    let mut client = Client::connect(server.addr());
    client.send(named("the first", r#","max_tokens":6"#).as_bytes());
    let sent = client.response().sent_ns();
    client.send(post("/v1/chat/completions", &chat(r#","max_tokens":2"#)).as_bytes());
    client.response();
    // A request is over once the server has looked at the connection again.
    client.get("/health");
    let served = server.truth().served;
    let ids: Vec<Option<&str>> = served.iter().map(|one| one.request_id.as_deref()).collect();
    assert_eq!(ids, [Some("the first"), None]);
    let first = &served[0];
    assert!(first.finished);
    // One each, unless the machine kept the server from a write until the next event was due.
    let written: u64 = first.writes.iter().map(|write| u64::from(write.events)).sum();
    assert_eq!((first.number, first.tokens, written), (0, 6, 6));
    assert_eq!(server.arrivals(), [first.received_ns, served[1].received_ns]);
    let mut last = first.received_ns;
    for (write, sent_ns) in first.events().zip(sent) {
        assert!(last <= sent_ns && sent_ns <= write.begun_ns);
        assert!(write.begun_ns <= write.ended_ns());
        last = sent_ns;
    }
}

#[test]
fn events_of_one_write_share_it() {
    let server = noting(Config { events_per_write: 3, tokens_per_event: 2, ..Config::default() });
    let mut client = Client::connect(server.addr());
    client.chat(r#","max_tokens":14"#);
    client.get("/health");
    let served = &server.truth().served[0];
    let mut written = 0;
    let ends = served.writes.iter().map(|write| {
        written += write.events;
        written
    });
    let ends: Vec<u32> = ends.collect();
    // 1 token, then 6 as 3 events, twice; 1 token is left. Writes fall together where the machine kept the server from
    // one until the next was due.
    assert!(ends.iter().all(|end| [1, 4, 7, 8].contains(end)), "{ends:?}");
    assert_eq!(ends.last(), Some(&8));
    assert_eq!(served.tokens, 14);
    assert_eq!(served.events().count(), 8);
}

#[test]
fn a_client_that_goes_away_leaves_an_unfinished_note() {
    let server = noting(Config::default());
    let mut client = Client::connect(server.addr());
    client.send(named("gone", r#","max_tokens":100000"#).as_bytes());
    while server.state().output_tokens < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(client);
    while server.truth().served.is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let served = &server.truth().served[0];
    assert!(!served.finished && served.events().count() >= 3);
    server.reset();
    assert_eq!(server.truth().served, []);
}

#[test]
fn a_write_that_the_client_does_not_take_ends_when_it_does() {
    let server = noting(Config::default());
    let mut client = Client::connect(server.addr());
    // More than the buffers of both sockets hold.
    let wish = r#","max_tokens":200000,"mock":{"itl_ms":0,"events_per_write":1024}"#;
    client.send(named("slow", wish).as_bytes());
    while server.state().output_tokens < 1 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut writes = Vec::new();
    while !writes.ends_with(&[server.state().writes; 4]) {
        std::thread::sleep(Duration::from_millis(50));
        writes.push(server.state().writes);
    }
    let read_from = now_ns();
    client.response();
    client.get("/health");
    let served = &server.truth().served[0];
    assert_eq!(served.events().count(), 200_000);
    let held = served.writes.iter().filter(|write| write.begun_ns < read_from && write.ended_ns() >= read_from);
    assert_eq!(held.count(), 1, "the write that was blocked");
}

#[test]
fn over_http2_the_same_is_noted() {
    let server = noting(Config { protocol: Protocol::Http2, ..Config::default() });
    http2::post(&server, &[chat(r#","max_tokens":4"#)]);
    while server.truth().served.is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let served = &server.truth().served[0];
    assert_eq!(served.request_id.as_deref(), Some("0"));
    assert!(served.finished);
    let written: u64 = served.writes.iter().map(|write| u64::from(write.events)).sum();
    assert_eq!((served.tokens, written), (4, 4));
}
