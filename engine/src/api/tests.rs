//! Known answers of the dialects: what is asked, and what answers mean.

use super::*;
use crate::plan::{Message, Phase};
use crate::record::Usage;
use serde_json::json;

/// A plan for tests: one target, everything else as plain as can be.
pub(crate) fn plan(endpoint: EndpointKind) -> Plan {
    let target = Target::parse("http://server:8000").expect("a URL");
    let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
    plan.endpoint = endpoint;
    plan
}

fn body(plan: &Plan) -> String {
    asked(plan, "say \"hi\"", Some(64))
}

pub(super) fn asked(plan: &Plan, prompt: &str, osl: Option<u32>) -> String {
    let messages = [Message::text(prompt)];
    let body = request_body(plan, &content(&messages, osl)).expect("a body");
    String::from_utf8(body.bytes).expect("UTF-8")
}

pub(super) fn content(messages: &[Message], osl: Option<u32>) -> RequestContent<'_> {
    RequestContent { model: "m", system: None, messages, osl, extra: None }
}

#[test]
fn every_kind_has_its_row() {
    for kind in EndpointKind::ALL {
        assert_eq!(dialect(kind).kind, kind);
    }
}

#[test]
fn the_path_goes_under_the_base_path_without_doubling_v1() {
    let chat = plan(EndpointKind::Chat);
    for (url, expected) in [
        ("http://h", "/v1/chat/completions"),
        ("http://h/", "/v1/chat/completions"),
        ("http://h/v1", "/v1/chat/completions"),
        ("http://h/gateway/v1/", "/gateway/v1/chat/completions"),
        ("http://h/gateway", "/gateway/v1/chat/completions"),
        ("http://h/xv1", "/xv1/v1/chat/completions"),
        ("http://h?api-version=2024", "/v1/chat/completions?api-version=2024"),
        ("http://h/v1/chat/completions?api-version=2024", "/v1/chat/completions?api-version=2024"),
    ] {
        assert_eq!(path(&chat, &Target::parse(url).expect(url)), expected, "{url}");
    }
    let mut custom = plan(EndpointKind::Completions);
    let target = Target::parse("http://h/v1").expect("a URL");
    assert_eq!(path(&custom, &target), "/v1/completions");
    for given in ["generate", "/generate"] {
        custom.custom_endpoint = Some(given.into());
        assert_eq!(path(&custom, &target), "/v1/generate");
    }
    for (url, given, expected) in [
        ("http://h/v1/generate", "/v1/generate", "/v1/generate"),
        ("http://h/x/generate?a=1", "generate?b=2", "/x/generate?b=2&a=1"),
        ("http://h/regenerate", "generate", "/regenerate/generate"),
    ] {
        custom.custom_endpoint = Some(given.into());
        assert_eq!(path(&custom, &Target::parse(url).expect(url)), expected, "{url} {given}");
    }
}

#[test]
fn request_bodies_are_what_the_apis_ask_for() {
    let mut chat = plan(EndpointKind::Chat);
    assert_eq!(
        body(&chat),
        r#"{"model":"m","messages":[{"role":"user","content":"say \"hi\""}],"max_completion_tokens":64,"stream":true,"stream_options":{"include_usage":true}}"#
    );
    chat.use_legacy_max_tokens = true;
    chat.per_chunk_usage = true;
    assert_eq!(
        body(&chat),
        r#"{"model":"m","messages":[{"role":"user","content":"say \"hi\""}],"max_tokens":64,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}}"#
    );
    let mut completions = plan(EndpointKind::Completions);
    completions.streaming = false;
    assert_eq!(body(&completions), r#"{"model":"m","prompt":"say \"hi\"","max_tokens":64,"stream":false}"#);
    let unbounded = asked(&completions, "", None);
    assert_eq!(unbounded, r#"{"model":"m","prompt":"","stream":false}"#);
}

#[test]
fn extra_inputs_come_last_and_win_but_stream_options_are_merged() {
    let mut plan = plan(EndpointKind::Completions);
    let extra = json!({"model": "other", "ignore_eos": true, "stream_options": {"x": 1}});
    plan.extra_inputs = extra.as_object().cloned().unwrap_or_default();
    assert_eq!(
        body(&plan),
        r#"{"model":"other","prompt":"say \"hi\"","max_tokens":64,"stream":true,"stream_options":{"include_usage":true,"x":1},"ignore_eos":true}"#
    );
    plan.extra_inputs.insert("stream_options".into(), Value::Null);
    assert!(body(&plan).contains(r#""stream_options":null"#));
}

#[test]
fn earlier_turns_go_between_the_system_and_the_turns_own_messages() {
    let chat = plan(EndpointKind::Chat);
    let mut history = Vec::new();
    let mut sent = Vec::new();
    for (turn, answer) in [("one", r#"a \"b\""#), ("two", ""), ("three", "c")] {
        let messages = [Message::text(turn)];
        let body = request_body(&chat, &RequestContent { system: Some("be kind"), ..content(&messages, None) })
            .expect("a body");
        let own = body.own.expect("a conversation");
        let whole = [&body.bytes[..own.start], &history, &body.bytes[own.start..]].concat();
        let tree: Value = serde_json::from_slice(&whole).expect("JSON");
        sent.push(tree["messages"].clone());
        append_turn(&mut history, &body.bytes[own], answer.as_bytes());
    }
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let all = [
        said("system", "be kind"),
        said("user", "one"),
        said("assistant", "a \"b\""),
        said("user", "two"),
        said("assistant", ""),
        said("user", "three"),
    ];
    for (turn, sent) in sent.iter().enumerate() {
        assert_eq!(sent, &json!(all[..2 + 2 * turn]));
    }
    let single = plan(EndpointKind::Completions);
    let messages = [Message::text("one")];
    assert_eq!(request_body(&single, &content(&messages, None)).expect("a body").own, None);
}

#[test]
fn the_terminator_is_recognised() {
    assert!(is_done(b"[DONE]") && is_done(b" [DONE] ") && is_done(b"[done]"));
    assert!(!is_done(b"") && !is_done(b"[DONE]x") && !is_done(br#"{"a":"[DONE]"}"#));
}

/// What one chat event says: output, visible, finish, error; and its texts.
fn chat(event: &str) -> (bool, bool, bool, bool, String, String) {
    let mut text = Text::default();
    let seen = Scanner::new(EndpointKind::Chat).event(event.as_bytes(), Some(&mut text)).expect(event);
    let (visible, reasoning) = (unescape(&text.visible), unescape(&text.reasoning));
    (seen.output, seen.visible, seen.finish, seen.error, visible, reasoning)
}

fn delta(delta: &str) -> (bool, bool, String, String) {
    let (output, visible, _, _, text, reasoning) = chat(&format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#));
    (output, visible, text, reasoning)
}

#[test]
fn output_is_content_reasoning_or_tool_call_text_that_is_not_empty() {
    let text = |s: &str| (true, true, s.to_owned(), String::new());
    let nothing = || (false, false, String::new(), String::new());
    assert_eq!(delta(r#"{"content":"a"}"#), text("a"));
    assert_eq!(delta(r#"{"role":"assistant","content":"a\u00e9\ud83d\ude00\n"}"#), text("a\u{e9}\u{1f600}\n"));
    for empty in [
        r"{}",
        "null",
        r#"{"role":"assistant"}"#,
        r#"{"role":"assistant","content":""}"#,
        r#"{"content":null,"reasoning":"","reasoning_content":null,"tool_calls":[]}"#,
        r#"{"tool_calls":[{"index":0,"id":"x","type":"function"}],"refusal":null}"#,
    ] {
        assert_eq!(delta(empty), nothing(), "{empty}");
    }
    let call =
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}},{"function":{"arguments":"{\"x\":1}"}}]}"#;
    assert_eq!(delta(call), text(r#"f{"x":1}"#));
    assert_eq!(delta(r#"{"refusal":"no"}"#), text("no"));
    assert_eq!(delta(r#"{"function_call":{"name":"f","arguments":"1"}}"#), text("f1"));
    assert_eq!(delta(r#"{"audio":{"id":"a","transcript":"hi"}}"#), text("hi"));
    assert_eq!(delta(r#"{"audio":{"id":"a","data":"UklGRg=="}}"#), text(""));
    let thoughts = |s: &str| (true, false, String::new(), s.to_owned());
    for (parts, expected) in [
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"},{"type":"text","text":"m"}],"closed":true}]}"#,
            thoughts("hm"),
        ),
        (r#"{"content":[{"type":"thinking","thinking":"hm"}]}"#, thoughts("hm")),
        (r#"{"content":[{"type":"text","text":"a"},"b"]}"#, text("ab")),
        (r#"{"content":[{"text":"a"}],"refusal":null}"#, text("a")),
        (r#"{"content":[{"type":"reference","reference_ids":[1]}]}"#, nothing()),
        (r#"{"content":[]}"#, nothing()),
        (r#"{"content":[{"type":"image_url","image_url":{"url":"data:,"}}]}"#, text("")),
        (
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"h"},{"type":"reasoning.summary","summary":"m"}]}"#,
            thoughts("hm"),
        ),
        (r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}"#, nothing()),
        (
            r#"{"content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]}"#,
            thoughts("hm"),
        ),
        (
            r#"{"reasoning_details":[{"text":"h"},{"text":"m"}],"reasoning":"hm","reasoning_content":"hm"}"#,
            thoughts("hm"),
        ),
        (r#"{"reasoning":null,"reasoning_content":"","reasoning_details":[{"text":"hm"}]}"#, thoughts("hm")),
    ] {
        assert_eq!(delta(parts), expected, "{parts}");
    }
    for name in ["reasoning", "reasoning_content"] {
        let thought = delta(&format!(r#"{{"{name}":"hm"}}"#));
        assert_eq!(thought, (true, false, String::new(), "hm".into()), "{name}");
    }
    let both = delta(r#"{"reasoning":"","reasoning_content":"hm","content":"a","reasoning":"x"}"#);
    assert_eq!(both.2, "a", "a key twice: {both:?}");
    let twice = delta(r#"{"reasoning_content":"hm","reasoning":"hm"}"#);
    assert_eq!(twice.3, "hm", "the same thought under both its names counts once");
}

#[test]
fn all_choices_count() {
    let (output, visible, finish, .., text, _) = chat(
        r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"},"finish_reason":"stop"},{"delta":{}}]}"#,
    );
    assert_eq!((output, visible, finish, text.as_str()), (true, true, true, "ab"));
}

#[test]
fn the_tokens_in_logprobs_are_no_output() {
    let (output, .., text, _) = chat(
        r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"b","top_logprobs":[{"token":"c"}]}]}}]}"#,
    );
    assert_eq!((output, text.as_str()), (true, "a"));
    let (output, ..) =
        chat(r#"{"choices":[{"delta":{},"logprobs":{"content":[{"token":"b","text":"c","content":"d"}]}}]}"#);
    assert!(!output);
}

#[test]
fn events_of_several_choices_are_events_of_one_request() {
    let mut text = Text::default();
    let mut scanner = Scanner::new(EndpointKind::Chat);
    for (choice, said) in [(0, "a"), (1, "x"), (1, "y"), (0, "b")] {
        let event = format!(r#"{{"choices":[{{"index":{choice},"delta":{{"content":"{said}"}}}}]}}"#);
        let seen = scanner.event(event.as_bytes(), Some(&mut text)).expect("JSON");
        assert!(seen.output);
    }
    assert_eq!(unescape(&text.visible), "axyb", "in the order of their arrival");
}

#[test]
fn finish_reasons_errors_and_usage_are_seen_where_they_are() {
    let finish = |value: &str| chat(&format!(r#"{{"choices":[{{"finish_reason":{value}}}]}}"#)).2;
    assert!(finish(r#""stop""#) && !finish("null") && !finish(r#""""#) && !finish("7"));
    for (event, error) in [
        (r#"{"error":{"message":"x"}}"#, true),
        (r#"{"error":"x","choices":[]}"#, true),
        (r#"{"error":false}"#, false),
        (r#"{"error":""}"#, false),
        (r#"{"error":7}"#, true),
        (r#"{"error":null,"object":"chat.completion.chunk"}"#, false),
        (r#"{"object":"error","message":"x"}"#, true),
        (r#"{"obj\u0065ct":"err\u006fr"}"#, true),
        (r#"{"choices":[{"delta":{"content":"error","error":1}}]}"#, false),
    ] {
        assert_eq!(chat(event).3, error, "{event}");
    }
    let usage = |text: &str| {
        let seen = Scanner::new(EndpointKind::Chat).event(text.as_bytes(), None);
        seen.expect(text).usage
    };
    let all = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,
        "completion_tokens_details":{"reasoning_tokens":4},"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":6}}}"#;
    assert_eq!(
        usage(all),
        Some(Usage {
            prompt: Some(1),
            completion: Some(2),
            total: Some(3),
            reasoning: Some(4),
            cached: Some(5),
            cache_written: None,
        })
    );
    for none in [
        r#"{"usage":null}"#,
        r#"{"usage":{}}"#,
        r#"{"usage":{"prompt_tokens":null,"x":1}}"#,
        r#"{"usage":{"prompt_tokens":-1,"completion_tokens":1.5,"total_tokens":4294967296}}"#,
        r#"{"usage":[1]}"#,
    ] {
        assert_eq!(usage(none), None, "{none}");
    }
    let refused = |counts: &str| {
        let event = format!(r#"{{"choices":[{{"delta":{{"content":"a"}}}}],"usage":{counts}}}"#);
        let seen = Scanner::new(EndpointKind::Chat).event(event.as_bytes(), None);
        seen.map(|seen| (seen.refused, seen.usage.and_then(|u| u.completion)))
    };
    for (count, becomes) in [
        ("-1", (true, None)),
        ("1.5", (true, None)),
        ("4294967296", (true, None)),
        ("1e300", (true, None)),
        (r#""12""#, (true, None)),
        ("12.0", (false, Some(12))),
        ("null", (false, None)),
        ("12", (false, Some(12))),
    ] {
        let counts = format!(r#"{{"prompt_tokens":1,"completion_tokens":{count}}}"#);
        assert_eq!(refused(&counts), Ok(becomes), "{count}");
    }
    let in_choice = usage(r#"{"choices":[{"usage":{"total_tokens":4294967295}}]}"#);
    assert_eq!(in_choice.and_then(|u| u.total), Some(u32::MAX));
}

#[test]
fn what_is_not_json_is_an_error_and_leaves_no_text() {
    for bad in [
        "{",
        "hello",
        r#"{"choices":[{"delta":{"content":"a"}}]"#,
        r#"{"choices":[{"delta":{"content":"a"}}]} x"#,
        r#"{"choices":[{"delta":{"content":"a"}}],}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"x":01}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"x":nul}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"x":1e999}"#,
        r#"{"choices":[{"delta":{"content":"\x"}}]}"#,
        "{\"choices\":[{\"delta\":{\"content\":\"a\tb\"}}]}",
    ] {
        let mut text = Text::default();
        let mut scanner = Scanner::new(EndpointKind::Chat);
        assert_eq!(scanner.event(bad.as_bytes(), Some(&mut text)), Err(BadJson), "{bad}");
        assert_eq!(text, Text::default(), "{bad}");
    }
    let mut scanner = Scanner::new(EndpointKind::Chat);
    let mut text = Text::default();
    // A character that was cut between two tokens.
    for half in [&b"\xe4\xb8"[..], b"\x96"] {
        let event = [b"{\"choices\":[{\"delta\":{\"content\":\"", half, b"\"}}]}"].concat();
        let seen = scanner.event(&event, Some(&mut text)).expect("JSON");
        assert!(seen.output, "not UTF-8");
    }
    assert_eq!(unescape(&text.visible), "\u{fffd}\u{fffd}");
    assert_eq!(scanner.event(b" ", None), Ok(ParsedEvent::default()), "blanks say nothing");
    assert_eq!(scanner.event(b"[1]", None), Ok(ParsedEvent::default()), "nor does what is no object");
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(scanner.event(deep.as_bytes(), None), Ok(ParsedEvent::default()), "deep but JSON");
    let deeper = format!("{{\"x\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(scanner.event(deeper.as_bytes(), None), Err(BadJson), "too deep for anyone");
}

#[test]
fn a_surrogate_pair_split_between_events_comes_together() {
    let mut scanner = Scanner::new(EndpointKind::Completions);
    let mut text = Text::default();
    for half in [r"\ud83d", r"\ude00", r"\ud83d"] {
        let event = format!(r#"{{"choices":[{{"text":"{half}"}}]}}"#);
        let seen = scanner.event(event.as_bytes(), Some(&mut text)).expect("JSON");
        assert!(seen.output && seen.visible);
    }
    assert_eq!(unescape(&text.visible), "\u{1f600}\u{fffd}");
    text.clear();
    let declined = br#"{"t\u0065xt":1,"choices":[{"text":"\ud83d \\ud83d \ud83d\ude00"}]}"#;
    let seen = scanner.event(declined, Some(&mut text)).expect("the full parse allows it too");
    assert!(seen.output);
    assert_eq!(unescape(&text.visible), "\u{fffd} \\ud83d \u{1f600}");
}

#[test]
fn escapes_are_undone() {
    for (escaped, plain) in [
        (r"", ""),
        (r#"a\"\\\/\b\f\n\r\tz"#, "a\"\\/\u{8}\u{c}\n\r\tz"),
        (r"\u0041\u00E9\u20ac\uD83D\uDE00", "A\u{e9}\u{20ac}\u{1f600}"),
        (r"\ude00\ud83d\ud83dx", "\u{fffd}\u{fffd}\u{fffd}x"),
        (r"\x\", "\u{fffd}\u{fffd}"),
        (r"\u12", "\u{fffd}12"),
        ("caf\u{e9} \u{1f600}", "caf\u{e9} \u{1f600}"),
    ] {
        assert_eq!(unescape(escaped.as_bytes()), plain, "{escaped}");
    }
    assert_eq!(unescape(b"a\xffb"), "a\u{fffd}b");
}

#[test]
fn error_messages_are_found_and_kept_short() {
    for (body, message) in [
        (r#"{"error":{"message":"no such model","code":404}}"#, "no such model"),
        (r#"{"error":"overloaded"}"#, "overloaded"),
        (r#"{"error":{"code":404}}"#, r#"{"code":404}"#),
        (r#"{"error":null,"message":"x"}"#, "x"),
        (r#"{"detail":"Not Found"}"#, "Not Found"),
        (r#"{"detail":[{"loc":1}]}"#, r#"[{"loc":1}]"#),
        (r#"{"object":"error","message":"bad"}"#, "bad"),
        ("<html>\n502\u{1b}[0m</html>\n", "<html> 502 [0m</html>"),
        ("", ""),
    ] {
        assert_eq!(error_message(body.as_bytes()), message, "{body}");
    }
    assert_eq!(error_message("\u{e9}".repeat(5_000).as_bytes()), "\u{e9}".repeat(4_096));
}
