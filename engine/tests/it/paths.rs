//! Paths that are wrong in one way each, under virtual time, and what the verdict makes of them against what the server
//! knows.

use crate::simulated::{START, end, event, head, plan, token};
use crate::verdicts::{FINISH, closed, finding, judged_against, open};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::plan::{Cap, CapPolicy, Load, Plan, Reuse, Statistic};
use ringload_engine::verdict::{Direction, Finding, Scope, Status};
use std::collections::{BTreeMap, HashMap};

#[test]
fn events_that_wait_for_a_delayed_acknowledgement_are_the_paths() {
    let nagle = |holds| Nagle { holds, requests: HashMap::new() };
    let plan = plan(closed(4, 6 * SECOND));
    let (_, verdict, _) = judged_against(nagle(true), &plan, &[]);
    let found = finding(&verdict, "delayed_ack").unwrap_or_else(|| panic!("{:?}", verdict.findings));
    assert_eq!((verdict.status, found.status, found.scope), (Status::Suspect, Status::Suspect, Scope::Path));
    assert!(finding(&verdict, "buffering").is_none() && finding(&verdict, "coalesced").is_none());
    // The first token is made after 20 ms and comes after 41; twelve tokens then have five gaps less of 5 ms.
    let gaps = (TOKENS - 1) as f64;
    for (tag, direction, size) in [
        ("time_to_first_token", Direction::Raised, 21.0),
        ("inter_token_latency", Direction::Lowered, 5.0 - (gaps * 5.0 - 21.0) / gaps),
    ] {
        let effect = found.effects.iter().find(|e| (e.tag, e.statistic) == (tag, Statistic::Avg)).unwrap();
        assert_eq!(effect.direction, direction);
        assert!((size / 2.0..size * 2.0).contains(&effect.most), "{size} in truth, {effect:?}");
    }
    // The same server with TCP_NODELAY, and one whose first token takes as long.
    let (_, verdict, _) = judged_against(nagle(false), &plan, &[]);
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    assert!(finding(&verdict, "delayed_ack").is_none());
}

#[test]
fn every_second_that_a_slow_phase_empties_is_counted_and_told_why() {
    let rate = 400.0;
    let plan_of = |cap: Option<Cap>| {
        let mut phase = open(rate, 20 * SECOND);
        phase.load = match phase.load {
            Load::Open { rate, pattern, .. } => Load::Open { rate, pattern, cap },
            other => other,
        };
        plan(phase)
    };
    let cap = Cap { concurrency: 50, policy: CapPolicy::Queue, ramp: None };
    let slow = || Slow { of: (1_500 * MILLI, 4 * SECOND), seen: BTreeMap::new() };
    let (summary, verdict, Slow { seen, .. }) = judged_against(slow(), &plan_of(Some(cap)), &[]);
    // Of the twenty seconds, those in which the server met over 1 % fewer requests.
    let missed = (0..20).filter(|second| *seen.get(second).unwrap_or(&0) < (rate * 0.99) as u64).count();
    assert!(missed >= 5, "{seen:?}");
    let found = finding(&verdict, "missed_seconds").unwrap_or_else(|| panic!("{:?}", verdict.findings));
    assert_eq!(found.value, Some(missed as f64), "{}", found.evidence);
    assert_eq!((found.status, found.scope), (Status::Suspect, Scope::Policy));
    let rate = summary.rate.unwrap();
    assert!(rate.ratio > 0.99, "the mean was kept: {rate:?}");
    // Without a bound each second has its arrivals, however slow the server is.
    let (_, verdict, Slow { seen, .. }) = judged_against(slow(), &plan_of(None), &[]);
    assert!((0..20).all(|second| seen[&second] == 400), "{seen:?}");
    assert!(finding(&verdict, "missed_seconds").is_none(), "{:?}", verdict.findings);
}

#[test]
fn connects_whose_syn_is_sent_again_are_counted() {
    let mut plan = plan(closed(4, 20 * SECOND));
    plan.reuse = Reuse::Never;
    let server = Connecting { again: Some(10), closes: false, connects: 0, slow: 0 };
    let (found, server) = told(server, &plan, "slow_connects");
    assert_eq!((found.status, found.scope), (Status::Suspect, Scope::Path));
    assert_eq!(found.value, Some(f64::from(server.slow)), "{}", found.evidence);
    assert!(found.remedy.contains("backlog"), "{}", found.remedy);
}

#[test]
fn a_server_that_keeps_no_connection_is_told() {
    let server = |closes| Connecting { again: None, closes, connects: 0, slow: 0 };
    let plan = plan(closed(4, 6 * SECOND));
    let (found, _) = told(server(true), &plan, "not_kept");
    assert_eq!((found.status, found.scope), (Status::Suspect, Scope::Server), "{}", found.evidence);
    let (_, verdict, _) = judged_against(server(false), &plan, &[]);
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    assert!(finding(&verdict, "not_kept").is_none());
}

fn told<P: Peer>(server: P, plan: &Plan, gate: &str) -> (Finding, P) {
    let (_, verdict, server) = judged_against(server, plan, &[]);
    (finding(&verdict, gate).unwrap_or_else(|| panic!("{:?}", verdict.findings)).clone(), server)
}

const TOKENS: u64 = 12;

/// The end of a response of so many tokens.
fn last(tokens: u64) -> Vec<u8> {
    let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens}}}}}"#);
    [event(FINISH), event(&usage), end()].concat()
}

/// A head at once, and twelve tokens from 20 ms on, one each 5 ms; on used connections what is made by 40 ms waits
/// until then for the acknowledgement of the head, where Nagle's algorithm is on.
struct Nagle {
    holds: bool,
    requests: HashMap<u32, u32>,
}

impl Peer for Nagle {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        self.requests.insert(key.slot, 0);
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let served = self.requests.entry(key.slot).or_default();
        let holds = self.holds && *served > 0;
        *served += 1;
        let head_at = now + MILLI;
        script.send(head_at, key, head());
        for k in 0..TOKENS {
            let made = head_at + 19 * MILLI + k * 5 * MILLI;
            let sent = if holds { made.max(head_at + 40 * MILLI) } else { made };
            script.send(sent, key, token("t"));
            if k + 1 == TOKENS {
                script.send(sent, key, last(TOKENS));
            }
        }
    }
}

/// A server that answers nothing for a part of each period, and 20 ms after a request else; how many requests it met in
/// each second from the first on.
struct Slow {
    of: (Nanos, Nanos),
    seen: BTreeMap<u64, u64>,
}

impl Peer for Slow {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let since = now - START;
        *self.seen.entry(since / SECOND).or_default() += 1;
        let answered = since + 20 * MILLI;
        let (slow, period) = self.of;
        let into = answered % period;
        let at = START + if into < slow { answered - into + slow } else { answered };
        let bytes = [head(), token("t"), token("t"), last(2)].concat();
        script.send(at, key, bytes);
    }
}

/// A server behind a listen queue: connects take 8 ms, and every so-many-th a second more; it may close after each
/// response.
struct Connecting {
    again: Option<u32>,
    closes: bool,
    connects: u32,
    slow: u32,
}

impl Peer for Connecting {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        self.connects += 1;
        let again = self.again.is_some_and(|each| self.connects.is_multiple_of(each));
        self.slow += u32::from(again);
        script.accept(now + 8 * MILLI + if again { SECOND } else { 0 }, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let mut at = now + 40 * MILLI;
        let close = if self.closes { "connection: close\r\ncontent-type" } else { "content-type" };
        script.send(at, key, String::from_utf8_lossy(&head()).replace("content-type", close));
        for k in 0..TOKENS {
            script.send(at, key, token("t"));
            at += 6 * MILLI + k % 3 * MILLI;
        }
        script.send(at, key, last(TOKENS));
        if self.closes {
            script.close(at, key);
        }
    }
}
