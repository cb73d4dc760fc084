//! Workloads that are others than were asked for, under virtual time: servers that are each wrong in one way and know
//! the truth, against what the verdict finds and how large it says the effect is.

use crate::simulated::{self, event, head, lasting, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::host::HostFacts;
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::Summary;
use ringload_engine::plan::{Arrival, Length, Load, Phase, Plan, Slo, Statistic};
use ringload_engine::record::{FinishReason, PhaseKind, Record};
use ringload_engine::verdict::{Finding, Scope, Status, Verdict, judge};
use ringload_engine::workload::Workload;
use std::collections::{HashMap, HashSet};

#[test]
fn a_warm_up_does_not_send_what_is_measured() {
    let mut plan = plan(20);
    plan.warmup = Some(Phase::closed(1, 20));
    let run = run(&plan, cached);
    assert_eq!(run.distinct_prompts(), 40);
    let ttft = run.value("time_to_first_token", Statistic::P50);
    assert!((60.0..61.0).contains(&ttft), "{ttft}");
    assert_eq!(run.summary.workload.repeats, None);
    for gate in ["repeated_prompts", "cached_prompts"] {
        assert!(run.finding(gate).is_none(), "{gate}: {:?}", run.finding(gate));
    }
}

#[test]
fn the_measured_prompts_are_the_same_with_and_without_a_warm_up() {
    let measured = |plan: &Plan| {
        let workload = Workload::prepare(plan).unwrap();
        let run = run(plan, cached);
        let entries = run.records.iter().filter(|r| r.phase == PhaseKind::Profiling).map(|r| (r.k, r.entry));
        entries
            .map(|(k, entry)| (k, workload.entries[entry as usize].body.in_memory().to_vec()))
            .collect::<HashMap<_, _>>()
    };
    let bare = plan(20);
    let mut warmed = bare.clone();
    warmed.warmup = Some(Phase::closed(1, 7));
    assert_eq!(measured(&bare).len(), 20);
    assert_eq!(measured(&bare), measured(&warmed));
    // Another run of the same seed has others.
    let mut later = bare.clone();
    later.prompts.offset = 20;
    let (first, second) = (measured(&bare), measured(&later));
    let first: HashSet<&Vec<u8>> = first.values().collect();
    assert!(second.values().all(|body| !first.contains(body)));
}

#[test]
fn the_content_of_a_request_does_not_depend_on_the_number_of_cores() {
    let mut plan = plan(6);
    let load = Load::Open { rate: 50.0.into(), pattern: Arrival::Constant, cap: None };
    plan.profiling = lasting(load, Some(SECOND));
    let sent = |workers| {
        let played = SimulatedRun::new(&plan).workers(workers).play_each(|_| Server::of(cached));
        played.records.iter().map(|r| (r.k, r.entry)).collect::<HashMap<_, _>>()
    };
    let alone = sent(1);
    assert_eq!(alone.len(), 50);
    assert_eq!(alone, sent(3));
}

#[test]
fn prompts_that_are_sent_again_are_told_with_both_times() {
    let mut plan = plan(20);
    plan.profiling = Phase::closed(1, 100);
    let run = run(&plan, cached);
    let repeats = run.summary.workload.repeats.as_ref().unwrap();
    assert_eq!((repeats.sent, repeats.distinct, repeats.again), (100, 20, 80));
    let (first, later) = (repeats.first.unwrap(), repeats.later.unwrap());
    assert!((first.mean_ms - 60.0).abs() < 1.0 && (later.mean_ms - 2.0).abs() < 1.0, "{repeats:?}");
    let finding = run.finding("repeated_prompts").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
    // 13.6 ms on average instead of 60.
    run.assert_effect(finding, "time_to_first_token", 60.0 / 13.6 - 1.0);
    // And the server says so itself: 96 of 100 tokens, in four of five requests.
    let finding = run.finding("cached_prompts").unwrap();
    assert!(finding.evidence.contains("in 80 of 100 requests"), "{}", finding.evidence);
}

#[test]
fn hidden_reasoning_is_in_no_time_between_tokens() {
    let mut plan = plan(30);
    plan.slos = Slo::parse_all(&["inter_token_latency:5".into()]).unwrap();
    let run = run(&plan, |_, script, at, key| {
        let mut at = at + 500 * MILLI;
        for i in 0..10 {
            script.send(at, key, token(&format!(" w{i}")));
            at += 10 * MILLI;
        }
        script.send(
            at,
            key,
            end("stop", 10, r#""completion_tokens":110,"completion_tokens_details":{"reasoning_tokens":100}"#),
        );
    });
    // Every request is good by a figure that is no token's.
    assert_eq!(run.summary.goodput.as_ref().unwrap().good, 30);
    assert_eq!(run.verdict.status, Status::Suspect);
    let finding = run.finding("unseen_tokens").unwrap();
    run.assert_effect(finding, "inter_token_latency", 10.0 / (90.0 / 109.0) - 1.0);
    assert!(finding.evidence.contains("10.00 ms (inter_chunk_latency p50)"), "{}", finding.evidence);
}

#[test]
fn a_first_event_of_many_tokens_is_found_by_its_text() {
    let run = run(&plan(30), |_, script, at, key| {
        script.send(at + 500 * MILLI, key, token(&" w".repeat(91)));
        for i in 1..10 {
            script.send(at + (500 + 10 * i) * MILLI, key, token(" w"));
        }
        script.send(at + 600 * MILLI, key, end("stop", 10, r#""completion_tokens":100"#));
    });
    let unseen = run.summary.workload.unseen;
    assert_eq!((unseen.bunched, unseen.bunched_tokens), (30, 30 * 91));
    run.assert_effect(run.finding("unseen_tokens").unwrap(), "inter_token_latency", 10.0);
}

#[test]
fn output_of_three_times_the_length_is_told_with_its_finish_reasons() {
    let mut plan = plan(40);
    plan.prompts.osl = Some(Length { mean: 10.0, stddev: 0.0 });
    let run = run(&plan, |_, script, at, key| answer(script, at, key, 30, "length"));
    let finding = run.finding("output_length").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
    assert!(finding.evidence.contains("30.0 tokens each on average instead of 10.0"), "{}", finding.evidence);
    run.assert_effect(finding, "request_latency", 2.0 / 3.0);
    assert_eq!(run.summary.counts.finish_reasons, [(FinishReason::Length, 40)].into());
}

#[test]
fn one_response_in_four_that_stops_early_is_told() {
    let mut plan = plan(40);
    plan.prompts.osl = Some(Length { mean: 20.0, stddev: 0.0 });
    let run = run(&plan, |request, script, at, key| match request.number % 4 {
        0 => answer(script, at, key, 5, "stop"),
        _ => answer(script, at, key, 20, "length"),
    });
    let finding = run.finding("output_length").unwrap();
    assert_eq!(finding.value, Some(0.25));
    assert!(finding.evidence.contains("length 30, stop 10"), "{}", finding.evidence);
    assert!(finding.remedy.contains("ignore_eos:true"), "{}", finding.remedy);
    assert_eq!(run.verdict.status, Status::Suspect);
}

#[test]
fn a_generation_that_moves_to_another_worker_makes_prompt_tokens_grow() {
    let run = run(&plan(12), |request, script, at, key| {
        let prompt = if request.number % 3 == 0 { 14 } else { 4 };
        for (i, prompt) in [4, 4, prompt].into_iter().enumerate() {
            let usage = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{}}}"#, i + 1);
            let data = format!(
                r#"{{"choices":[{{"index":0,"delta":{{"content":"t"}},"finish_reason":null}}],"usage":{usage}}}"#
            );
            script.send(at + (20 + i as u64) * MILLI, key, event(&data));
        }
        script.send(at + 30 * MILLI, key, end("length", prompt, r#""completion_tokens":3"#));
    });
    let input = run.summary.workload.input;
    assert_eq!((input.growing, input.growth), (4, 40));
    assert_eq!(run.finding("prompt_growth").unwrap().status, Status::Valid);
}

#[test]
fn an_honest_server_is_told_nothing_of_its_workload() {
    let mut plan = plan(40);
    plan.prompts.osl = Some(Length { mean: 12.0, stddev: 0.0 });
    plan.warmup = Some(Phase::closed(2, 5));
    let run = run(&plan, |_, script, at, key| answer(script, at, key, 12, "length"));
    let workload: Vec<&Finding> = run.verdict.findings.iter().filter(|f| f.scope == Scope::Workload).collect();
    assert!(workload.is_empty(), "{workload:?}");
    assert_eq!(run.verdict.status, Status::Valid);
}

/// A request as its server sees it.
struct Request {
    /// How many came before it.
    number: u64,
    /// How many of them had the same body.
    before: u64,
}

/// A response: to which request, when its head is sent, and to whom.
type Answer = fn(Request, &mut Script, Nanos, Key);

/// A prefix cache: 60 ms and no token for a prompt that is new, 2 ms and 96 of 100 tokens for one that is not.
fn cached(request: Request, script: &mut Script, at: Nanos, key: Key) {
    let (ttft, tokens) = if request.before == 0 { (60, 0) } else { (2, 96) };
    let usage = format!(r#""completion_tokens":1,"prompt_tokens_details":{{"cached_tokens":{tokens}}}"#);
    script.send(at + ttft * MILLI, key, token(" a"));
    script.send(at + (ttft + 1) * MILLI, key, end("stop", 100, &usage));
}

/// So many tokens of 10 ms.
fn answer(script: &mut Script, at: Nanos, key: Key, tokens: u64, reason: &str) {
    for i in 0..tokens {
        script.send(at + 10 * (i + 1) * MILLI, key, token(" a"));
    }
    script.send(at + 10 * tokens * MILLI, key, end(reason, 4, &format!(r#""completion_tokens":{tokens}"#)));
}

struct Ran {
    records: Vec<Record>,
    bodies: Vec<String>,
    summary: Summary,
    verdict: Verdict,
}

impl Ran {
    fn finding(&self, gate: &str) -> Option<&Finding> {
        self.verdict.findings.iter().find(|finding| finding.gate == gate)
    }

    fn value(&self, tag: &str, statistic: Statistic) -> f64 {
        self.summary.metric(tag).unwrap().statistic(statistic).unwrap()
    }

    fn distinct_prompts(&self) -> usize {
        self.bodies.iter().collect::<HashSet<_>>().len()
    }

    /// The effect that is stated on the mean is the true one, within a twentieth.
    fn assert_effect(&self, finding: &Finding, tag: &str, truth: f64) {
        let effect = finding.effects.iter().find(|e| e.tag == tag && e.statistic == Statistic::Avg);
        let effect = effect.unwrap_or_else(|| panic!("{finding:?}"));
        let share = effect.most / self.value(tag, Statistic::Avg);
        assert!((share / truth - 1.0).abs() < 0.05, "{share} said, {truth} true: {finding:?}");
    }
}

/// A closed loop of one, as many requests as prompts.
fn plan(requests: u64) -> Plan {
    let mut plan = simulated::plan(Phase::closed(1, requests));
    plan.prompts.entries = requests as usize;
    plan
}

fn run(plan: &Plan, answer: Answer) -> Ran {
    let mut played = SimulatedRun::new(plan).play(Server::of(answer));
    let bodies = std::mem::take(&mut played.peers[0].bodies);
    let records = played.records.clone();
    let summary = played.summarize(plan);
    let verdict = judge(plan, &summary, &HostFacts::default(), None);
    Ran { records, bodies, summary, verdict }
}

/// Answers each request with a stream, and keeps its body.
struct Server {
    answer: Answer,
    bodies: Vec<String>,
}

impl Server {
    fn of(answer: Answer) -> Self {
        Self { answer, bodies: Vec::new() }
    }
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        let text = String::from_utf8_lossy(bytes);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        script.send(now, key, head());
        let before = self.bodies.iter().filter(|other| **other == body).count() as u64;
        let request = Request { number: self.bodies.len() as u64, before };
        self.bodies.push(body);
        (self.answer)(request, script, now, key);
    }
}

/// Finish reason, usage and terminator.
fn end(reason: &str, prompt: u32, usage: &str) -> Vec<u8> {
    let finish = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
    let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{prompt},{usage}}}}}"#);
    [event(&finish), event(&usage), simulated::end()].concat()
}
