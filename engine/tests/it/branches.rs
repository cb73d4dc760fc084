//! Conversations that turns of others begin, in virtual time: who is sent when, with what before it, and under whose
//! slot.

use crate::simulated::START;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::Counts;
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Format, Load, Phase, Plan, Replay, Target};
use ringload_engine::workload::Survey;
use serde_json::{Value, json};

/// How long an answer takes.
const ANSWER: Nanos = 30 * MILLI;

/// A request: when it came, in milliseconds from the start, and the texts of its messages.
type Asked = (Nanos, Vec<String>);

/// Plays the conversations of a file, so many at a time; a request that says `no` is refused.
fn play(format: &str, concurrency: u32, text: &str) -> (Vec<Asked>, Counts) {
    play_load(format, Load::closed(concurrency), text)
}

/// Plays the conversations of a file under a load.
fn play_load(format: &str, load: Load, text: &str) -> (Vec<Asked>, Counts) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.jsonl");
    std::fs::write(&path, text).unwrap();
    let target = Target::parse("http://sim:1").unwrap();
    let mut plan = Plan::new(vec![target], "m", Phase { load, ..Phase::closed(1, u64::MAX) });
    let mut replay = Replay::of(path, Format::named(format).unwrap());
    let survey = Survey::read(&replay, 0).unwrap();
    replay.width = survey.width();
    plan.prompts.entries = survey.conversations();
    plan.prompts.replay = Some(replay);
    plan.profiling.requests = None;
    plan.profiling.sessions = Some(survey.conversations() as u64);
    let played = SimulatedRun::new(&plan).holders(4096).play(Server(Vec::new()));
    let mut ids: Vec<u128> = played.records.iter().map(|r| r.request_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), played.records.len(), "each request has an id of its own");
    let counts = played.counts();
    assert_eq!(counts.check(), Ok(()));
    let asked = played.peers[0].0.iter().map(|(at, body)| {
        let messages = body["messages"].as_array().unwrap().iter();
        ((at - START) / MILLI, messages.map(|m| m["content"].as_str().unwrap().to_owned()).collect())
    });
    (asked.collect(), counts)
}

fn turn(text: &str, more: Value) -> Value {
    let mut turn = json!({"messages": [{"role": "user", "content": text}]});
    turn.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    turn
}

fn lines(conversations: &[(&str, Vec<Value>)]) -> String {
    conversations.iter().map(|(id, turns)| format!("{}\n", json!({"session_id": id, "turns": turns}))).collect()
}

fn at<'a>(asked: &'a [Asked], last: &str) -> &'a Asked {
    asked.iter().find(|(_, texts)| texts.last().is_some_and(|text| text == last)).unwrap_or_else(|| panic!("{last}"))
}

#[test]
fn a_fork_has_what_was_said_before_it_and_a_spawned_conversation_nothing() {
    let text = lines(&[
        ("root", vec![turn("hi", json!({"forks": ["a", "b"], "spawns": ["c"]}))]),
        ("a", vec![turn("one", json!({})), turn("more", json!({}))]),
        ("b", vec![turn("two", json!({"delay": 5}))]),
        ("c", vec![turn("three", json!({}))]),
    ]);
    let (asked, counts) = play("dag_jsonl", 1, &text);
    assert_eq!(asked.len(), 5);
    assert_eq!(*at(&asked, "hi"), (0, vec!["hi".to_owned()]));
    assert_eq!(*at(&asked, "one"), (30, ["hi", "word", "one"].map(String::from).to_vec()));
    assert_eq!(*at(&asked, "two"), (35, ["hi", "word", "two"].map(String::from).to_vec()));
    assert_eq!(*at(&asked, "three"), (30, vec!["three".to_owned()]));
    assert_eq!(*at(&asked, "more"), (60, ["hi", "word", "one", "word", "more"].map(String::from).to_vec()));
    let sessions = counts.sessions.unwrap();
    assert_eq!((sessions.begun, sessions.completed, sessions.broken), (4, 4, 0));
}

#[test]
fn a_turn_waits_for_those_that_are_joined_at_it_and_others_go_on_meanwhile() {
    let text = lines(&[
        (
            "root",
            vec![
                turn("plan", json!({"spawns": [{"children": ["slow"], "join_at": 2}]})),
                turn("meanwhile", json!({})),
                turn("together", json!({})),
            ],
        ),
        ("slow", vec![turn("s1", json!({})), turn("s2", json!({})), turn("s3", json!({}))]),
    ]);
    let (asked, _) = play("dag_jsonl", 1, &text);
    let order: Vec<(Nanos, &str)> = asked.iter().map(|(at, texts)| (*at, texts.last().unwrap().as_str())).collect();
    let expected = [(0, "plan"), (30, "s1"), (30, "meanwhile"), (60, "s2"), (90, "s3"), (120, "together")];
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    assert_eq!(sorted, wanted);
}

#[test]
fn a_slot_is_free_when_all_that_is_under_it_has_ended() {
    let text = lines(&[
        ("first", vec![turn("1", json!({"spawns": ["long"]}))]),
        ("long", vec![turn("l1", json!({})), turn("l2", json!({}))]),
        ("second", vec![turn("2", json!({}))]),
    ]);
    let (asked, _) = play("dag_jsonl", 1, &text);
    assert_eq!(at(&asked, "2").0, 90, "{asked:?}");
    let (asked, _) = play("dag_jsonl", 2, &text);
    assert_eq!(at(&asked, "2").0, 0, "{asked:?}");
}

#[test]
fn a_slot_that_is_free_is_used_however_many_requests_are_in_flight_under_another() {
    let long = |name: &str| [1, 2, 3].map(|n| turn(&format!("{name}{n}"), json!({}))).to_vec();
    let text = lines(&[
        ("a", vec![turn("a", json!({"spawns": ["x", "y"]}))]),
        ("b", vec![turn("b", json!({}))]),
        ("c", vec![turn("c", json!({}))]),
        ("x", long("x")),
        ("y", long("y")),
    ]);
    let (asked, _) = play("dag_jsonl", 2, &text);
    assert_eq!(at(&asked, "x1").0, 30);
    assert_eq!(at(&asked, "c").0, 30, "{asked:?}");
}

/// A conversation that begins others with its first turn.
fn with_first(id: &str, begins: &[&str]) -> String {
    format!("{}\n", json!({"session_id": id, "turns": [turn(id, json!({}))], "pre_session_spawns": begins}))
}

#[test]
fn what_begins_with_a_conversation_begins_when_that_is_sent_whoever_begins_it() {
    let text =
        [with_first("root", &["a"]), with_first("a", &["b"]), lines(&[("b", vec![turn("b", json!({}))])])].concat();
    let (asked, counts) = play("dag_jsonl", 1, &text);
    assert_eq!(["root", "a", "b"].map(|id| at(&asked, id).0), [0, 0, 0]);
    assert_eq!(counts.sessions.unwrap().completed, 3);
}

#[test]
fn what_begins_with_a_conversation_waits_with_it_for_the_cap_and_is_dropped_with_it() {
    let leaf = |id: &str| lines(&[(id, vec![turn(id, json!({}))])]);
    let text = [with_first("one", &["x"]), with_first("two", &["y"]), leaf("x"), leaf("y")].concat();
    let load = |policy| {
        let cap = Some(Cap { concurrency: 1, policy, ramp: None });
        Load::Open { rate: 1_000.0.into(), pattern: Arrival::Constant, cap }
    };
    let (asked, _) = play_load("dag_jsonl", load(CapPolicy::Queue), &text);
    let times = ["one", "x", "two", "y"].map(|id| at(&asked, id).0);
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times[2], times[1] + 30, "the slot is free when both have ended");
    let (asked, counts) = play_load("dag_jsonl", load(CapPolicy::Drop), &text);
    let texts: Vec<&str> = asked.iter().map(|(_, texts)| texts.last().unwrap().as_str()).collect();
    assert_eq!(texts, ["one", "x"]);
    assert_eq!((counts.dropped, counts.sessions.unwrap().begun), (1, 2));
}

#[test]
fn what_a_failed_turn_would_have_begun_is_not_sent_and_what_waits_goes_on() {
    let text = lines(&[
        ("root", vec![turn("hi", json!({"spawns": ["bad", "good"]})), turn("after", json!({}))]),
        ("bad", vec![turn("no", json!({"spawns": ["never"]}))]),
        ("good", vec![turn("yes", json!({}))]),
        ("never", vec![turn("never", json!({}))]),
    ]);
    let (asked, counts) = play("dag_jsonl", 1, &text);
    let texts: Vec<&str> = asked.iter().map(|(_, texts)| texts.last().unwrap().as_str()).collect();
    assert_eq!(texts, ["hi", "no", "yes", "after"]);
    assert_eq!((counts.issued, counts.failures()), (4, 1));
}

#[test]
fn what_a_coding_session_begins_follows_a_request_and_the_next_one_waits_for_it() {
    let text = json!({"id": "t", "block_size": 64, "hash_id_scope": "local", "requests": [
        {"t": 0.0, "type": "n", "model": "big", "in": 128, "out": 4, "hash_ids": [1, 2], "api_time": 0.02},
        {"t": 0.1, "type": "nested", "agent_id": "x", "requests": [
            {"t": 0.1, "type": "s", "model": "small", "in": 64, "out": 4, "hash_ids": [9], "api_time": 0.01},
            {"t": 0.13, "type": "s", "model": "small", "in": 64, "out": 4, "hash_ids": [9], "api_time": 0.01}]},
        {"t": 0.05, "type": "s", "model": "big", "in": 192, "out": 4, "hash_ids": [1, 2, 3]}]});
    let (asked, counts) = play("weka_trace", 1, &text.to_string());
    // The first request of the other follows at once; 20 ms lie between the response and its next one; the session's
    // own would be due after 30 ms, and waits for both.
    let times: Vec<Nanos> = asked.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 30, 80, 110]);
    assert!(asked.iter().all(|(_, texts)| texts.len() == 1), "each says all of its context itself");
    let shared = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    assert!(shared(&asked[0].1[0], &asked[3].1[0]) > asked[0].1[0].len() / 2);
    assert_eq!(counts.sessions.unwrap().completed, 2);
}

#[test]
fn what_is_no_tree_is_refused_with_what_to_write() {
    let refused = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.jsonl");
        std::fs::write(&path, text).unwrap();
        Survey::read(&Replay::of(path, Format::named("dag_jsonl").unwrap()), 0).unwrap_err().to_string()
    };
    let one = |more: Value| vec![turn("x", more)];
    for (text, said) in [
        (lines(&[("a", one(json!({"spawns": ["b"]})))]), "begins the conversation `b`, which the file does not have"),
        (lines(&[("a", one(json!({"spawns": ["a"]})))]), "begins itself"),
        (
            lines(&[("a", one(json!({"forks": ["c"]}))), ("b", one(json!({"forks": ["c"]}))), ("c", one(json!({})))]),
            "forked twice",
        ),
        (
            lines(&[("a", vec![turn("x", json!({"forks": ["b"]})), turn("y", json!({}))]), ("b", one(json!({})))]),
            "background",
        ),
        (
            lines(&[("a", one(json!({"spawns": [{"children": ["b"], "join_at": 4}]}))), ("b", one(json!({})))]),
            "join_at 4",
        ),
        (lines(&[("a", one(json!({"max_token": 4})))]), "max_token"),
        (lines(&[("a", one(json!({}))), ("a", one(json!({})))]), "the session_id a has a line already"),
        (
            lines(&[
                ("a", vec![turn("x", json!({"spawns": ["b"]})), turn("y", json!({"spawns": ["b"]}))]),
                ("b", one(json!({}))),
            ]),
            "`a` begins the conversation `b` twice",
        ),
        (lines(&[("a", one(json!({"spawns": ["b", "b"]}))), ("b", one(json!({})))]), "twice"),
        (
            lines(&[
                ("a", one(json!({"spawns": ["b", "c"]}))),
                ("b", one(json!({"spawns": ["d"]}))),
                ("c", one(json!({"spawns": ["d"]}))),
                ("d", one(json!({}))),
            ]),
            "`a` begins the conversation `d` twice",
        ),
        (
            [
                json!({"session_id": "a", "context_mode": "message_array_with_responses",
                    "turns": one(json!({"forks": ["b"]}))})
                .to_string(),
                lines(&[("b", one(json!({})))]),
            ]
            .join("\n"),
            "b is forked from a conversation whose turns say all of their context",
        ),
        (json!({"session_id": "a", "orchestrator": true, "spawns": ["b"]}).to_string(), "orchestrator"),
    ] {
        let error = refused(&text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn two_conversations_may_begin_the_same_one() {
    let text = lines(&[
        ("a", vec![turn("a", json!({"spawns": ["x"]}))]),
        ("b", vec![turn("b", json!({"spawns": ["x"]}))]),
        ("x", vec![turn("x", json!({}))]),
    ]);
    let (asked, counts) = play("dag_jsonl", 1, &text);
    assert_eq!(asked.len(), 4);
    assert_eq!(counts.sessions.unwrap().completed, 4);
}

#[test]
fn an_agent_that_is_asked_twice_begins_anew() {
    let asked = |t: f64| {
        json!({"t": t, "type": "nested", "agent_id": "x", "requests": [
            {"t": t, "type": "s", "model": "m", "in": 64, "out": 4, "hash_ids": [9], "api_time": 0.01}]})
    };
    let own = |t: f64| json!({"t": t, "type": "n", "model": "m", "in": 64, "out": 4, "hash_ids": [1]});
    let text = json!({"id": "t", "block_size": 64, "hash_id_scope": "local",
        "requests": [own(0.0), asked(0.1), own(0.2), asked(0.3), own(0.4)]});
    let (asked, counts) = play("weka_trace", 1, &text.to_string());
    assert_eq!(asked.len(), 5);
    assert_eq!(counts.sessions.unwrap().completed, 3);
}

struct Server(Vec<(Nanos, Value)>);

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let refused = body["messages"][0]["content"] == "no";
        self.0.push((now, body));
        if refused {
            return script.send(now + ANSWER, key, "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream";
        script.send(now + ANSWER, key, format!("{head}\r\ncontent-length: {}\r\n\r\n{EVENTS}", EVENTS.len()));
    }
}

const EVENTS: &str = concat!(
    r#"data: {"choices":[{"index":0,"delta":{"content":"word"}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    "\n\ndata: [DONE]\n\n",
);
