//! Known answers of what servers say of their time, in the shapes of their documentation and code.

use super::rules::Found;
use super::tests::{content, plan};
use super::walk::walk;
use super::*;
use crate::clock::MILLI;
use crate::plan::{Message, ServerTimings};
use crate::record::Timings;

const US: u64 = 1_000;

/// What an event, or a body, says; the walker and the full parse agree.
fn told(kind: EndpointKind, json: &str, is_event: bool) -> Timings {
    if let Reading::Rules { event, body } = dialect(kind).reading {
        let node = if is_event { event } else { body };
        let (mut walked, mut parsed) = (Found::new(None), Found::new(None));
        let known = walk(json.as_bytes(), node, &mut walked).is_ok();
        full::parse(json.as_bytes(), node, &mut parsed).expect(json);
        assert!(!known || walked.timings == parsed.timings, "{json}");
    }
    let mut scanner = Scanner::new(kind);
    let seen = if is_event { scanner.event(json.as_bytes(), None) } else { scanner.body(json.as_bytes(), None) };
    assert!(!seen.expect(json).error, "{json}");
    let timings = scanner.timings().copied().unwrap_or_default();
    scanner.reset();
    assert_eq!(scanner.timings(), None);
    timings
}

#[test]
fn vllm_tells_in_the_usage_chunk() {
    let json = r#"{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4},"metrics":{"time_to_first_token_ms":85.2,"generation_time_ms":1240.5,"queue_time_ms":12.3,"mean_itl_ms":9.1,"tokens_per_second":103.2}}"#;
    let expected = Timings {
        queue: Some(12_300 * US),
        prefill: Some(85_200 * US),
        decode: Some(1_240_500 * US),
        ..Timings::default()
    };
    for kind in [EndpointKind::Chat, EndpointKind::Completions] {
        assert_eq!(told(kind, json, true), expected);
        assert_eq!(told(kind, json, false), expected);
    }
}

#[test]
fn nim_tells_in_its_stats() {
    let json = r#"{"choices":[],"stats":{"type":"NIM LLM Model Stats","version":"1","llm_input_token_length":7,"generation_time_in_ms":1325.7,"time_in_queue_in_ms":0,"response_tokens":{"response_token_length":4,"time_to_first_token_in_ms":85.2,"token_to_token_time_in_ms":9.1}}}"#;
    let expected =
        Timings { queue: Some(0), prefill: Some(85_200 * US), inference: Some(1_325_700 * US), ..Timings::default() };
    assert_eq!(told(EndpointKind::Chat, json, true), expected);
}

#[test]
fn sglang_tells_in_seconds() {
    let meta = r#""meta_info":{"id":"x","prompt_tokens":7,"e2e_latency":1.5,"queue_time":0.0125,"first_token_latency":0.25,"request_received_ts":1795965023.5,"finish_reason":{"type":"length"}}"#;
    let expected = Timings {
        queue: Some(12_500 * US),
        first_token: Some(250 * MILLI),
        total: Some(1_500 * MILLI),
        ..Timings::default()
    };
    assert_eq!(told(EndpointKind::Raw, &format!(r#"{{"text":"a",{meta}}}"#), true), expected);
    let chat = format!(r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"length",{meta}}}]}}"#);
    assert_eq!(told(EndpointKind::Chat, &chat, false), expected);
}

#[test]
fn what_can_be_no_duration_is_passed_over() {
    for value in ["null", "-1", "\"soon\"", "1e99", "{}", "[1]", "true"] {
        let json = format!(r#"{{"choices":[],"metrics":{{"queue_time_ms":{value}}},"timings":{value}}}"#);
        assert!(told(EndpointKind::Chat, &json, true).is_empty(), "{value}");
    }
    let event = r#"{"choices":[{"delta":{"content":"a"}}],"timings":{"prompt_ms":1.5}}"#;
    let mut scanner = Scanner::new(EndpointKind::Chat);
    scanner.event(event.as_bytes(), None).unwrap();
    assert_eq!(scanner.repeat(event.as_bytes(), None), None, "an event that tells is no shape of later ones");
}

#[test]
fn requests_ask_only_where_that_is_wanted() {
    let body = |kind, streaming, when| -> Value {
        let mut plan = plan(kind);
        (plan.streaming, plan.server_timings) = (streaming, when);
        plan.extra_inputs.insert("nvext".into(), serde_json::json!({"ignore_eos": true}));
        let body = request_body(&plan, &content(&[Message::text("hi")], None)).unwrap();
        serde_json::from_slice(&body.bytes).unwrap()
    };
    let chat = body(EndpointKind::Chat, true, ServerTimings::Ask);
    assert_eq!(chat["include_metrics"], true);
    assert_eq!(chat["nvext"], serde_json::json!({"extra_fields": ["timing"], "ignore_eos": true}));
    assert!(chat.get("return_meta_info").is_none(), "SGLang refuses it in a stream");
    assert_eq!(body(EndpointKind::Chat, false, ServerTimings::Ask)["return_meta_info"], true);
    for when in [ServerTimings::Auto, ServerTimings::Off] {
        let silent = body(EndpointKind::Chat, true, when);
        assert!(silent.get("include_metrics").is_none());
        assert_eq!(silent["nvext"], serde_json::json!({"ignore_eos": true}));
    }
    assert!(body(EndpointKind::Messages, true, ServerTimings::Ask).get("include_metrics").is_none());
}
