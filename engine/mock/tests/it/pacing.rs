//! When tokens are sent, by the server's own clock. Only order and lower bounds are asserted: a busy machine may be
//! late.

use std::time::Duration;

use ringload_mock::{Config, Jitter, Timing, now_ns, start};

use crate::client::{Client, chat, paced, post};

const MILLI: u64 = 1_000_000;

#[test]
fn no_token_is_sent_before_it_is_due_and_each_by_itself() {
    let server = paced(30, 10);
    let before = now_ns();
    let response = Client::connect(server.addr()).chat(r#","max_tokens":20"#);
    let (sent, arrival) = (response.sent_ns(), server.arrivals()[0]);
    assert!(before < arrival && sent[19] < now_ns());
    for (i, &at) in sent.iter().enumerate() {
        let due = arrival + (30 + 10 * i as u64) * MILLI;
        assert!(at >= due, "token {i} {} ns early", due - at);
    }
    assert!(sent.is_sorted());
    assert_eq!(server.state().output_tokens, 20);
}

#[test]
fn a_request_may_set_its_own_times_in_its_body_or_in_a_header() {
    let server = paced(20_000, 20_000);
    let mut client = Client::connect(server.addr());
    let own = client.chat(r#","max_tokens":3,"mock":{"ttft_ms":2.5,"itl_ms":0}"#).sent_ns();
    let arrival = server.arrivals()[0];
    assert!(own[0] >= arrival + 2_500_000 && own[2] < arrival + 10_000 * MILLI);
    let body = chat(r#","max_tokens":3"#);
    let request = post("/v1/chat/completions", &body);
    let header = "HTTP/1.1\r\nx-mock: {\"ttft_ms\":0,\"itl_ms\":0}\r\n";
    client.send(request.replacen("HTTP/1.1\r\n", header, 1).as_bytes());
    let sent = client.response().sent_ns();
    assert!(sent[2] < server.arrivals()[1] + 10_000 * MILLI);
}

#[test]
fn jitter_is_the_same_for_the_same_seed_and_keeps_the_order() {
    let gaps = || {
        let jitter = Jitter::Uniform { share: 1.0 };
        let timing = Timing::Fixed { ttft: Duration::from_millis(10), itl: Duration::from_millis(4), jitter };
        let config = Config { timing, ..Config::default() };
        let server = start(config).unwrap();
        let sent = Client::connect(server.addr()).chat("").sent_ns();
        assert!(sent.is_sorted());
        sent.len()
    };
    assert_eq!((gaps(), gaps()), (16, 16));
}

#[test]
fn a_freeze_holds_all_back_and_then_the_backlog_goes_out_at_once() {
    let server = paced(50, 10);
    let mut client = Client::connect(server.addr());
    client.send(post("/v1/chat/completions", &chat(r#","max_tokens":200"#)).as_bytes());
    while server.state().output_tokens < 5 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let frozen = now_ns();
    server.freeze(Duration::from_millis(300));
    let sent = client.response().sent_ns();
    let arrival = server.arrivals()[0];
    let thawed = frozen + 300 * MILLI;
    let mut during: Vec<u64> = sent.clone();
    during.retain(|&at| at > frozen && at < thawed);
    during.dedup();
    assert!(during.len() <= 1, "only a write under way: {during:?}");
    let backlog = sent.iter().filter(|&&at| sent.iter().filter(|&&other| other == at).count() > 20);
    assert!(backlog.count() > 20, "the backlog is one write");
    for (i, &at) in sent.iter().enumerate() {
        assert!(at >= arrival + (50 + 10 * i as u64) * MILLI);
    }
    assert!(server.state().late_max_ns > 200 * MILLI);
}

#[test]
fn a_freeze_over_http_is_answered_first_and_holds_requests_back() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let before = now_ns();
    assert_eq!(client.post("/mock/freeze?ms=200", "").body, r#"{"frozen_ms":200}"#);
    client.chat("");
    assert!(server.arrivals()[0] >= before + 200 * MILLI);
}

#[test]
fn an_early_role_comes_before_the_first_token() {
    let config = Config { early_role: true, ..Config::default() };
    let server = start(config).unwrap();
    let response = Client::connect(server.addr()).chat("");
    let role = response.body.split("\n\n").next().unwrap();
    let first = response.sent_ns()[0];
    let role_ns: u64 = role.rsplit(':').next().unwrap().trim_end_matches('}').parse().unwrap();
    assert!(role.contains("assistant") && role_ns < first);
    assert!(first >= server.arrivals()[0] + 20 * MILLI);
}
