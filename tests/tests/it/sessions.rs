//! Conversations of several turns against real sockets: what reaches the server, over which connections, and what the
//! files say of it.

use crate::known_answers::pacing;
use ringload_engine::plan::{Length, Reuse, Turns};
use ringload_mock::{Config, Protocol, start};
use ringload_tests::engine::{closed, drive};
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::{Ended, Profile};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn the_server_reads_its_own_answers_in_the_next_turn() {
    on_both(|io| {
        for streaming in [true, false] {
            let server = Peer::start(move |to, request| {
                let turn = request.json()["messages"].as_array().map_or(0, Vec::len);
                let said = format!("a{turn}");
                if streaming {
                    let end = peer::finish(1);
                    let answer = format!("{}{}{end}", peer::STREAM, peer::token(&said));
                    return peer::write(to, &answer);
                }
                let body = json!({"choices": [{
                    "message": {"role": "assistant", "content": said}, "finish_reason": "stop"
                }]});
                peer::write(to, &peer::whole("200 OK", &body.to_string()))
            });
            let url = format!("http://{}", server.addr());
            let whole = Profile::bare().args(["--model", "m", "--url", &url, "--isl", "16"]);
            let profile = if streaming { Profile::of(server.addr()) } else { whole.args(["--ui", "none"]) };
            let ended = profile.on(io).args(TALK).run().all_well();
            let requests = server.requests();
            assert_eq!(requests.len(), 12);
            for request in &requests {
                let body = request.json();
                let messages = body["messages"].as_array().unwrap();
                for (i, message) in messages.iter().enumerate() {
                    let role = if i % 2 == 0 { "user" } else { "assistant" };
                    assert_eq!(message["role"], role);
                    if i % 2 == 1 {
                        assert_eq!(message["content"], format!("a{i}"));
                    }
                }
            }
            conversations(&ended);
        }
    });
}

/// Four conversations of three turns, two at a time.
const TALK: [&str; 11] = [
    "--concurrency",
    "2",
    "--num-conversations",
    "4",
    "--session-turns-mean",
    "3",
    "--session-turn-delay-mean",
    "5",
    "--osl",
    "4",
    "--allow-invalid",
];

/// What the files say of such a run.
fn conversations(ended: &Ended) {
    let counts = &ended.report()["summary"]["counts"];
    assert_eq!(counts["sessions"], json!({"begun": 4, "completed": 4, "broken": 0, "unkept": 0}));
    assert_eq!((&counts["planned"], &counts["succeeded"]), (&json!(12), &json!(12)));
    let mut turns: BTreeMap<u64, Vec<(u64, f64)>> = BTreeMap::new();
    for record in ended.records() {
        let (data, isl) = (&record["metadata"], &record["metrics"]["input_sequence_length"]);
        let session = data["session_num"].as_u64().unwrap();
        let turn = data["turn_index"].as_u64().unwrap();
        assert_eq!(data["conversation_id"], format!("session_{session:06}").as_str());
        turns.entry(session).or_default().push((turn, isl["value"].as_f64().unwrap()));
    }
    assert_eq!(turns.len(), 4);
    for turns in turns.values() {
        assert_eq!(turns.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1, 2]);
        // Each turn is sent with those before it and their answers.
        assert!(turns.is_sorted_by(|a, b| a.1 < b.1), "{turns:?}");
    }
    let inputs: Value = serde_json::from_str(&ended.text("inputs.json")).unwrap();
    let payloads = inputs["data"][0]["payloads"].as_array().unwrap();
    assert_eq!(payloads.len(), 3);
    assert_eq!(payloads[2]["messages"].as_array().map(Vec::len), Some(3));
}

#[test]
fn over_http2_too_and_the_servers_count_grows_with_the_history() {
    on_both(|io| {
        let config = Config { protocol: Protocol::Http2, ..pacing(1, 0) };
        let server = start(config).expect("a server");
        let ended = Profile::of(server.addr()).on(io).args(TALK).args(["--http2"]).run().all_well();
        conversations(&ended);
        let mut prompts: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for record in ended.records() {
            let session = record["metadata"]["session_num"].as_u64().unwrap();
            let usage = &record["metrics"]["usage_prompt_tokens"]["value"];
            prompts.entry(session).or_default().push(usage.as_f64().unwrap());
        }
        for counts in prompts.values() {
            assert!(counts.is_sorted_by(|a, b| a < b), "{counts:?}");
        }
    });
}

#[test]
fn a_sticky_session_has_a_connection_of_its_own_from_its_first_turn_to_its_last() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            let session = request.field("x-correlation-id").unwrap_or_default();
            assert!(!session.is_empty() && request.field("connection").is_none());
            peer::write(to, &peer::chat(1))
        });
        let mut plan = closed(server.addr(), io, 2, 12);
        (plan.profiling.requests, plan.profiling.sessions) = (None, Some(4));
        plan.reuse = Reuse::StickySessions;
        plan.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 0.0 }, ..Turns::ONE };
        let run = drive(&plan);
        assert_eq!((run.records.len(), server.connections()), (12, 4));
        for record in &run.records {
            assert_eq!(record.connection_reused, record.turn > 0);
        }
    });
}

#[test]
fn an_answer_that_does_not_come_ends_its_conversation_and_the_accounting_holds() {
    on_both(|io| {
        let server = Peer::start(|to, request| {
            let second = request.json()["messages"].as_array().map(Vec::len) == Some(3);
            if second && request.field("x-correlation-id") == Some("session_000001") {
                return peer::write(to, &peer::whole("503 Busy", r#"{"error": "busy"}"#));
            }
            peer::write(to, &peer::chat(1))
        });
        let ended = Profile::of(server.addr()).on(io).args(TALK).args(["--ui", "simple"]).run();
        let counts = &ended.report()["summary"]["counts"];
        assert_eq!(counts["sessions"], json!({"begun": 4, "completed": 3, "broken": 1, "unkept": 0}));
        assert_eq!((&counts["issued"], &counts["never_due"]), (&json!(11), &json!(1)));
        assert!(ended.words().contains("1 broken off by a failed turn"));
    });
}

/// A server that thinks before it answers, and counts both together: the thoughts are neither in the history nor in
/// what is said of it.
#[test]
fn reasoning_is_not_carried_into_later_turns() {
    let thought =
        |field: &str| peer::event(&format!(r#"{{"choices":[{{"index":0,"delta":{{"{field}":" r1 r2"}}}}]}}"#));
    on_both(|io| {
        let mut lengths = Vec::new();
        for (field, further) in
            [("", &[][..]), ("reasoning", &[]), ("reasoning_content", &["--use-server-token-count"])]
        {
            let server = Peer::start(move |to, _| {
                let (thoughts, all) = match field {
                    "" => (String::new(), 5),
                    field => (thought(field).repeat(5), 15),
                };
                let words: String = (0..5).map(|i| peer::token(&format!(" c{i}"))).collect();
                let end = peer::finish(all);
                peer::write(to, &format!("{}{thoughts}{words}{end}", peer::STREAM))
            });
            let ended = Profile::of(server.addr())
                .on(io)
                .args(TALK)
                .args(["--random-seed", "7"])
                .args(further)
                .run()
                .all_well();
            for request in server.requests() {
                let messages = request.json()["messages"].clone();
                for said in messages.as_array().unwrap().iter().skip(1).step_by(2) {
                    assert_eq!(said["content"], " c0 c1 c2 c3 c4");
                }
            }
            let mut turns = BTreeMap::new();
            for record in ended.records() {
                let of = |tag: &str| record["metrics"][tag]["value"].as_f64();
                let at = &record["metadata"];
                let at = (at["session_num"].as_u64(), at["turn_index"].as_u64());
                turns.insert(at, of("input_sequence_length"));
                assert_eq!(of("output_token_count"), Some(5.0), "{field}");
                let thought = (!field.is_empty()).then_some(10.0);
                assert_eq!(of("reasoning_token_count"), thought, "{field}");
                let all = if field.is_empty() { 5.0 } else { 15.0 };
                assert_eq!(of("output_sequence_length"), Some(all), "{field}");
            }
            lengths.push(turns);
        }
        assert_eq!(lengths[0], lengths[1]);
        // The server counts each prompt as it likes.
        assert!(lengths[2].values().all(|length| *length == Some(4.0)), "{:?}", lengths[2]);
    });
}

#[test]
fn turns_that_nobody_asked_for_are_refused_with_what_to_write() {
    for (args, what) in [
        (&["--session-turn-delay-mean", "5"][..], "--session-turns-mean"),
        (&["--session-delay-ratio", "2"], "--session-turns-mean"),
        (&["--concurrency", "4", "--num-conversations", "3"], "--num-conversations 40"),
        (&["--session-turns-mean", "0"], "from 1 to 10000"),
    ] {
        let ended = Profile::bare().args(["--model", "m", "--streaming", "--dry-run"]).args(args).run();
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains(what), "{args:?}: {}", ended.stderr);
    }
}
