//! Conversations in virtual time: every turn at its instant with what was said before; and the same requests for any
//! number of workers.

use crate::simulated::{START, lasting};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::Counts;
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Length, Load, Phase, Plan, Target, Trace, Turns};
use ringload_engine::record::{Outcome, Record};
use serde_json::{Value, json};

/// How long an answer takes.
const ANSWER: Nanos = 30 * MILLI;

#[test]
fn a_turn_is_sent_when_its_user_has_thought_and_with_all_that_was_said() {
    let mut plan = talking(Phase::closed(2, u64::MAX), 3.0);
    plan.profiling.requests = None;
    plan.profiling.sessions = Some(4);
    let run = play(&plan, 1, Answer::default());
    assert_eq!(run.records.len(), 12);
    for record in &run.records {
        let bodies: Vec<&Value> = run.of(record.k).map(|(_, body)| body).collect();
        let messages = bodies[record.turn as usize]["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2 * record.turn as usize + 1);
        for (i, message) in messages.iter().enumerate() {
            if i % 2 == 1 {
                let said = json!({"role": "assistant", "content": "wo\"rd"});
                assert_eq!(*message, said);
            } else {
                // What the user said in the turn that this message is of.
                let own = bodies[i / 2]["messages"].as_array().unwrap().last();
                assert_eq!(Some(message), own);
            }
        }
        if record.turn > 0 {
            let before = run.record(record.k, record.turn - 1);
            assert_eq!(record.instants.scheduled, before.instants.end + 10 * MILLI);
        }
    }
    // Two slots: the third session begins when one of the first two has had its last turn, not between two of its
    // turns.
    let begins = |k| run.record(k, 0).instants.scheduled - START;
    let lasts = 3 * ANSWER + 2 * 10 * MILLI;
    assert_eq!([0, 1, 2, 3].map(begins), [0, 0, lasts, lasts]);
}

#[test]
fn a_rate_is_one_of_requests_and_a_turn_that_waits_goes_before_a_new_session() {
    let load = Load::Open { rate: 100.0.into(), pattern: Arrival::Constant, cap: None };
    let mut plan = talking(lasting(load, None), 2.0);
    plan.profiling.sessions = Some(5);
    let run = play(&plan, 1, Answer::default());
    assert_eq!(run.records.len(), 10);
    let mut at: Vec<(Nanos, u64, u32)> =
        run.records.iter().map(|r| ((r.instants.scheduled - START) / MILLI, r.k, r.turn)).collect();
    at.sort_unstable();
    // An answer takes 30 ms and a user thinks 10: the first turns of sessions 0 to 3 are at 0 … 30, their second ones
    // from 40 on, and session 4 begins when none waits.
    let second: Vec<_> = (0..4).map(|k| (40 + 10 * k, k, 1)).collect();
    let first: Vec<_> = (0..4).map(|k| (10 * k, k, 0)).collect();
    let last = vec![(80, 4, 0), (120, 4, 1)];
    assert_eq!(at, [first, second, last].concat());
}

#[test]
fn a_trace_says_when_conversations_begin_and_their_turns_follow_on_their_own() {
    let instants: Vec<Nanos> = vec![0, 5 * MILLI, 200 * MILLI];
    let load = Load::Fixed { trace: Trace(instants.clone().into()), cap: None };
    let mut plan = talking(lasting(load, None), 2.0);
    plan.profiling.sessions = Some(3);
    let run = play(&plan, 1, Answer::default());
    for (k, instant) in instants.into_iter().enumerate() {
        let scheduled = |turn| run.record(k as u64, turn).instants.scheduled - START;
        assert_eq!(scheduled(0), instant);
        assert_eq!(scheduled(1), instant + ANSWER + 10 * MILLI);
    }
}

#[test]
fn users_talk_at_their_own_pace_one_conversation_after_the_other() {
    let load = Load::Users { rate: 20.0, users: 2 };
    let mut plan = talking(lasting(load, None), 2.0);
    plan.profiling.sessions = Some(4);
    let run = play(&plan, 1, Answer::default());
    let mut at: Vec<(Nanos, u64, u32)> =
        run.records.iter().map(|r| ((r.instants.scheduled - START) / MILLI, r.k, r.turn)).collect();
    at.sort_unstable();
    let expected =
        [(0, 0, 0), (50, 1, 0), (100, 0, 1), (150, 1, 1), (200, 2, 0), (250, 3, 0), (300, 2, 1), (350, 3, 1)];
    assert_eq!(at, expected);
}

#[test]
fn a_cap_is_one_of_conversations() {
    let cap = |policy| Some(Cap { concurrency: 2, policy, ramp: None });
    let load = |policy| Load::Open { rate: 100.0.into(), pattern: Arrival::Constant, cap: cap(policy) };
    let mut plan = talking(lasting(load(CapPolicy::Queue), None), 3.0);
    plan.profiling.sessions = Some(6);
    let run = play(&plan, 1, Answer::default());
    assert_eq!(run.records.len(), 18);
    // At no instant do more than two sessions have a turn behind them and one before them.
    for record in &run.records {
        let at = record.instants.issued;
        let open = (0..6).filter(|k| {
            let (first, last) = (run.record(*k, 0), run.record(*k, 2));
            first.instants.issued <= at && at < last.instants.end
        });
        assert!(open.count() <= 2);
    }
    let mut plan = talking(lasting(load(CapPolicy::Drop), Some(SECOND)), 3.0);
    plan.profiling.sessions = Some(6);
    let run = play(&plan, 1, Answer::default());
    let counts = &run.counts;
    assert!(counts.dropped > 0, "{counts:?}");
    assert_eq!(counts.sessions.unwrap().begun + counts.dropped, 6);
}

#[test]
fn a_number_of_requests_ends_conversations_where_they_are() {
    for (concurrency, workers) in [(1, 1), (3, 1), (4, 2)] {
        let plan = talking(Phase::closed(concurrency, 7), 3.0);
        let run = play(&plan, workers, Answer::default());
        assert_eq!(run.records.len(), 7);
        let sessions = run.counts.sessions.unwrap();
        assert_eq!(sessions.broken, 0);
        assert!(sessions.begun > sessions.completed, "{sessions:?}");
    }
}

#[test]
fn a_turn_that_fails_ends_its_conversation() {
    let mut plan = talking(Phase::closed(1, u64::MAX), 3.0);
    plan.profiling.requests = None;
    plan.profiling.sessions = Some(3);
    // The second request of all is refused: the second turn of the first session.
    let run = play(&plan, 1, Answer { refuses: Some(1) });
    let turns = |k| run.of(k).count();
    assert_eq!([0, 1, 2].map(turns), [2, 3, 3]);
    assert!(matches!(run.record(0, 1).outcome, Outcome::Failed(_)));
    let sessions = run.counts.sessions.unwrap();
    assert_eq!((sessions.begun, sessions.completed, sessions.broken), (3, 2, 1));
}

#[test]
fn any_number_of_workers_sends_the_same_bodies_at_the_same_instants() {
    let load = Load::Open { rate: 200.0.into(), pattern: Arrival::Poisson, cap: None };
    let mut plan = talking(lasting(load, None), 1.0);
    plan.profiling.requests = Some(120);
    plan.prompts.isl.stddev = 3.0;
    plan.prompts.entries = 50;
    let sent = |plan: &Plan, workers| {
        let mut run = play(plan, workers, Answer::default());
        run.records.sort_by_key(|r| r.k);
        assert_eq!(run.records.len(), 120);
        let at = run.records.iter().map(|r| r.instants.scheduled);
        let all: Vec<(Nanos, Vec<u8>)> = at.zip((0..120).map(|k| run.of(k).next().unwrap().0.clone())).collect();
        all
    };
    let one = sent(&plan, 1);
    assert_eq!(one, sent(&plan, 2));
    assert_eq!(one, sent(&plan, 8));
    plan.seed = 1;
    assert_ne!(one, sent(&plan, 1));
}

// What the tests are made of.

/// A plan of conversations of so many turns, a user thinking 10 ms between them.
fn talking(phase: Phase, turns: f64) -> Plan {
    let target = Target::parse("http://sim:1").unwrap();
    let mut plan = Plan::new(vec![target], "m", phase);
    plan.prompts.isl.mean = 6.0;
    plan.prompts.entries = 100;
    plan.prompts.turns = Turns { count: Length { mean: turns, stddev: 0.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
    plan
}

struct Run {
    records: Vec<Record>,
    /// Session, turn, and the body that was sent.
    bodies: Vec<(u64, u32, Vec<u8>, Value)>,
    counts: Counts,
}

impl Run {
    /// The bodies of a session, in the order of its turns.
    fn of(&self, k: u64) -> impl Iterator<Item = (&Vec<u8>, &Value)> {
        self.bodies.iter().filter(move |b| b.0 == k).map(|b| (&b.2, &b.3))
    }

    fn record(&self, k: u64, turn: u32) -> &Record {
        let mut all = self.records.iter();
        all.find(|r| (r.k, r.turn) == (k, turn)).unwrap()
    }
}

fn play(plan: &Plan, workers: usize, answer: Answer) -> Run {
    let run = SimulatedRun::new(plan).workers(workers).holders(4096);
    let played = run.play_each(|_| Server { answer, asked: Vec::new() });
    let mut bodies = Vec::new();
    // By the id that each carries: answers may come in another order than requests.
    for (id, body) in played.peers.iter().flat_map(|peer| &peer.asked) {
        let record = played.records.iter().find(|r| r.request_id == *id).unwrap();
        let json = serde_json::from_slice(body).unwrap();
        bodies.push((record.k, record.turn, body.clone(), json));
    }
    bodies.sort_by_key(|b| (b.0, b.1));
    Run { counts: played.counts(), records: played.records, bodies }
}

/// What the server does.
#[derive(Clone, Copy, Default)]
struct Answer {
    /// Which request it refuses.
    refuses: Option<usize>,
}

struct Server {
    answer: Answer,
    asked: Vec<(u128, Vec<u8>)>,
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let id = head.split("X-Request-ID: ").nth(1).unwrap();
        let id = id[..36].replace('-', "");
        let length = head.split("Content-Length: ").nth(1).unwrap();
        assert_eq!(length.parse(), Ok(body.len()));
        let serial = self.asked.len();
        self.asked.push((u128::from_str_radix(&id, 16).unwrap(), body.into()));
        if self.answer.refuses == Some(serial) {
            script.send(now + ANSWER, key, NO);
        } else {
            let length = EVENTS.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream";
            let answer = format!("{head}\r\ncontent-length: {length}\r\n\r\n{EVENTS}");
            script.send(now + ANSWER, key, answer);
        }
    }
}

const NO: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
const EVENTS: &str = concat!(
    r#"data: {"choices":[{"index":0,"delta":{"content":"wo\"rd"}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    "\n\ndata: [DONE]\n\n",
);
