//! Verdicts under virtual time: what a client that was stopped, or that is kept from running now and then, has made of
//! the figures, against the same run of one that was not.

use ringload_engine::api::http1_head;
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script, Sim};
use ringload_engine::host::HostFacts;
use ringload_engine::measure::{Lateness, PhaseFacts, RunFacts, Summarizer, Summary, Timeline, TokenCounts};
use ringload_engine::plan::{Arrival, Length, Load, Phase, Plan, Stamps, Statistic, Target, Threshold};
use ringload_engine::record::PhaseKind;
use ringload_engine::run::{Budget, Control};
use ringload_engine::verdict::{Finding, Scope, Status, Verdict, judge};
use ringload_engine::worker::{Shared, Targets, Worker};
use ringload_engine::workload::Workload;
use std::net::SocketAddr;

const START: Nanos = 1_000 * SECOND;

#[test]
fn half_a_second_of_sixty_is_found_in_every_figure_that_it_made() {
    let mut plan = plan(open(20.0, 60 * SECOND));
    plan.thresholds = vec![Threshold::parse("scheduled_time_to_first_token.p99.9>300ms").unwrap()];
    let (truth, innocent) = judged_with(LONG, &plan, &[]);
    let (summary, verdict) = judged_with(LONG, &plan, &[(START + 30 * SECOND + 20 * MILLI, SECOND / 2)]);
    assert!(truth.client.shares.is_empty(), "{:?}", truth.client.shares);
    assert_eq!(innocent.status, Status::Valid, "{:?}", innocent.findings);
    for (tag, statistic) in [
        ("scheduled_time_to_first_token", Statistic::P999),
        ("response_time", Statistic::Max),
        ("inter_chunk_latency", Statistic::Max),
        ("output_token_throughput_per_user", Statistic::Std),
    ] {
        let value = |summary: &Summary| summary.metric(tag).unwrap().statistic(statistic).unwrap();
        let (said, true_one) = (value(&summary), value(&truth));
        let made = said - true_one;
        assert!(made > 0.5 * true_one, "{tag}: {said} instead of {true_one}");
        let shares = summary.client.shares.iter().filter(|share| share.tag == tag && share.statistic == statistic);
        let most: f64 = shares.map(|share| share.lower_by).sum();
        assert!((made..2.0 * made).contains(&(1.001 * most)), "{tag}: {made} made, at most {most} by its shares");
        assert!(summary.client_share(tag, statistic).unwrap() > 0.3, "{tag}");
        // A finding names it.
        let named = |f: &Finding| f.effects.iter().any(|e| (e.tag, e.statistic) == (tag, statistic));
        assert!(verdict.findings.iter().any(named), "{tag}: {:?}", verdict.findings);
    }
    // The condition that fails by it says so, and the verdict with it.
    let condition = &summary.thresholds[0];
    assert!(!truth.thresholds[0].failed && condition.failed);
    assert!(condition.words.contains("can be the client's own"), "{}", condition.words);
    let lag = finding(&verdict, "dispatch_lag").unwrap();
    assert_eq!((lag.status, lag.scope), (Status::Invalid, Scope::Client));
    assert!(lag.effects[0].decides, "{:?}", lag.effects[0]);
    // What did not move is not marked.
    assert_eq!(summary.client_share("inter_token_latency", Statistic::P50), None);
    assert_eq!(summary.client_share("output_sequence_length", Statistic::Max), None);
}

#[test]
fn a_stop_that_moved_nothing_that_was_asked_for_is_a_note_that_tells_what_it_moved() {
    let mut plan = plan(open(20.0, 60 * SECOND));
    plan.thresholds = vec![Threshold::parse("itl.p50>100ms").unwrap()];
    let (_, verdict) = judged(&plan, &[(START + 30 * SECOND + 20 * MILLI, SECOND / 2)]);
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    let lag = finding(&verdict, "dispatch_lag").unwrap();
    assert!(lag.evidence.contains("none of which was asked for"), "{}", lag.evidence);
}

#[test]
fn twenty_honest_runs_on_a_machine_that_does_something_else_now_and_then_are_valid() {
    for seed in 0..20 {
        let phase = if seed % 2 == 0 { open(30.0, 12 * SECOND) } else { closed(6, 12 * SECOND) };
        let plan = plan(phase);
        let pauses = pauses(seed, 12 * SECOND);
        let (summary, verdict) = judged(&plan, &pauses);
        let lag = summary.client.dispatch_lag.as_ref().unwrap();
        assert!(lag.at("max").unwrap() > 0.5, "the client was late, {lag:?}");
        assert_eq!(verdict.status, Status::Valid, "{seed}: {:?}", verdict.findings);
        // What is asked for is what it is without the pauses, to the hundredth.
        let (truth, _) = judged(&plan, &[]);
        for tag in ["time_to_first_token", "inter_token_latency", "request_latency", "request_throughput"] {
            let avg = |summary: &Summary| summary.metric(tag).unwrap().avg;
            let off = (avg(&summary) / avg(&truth) - 1.0).abs();
            assert!(off < 0.01, "{seed}: {tag} is off by {off}");
        }
        // One long stop is seen all the same.
        let (_, stopped) = judged(&plan, &[(START + 4 * SECOND, 2 * SECOND)]);
        assert_eq!(stopped.status, Status::Invalid, "{seed}: {:?}", stopped.findings);
    }
}

#[test]
fn slots_that_a_late_client_leaves_empty_are_throughput() {
    // 25 ms of every 50: most answers, of some 130 ms, are followed by a lag.
    let pauses: Vec<(Nanos, Nanos)> = (0..240).map(|i| (START + i * 50 * MILLI, 25 * MILLI)).collect();
    let plan = plan(closed(4, 12 * SECOND));
    let (truth, _) = judged(&plan, &[]);
    let (summary, verdict) = judged(&plan, &pauses);
    let rate = |summary: &Summary| summary.metric("request_throughput").unwrap().avg;
    let lost = rate(&truth) / rate(&summary) - 1.0;
    let lag = finding(&verdict, "dispatch_lag").unwrap();
    let effect = lag.effects.iter().find(|e| e.tag == "request_throughput").unwrap();
    let share = effect.share.unwrap();
    assert!((lost / 2.0..lost * 2.0).contains(&share), "{lost} lost, {share} said");
    assert!(lag.status > Status::Valid);
    let by = |lateness| summary.client.shares.iter().filter(move |share| share.lateness == lateness);
    assert!(
        by(Lateness::DispatchLag).all(|share| share.tag != "time_to_first_token"),
        "times from the issue have none"
    );
}

fn finding<'a>(verdict: &'a Verdict, gate: &str) -> Option<&'a Finding> {
    verdict.findings.iter().find(|finding| finding.gate == gate)
}

/// Pauses of up to 3 ms, one in each 60 ms or so.
fn pauses(seed: u64, length: Nanos) -> Vec<(Nanos, Nanos)> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut at = START;
    let mut pauses = Vec::new();
    while at < START + length {
        at += 20 * MILLI + next(80 * MILLI);
        pauses.push((at, MILLI / 5 + next(3 * MILLI)));
    }
    pauses
}

fn open(rate: f64, length: Nanos) -> Phase {
    let mut phase = Phase::closed(1, 1);
    phase.load = Load::Open { rate: rate.into(), pattern: Arrival::Constant, cap: None };
    (phase.requests, phase.duration) = (None, Some(length));
    phase
}

fn closed(in_flight: u32, length: Nanos) -> Phase {
    let mut phase = Phase::closed(in_flight, 1);
    (phase.requests, phase.duration) = (None, Some(length));
    phase
}

fn plan(profiling: Phase) -> Plan {
    let mut plan = Plan::new(vec![Target::parse("http://sim:1").unwrap()], "m", profiling);
    plan.prompts.isl = Length { mean: 4.0, stddev: 0.0 };
    plan.prompts.entries = 2;
    plan
}

/// A run whose client is stopped from each of these instants for so long, and what is said of it.
fn judged(plan: &Plan, stops: &[(Nanos, Nanos)]) -> (Summary, Verdict) {
    judged_with(SHORT, plan, stops)
}

fn judged_with(answer: Answer, plan: &Plan, stops: &[(Nanos, Nanos)]) -> (Summary, Verdict) {
    let mut sim = Sim::new(START - SECOND, Server { answer, requests: 0 });
    sim.merge_segments();
    stops.iter().for_each(|(at, length)| sim.freeze(*at, *length));
    let workload = Workload::prepare(plan).unwrap();
    let heads = [http1_head(plan, &plan.targets[0]).unwrap()];
    let addrs = [vec![SocketAddr::from(([127, 0, 0, 1], 1)).into()]];
    let control = Control::new(1);
    let targets = Targets { heads: &heads, heads2: &[None], addrs: &addrs, tls: &[None] };
    let shared = Shared::new(plan, &workload, targets, &control, Budget::new(1 << 30, 4_096), 7, 1);
    let (producer, mut consumer) = rtrb::RingBuffer::new(1 << 16);
    let mut worker = Worker::new(sim, &shared, 0, 4_096, producer);
    worker.run_phase(&plan.profiling, PhaseKind::Profiling, START).unwrap();
    let (shard, _) = worker.finish();
    let mut records = Vec::new();
    while let Ok(record) = consumer.pop() {
        records.push(*record);
    }
    let mut summarizer = Summarizer::new(plan, Timeline::of(&records).unwrap_or_default());
    for record in &records {
        summarizer.add(record, &TokenCounts::of(record, None));
    }
    let end = records.iter().map(|record| record.instants.end).max().unwrap_or(START);
    let summary = summarizer.finish(shard, facts(end));
    let verdict = judge(plan, &summary, &HostFacts::default(), None);
    (summary, verdict)
}

fn facts(end: Nanos) -> RunFacts {
    RunFacts {
        wall_start_ns: START,
        wall_end_ns: end,
        targets: Vec::new(),
        warmup: None,
        profiling: PhaseFacts { start: START, end, ..PhaseFacts::default() },
        driver: "sim".into(),
        driver_note: None,
        stamps: Stamps::Kernel,
        cores: Vec::new(),
        records_lost: 0,
        was_cancelled: false,
        aborted: None,
        log_failure: None,
        unfinished: false,
        peak_rss_bytes: 0,
        buffered_limit_bytes: 0,
        tokenizer: "exact".into(),
        tokenizer_approximate: false,
    }
}

/// An answer: its tokens, and how far they are apart at least.
#[derive(Clone, Copy)]
struct Answer {
    tokens: u64,
    gap: Nanos,
}

const SHORT: Answer = Answer { tokens: 12, gap: 6 * MILLI };
const LONG: Answer = Answer { tokens: 40, gap: 15 * MILLI };

/// Answers after 40 to 50 ms, with tokens up to 3 ms more apart than they say.
struct Server {
    answer: Answer,
    requests: u64,
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let k = self.requests;
        self.requests += 1;
        let mut at = now + 40 * MILLI + k % 11 * MILLI;
        script.send(at, key, HEAD);
        script.send(at, key, event(TOKEN));
        let Answer { tokens, gap } = self.answer;
        for i in 1..tokens {
            at += gap + (k + i) % 4 * MILLI;
            let mut bytes = event(TOKEN);
            if i + 1 == tokens {
                let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens}}}}}"#);
                [FINISH, &usage, "[DONE]"].iter().for_each(|data| bytes.extend(event(data)));
                bytes.extend(b"0\r\n\r\n");
            }
            script.send(at, key, bytes);
        }
    }
}

fn event(data: &str) -> Vec<u8> {
    format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8).into_bytes()
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const TOKEN: &str = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"t"},"finish_reason":null}]}"#;
const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
