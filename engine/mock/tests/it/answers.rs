//! What the server says.

use ringload_mock::{Config, Error, Timing, start};

use crate::client::{Client, paced, post, serve};

/// Replaces the digits after `name`, which differ from run to run.
fn without(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + name + "#" + part.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

fn stable(body: &str) -> String {
    without(&without(body, r#""sent_ns":"#), r#""created":"#)
}

#[test]
fn a_streamed_chat_has_these_bytes() {
    let server = paced(1, 1);
    let response = Client::connect(server.addr()).chat(r#","max_tokens":2,"stream_options":{"include_usage":true}"#);
    assert_eq!(
        response.head,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    let chunk = r##"data: {"id":"chatcmpl-a706dd2f4d197e6f238275bc38fcbe91","object":"chat.completion.chunk","created":#,"model":"m","choices":["##;
    let deltas = [
        r##"{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"sent_ns":#}"##,
        r##"{"index":0,"delta":{"content":" they"},"logprobs":null,"finish_reason":null}],"sent_ns":#}"##,
        r##"{"index":0,"delta":{"content":" have"},"logprobs":null,"finish_reason":null}],"sent_ns":#}"##,
        r##"{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"sent_ns":#}"##,
        r##"],"usage":{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2},"sent_ns":#}"##,
    ];
    let events = deltas.map(|delta| format!("{chunk}{delta}\n\n"));
    assert_eq!(stable(&response.body), events.concat() + "data: [DONE]\n\n");
}

#[test]
fn a_streamed_completion_has_these_bytes() {
    let server = paced(1, 1);
    let body = r#"{"model":"a\"b","prompt":[1,2,3],"stream":true,"max_completion_tokens":1}"#;
    let response = Client::connect(server.addr()).post("/v1/completions", body);
    let chunk = r##"data: {"id":"cmpl-a706dd2f4d197e6f238275bc38fcbe91","object":"text_completion","created":#,"model":"a\"b","choices":["##;
    let texts = [
        r##"{"index":0,"text":" they","logprobs":null,"finish_reason":null}],"sent_ns":#}"##,
        r##"{"index":0,"text":"","logprobs":null,"finish_reason":"length"}],"sent_ns":#}"##,
    ];
    let events = texts.map(|text| format!("{chunk}{text}\n\n"));
    assert_eq!(stable(&response.body), events.concat() + "data: [DONE]\n\n");
}

#[test]
fn a_whole_response_has_these_bytes() {
    let server = paced(1, 1);
    let mut client = Client::connect(server.addr());
    let chat = client.post("/v1/chat/completions", r#"{"messages":[],"max_tokens":2}"#);
    assert_eq!(
        stable(&chat.body),
        r##"{"id":"chatcmpl-a706dd2f4d197e6f238275bc38fcbe91","object":"chat.completion","created":#,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":" they have"},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"total_tokens":3,"completion_tokens":2},"sent_ns":#}"##
    );
    let completion = client.post("/v1/completions", r#"{"prompt":"a","max_tokens":1}"#);
    assert_eq!(
        stable(&completion.body),
        r##"{"id":"cmpl-5e41ab087439611eb18a02f46d8d86c3","object":"text_completion","created":#,"model":"mock","choices":[{"index":0,"text":" to","logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1},"sent_ns":#}"##
    );
}

#[test]
fn without_a_number_of_tokens_the_default_is_given_and_usage_is_not() {
    let server = paced(0, 0);
    let response = Client::connect(server.addr()).chat("");
    assert_eq!(response.sent_ns().len(), 16);
    assert!(!response.body.contains("usage"));
}

#[test]
fn what_cannot_be_served_is_an_error_in_openai_shape_and_the_connection_lives() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let chat = "/v1/chat/completions";
    for (body, message) in [
        ("{", "invalid JSON body"),
        ("{}", "messages is required"),
        (r#"{"messages":[],"max_tokens":0}"#, "between 1 and 1000000"),
        (r#"{"messages":[],"max_tokens":-1}"#, "invalid JSON body"),
        (r#"{"messages":[],"mock":{"tffb":1}}"#, "unknown field"),
    ] {
        let response = client.post(chat, body);
        assert_eq!(response.status, 400, "{body}");
        assert!(response.body.contains(message), "{}", response.body);
    }
    let unknown = client.get("/v2");
    assert_eq!(unknown.status, 404);
    let expected = r#"{"error":{"message":"no such path: /v2","type":"NotFoundError","param":null,"code":404}}"#;
    assert_eq!(unknown.body, expected);
    assert_eq!(client.get(chat).status, 405);
    assert_eq!(client.post("/health", "").status, 405);
    assert_eq!(client.post("/mock/freeze", "").status, 400);
    assert_eq!(client.get("/health").status, 200);
}

#[test]
fn a_body_over_the_limit_is_answered_with_413_and_a_close() {
    let config = Config { body_limit: 1000, ..Config::default() };
    let server = start(config).unwrap();
    let mut client = Client::connect(server.addr());
    client.send(post("/v1/completions", &"x".repeat(200_000)).as_bytes());
    let response = client.response();
    assert_eq!(response.status, 413);
    assert!(response.head.contains("connection: close"));
    assert!(client.is_closed());
}

#[test]
fn a_client_may_ask_before_it_sends_its_body_and_may_send_it_in_pieces() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    let body = r#"{"prompt":"a","max_tokens":1}"#;
    let head =
        format!("POST /v1/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len());
    client.send(head.as_bytes());
    client.expect_continue();
    client.send(&body.as_bytes()[..5]);
    client.send(&body.as_bytes()[5..]);
    assert_eq!(client.response().status, 200);
    client.send(b"GET /health HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert!(client.is_closed());
}

#[test]
fn models_metrics_state_and_reset_tell_what_was_asked() {
    let server = paced(0, 0);
    let mut client = Client::connect(server.addr());
    client.chat(r#","max_tokens":5"#);
    assert!(client.get("/v1/models").body.contains(r#""id":"mock","object":"model""#));
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("vllm:generation_tokens_total{model_name=\"mock\"} 5\n"), "{metrics}");
    assert!(metrics.contains("vllm:request_queue_time_seconds_bucket{model_name=\"mock\",le=\"+Inf\"} 0\n"));
    let state = client.get("/mock/state").body;
    assert!(state.starts_with(r#"{"in_flight":0,"peak_in_flight":1,"requests":1,"finished":1,"#), "{state}");
    let arrivals = server.arrivals();
    assert_eq!(client.get("/mock/arrivals").body, format!("[{}]", arrivals[0]));
    assert_eq!(client.post("/mock/reset", "").status, 200);
    assert_eq!(client.get("/mock/arrivals").body, "[]");
    assert_eq!((server.state().requests, server.state().peak_in_flight), (0, 0));
}

#[test]
fn a_server_that_cannot_be_is_refused_with_a_remedy() {
    let first = serve(Timing::Unpaced);
    let config = Config { address: first.addr(), ..Config::default() };
    let taken = start(config).unwrap_err();
    assert!(matches!(taken, Error::Listen { .. }));
    assert!(taken.to_string().contains("free the port"), "{taken}");
    let config = Config { threads: 2, timing: Timing::Batching(Default::default()), ..Config::default() };
    let wrong = start(config).unwrap_err().to_string();
    assert_eq!(wrong, "threads is 2 with batching; set it to 1: one engine has one loop");
}
