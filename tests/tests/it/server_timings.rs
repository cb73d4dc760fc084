//! What servers say of their time in their answers, from the wire to the files.

use ringload_tests::on_both;
use ringload_tests::peer::{Peer, Then};
use ringload_tests::profile::Profile;
use std::io::Write;
use std::time::Duration;

/// A stream of two tokens, of which the first comes 40 ms after the request: the server says that it waited 15 ms and
/// prefilled for 20 ms.
fn telling() -> Peer {
    Peer::start(|stream, _| {
        let body = concat!(
            r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"length"}]}"#,
            "\n\n",
            r#"data: {"choices":[],"usage":{"prompt_tokens":16,"completion_tokens":2},"metrics":{"queue_time_ms":15,"time_to_first_token_ms":20.5,"generation_time_ms":1}}"#,
            "\n\ndata: [DONE]\n\n"
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver-timing: total;dur=41.5, db;dur=3\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        std::thread::sleep(Duration::from_millis(40));
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        Ok(Then::Keep)
    })
}

#[test]
fn what_a_server_says_of_its_time_is_in_every_file_and_splits_the_time_to_first_token() {
    on_both(|io| {
        let server = telling();
        let run = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "2", "--request-count", "6", "--server-timings", "ask", "--allow-invalid"])
            .run()
            .exits(0);
        for request in server.requests() {
            assert_eq!(request.json()["include_metrics"], true);
            assert_eq!(request.json()["nvext"]["extra_fields"][0], "timing");
        }
        let split = &run.report()["summary"]["network"]["first_token"]["server"];
        assert_eq!((split["requests"].as_u64(), split["with_prefill"].as_u64()), (Some(6), Some(6)), "{split}");
        assert_eq!((split["queue_ms"].as_f64(), split["prefill_ms"].as_f64()), (Some(15.0), Some(20.5)));
        assert_eq!(split["negative_remainders"], 0);
        let of = |part: &str| split[part].as_f64().unwrap();
        let sum: f64 = ["before_ms", "queue_ms", "prefill_ms", "front_end_ms", "remainder_ms"].map(of).iter().sum();
        assert!((sum - of("ttft_ms")).abs() < 1e-6, "{split}");
        for record in run.records() {
            let metric =
                |tag: &str| (record["metrics"][tag]["value"].as_f64(), record["metrics"][tag]["unit"].as_str());
            assert_eq!(metric("server_queue_time"), (Some(15.0), Some("ms")));
            assert_eq!(metric("server_prefill_time"), (Some(20.5), Some("ms")));
            assert_eq!(metric("server_total_time"), (Some(41.5), Some("ms")), "of the head");
            assert!(metric("first_token_remainder").0 > Some(0.0), "40 ms less 35.5");
            assert_eq!(metric("server_upstream_time"), (None, None));
        }
        assert_eq!(run.metric("server_decode_time", "p99"), 1.0);
        assert!(run.text("profile_export_aiperf.csv").contains("Server Queue Time (ms),15.00,15.00,15.00"));
        assert!(run.stdout.contains("TTFT at the server: queue 15.00 + prefill 20.50 + remainder "), "{}", run.stdout);
        assert!(run.text("report.txt").contains("server, prefill"));
    });
}

#[test]
fn what_a_server_says_is_left_out_where_it_is_not_wanted() {
    let server = telling();
    let run = Profile::of(server.addr())
        .args(["--concurrency", "1", "--request-count", "1", "--server-timings", "off", "--allow-invalid"])
        .run()
        .exits(0);
    assert!(server.requests()[0].json().get("include_metrics").is_none());
    assert!(run.records()[0]["metrics"].get("server_queue_time").is_none());
    assert!(run.report()["summary"]["network"]["first_token"].get("server").is_none());
}
