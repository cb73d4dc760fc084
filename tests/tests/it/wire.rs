//! Peers with bad manners, and such that are only slow. What they do to one request is in the matrix of `faults`.

use ringload_engine::record::{Cause, Outcome};
use ringload_tests::engine::{closed, drive, keep_text};
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::profile::Profile;
use serde_json::json;
use socket2::SockRef;
use std::io::{self, Write};
use std::net::TcpStream;

#[test]
fn a_stream_byte_by_byte_is_the_same_stream() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            for byte in peer::chat(4).bytes() {
                to.write_all(&[byte])?;
            }
            Ok(Then::Keep)
        });
        let mut plan = closed(server.addr(), io, 2, 6);
        keep_text(&mut plan);
        let run = drive(&plan);
        for r in run.records {
            assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 4));
            assert_eq!(r.text.as_deref(), Some("word word word word "));
            assert_eq!(r.usage.and_then(|u| u.completion), Some(4));
            assert_eq!(r.bytes_received, peer::chat(4).len() as u64);
        }
        assert_eq!(server.connections(), 2, "kept");
    });
}

#[test]
fn a_server_that_closes_although_it_said_keep_alive_costs_no_request() {
    on_both(|io| {
        let server = Peer::start(|to, _| send_and_close(to, &peer::chat(3)));
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "200"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("succeeded"), 200);
        assert_eq!(server.requests().len(), 200, "none was answered twice");
        assert_eq!(server.connections(), 200);
    });
}

#[test]
fn a_large_request_that_finds_its_connection_closed_costs_nothing_either() {
    on_both(|io| {
        let server = Peer::start(|to, _| send_and_close(to, &peer::chat(3)));
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--isl", "400000", "--num-dataset-entries", "1"])
            .args(["--concurrency", "1", "--request-count", "8"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("succeeded"), 8);
        assert_eq!(server.requests().len(), 8, "none was answered twice");
    });
}

#[test]
fn a_connection_that_is_closed_while_idle_costs_no_request() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            peer::write(to, &peer::chat(2))?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "40", "--arrival-pattern", "constant"])
            .args(["--request-count", "30", "--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("succeeded"), 30);
        assert_eq!(server.requests().len(), 30);
    });
}

#[test]
fn connection_close_is_obeyed() {
    on_both(|io| {
        let answer = peer::chat(2).replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let server = Peer::start(move |to, _| {
            peer::write(to, &answer)?;
            Ok(Then::Close)
        });
        let run = drive(&closed(server.addr(), io, 3, 30));
        for r in &run.records {
            assert_eq!((r.outcome, r.retry), (Outcome::Succeeded, None));
        }
        assert_eq!(server.connections(), 30);
    });
}

#[test]
fn a_connection_that_breaks_under_a_request_is_a_failure() {
    on_both(|io| {
        // The first answer is whole; the second request of a connection is read and never answered.
        let server = Peer::start(|to, request| {
            if request.serial % 2 == 1 {
                return Ok(Then::Close);
            }
            peer::write(to, &peer::chat(1))
        });
        let run = drive(&closed(server.addr(), io, 1, 10));
        let causes: Vec<Outcome> = run.records.iter().map(|r| r.outcome).collect();
        let lost = Outcome::Failed(Cause::ClosedBeforeResponse);
        assert_eq!(causes, [Outcome::Succeeded, lost].repeat(5));
        assert_eq!(server.requests().len(), 10, "none was sent twice");
    });
}

#[test]
fn a_request_that_was_read_before_a_reset_is_not_retried() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            if request.serial % 2 == 1 {
                return Ok(Then::Reset);
            }
            peer::write(to, &peer::chat(1))
        });
        let run = drive(&closed(server.addr(), io, 1, 10));
        let causes: Vec<Outcome> = run.records.iter().map(|r| r.outcome).collect();
        let lost = Outcome::Failed(Cause::Reset);
        assert_eq!(causes, [Outcome::Succeeded, lost].repeat(5));
        assert_eq!(server.requests().len(), 10, "none was sent twice");
    });
}

#[test]
fn an_event_over_the_limit_fails_its_request_alone() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            if request.serial % 2 == 0 {
                let huge = "x".repeat(200_000);
                return peer::write(to, &format!("{}{}", peer::STREAM, peer::token(&huge)));
            }
            peer::write(to, &peer::chat(2))
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "6", "--max-event-bytes", "64k"])
            .args(["--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.failures(), [("event_limit".to_owned(), 3)].into());
        assert_eq!(ended.count("succeeded"), 3);
        let message = &ended.summary()["error_summary"][0]["error_details"]["message"];
        let message = message.as_str().unwrap();
        assert!(message.contains("--max-event-bytes"), "{message}");
    });
}

#[test]
fn a_silent_server_meets_the_time_out() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            // Neither an answer nor an end, until the client goes.
            let _ = io::copy(to, &mut io::sink());
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "2", "--request-count", "4"])
            .args(["--request-timeout-seconds", "0.3"])
            .run()
            .exits(3);
        assert_eq!(ended.failures(), [("timeout".to_owned(), 4)].into());
        for record in ended.records() {
            let at = |name: &str| record["metadata"][name].as_u64().unwrap();
            assert!(at("request_end_ns") - at("request_start_ns") >= 300_000_000);
        }
    });
}

#[test]
fn a_large_prompt_is_sent_whole_to_a_slow_reader() {
    on_both(|io| {
        let server = Peer::start(|to, _| peer::write(to, &peer::chat(1)));
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--isl", "200000", "--num-dataset-entries", "1"])
            .args(["--concurrency", "2", "--request-count", "4"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        let requests = server.requests();
        assert_eq!(requests.len(), 4);
        let inputs: serde_json::Value = serde_json::from_str(&ended.text("inputs.json")).unwrap();
        assert!(requests.iter().all(|r| r.json() == inputs["data"][0]["payloads"][0]));
        assert!(requests[0].body.len() > 500_000);
    });
}

#[test]
fn an_error_event_has_the_servers_words_in_the_summary() {
    on_both(|io| {
        let failing = format!(
            "{}{}{}",
            peer::STREAM,
            peer::token("a"),
            peer::event(r#"{"error":{"message":"out of memory","type":"server_error","code":500}}"#),
        );
        let server = Peer::start(move |to, _| {
            peer::write(to, &failing)?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr()).on(io).args(["--request-count", "3"]).run().exits(3);
        let error = &ended.summary()["error_summary"][0];
        assert_eq!(
            *error,
            json!({"error_details": {"code": 200, "type": "in_band_error", "message": "out of memory"}, "count": 3})
        );
    });
}

/// Writes an answer whose last segment ends the connection as well, so that no request can come between.
fn send_and_close(to: &mut TcpStream, answer: &str) -> io::Result<Then> {
    SockRef::from(&*to).set_tcp_cork(true)?;
    to.write_all(answer.as_bytes())?;
    Ok(Then::Close)
}
