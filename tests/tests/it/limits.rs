//! What ends requests and runs before their answers do: cancellations, time-outs within a stream, too many failures.

use ringload_engine::plan::Cancellation;
use ringload_tests::frames::{self, Peer2, RST_STREAM};
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer, STREAM, Then, chat, token, whole};
use ringload_tests::profile::{Ended, Profile};
use serde_json::Value;
use socket2::SockRef;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Two in five, of the seed that every run here has.
const PICKS: Cancellation = Cancellation { share: 0.4, delay: 0 };
const SEED: u64 = 7;
const REQUESTS: u64 = 20;
/// RFC 9113 §7.
const CANCEL: u32 = 8;

#[test]
fn cancelled_requests_are_closed_counted_apart_and_no_failures() {
    on_both(|io| {
        // One at a time: what comes as the k-th is request k. Picked ones have one token and then nothing until the
        // client goes.
        let gone = Arc::new(AtomicUsize::new(0));
        let seen = gone.clone();
        let server = Peer::start(move |to, request| {
            if !PICKS.picks(SEED, request.serial as u64, 0) {
                return peer::write(to, &chat(2));
            }
            peer::write(to, &format!("{STREAM}{}", token("one ")))?;
            client_goes(to)?;
            seen.fetch_add(1, Ordering::AcqRel);
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "20", "--request-cancellation-rate", "40"])
            .args(["--request-cancellation-delay", "0.05", "--allow-invalid"])
            .args(["--goodput", "request_latency:60000"])
            .run()
            .exits(0);
        cancelled_as_picked(&ended);
        let last = u64::from(!PICKS.picks(SEED, REQUESTS - 1, 0));
        assert_eq!(server.connections() as u64, picked() + last);
        assert_eq!(server.requests().len() as u64, REQUESTS);
        // The last of them may hear of it after the run.
        let heard = gone.load(Ordering::Acquire) as u64;
        assert!(heard + 1 >= picked(), "{heard} of {}", picked());
    });
}

#[test]
fn a_cancelled_stream_of_http2_is_reset_and_its_connection_serves_on() {
    on_both(|io| {
        let server = Peer2::start(|wire, _| {
            wire.greet(&[])?;
            loop {
                let asked = wire.request()?;
                if PICKS.picks(SEED, u64::from(asked.stream / 2), 0) {
                    wire.send(&frames::head(asked.stream))?;
                    wire.send(&frames::token(asked.stream))?;
                } else {
                    wire.send(&frames::chat(asked.stream))?;
                }
            }
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--http2", "--request-count", "20", "--allow-invalid"])
            .args(["--request-cancellation-rate", "40"])
            .args(["--request-cancellation-delay", "0.05"])
            .args(["--goodput", "request_latency:60000"])
            .run()
            .exits(0);
        cancelled_as_picked(&ended);
        assert_eq!(server.connections(), 1);
        let resets = server.codes(RST_STREAM);
        assert!(resets.iter().all(|code| *code == CANCEL), "{resets:?}");
        // The last may still be on its way.
        assert!(resets.len() as u64 + 1 >= picked(), "{resets:?}");
    });
}

#[test]
fn without_a_delay_the_whole_request_is_sent_and_its_client_is_gone() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            client_goes(to)?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "10", "--concurrency", "2"])
            .args(["--request-cancellation-rate", "100"])
            .run()
            .exits(3);
        assert_eq!(ended.count("cancelled"), 10);
        assert_eq!(ended.count("issued"), 10);
        let requests = server.requests();
        assert!(requests.len() >= 8, "{}", requests.len());
        for request in requests {
            assert!(request.json()["messages"].is_array(), "it came whole");
        }
    });
}

#[test]
fn a_warm_up_is_not_cancelled() {
    let server = Peer::start(|to, _| peer::write(to, &chat(2)));
    let ended = Profile::of(server.addr())
        .args(["--warmup-request-count", "5", "--request-count", "1"])
        .args(["--request-cancellation-rate", "100"])
        .args(["--allow-invalid"])
        .run();
    let warmup = ended.report()["summary"]["warmup_counts"].clone();
    assert_eq!((&warmup["succeeded"], &warmup["cancelled"]), (&5.into(), &0.into()));
}

#[test]
fn a_first_token_that_does_not_come_in_time_is_a_failure_of_its_own() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            if request.serial % 2 == 1 {
                return peer::write(to, &chat(2));
            }
            peer::write(to, STREAM)?;
            client_goes(to)?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "4", "--ttft-timeout-seconds", "2"])
            .args(["--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.failures(), [("ttft_timeout".to_owned(), 2)].into());
        assert_eq!(ended.count("succeeded"), 2);

        let server = Peer2::start(|wire, _| {
            wire.greet(&[])?;
            loop {
                let asked = wire.request()?;
                if asked.stream % 4 == 1 {
                    wire.send(&frames::head(asked.stream))?;
                } else {
                    wire.send(&frames::chat(asked.stream))?;
                }
            }
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--http2", "--request-count", "4"])
            .args(["--ttft-timeout-seconds", "2", "--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.failures(), [("ttft_timeout".to_owned(), 2)].into());
        assert_eq!((ended.count("succeeded"), server.connections()), (2, 1));
        assert_eq!(server.codes(RST_STREAM), [CANCEL; 2]);
    });
}

#[test]
fn a_stream_that_stalls_is_a_failure_of_its_own_and_says_where() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            let tokens: String = (0..3).map(|_| token("word ")).collect();
            peer::write(to, &format!("{STREAM}{tokens}"))?;
            client_goes(to)?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "2", "--concurrency", "2"])
            .args(["--inter-token-timeout-seconds", "0.3"])
            .run()
            .exits(3);
        stalled_after(&ended, 3);

        let server = Peer2::start(|wire, _| {
            wire.greet(&[])?;
            loop {
                let asked = wire.request()?;
                wire.send(&frames::head(asked.stream))?;
                wire.send(&frames::token(asked.stream))?;
            }
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--http2", "--request-count", "2", "--concurrency", "2"])
            .args(["--inter-token-timeout-seconds", "0.3"])
            .run()
            .exits(3);
        stalled_after(&ended, 1);
    });
}

#[test]
fn a_run_ends_early_when_too_many_requests_have_failed() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            if request.serial % 3 == 0 {
                return peer::write(to, &chat(1));
            }
            peer::write(to, &whole("500 Internal Server Error", r#"{"error":"no"}"#))
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "100000", "--concurrency", "4"])
            .args(["--failed-request-threshold", "0.5", "--allow-invalid"])
            .run()
            .exits(1);
        let report = ended.report();
        let summary = &report["summary"];
        assert_eq!(summary["was_cancelled"], false);
        let aborted = &summary["aborted"];
        let n = |name: &str| aborted[name].as_u64().unwrap();
        assert!(n("finished") >= 10 && 2 * n("failed") > n("finished"));
        // Nothing is lost: what was issued has ended, and has its record.
        let issued = ended.count("issued");
        assert!((10..100_000).contains(&issued), "{issued}");
        assert_eq!(ended.count("never_due"), 100_000 - issued);
        assert_eq!(ended.count("in_flight_at_end"), 0);
        assert_eq!(ended.records().len() as u64, issued);
        assert!(ended.findings("SUSPECT").contains(&"aborted".to_owned()));
        let said = ended.words();
        assert!(said.contains("ended early: ") && said.contains("--failed-request-threshold 0.5"), "{said}");
    });
}

#[test]
fn a_run_ends_early_with_as_many_failures_as_it_bears() {
    let server = Peer::start(|to, request| {
        if request.serial % 5 != 0 {
            return peer::write(to, &chat(1));
        }
        peer::write(to, &whole("500 Internal Server Error", r#"{"error":"no"}"#))
    });
    let ended = Profile::of(server.addr())
        .args(["--request-count", "100000", "--concurrency", "3"])
        .args(["--max-errors", "4", "--allow-invalid"])
        .run()
        .exits(0);
    let aborted = &ended.report()["summary"]["aborted"];
    assert_eq!((&aborted["failed"], &aborted["max_errors"]), (&4.into(), &4.into()));
    assert!(ended.count("issued") < 100_000);
    assert!(ended.findings("SUSPECT").contains(&"aborted".to_owned()));
    let said = ended.words();
    assert!(said.contains("which is --max-errors 4"), "{said}");
}

#[test]
fn a_run_whose_failures_stay_under_the_threshold_goes_on() {
    let server = Peer::start(|to, request| {
        if request.serial % 5 != 0 {
            return peer::write(to, &chat(1));
        }
        peer::write(to, &whole("500 Internal Server Error", r#"{"error":"no"}"#))
    });
    let ended = Profile::of(server.addr())
        .args(["--request-count", "60", "--concurrency", "3"])
        .args(["--failed-request-threshold", "0.5", "--allow-invalid"])
        .run()
        .exits(0);
    assert_eq!((ended.count("issued"), ended.count("never_due")), (60, 0));
    assert!(ended.report()["summary"].get("aborted").is_none());
}

#[test]
fn a_slow_reader_makes_its_server_wait() {
    on_both(|io| {
        // 1 200 tokens of some 150 bytes, at 128 KiB a second: 1.3 s and more, of which small buffers on both sides
        // hide little.
        let waited = Arc::new(Mutex::new(Vec::new()));
        let noted = waited.clone();
        let server = Peer::start(move |to, _| {
            SockRef::from(&*to).set_send_buffer_size(4096)?;
            let answer = chat(1_200);
            let began = Instant::now();
            peer::write(to, &answer)?;
            let mut waits = noted.lock().unwrap();
            waits.push((began.elapsed(), answer.len()));
            Ok(Then::Keep)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "4", "--concurrency", "2"])
            .args(["--read-rate-limit", "128k", "--tcp-receive-buffer", "4k", "--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.count("succeeded"), 4, "{}", ended.stdout);
        assert_eq!(ended.metric("output_sequence_length", "min"), 1_200.0);
        for (waited, bytes) in waited.lock().unwrap().iter() {
            let least = *bytes as f64 / f64::from(128 << 10);
            assert!(waited.as_secs_f64() > least / 2.0, "{waited:?} of {least} s");
        }
        assert!(ended.findings("VALID").contains(&"slow_reader".to_owned()));
        for status in ["SUSPECT", "INVALID"] {
            let gates = ended.findings(status);
            assert!(!gates.contains(&"receive_lag".to_owned()), "{gates:?}");
        }
    });
}

#[test]
fn a_slow_reader_sees_ends_and_cancellations_as_any_other() {
    on_both(|io| {
        // The second answer of each connection is its last.
        let server = Peer::start(|to, request| {
            if request.serial % 2 == 0 {
                return peer::write(to, &chat(40));
            }
            let last = chat(40).replacen("\r\n", "\r\nconnection: close\r\n", 1);
            peer::write(to, &last)?;
            Ok(Then::Close)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "8", "--read-rate-limit", "64k"])
            .args(["--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.count("succeeded"), 8, "{:?}", ended.failures());
        assert_eq!(server.connections(), 4);

        // Most of the answer is there when the client goes: it has not read it.
        let server = Peer::start(|to, _| peer::write(to, &chat(400)));
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "4", "--read-rate-limit", "8k"])
            .args(["--request-cancellation-rate", "100"])
            .args(["--request-cancellation-delay", "0.1"])
            .run()
            .exits(3);
        assert_eq!(ended.count("cancelled"), 4);
    });
}

/// Exactly the requests that the seed picks were cancelled, the others succeeded, and nothing failed.
#[track_caller]
fn cancelled_as_picked(ended: &Ended) {
    let report = ended.report();
    assert_eq!(ended.count("cancelled"), picked());
    assert_eq!(ended.count("succeeded"), REQUESTS - picked());
    assert!(ended.failures().is_empty(), "{:?}", ended.failures());
    assert_eq!(report["summary"]["goodput"]["good_request_fraction"], 1.0);
    for status in ["VALID", "SUSPECT", "INVALID", "FAILED"] {
        assert!(!ended.findings(status).contains(&"failures".to_owned()));
    }
    let said = ended.words();
    let words = format!("{} cancelled as planned", picked());
    assert!(said.contains(&words), "{said}");
    for (k, record) in ended.records().iter().enumerate() {
        let metadata = &record["metadata"];
        let cancelled = PICKS.picks(SEED, k as u64, 0);
        assert_eq!(metadata["was_cancelled"], cancelled, "request {k}");
        let at = |name: &str| metadata[name].as_u64();
        if cancelled {
            assert_eq!(record["error"]["code"], 499);
            assert_eq!(record["error"]["type"], "RequestCancellationError");
            assert!(at("cancellation_time_ns") > at("request_start_ns"));
        } else {
            assert_eq!(record.get("error"), None);
        }
    }
}

#[track_caller]
fn stalled_after(ended: &Ended, events: u32) {
    let expected = [("inter_token_timeout".to_owned(), 2)];
    assert_eq!(ended.failures(), expected.into());
    for record in ended.records() {
        let said = record["error"]["message"].as_str().unwrap_or_default();
        let words = format!("after {events} output events");
        assert!(said.contains(&words), "{said}");
    }
    // What had come is kept: when its first token came is known.
    let report = ended.report();
    let histograms = report["summary"]["histograms"].as_array().unwrap();
    let partial = histograms.iter().find(|h| h["tag"] == "partial_time_to_first_token").map(|h| h["count"].clone());
    assert_eq!(partial, Some(Value::from(2)));
}

/// How many requests of the runs here are cancelled.
fn picked() -> u64 {
    (0..REQUESTS).filter(|k| PICKS.picks(SEED, *k, 0)).count() as u64
}

/// Waits until the client has closed its side, or the connection.
fn client_goes(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(ringload_tests::PATIENCE))?;
    match stream.read(&mut [0; 1024]) {
        Ok(0) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Ok(_) => Err(io::Error::other("it said more")),
        Err(e) => Err(e),
    }
}
