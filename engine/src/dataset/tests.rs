//! Each format by an example, and what is said where a file is wrong.

use super::*;
use crate::clock::{MILLI, SECOND};
use std::io::BufReader;

fn read(format: &str, text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    // A small buffer: lines and elements cross its edges.
    let mut input = BufReader::with_capacity(7, text.as_bytes());
    Format::named(format).unwrap().read(&mut input, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Reads what is detected to be of this format.
fn rows(format: &str, text: &str) -> Vec<Row> {
    assert_eq!(Format::detect(text).map(Format::name), Some(format), "{text}");
    read(format, text).unwrap()
}

fn text_of(row: &Row) -> String {
    match &row.turn.content {
        Content::Messages(messages) => messages.iter().flat_map(|m| m.contents()).collect::<Vec<_>>().join("|"),
        Content::Payload(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        Content::Length { isl, hash_ids } => format!("{isl} {hash_ids:?}"),
    }
}

#[test]
fn single_turns_have_texts_media_times_and_sessions() {
    let text = "\u{feff}{\"text\": \"a\", \"timestamp\": 1500.5, \"output_length\": 9}\n\n\
        {\"texts\": [\"b\", \"c\"], \"image\": \"http://i/1.png\", \"delay\": 20, \"session_id\": 7, \"extra\": {\"k\": 1}}\r\n\
        {\"texts\": [{\"name\": \"q\", \"contents\": [\"d\"]}], \"role\": \"system\"}";
    let rows = rows("single_turn", text);
    assert_eq!(rows[0].turn.at, Some(1_500 * MILLI + MILLI / 2));
    assert_eq!((rows[0].turn.osl, text_of(&rows[0])), (Some(9), "a".into()));
    assert_eq!(rows[1].session, Session::Named("7".into()));
    assert!(rows[1].alone);
    assert_eq!((text_of(&rows[1]), rows[1].turn.delay), ("b|c".into(), Some(20 * MILLI)));
    assert_eq!(rows[1].turn.extra.as_ref().unwrap()["k"], 1);
    let Content::Messages(messages) = &rows[2].turn.content else { panic!() };
    assert_eq!((messages[0].texts[0].name.as_str(), messages[0].role()), ("q", "system"));
}

#[test]
fn a_conversation_a_line_hoists_its_instructions() {
    let text = r#"{"session_id": "s", "turns": [{"role": "system", "text": "be kind"}, {"text": "a"}, {"text": "b", "delay": 5}]}
{"turns": [{"role": "system", "text": "x"}, {"role": "system", "text": "y"}, {"text": "z"}]}
{"turns": [{"role": "system", "text": "alone"}]}"#;
    let rows = rows("multi_turn", text);
    assert_eq!(rows.len(), 2 + 3 + 1);
    assert_eq!(rows[0].system.as_deref(), Some("be kind"));
    assert_eq!((text_of(&rows[1]), rows[1].turn.delay, rows[1].alone), ("b".into(), Some(5 * MILLI), false));
    assert_eq!((&rows[2].session, &rows[3].session), (&Session::Fresh, &Session::Same));
    assert!(rows[2..].iter().all(|row| row.system.is_none()));
}

#[test]
fn mooncake_lines_have_lengths_texts_messages_or_payloads() {
    let text = r#"{"timestamp": 1500, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": 0.25, "input_length": 7}
{"text_input": "hi", "session_id": "a", "delay": 3}
{"messages": [{"role": "user", "content": "m"}], "tools": [{"type": "function"}], "session_id": "b"}
{"payload": {"prompt":  "p p", "temperature": 0.70}}"#;
    let rows = rows("mooncake_trace", text);
    assert_eq!(rows[0].turn.content, Content::Length { isl: 6955, hash_ids: vec![46, 47] });
    assert_eq!((rows[1].turn.at, rows[1].turn.osl), (Some(MILLI / 4), None));
    assert_eq!((text_of(&rows[2]), rows[2].alone), ("hi".into(), false));
    assert!(rows[3].alone && rows[3].turn.extra.as_ref().unwrap().contains_key("tools"));
    assert_eq!(text_of(&rows[4]), r#"{"prompt":"p p","temperature":0.70}"#);
}

#[test]
fn what_is_no_mooncake_trace_is_told_by_its_line() {
    let good = r#"{"timestamp": 1, "input_length": 5}"#;
    for (bad, what) in [
        ("5,6", "line 3: "),
        ("{}", "line 3: no input_length"),
        (r#"{"input_length": 0}"#, "line 3: input_length 0"),
        (r#"{"input_length": 5000000000}"#, "line 3: input_length 5000000000"),
        (r#"{"input_length": -1}"#, "line 3: invalid value"),
        (r#"{"input_length": 5, "output_length": 0}"#, "line 3: output_length 0"),
        (r#"{"input_length": 5, "timestamp": -3}"#, "line 3: the timestamp -3"),
        (r#"{"input_length": 5, "text_input": "x"}"#, "line 3: more than one"),
        (r#"{"messages": []}"#, "line 3: messages is empty"),
        (r#"{"messages": [{}]}"#, "line 3: message 1 has no role"),
        (r#"{"text_input": "x", "hash_ids": [1]}"#, "line 3: hash_ids"),
        (r#"{"payload": 5}"#, "line 3: the request body"),
    ] {
        let e = read("mooncake_trace", &format!("{good}\n\n{bad}\n")).unwrap_err();
        assert!(e.what.starts_with(what), "{bad}: {e}");
        assert_eq!(e.blame, crate::Blame::Usage);
        assert!(!e.remedy.is_empty());
    }
    assert!(read("mooncake_trace", "\n \n").is_err());
    assert_eq!(Format::detect("offset_s,rate"), None);
    assert_eq!(Format::detect(r#"{"unknown": "x"}"#), None);
}

#[test]
fn bailian_requests_go_to_the_session_of_their_root() {
    let text = r#"{"chat_id": 159, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 521, "output_length": 132, "type": "text", "turn": 1, "hash_ids": [1089, 1090]}
{"chat_id": 160, "parent_chat_id": 159, "timestamp": 62.5, "input_length": 900, "output_length": 80, "type": "text", "turn": 2, "hash_ids": [1089]}
{"chat_id": 161, "parent_chat_id": 160, "timestamp": 70, "input_length": 950, "output_length": 1, "type": "text", "turn": 3, "hash_ids": []}
{"chat_id": 9, "parent_chat_id": 8, "timestamp": 71, "input_length": 5, "output_length": 1}"#;
    let rows = rows("bailian_trace", text);
    let sessions: Vec<_> = rows.iter().map(|r| r.session.clone()).collect();
    let named = |id: &str| Session::Named(id.into());
    assert_eq!(sessions, [named("159"), named("159"), named("159"), named("9")]);
    assert_eq!((rows[1].order, rows[1].alone, rows[0].turn.at), (2, true, Some(61_114 * MILLI)));
    assert_eq!(Format::named("bailian_trace").unwrap().block(), 16);
}

#[test]
fn csv_traces_are_read_by_the_names_of_their_columns() {
    let text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,\"Conversation, log\"\n\
        45.5,ChatGPT,1087,230,1317,Conversation log\n118,GPT-4,417,0,417,API log\n";
    let rows = rows("burst_gpt_trace", text);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].turn.at, rows[1].turn.osl), (Some(45_500 * MILLI), Some(230)));
    let e = read("burst_gpt", "a,b\n").unwrap_err();
    assert!(e.what.contains("line 1: there is no column `Timestamp`"), "{e}");
    let e = read("burst_gpt", &format!("{text}x,y,1,2,3,4\n")).unwrap_err();
    assert!(e.what.contains("line 5: Timestamp `x`"), "{e}");

    let text =
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:05.0,3180,8\n";
    let rows = super::tests::rows("azure", text);
    assert_eq!(rows[0].turn.at, Some(0));
    assert_eq!(rows[1].turn.at, Some(SECOND + 20_040_000));
    assert_eq!(text_of(&rows[1]), "3180 []");
}

#[test]
fn sharegpt_turns_are_questions_with_the_length_of_their_answers() {
    let text = r#"[{"id": "a", "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q1"}, {"from": "gpt", "value": "r1"},
        {"from": "human", "value": "q2"}, {"from": "gpt", "value": "r2"}, {"from": "human", "value": "q3"}]},
        {"id": "b", "conversations": []}, {"conversations": [{"value": "x"}, {"value": "y"}, {"value": "z"}]}]"#;
    let rows = rows("sharegpt", text);
    let told: Vec<_> = rows.iter().map(|r| (text_of(r), r.turn.answer.clone().unwrap())).collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(told, [pair("q1", "r1"), pair("q2", "r2"), pair("x", "y")]);
    assert_eq!(rows[0].system.as_deref(), Some("s"));
    assert_eq!((&rows[1].session, &rows[2].session), (&Session::Same, &Session::Fresh));
    assert!(!rows[1].alone);
    let e = read("sharegpt", "[{\"conversations\": []},\n 5]").unwrap_err();
    assert!(e.what.contains("line 2"), "{e}");
}

#[test]
fn bodies_are_sent_as_they_are() {
    let rows = rows(
        "raw_payload",
        "{\"model\": \"m\", \"messages\": [], \"t\": 1.10}\n{\"model\": \"m\", \"prompt\": \"a  \\\" b\"}\n",
    );
    assert_eq!(text_of(&rows[0]), r#"{"model":"m","messages":[],"t":1.10}"#);
    assert_eq!(text_of(&rows[1]), r#"{"model":"m","prompt":"a  \" b"}"#);
    let batch = r#"{"custom_id": "r-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}}"#;
    let rows = super::tests::rows("openai_batch", batch);
    assert_eq!(rows[0].path.as_deref(), Some("/v1/chat/completions"));
    assert_eq!(rows[0].session, Session::Named("r-1".into()));
    let e = read("openai_batch", &batch.replace("POST", "GET")).unwrap_err();
    assert!(e.what.starts_with("line 1: the method is GET"), "{e}");
}

#[test]
fn a_saved_run_is_read_payload_by_payload() {
    let text = "{\n  \"data\": [\n    {\"session_id\": \"a\", \"payloads\": [{\"n\": 1.50}, {\"n\": \"ü\"}]},\n {\"session_id\": \"b\", \"payloads\": [{\"n\": 3}]}\n  ], \"more\": 1}\n";
    let rows = rows("inputs_json", text);
    let told: Vec<String> = rows.iter().map(text_of).collect();
    assert_eq!(told, [r#"{"n":1.50}"#, r#"{"n":"ü"}"#, r#"{"n":3}"#]);
    assert_eq!((&rows[1].session, rows[1].alone), (&Session::Named("a".into()), true));
    let e = read("inputs_json", &text.replace("\"b\"", "\"a\"")).unwrap_err();
    assert!(e.what.contains("data[1]: session_id `a` is there twice"), "{e}");
    let e = read("inputs_json", r#"{"data": [{"session_id": "a", "payloads": []}]}"#).unwrap_err();
    assert!(e.what.contains("data[0]: it has no payloads"), "{e}");
    assert!(read("inputs_json", "{\"data\": [").is_err());
}

#[test]
fn what_takes_the_rows_can_refuse_one() {
    let mut input = "{\"text\": \"a\"}\n{\"text\": \"b\"}\n".as_bytes();
    let mut n = 0;
    let e = Format::named("single_turn").unwrap().read(&mut input, &mut |_| {
        n += 1;
        if n == 2 { Err(Error::usage("no", "stop")) } else { Ok(()) }
    });
    assert_eq!(e.unwrap_err().what, "line 2: no");
}

#[test]
fn questions_of_speed_bench_are_turns_of_their_category() {
    let text = r#"{"question_id": "a1", "category": "coding", "sub_category": "x", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "no"}, {"role": "user", "content": "two"}]}
{"question_id": "b2", "category": "math", "turns": ["three"]}"#;
    let all = rows("speed_bench_qualitative", text);
    assert_eq!(all.iter().map(text_of).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!((&all[1].session, all[1].alone), (&Session::Named("a1".into()), false));
    assert_eq!((all[0].system.as_deref(), all[1].system.as_deref()), (Some("be brief"), None));
    let one = read("speed_bench_math", text).unwrap();
    assert_eq!(one.iter().map(text_of).collect::<Vec<_>>(), ["three"]);
    assert!(read("speed_bench_rag", text).unwrap_err().to_string().contains("is of the category rag"));
    let empty =
        r#"{"question_id": "a", "category": "qa", "turns": ["FULL BENCHMARK DATA SHOULD BE FETCHED FROM ITS SOURCE"]}"#;
    assert!(read("speed_bench_qa", empty).unwrap_err().to_string().contains("complete file"));
}

#[test]
fn captured_requests_are_sent_as_they_were_at_their_times() {
    let text = r#"{"captureData": {"endpointInput": {"data": "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":7}", "encoding": "JSON"}}, "eventMetadata": {"eventId": "e", "inferenceTime": "1970-01-01T00:00:02Z"}, "eventVersion": "0"}
{"captureData": {"endpointInput": {"data": "eyJtZXNzYWdlcyI6W3sicm9sZSI6InVzZXIiLCJjb250ZW50IjoiaG8ifV0sInRvb2xzIjpbXX0="}}, "eventMetadata": {"inferenceTime": "1970-01-01T00:00:03.5Z"}}"#;
    let rows = rows("sagemaker_data_capture", text);
    assert_eq!(rows.iter().map(|row| row.turn.at).collect::<Vec<_>>(), [Some(2 * SECOND), Some(3_500 * MILLI)]);
    assert_eq!((rows[0].turn.osl, rows[1].turn.osl), (Some(7), None));
    assert!(rows[1].turn.extra.as_ref().unwrap().contains_key("tools"));
    let Content::Messages(messages) = &rows[1].turn.content else { panic!() };
    assert_eq!(messages[0].verbatim.as_ref().unwrap()["content"], "ho");
    let bad = text.replace("\"encoding\": \"JSON\"", "\"encoding\": \"CSV\"");
    assert!(read("sagemaker_data_capture", &bad).unwrap_err().to_string().contains("CSV"));
}

#[test]
fn spans_of_generative_ai_are_requests_at_their_starts() {
    let attribute = |key: &str, value: serde_json::Value| serde_json::json!({"key": key, "value": value});
    let span = |start: &str, more: Vec<serde_json::Value>| {
        let mut attributes = vec![attribute("gen_ai.operation.name", serde_json::json!({"stringValue": "chat"}))];
        attributes.extend(more);
        serde_json::json!({"name": "chat m", "startTimeUnixNano": start, "attributes": attributes})
    };
    let int = |n: u64| serde_json::json!({"intValue": n.to_string()});
    let said = r#"[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]"#;
    let spans = [
        span(
            "1700000000000000000",
            vec![attribute("gen_ai.usage.input_tokens", int(40)), attribute("gen_ai.usage.output_tokens", int(7))],
        ),
        span(
            "1700000000250000000",
            vec![
                attribute("gen_ai.conversation.id", serde_json::json!({"stringValue": "c"})),
                attribute("gen_ai.input.messages", serde_json::json!({"stringValue": said})),
            ],
        ),
        serde_json::json!({"name": "db", "startTimeUnixNano": "1", "attributes": []}),
    ];
    let text = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let rows = rows("otel_genai", &text);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].turn.content, Content::Length { isl: 40, hash_ids: Vec::new() });
    let first = 1_700_000_000_000_000_000;
    assert_eq!((rows[0].turn.at, rows[0].turn.osl), (Some(first), Some(7)));
    assert_eq!((rows[1].turn.at, &rows[1].session), (Some(first + 250 * MILLI), &Session::Named("c".into())));
    let Content::Messages(messages) = &rows[1].turn.content else { panic!() };
    assert_eq!(messages[0].verbatim, Some(serde_json::json!({"role": "user", "content": "hi"})));
    assert!(read("otel_genai", r#"{"resourceSpans": []}"#).is_err());
}

#[test]
fn vllms_custom_lines_have_a_prompt_and_a_length() {
    let rows = rows("vllm_custom", "{\"prompt\": \"What?\", \"output_tokens\": 9}\n{\"prompt\": \"Why?\"}");
    assert_eq!((text_of(&rows[0]), rows[0].turn.osl, rows[1].turn.osl), ("What?".into(), Some(9), None));
}

#[test]
fn coding_sessions_have_blocks_of_their_own_and_begin_others() {
    let session = |id: &str| {
        serde_json::json!({"id": id, "models": ["m"], "block_size": 64, "hash_id_scope": "local", "requests": [
            {"t": 0.5, "type": "n", "model": "m", "in": 100, "out": 5, "hash_ids": [1, 2], "api_time": 0.1, "think_time": 0},
            {"t": 1.0, "type": "nested", "agent_id": "a1", "status": "completed", "models": ["h"],
             "requests": [{"t": 0.2, "type": "s", "model": "h", "in": 64, "out": 0, "hash_ids": [1]}]},
            {"t": 2.0, "type": "s", "model": "m", "in": 160, "out": 6, "hash_ids": [1, 2, 3]}]})
    };
    let text = format!("{:#}\n{}", session("s"), session("t"));
    let rows = rows("weka_trace", &text);
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.alone && row.block == Some(64)));
    let branch = Branching { child: "s::sa:a1".into(), forked: false, join_at: Some(1), with_first: false };
    assert_eq!(rows[0].branches, [branch]);
    assert_eq!((rows[1].turn.at, rows[1].turn.delay), (Some(2 * SECOND), Some(1_400 * MILLI)));
    // What it begins has a clock of its own; an output of none asks for one token.
    assert_eq!((rows[2].turn.at, rows[2].turn.osl, rows[2].turn.model), (Some(1_200 * MILLI), Some(1), Some(1)));
    let blocks = |row: &Row| match &row.turn.content {
        Content::Length { hash_ids, .. } => hash_ids.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(blocks(&rows[0])[..], blocks(&rows[1])[..2]);
    assert_eq!(blocks(&rows[0])[0], blocks(&rows[2])[0]);
    assert_ne!(blocks(&rows[0])[0], blocks(&rows[3])[0], "sessions share no blocks");
    assert!(read("weka_trace", r#"{"id": "s", "block_size": 64, "hash_id_scope": "global", "requests": []}"#).is_err());
}

#[test]
fn a_traced_completion_is_sent_as_it_was() {
    let text = r#"{"timestamp_start_unix_ms": 1764000000500, "prompt": "a", "input_tokens": 1, "output_tokens": 9, "provided_session_id": 7, "total_hashes": [1]}
{"timestamp_start_unix_ms": 1764000000000, "prompt": "b", "input_tokens": 1, "output_tokens": 0, "provided_session_id": null, "poor_man_session_id": 3}"#;
    let rows = rows("baseten_trace", text);
    assert_eq!((text_of(&rows[0]), rows[0].turn.osl, rows[0].alone), ("a".into(), Some(9), true));
    assert_eq!(rows[0].turn.extra.as_ref().unwrap()["min_tokens"], 9);
    assert_eq!(rows[0].session, Session::Named("7".into()));
    assert_eq!((rows[1].session.clone(), rows[1].turn.osl), (Session::Named("3".into()), Some(1)));
    assert!(rows[0].turn.at > rows[1].turn.at);
    let empty = r#"{"timestamp_start_unix_ms": 5, "prompt": "", "output_tokens": 1}"#;
    assert!(read("baseten_trace", empty).unwrap_err().to_string().contains("prompt is empty"));
}
