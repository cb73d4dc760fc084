//! Verdicts under virtual time: what a client that was stopped, or that is kept from running now and then, has made of
//! the figures, against the same run of one that was not.

use crate::simulated::{START, end, event, head, lasting, plan, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::host::HostFacts;
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::{Lateness, Summary};
use ringload_engine::plan::{Arrival, Load, Phase, Plan, Slo, Statistic, Threshold};
use ringload_engine::verdict::{Finding, Scope, Status, Verdict, judge};

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
        let plan = honest(seed);
        let pauses = if seed % 5 == 4 { between_requests() } else { pauses(seed, 12 * SECOND) };
        let (summary, verdict) = judged(&plan, &pauses);
        let lag = summary.client.dispatch_lag.as_ref().unwrap();
        assert!(seed % 5 == 4 || lag.at("max").unwrap() > 0.5, "the client was late, {lag:?}");
        assert_eq!(verdict.status, Status::Valid, "{seed}: {:?}", verdict.findings);
        // What is asked for is what it is without the pauses, to the hundredth.
        let (truth, _) = judged(&plan, &[]);
        for tag in ["time_to_first_token", "inter_token_latency", "request_latency", "request_throughput"] {
            let avg = |summary: &Summary| summary.metric(tag).unwrap().avg;
            let off = (avg(&summary) / avg(&truth) - 1.0).abs();
            assert!(off < 0.01, "{seed}: {tag} is off by {off}");
        }
        // One long stop is seen all the same, and decides where it is in what was asked for: times from the issue have
        // none of it.
        let (_, stopped) = judged(&plan, &[(START + 4 * SECOND, 2 * SECOND)]);
        let lag = finding(&stopped, "dispatch_lag").unwrap();
        assert!(!lag.effects.is_empty(), "{seed}: {lag:?}");
        let from_issue = !plan.slos.is_empty() || !plan.thresholds.is_empty();
        assert!(from_issue || stopped.status == Status::Invalid, "{seed}: {:?}", stopped.findings);
    }
}

/// Open loops, closed ones, objectives, conditions, and a load so light that the client has nothing to do most of the
/// time.
fn honest(seed: u64) -> Plan {
    let mut poisson = open(25.0, 12 * SECOND);
    poisson.load = Load::Open { rate: 25.0.into(), pattern: Arrival::Poisson, cap: None };
    let mut plan = plan(match seed % 5 {
        0 => open(30.0, 12 * SECOND),
        1 => closed(6, 12 * SECOND),
        2 => poisson,
        3 => closed(1 + seed as u32 / 5, 12 * SECOND),
        _ => open(2.0, 12 * SECOND),
    });
    plan.seed = seed;
    if seed % 4 == 1 {
        plan.slos = Slo::parse_all(&["time_to_first_token:60".into(), "inter_token_latency:20".into()]).unwrap();
    }
    if seed % 4 == 3 {
        plan.thresholds = vec![Threshold::parse("ttft.p90>80ms").unwrap()];
    }
    plan
}

/// A quarter of a second of each half, from when the response to the request that was due in it is over.
fn between_requests() -> Vec<(Nanos, Nanos)> {
    (0..23).map(|i| (START + i * 500 * MILLI + 210 * MILLI, 250 * MILLI)).collect()
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

pub(crate) fn finding<'a>(verdict: &'a Verdict, gate: &str) -> Option<&'a Finding> {
    verdict.findings.iter().find(|finding| finding.gate == gate)
}

/// Pauses of up to 3 ms, one in each 60 ms or so.
pub(crate) fn pauses(seed: u64, length: Nanos) -> Vec<(Nanos, Nanos)> {
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

pub(crate) fn open(rate: f64, length: Nanos) -> Phase {
    lasting(Load::Open { rate: rate.into(), pattern: Arrival::Constant, cap: None }, Some(length))
}

pub(crate) fn closed(in_flight: u32, length: Nanos) -> Phase {
    lasting(Load::closed(in_flight), Some(length))
}

/// A run whose client is stopped from each of these instants for so long, and what is said of it.
fn judged(plan: &Plan, stops: &[(Nanos, Nanos)]) -> (Summary, Verdict) {
    judged_with(SHORT, plan, stops)
}

fn judged_with(answer: Answer, plan: &Plan, stops: &[(Nanos, Nanos)]) -> (Summary, Verdict) {
    let (summary, verdict, _) = judged_against(Server { answer, requests: 0 }, plan, stops);
    (summary, verdict)
}

/// The same against another server, which is handed back.
pub(crate) fn judged_against<P: Peer>(peer: P, plan: &Plan, stops: &[(Nanos, Nanos)]) -> (Summary, Verdict, P) {
    let mut played = SimulatedRun::new(plan).frozen(stops).merging_segments().play(peer);
    let peer = played.peers.remove(0);
    let summary = played.summarize(plan);
    let verdict = judge(plan, &summary, &HostFacts::default(), None);
    (summary, verdict, peer)
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
        script.send(at, key, head());
        script.send(at, key, token("t"));
        let Answer { tokens, gap } = self.answer;
        for i in 1..tokens {
            at += gap + (k + i) % 4 * MILLI;
            let mut bytes = token("t");
            if i + 1 == tokens {
                let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens}}}}}"#);
                [event(FINISH), event(&usage), end()].iter().for_each(|piece| bytes.extend(piece));
            }
            script.send(at, key, bytes);
        }
    }
}

pub(crate) const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
