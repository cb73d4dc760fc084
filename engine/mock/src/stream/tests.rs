//! Streams under a virtual clock.

use std::time::Duration;

use super::*;
use crate::http::{Method, parse_head};
use crate::routes::Api;

const MILLI: u64 = 1_000_000;
const ARRIVAL: u64 = 1_000 * MILLI;

fn stream(config: &Config, body: &str) -> Stream {
    let head = parse_head(b"POST / HTTP/1.1\r\n\r\n", 0).unwrap().unwrap();
    assert_eq!(head.method, Method::Post);
    let request = GenerationRequest::parse(Api::Chat, &head, body.as_bytes()).unwrap();
    let framing = Framing::Http1 { keep_alive: true };
    Stream::new(config, request, framing, 3, ARRIVAL, 0)
}

fn body(rest: &str) -> String {
    format!(r#"{{"messages":[],"stream":true{rest}}}"#)
}

/// Renders at `ms` after the arrival: what came out, and how many output events.
fn render(stream: &mut Stream, ms: u64) -> (Rendered, usize) {
    let mut out = Vec::new();
    let rendered = stream.render(ARRIVAL + ms * MILLI, &mut out);
    let text = String::from_utf8(out).unwrap();
    (rendered, text.matches(r#""delta":{"content""#).count())
}

/// When the next write is due, in ms after the arrival.
fn due(stream: &Stream) -> u64 {
    (stream.due_ns() - ARRIVAL) / MILLI
}

#[test]
fn each_token_is_written_when_it_is_due() {
    let mut stream = stream(&Config::default(), &body(r#","max_tokens":3"#));
    for (due_ms, end) in [(20, None), (25, None), (30, Some(End::KeepAlive))] {
        assert_eq!(due(&stream), due_ms);
        let expected = Rendered { events: 1, tokens: 1, end };
        assert_eq!(render(&mut stream, due_ms), (expected, 1));
    }
}

#[test]
fn a_late_call_writes_all_that_is_due_and_moves_nothing() {
    let mut stream = stream(&Config::default(), &body(""));
    assert_eq!(render(&mut stream, 41).0.tokens, 5);
    assert_eq!(due(&stream), 45);
}

#[test]
fn the_first_token_is_alone_and_the_next_are_grouped() {
    let grouped = r#","max_tokens":12,"mock":{"tokens_per_event":2,"events_per_write":2}"#;
    let mut stream = stream(&Config::default(), &body(grouped));
    let mut seen = Vec::new();
    while due(&stream) <= 75 {
        let due_ms = due(&stream);
        let (rendered, events) = render(&mut stream, due_ms);
        seen.push((due_ms, rendered.tokens, events));
        if rendered.end.is_some() {
            break;
        }
    }
    assert_eq!(seen, [(20, 1, 1), (40, 4, 2), (60, 4, 2), (75, 3, 2)]);
}

#[test]
fn an_early_role_is_written_at_once_and_without_output() {
    let config = Config { early_role: true, ..Config::default() };
    let mut stream = stream(&config, &body(""));
    assert_eq!(stream.due_ns(), 0);
    assert_eq!(render(&mut stream, 0), (Rendered::default(), 0));
    assert_eq!(due(&stream), 20);
}

#[test]
fn unpaced_streams_give_one_write_a_call() {
    let config = Config { timing: Timing::Unpaced, events_per_write: 8, ..Config::default() };
    let mut stream = stream(&config, &body(r#","max_tokens":10"#));
    let counts: Vec<u32> = (0..3).map(|_| render(&mut stream, 0).0.tokens).collect();
    assert_eq!(counts, [1, 8, 1]);
}

#[test]
fn granted_tokens_are_due_at_once_and_others_never() {
    let config = Config { timing: Timing::Batching(crate::batching::Settings::default()), ..Config::default() };
    let mut stream = stream(&config, &body(r#","max_tokens":2"#));
    assert_eq!(stream.wants_grants(), Some((1, 2)));
    assert_eq!(stream.due_ns(), u64::MAX);
    stream.grant();
    assert_eq!(stream.due_ns(), 0);
    assert_eq!(render(&mut stream, 1).0.tokens, 1);
    assert_eq!(stream.due_ns(), u64::MAX);
    stream.grant();
    assert!(!stream.awaits_grants());
    assert_eq!(render(&mut stream, 1).0.end, Some(End::KeepAlive));
}

#[test]
fn a_request_that_sets_a_time_is_paced_whatever_the_server_does() {
    let config = Config { timing: Timing::Unpaced, ..Config::default() };
    let stream = stream(&config, &body(r#","mock":{"ttft_ms":1.5}"#));
    assert_eq!(stream.due_ns(), ARRIVAL + 1_500_000);
}

#[test]
fn a_whole_response_is_due_with_its_last_token() {
    let mut stream = stream(&Config::default(), r#"{"messages":[],"max_tokens":5}"#);
    assert_eq!(due(&stream), 40);
    let rendered = render(&mut stream, 40).0;
    let end = Some(End::KeepAlive);
    let expected = Rendered { events: 1, tokens: 5, end };
    assert_eq!(rendered, expected);
}

#[test]
fn faults_end_a_stream_after_their_number_of_tokens() {
    let ends = [
        ("fail_after", Some(End::KeepAlive)),
        ("close_after", Some(End::Close)),
        ("reset_after", Some(End::Reset)),
        ("stall_after", None),
    ];
    for (fault, end) in ends {
        for after in [0, 1, 3] {
            let mut stream = stream(&Config::default(), &body(&format!(r#","mock":{{"{fault}":{after}}}"#)));
            let rendered = render(&mut stream, 1_000).0;
            let expected = Rendered { events: after, tokens: after, end };
            assert_eq!(rendered, expected, "{fault} {after}");
            assert_eq!(stream.due_ns() == u64::MAX, end.is_none());
        }
        let never = body(&format!(r#","max_tokens":2,"mock":{{"{fault}":3}}"#));
        let mut stream = stream(&Config::default(), &never);
        assert_eq!(render(&mut stream, 1_000).0.end, Some(End::KeepAlive));
    }
}

#[test]
fn a_long_backlog_is_split_into_several_writes() {
    let timing = Timing::Fixed { ttft: Duration::ZERO, itl: Duration::ZERO, jitter: Jitter::None };
    let config = Config { timing, ..Config::default() };
    let mut stream = stream(&config, &body(r#","max_tokens":1000"#));
    assert_eq!(render(&mut stream, 0).0.end, None);
    assert!(due(&stream) == 0 && stream.sent > 400);
    assert!(render(&mut stream, 0).0.end.is_some());
}
