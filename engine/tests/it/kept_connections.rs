//! What ends a response over HTTP/1.1, and when its connection serves the next request, under virtual time. The same is
//! asked of real sockets in the `tests` crate, where nothing decides the order of events.

mod server;

use crate::simulated::{chunk, event, head, plan, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::Script;
use ringload_engine::internal::SimulatedRun;
use ringload_engine::plan::{EndpointKind, Phase, Plan};
use ringload_engine::record::{Cause, Outcome, Record, Retry};
use server::{Kernel, Seen, Server, Then};

#[test]
fn a_connection_serves_no_other_request_before_its_own_was_taken_whole() {
    // Each request is answered 1 ms after its head; the kernel takes its last byte after 30 ms.
    let server = Server::of(|at, key, script| script.send(at + MILLI, key, too_many()))
        .whose_sends(|_| Kernel::TakesAfter(30 * MILLI));
    let run = play(&plan(Phase::closed(1, 90)), server);
    for r in &run.records {
        assert_eq!(r.outcome, Outcome::Failed(Cause::HttpStatus));
        assert_eq!((r.status, r.detail.as_deref()), (429, Some("too many")));
        assert_eq!((r.instants.end - r.instants.issued, r.retry), (MILLI, None));
    }
    // That no request was begun inside another is what the server asserts. Each connection rests for 30 ms and is then
    // used again.
    assert_eq!(run.seen.connections, 30);
    assert_eq!(run.seen.requests, 90);
}

#[test]
fn a_body_that_is_too_large_costs_its_connection_and_no_other_request() {
    // The server has no mind to read the body: it answers, keeps silent, and closes 20 ms later.
    let server = Server::of(|at, key, script| {
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large";
        script.send(at + MILLI, key, *answer);
        script.close(at + 21 * MILLI, key);
    });
    let run = play(&plan(Phase::closed(1, 30)), server);
    for r in &run.records {
        assert_eq!((r.outcome, r.status), (Outcome::Failed(Cause::HttpStatus), 413));
        assert_eq!(r.detail.as_deref(), Some("too large"));
    }
    assert_eq!(run.seen.connections, 30);
}

#[test]
fn a_request_that_is_never_taken_whole_costs_its_connection_alone() {
    let server = Server::of(|at, key, script| script.send(at + 100 * MILLI, key, too_many()))
        .whose_sends(|n| if n == 0 { Kernel::TakesAfter(3600 * SECOND) } else { Kernel::Takes });
    let run = play(&plan(Phase::closed(1, 30)), server);
    assert!(run.records.iter().all(|r| r.status == 429));
    assert_eq!(run.seen.connections, 2);
}

#[test]
fn an_answer_is_over_when_it_says_so_whatever_becomes_of_its_connection() {
    let after: [(&str, Then, usize); 7] = [
        ("its end", |at, key, s| s.send(at + 10 * MILLI, key, *b"0\r\n\r\n"), 1),
        ("its end, late", |at, key, s| s.send(at + 100 * MILLI, key, *b"0\r\n\r\n"), 4),
        ("silence", |_, _, _| {}, 6),
        ("a reset", |at, key, s| s.reset(at + MILLI, key), 6),
        ("a close", |at, key, s| s.close(at + MILLI, key), 6),
        ("no chunk", |at, key, s| s.send(at + MILLI, key, *b"xyz\r\n"), 6),
        (
            "another error",
            |at, key, s| s.send(at + MILLI, key, [event(r#"{"error":"late"}"#), b"0\r\n\r\n".to_vec()].concat()),
            1,
        ),
    ];
    for (what, then, connections) in after {
        let server = Server::of(move |at, key, script| {
            script.send(at + 5 * MILLI, key, [head(), token("a")].concat());
            script.send(at + 10 * MILLI, key, event("[DONE]"));
            then(at + 10 * MILLI, key, script);
        });
        let mut plan = plan(Phase::closed(1, 6));
        plan.timeouts.request = 6 * SECOND;
        let run = play(&plan, server);
        for r in &run.records {
            assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 1), "{what}: {:?}", r.detail);
            assert_eq!(r.instants.end - r.instants.issued, 10 * MILLI, "{what}");
        }
        for pair in run.records.windows(2) {
            let rest = pair[1].instants.issued - pair[0].instants.end;
            assert!(rest <= 20 * MILLI, "{what} holds the place for {rest} ns");
        }
        assert_eq!(run.seen.connections, connections, "{what}");
    }
}

#[test]
fn a_last_line_that_no_empty_line_ends_is_an_end_whatever_comes_after() {
    let after: [(&str, Then); 5] = [
        ("its end", |at, key, s| s.send(at + 3 * MILLI, key, *b"0\r\n\r\n")),
        ("silence", |_, _, _| {}),
        ("a reset", |at, key, s| s.reset(at + 3 * MILLI, key)),
        ("a close", |at, key, s| s.close(at + 3 * MILLI, key)),
        ("no chunk", |at, key, s| s.send(at + 3 * MILLI, key, *b"xyz\r\n")),
    ];
    for line in ["data: [DONE]", "data: [DONE]\n", "data:[DONE]\r\n"] {
        for (what, then) in &after {
            let then = *then;
            let server = Server::of(move |at, key, script| {
                script.send(at + 5 * MILLI, key, [head(), token("a"), chunk(line)].concat());
                then(at + 5 * MILLI, key, script);
            });
            let mut plan = plan(Phase::closed(1, 3));
            plan.timeouts.request = SECOND;
            for r in &play(&plan, server).records {
                assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 1), "{line:?}, {what}: {:?}", r.detail);
                let took = r.instants.end - r.instants.issued;
                assert!(took <= 8 * MILLI, "{line:?}, {what}: {took}");
            }
        }
    }
}

#[test]
fn the_last_event_of_a_dialect_ends_its_answer() {
    let streams: [(EndpointKind, &[&str]); 4] = [
        (
            EndpointKind::Messages,
            &[
                r#"{"type":"message_start","message":{"usage":{"input_tokens":4,"output_tokens":0}}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        ),
        (
            EndpointKind::Responses,
            &[
                r#"{"type":"response.output_text.delta","delta":"a"}"#,
                r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":4,"output_tokens":1}}}"#,
            ],
        ),
        (
            EndpointKind::Responses,
            &[
                r#"{"type":"response.output_text.delta","delta":"a"}"#,
                r#"{"response":{"status":"incomplete","usage":{"input_tokens":4,"output_tokens":1}},"type":"response.incomplete"}"#,
            ],
        ),
        (
            EndpointKind::HuggingfaceGenerate,
            &[
                r#"{"token":{"text":"a"},"generated_text":"a","details":{"finish_reason":"length","generated_tokens":1}}"#,
            ],
        ),
    ];
    for (kind, events) in streams {
        let body: Vec<u8> = events.iter().flat_map(|e| event(e)).collect();
        let server = Server::of(move |at, key, script| {
            script.send(at + 5 * MILLI, key, head());
            script.send(at + 10 * MILLI, key, body.clone());
        });
        let mut plan = plan(Phase::closed(1, 2));
        plan.endpoint = kind;
        let run = play(&plan, server);
        for r in &run.records {
            assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 1), "{kind:?}: {:?}", r.detail);
            assert_eq!(r.usage.and_then(|u| u.completion), Some(1), "{kind:?}");
            assert_eq!(r.instants.end - r.instants.issued, 10 * MILLI, "{kind:?}");
        }
    }
}

#[test]
fn a_finish_reason_does_not_end_a_stream_whose_usage_is_to_come() {
    let server = Server::of(|at, key, script| {
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":7,"total_tokens":11}}"#;
        script.send(at + 5 * MILLI, key, [head(), token("a")].concat());
        let finish = event(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
        script.send(at + 6 * MILLI, key, finish);
        script.send(at + 900 * MILLI, key, [event(usage), b"0\r\n\r\n".to_vec()].concat());
    });
    let run = play(&plan(Phase::closed(1, 2)), server);
    for r in &run.records {
        assert_eq!(r.usage.and_then(|u| u.completion), Some(7));
        assert_eq!(r.instants.end - r.instants.issued, 900 * MILLI);
    }
    assert_eq!(run.seen.connections, 1);
}

#[test]
fn an_answer_that_came_before_the_send_failed_is_the_answer() {
    for (errno, ends) in [
        (libc::EPIPE, Script::close as fn(&mut Script, Nanos, Key)),
        (libc::ECONNRESET, Script::close),
        (libc::ECONNRESET, Script::reset),
    ] {
        for kernel in [Kernel::Fails(errno), Kernel::Breaks(errno), Kernel::BreaksAfter(MILLI, errno)] {
            let server = Server::of(|_, _, _| {})
                .on_accept(move |at, key, script| {
                    script.send(at + 2 * MILLI, key, too_large());
                    ends(script, at + 3 * MILLI, key);
                })
                .whose_sends(move |_| kernel);
            let run = play(&plan(Phase::closed(1, 3)), server);
            for r in &run.records {
                assert_eq!(r.outcome, Outcome::Failed(Cause::HttpStatus), "{kernel:?}: {:?}", r.detail);
                assert_eq!((r.status, r.detail.as_deref()), (413, Some("too large")));
                assert_eq!(r.retry, None);
            }
            assert_eq!(run.seen.connections, 3);
        }
    }
}

#[test]
fn a_send_that_failed_without_an_answer_fails_its_request_once_the_read_has_ended() {
    let silent: fn(&mut Script, Nanos, Key) = |_, _, _| {};
    for (errno, ends, cause, after) in [
        (libc::EPIPE, Script::close as fn(&mut Script, Nanos, Key), Cause::ClosedBeforeResponse, 3 * MILLI),
        (libc::ECONNRESET, Script::close, Cause::Reset, 3 * MILLI),
        (libc::ECONNRESET, Script::reset, Cause::Reset, 3 * MILLI),
        (libc::ENOBUFS, silent, Cause::SendFailed, SECOND),
    ] {
        let server = Server::of(|_, _, _| {})
            .on_accept(move |at, key, script| ends(script, at + 3 * MILLI, key))
            .whose_sends(move |_| Kernel::Breaks(errno));
        let run = play(&plan(Phase::closed(1, 2)), server);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Failed(cause), "{errno}");
            assert_eq!(r.instants.end - r.instants.issued, after, "{errno}");
        }
    }
}

#[test]
fn a_request_of_which_a_part_was_taken_is_not_retried() {
    // The second request of a connection meets the failure; a reset, and a close, end the connection.
    for (kernel, retried) in [
        (Kernel::Fails(libc::EPIPE), true),
        (Kernel::Fails(libc::ECONNRESET), true),
        (Kernel::Breaks(libc::EPIPE), false),
        (Kernel::Breaks(libc::ECONNRESET), false),
        (Kernel::BreaksAfter(MILLI, libc::ECONNRESET), false),
    ] {
        let server = Server::of(|at, key, script| {
            script.send(at + MILLI, key, chat());
            script.close(at + 5 * MILLI, key);
        })
        .whose_sends(move |n| if n == 1 { kernel } else { Kernel::Takes });
        let run = play(&plan(Phase::closed(1, 2)), server);
        let [first, second] = &run.records[..] else {
            panic!("two records");
        };
        assert_eq!(first.outcome, Outcome::Succeeded);
        assert_eq!(second.outcome == Outcome::Succeeded, retried, "{kernel:?}: {:?}", second.detail);
        assert_eq!(second.retry, retried.then_some(Retry::ClosedWhileIdle), "{kernel:?}");
        let told = second.detail.as_deref().is_some_and(|said| said.contains("on a kept connection"));
        assert_eq!(told, !retried && second.outcome != Outcome::Failed(Cause::SendFailed), "{:?}", second.detail);
        assert_eq!(run.seen.connections, if retried { 2 } else { 1 });
    }
}

#[test]
fn a_status_that_says_what_failed_stays_although_its_body_is_cut_off() {
    let ends: [Then; 4] = [
        |at, key, script| script.close(at, key),
        |at, key, script| script.reset(at, key),
        |at, key, script| script.send(at, key, *b"xyz\r\n"),
        |_, _, _| {},
    ];
    let heads = [
        ("503 No", Cause::HttpStatus, "no workers"),
        ("200 OK\r\ncontent-encoding: br", Cause::UnexpectedEncoding, "the body is compressed"),
        ("200 OK\r\ntransfer-encoding: gzip", Cause::UnexpectedEncoding, "the body has a transfer coding"),
    ];
    for (end, (head, cause, words)) in ends.into_iter().flat_map(|end| heads.map(|head| (end, head))) {
        let server = Server::of(move |at, key, script| {
            let head = format!("HTTP/1.1 {head}\r\ntransfer-encoding: chunked\r\n\r\n");
            script.send(at + MILLI, key, [head.into_bytes(), chunk("no workers")].concat());
            end(at + 2 * MILLI, key, script);
        });
        for r in &play(&plan(Phase::closed(1, 2)), server).records {
            assert_eq!(r.outcome, Outcome::Failed(cause), "{head}");
            assert!(r.detail.as_deref().is_some_and(|said| said.starts_with(words)), "{:?}", r.detail);
            assert!(r.instants.end - r.instants.issued <= SECOND + 2 * MILLI, "{head}: words are waited for too long");
        }
    }
}

struct Played {
    records: Vec<Record>,
    seen: Seen,
}

fn play(plan: &Plan, server: Server) -> Played {
    let mut played = SimulatedRun::new(plan).slots(64, None).holders(64).play(server);
    Played { records: played.records, seen: played.peers.remove(0).seen }
}

fn too_many() -> Vec<u8> {
    whole("429 Too Many Requests", r#"{"error":{"message":"too many"}}"#)
}

fn too_large() -> Vec<u8> {
    whole("413 Content Too Large", r#"{"error":{"message":"too large"}}"#)
}

fn whole(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn chat() -> Vec<u8> {
    [head(), token("a"), event("[DONE]"), b"0\r\n\r\n".to_vec()].concat()
}
