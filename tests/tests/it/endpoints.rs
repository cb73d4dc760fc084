//! Every API dialect against a server that speaks it, and what requests hold.

use crate::known_answers::pacing;
use ringload_engine::plan::EndpointKind;
use ringload_mock::{Config, start};
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::{Ended, Profile};
use serde_json::{Value, json};

/// A dialect: further flags, whether it streams, and whether tokens come out.
struct Row {
    kind: &'static str,
    flags: &'static [&'static str],
    streams: bool,
    tokens: bool,
}

const fn speaks(kind: &'static str, flags: &'static [&'static str], streams: bool, tokens: bool) -> Row {
    Row { kind, flags, streams, tokens }
}

const TABLE: &[Row] = &[
    speaks("chat", &["--osl", "4"], true, true),
    speaks("completions", &["--osl", "4"], true, true),
    speaks("responses", &["--osl", "4"], true, true),
    speaks("messages", &["--osl", "4"], true, true),
    speaks("huggingface_generate", &["--osl", "4"], true, true),
    speaks(
        "template",
        &[
            "--osl",
            "4",
            "--custom-endpoint",
            "/v1/completions",
            "--extra-inputs",
            r#"payload_template:{"prompt": {{ text|tojson }}, "max_tokens": {{ max_tokens }}, "stream": {{ stream|tojson }}, "stream_options": {"include_usage": true}}"#,
            "--extra-inputs",
            "response_field:choices[0].text",
        ],
        true,
        true,
    ),
    speaks("embeddings", &["--batch-size", "3"], false, false),
    speaks("nim_embeddings", &[], false, false),
    speaks("cohere_rankings", &["--rankings-passages-mean", "5"], false, false),
    speaks("hf_tei_rankings", &["--rankings-passages-mean", "5"], false, false),
    speaks("nim_rankings", &["--rankings-passages-mean", "5"], false, false),
    speaks("image_generation", &["--extra-inputs", "size:64x64"], false, false),
    speaks("video_generation", &["--extra-inputs", "seconds:4"], false, false),
    speaks("image_edit", &["--image-width-mean", "16", "--image-height-mean", "16"], false, false),
    speaks("image_retrieval", &["--image-width-mean", "16", "--image-height-mean", "16"], false, false),
];

#[test]
fn every_dialect_is_spoken_streamed_and_whole() {
    for kind in EndpointKind::ALL {
        let spoken = TABLE.iter().any(|row| row.kind == kind.name());
        assert!(spoken || kind == EndpointKind::Raw, "{}", kind.name());
    }
    on_both(|io| {
        let server = start(Config { truth: true, ..pacing(10, 5) }).expect("a server");
        let mut served = 0;
        for row in TABLE {
            for streaming in [true, false] {
                if streaming && !row.streams {
                    continue;
                }
                let mut profile = Profile::bare()
                    .on(io)
                    .args(["--model", "mock", "--isl", "8", "--endpoint-type", row.kind])
                    .args(["--url", &format!("http://{}", server.addr())])
                    .args(["--request-count", "6", "--allow-invalid"])
                    .args(row.flags.iter().copied());
                if streaming {
                    profile = profile.args(["--streaming"]);
                }
                let ended = profile.run().all_well();
                check(&ended, row, streaming);
                served += 6;
            }
        }
        let truth = server.truth();
        assert_eq!(truth.served.len(), served);
        assert!(truth.served.iter().all(|one| one.finished && !one.writes.is_empty()));
    });
}

fn check(ended: &Ended, row: &Row, streaming: bool) {
    let kind = row.kind;
    let has = |tag: &str| ended.summary().get(tag).is_some_and(|value| !value.is_null());
    let events = if streaming { 24 } else { 6 };
    assert_eq!(ended.report()["summary"]["client"]["events"], events, "{kind}");
    assert_eq!(has("time_to_first_token"), streaming, "{kind}");
    assert_eq!(has("inter_token_latency"), streaming, "{kind}");
    assert_eq!(has("output_sequence_length"), row.tokens, "{kind}");
    assert!(has("input_sequence_length") && has("request_latency"), "{kind}");
    if row.tokens {
        assert_eq!(ended.metric("output_sequence_length", "avg"), 4.0, "{kind}");
        // The last of 4 tokens is due at 25 ms.
        assert!(ended.metric("request_latency", "min") >= 25.0, "{kind}");
        return;
    }
    assert!(ended.metric("request_latency", "min") >= 10.0, "{kind}");
    for tag in ["output_token_throughput", "total_osl", "osl_mismatch_count"] {
        assert!(!has(tag), "{kind}: {tag}");
    }
    let said = ended.text("profile_export_aiperf.csv") + &ended.stdout + &ended.text("report.txt");
    for words in ["Time to First Token", "Inter Token Latency", "Output Sequence Length"] {
        assert!(!said.contains(words), "{kind}: {words} in\n{said}");
    }
    for record in ended.records() {
        assert!(record["metrics"].get("output_sequence_length").is_none(), "{kind}");
    }
}

#[test]
fn an_objective_on_tokens_that_do_not_come_is_refused() {
    for (flag, value) in [
        ("--goodput", "time_to_first_token:5"),
        ("--goodput", "output_token_count:5"),
        ("--fail-if", "inter_token_latency.p99>5ms"),
    ] {
        let ended = Profile::bare().args(["--model", "m", "--endpoint-type", "embeddings", flag, value]).run();
        assert_eq!(ended.code, Some(2), "{value}");
        assert!(ended.stderr.contains("no tokens come out"), "{}", ended.stderr);
        assert!(ended.stderr.contains("request_latency"), "{}", ended.stderr);
    }
}

#[test]
fn a_video_is_asked_for_until_it_is_done_and_what_fails_has_failed() {
    let server = Peer::start(|to, request| {
        let status = ["queued", "in_progress", "completed", "queued", "failed"][request.serial % 5];
        let error = if status == "failed" { json!({"code": "oom", "message": "out of memory"}) } else { Value::Null };
        let body = json!({"id": "v-1", "object": "video", "status": status, "error": error});
        peer::write(to, &peer::whole("200 OK", &body.to_string()))
    });
    let ended = Profile::bare()
        .args(["--model", "m", "--isl", "8", "--endpoint-type", "video_generation", "--allow-invalid"])
        .args(["--url", &format!("http://{}", server.addr()), "--request-count", "2", "--concurrency", "1"])
        .run()
        .exits(0);
    let asked: Vec<String> =
        server.requests().iter().map(|r| r.head.split(" HTTP").next().unwrap_or_default().to_owned()).collect();
    let job = "GET /v1/videos/v-1";
    assert_eq!(asked, ["POST /v1/videos", job, job, "POST /v1/videos", job]);
    assert_eq!(server.connections(), 1);
    assert_eq!((ended.count("succeeded"), ended.failures()), (1, [("in_band_error".to_owned(), 1)].into()));
    // Two pauses of 100 ms are in the one that succeeded.
    assert!(ended.metric("request_latency", "min") >= 200.0);
}

#[test]
fn an_unknown_dialect_is_told_the_nearest() {
    let ended = Profile::bare().args(["--model", "m", "--endpoint-type", "embedings"]).run();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("did you mean `embeddings`?"), "{}", ended.stderr);
}

/// The bodies and heads that reach a peer.
fn asked(flags: &[&str]) -> (Vec<Value>, Vec<peer::Request>) {
    let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
    let _ended = Profile::of(server.addr())
        // What is sent is asked here, of two requests in two milliseconds, and not what their figures are worth.
        .args(["--request-count", "2", "--concurrency", "1", "--allow-invalid"])
        .args(flags.iter().copied())
        .run()
        .exits(0);
    let requests = server.requests();
    (requests.iter().map(peer::Request::json).collect(), requests)
}

#[test]
fn images_and_audio_reach_the_wire_and_are_the_same_for_the_same_seed() {
    let flags = [
        "--random-seed",
        "7",
        "--image-width-mean",
        "20",
        "--image-height-mean",
        "10",
        "--image-batch-size",
        "2",
        "--image-format",
        "jpeg",
        "--audio-length-mean",
        "0.1",
        "--audio-sample-rates",
        "8",
        "--prompt-batch-size",
        "2",
    ];
    let (bodies, _) = asked(&flags);
    let kinds: Vec<&str> = bodies[0]["messages"][0]["content"]
        .as_array()
        .expect("parts")
        .iter()
        .filter_map(|part| part["type"].as_str())
        .collect();
    assert_eq!(kinds, ["text", "text", "image_url", "image_url", "input_audio"]);
    let part = &bodies[0]["messages"][0]["content"][2];
    let url = part["image_url"]["url"].as_str().expect("a URL");
    assert!(url.starts_with("data:image/jpeg;base64,/9j/"), "{url}");
    assert_eq!(bodies[0]["messages"][0]["content"][4]["input_audio"]["format"], "wav");
    assert_ne!(bodies[0], bodies[1]);
    assert_eq!(asked(&flags).0, bodies);
}

#[test]
fn the_session_goes_by_the_name_that_was_given_for_it() {
    let (_, requests) = asked(&["--session-header", "X-Session"]);
    assert_eq!(requests[0].field("x-session"), Some("session_000000"));
    assert_eq!(requests[0].field("x-correlation-id"), None);
}

#[test]
fn anthropic_keys_go_by_their_own_name() {
    let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
    let ended = Profile::of(server.addr())
        .args(["--request-count", "1", "--endpoint-type", "messages", "--api-key", "secret-key"])
        .run();
    let requests = server.requests();
    assert!(requests[0].head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{}", ended.stderr);
    assert_eq!(requests[0].field("x-api-key"), Some("secret-key"));
    assert_eq!(requests[0].field("anthropic-version"), Some("2023-06-01"));
    assert_eq!(requests[0].field("authorization"), None);
    assert_eq!(requests[0].json()["max_tokens"], json!(1024));
}

/// 2³² - 1 tokens, where two were asked for.
#[test]
fn impossible_token_counts_are_refused_and_told() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            let count = match request.serial % 3 {
                0 => "4294967295",
                1 => "-1",
                _ => "2",
            };
            let end = peer::event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
            let usage =
                peer::event(&format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{count}}}}}"#));
            let words = peer::token("a ").repeat(2);
            let done = peer::event("[DONE]");
            peer::write(to, &format!("{}{words}{end}{usage}{done}0\r\n\r\n", peer::STREAM))
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "9", "--concurrency", "1", "--osl", "2"])
            .args(["--ui", "simple", "--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("usage_refused"), 6);
        assert!(ended.findings("VALID").contains(&"usage_refused".to_owned()));
        let longest = ended.metric("output_sequence_length", "max");
        assert!(longest <= 4.0, "{longest}");
        assert!(ended.words().contains("6 with impossible token counts"));
    });
}

/// The shares of a prompt that came from a cache, as `/v1/messages` counts them: apart from `input_tokens`.
#[test]
fn a_cache_gives_no_more_than_the_prompt() {
    let server = Peer::start(|to, _| {
        let body = json!({"type": "message", "role": "assistant", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "hi"}],
            "usage": {"input_tokens": 32, "cache_read_input_tokens": 512, "cache_creation_input_tokens": 96, "output_tokens": 1}});
        peer::write(to, &peer::whole("200 OK", &body.to_string()))
    });
    let url = format!("http://{}", server.addr());
    let ended = Profile::bare()
        .args(["--model", "m", "--url", &url, "--endpoint-type", "messages"])
        .args(["--isl", "16", "--osl", "4", "--request-count", "5", "--concurrency", "1"])
        .args(["--ui", "none", "--allow-invalid"])
        .run();
    let figures = [
        ("usage_prompt_tokens", 640.0),
        ("usage_prompt_cache_read_tokens", 512.0),
        ("usage_prompt_cache_write_tokens", 96.0),
        ("total_usage_prompt_cache_write_tokens", 480.0),
        ("overall_usage_prompt_cache_read_pct", 80.0),
    ];
    for (tag, value) in figures {
        assert_eq!(ended.metric(tag, "avg"), value, "{tag}");
    }
}
