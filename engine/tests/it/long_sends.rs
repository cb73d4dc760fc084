//! Requests that are too long to leave at once, under virtual time: the send ends when the last byte leaves.

use crate::simulated::{end, event, head, plan, token};
use crate::verdicts::{FINISH, closed, finding, judged_against};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::driver::{Key, Sending, Transmission};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::plan::{Length, Phase, Plan, Statistic};
use ringload_engine::verdict::{Direction, Scope, Status};

/// A kernel that lets the last byte of a long request go some time after it was given the request, and a server that
/// answers 50 ms after that.
struct Held {
    /// After how long the kernel takes the last byte; 0 at once.
    taken: Nanos,
    /// After how long it sends the last byte.
    leaves: Nanos,
    /// Until the acknowledgement, from there on; without one the stamp is lost.
    acknowledged: Option<Nanos>,
    /// Bytes of the sends that were stamped.
    named: Vec<usize>,
}

impl Held {
    fn new(taken: Nanos, leaves: Nanos, acknowledged: Option<Nanos>) -> Self {
        Self { taken, leaves, acknowledged, named: Vec::new() }
    }
}

impl Peer for Held {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_send(&mut self, _key: Key, _bytes: usize, _now: Nanos) -> Sending {
        if self.taken > 0 { Sending::Pending } else { Sending::Done }
    }

    fn on_named(&mut self, _key: Key, bytes: usize, now: Nanos) -> Option<Transmission> {
        self.named.push(bytes);
        let sent = now + self.leaves;
        Some(Transmission { sent: Some(sent), acknowledged: self.acknowledged.map(|after| sent + after) })
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        if self.taken > 0 {
            script.sent(now + self.taken, key);
        }
        let at = now + self.leaves + 50 * MILLI;
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":6000,"completion_tokens":2}}"#;
        script.send(at, key, [head(), token("a")].concat());
        script.send(at + 10 * MILLI, key, [token("b"), event(FINISH), event(usage), end()].concat());
    }
}

fn long(phase: Phase) -> Plan {
    let mut plan = plan(phase);
    plan.prompts.isl = Length { mean: 6_000.0, stddev: 0.0 };
    plan
}

#[test]
fn the_send_of_a_long_request_ends_on_the_wire() {
    // The last byte leaves 6 ms after the kernel was given the request: (taken at, held from there on).
    for (taken, held) in [(0, 6 * MILLI), (4 * MILLI, 2 * MILLI), (6 * MILLI, 0)] {
        for acknowledged in [Some(MILLI), None] {
            let plan = long(Phase::closed(1, 4));
            let played = SimulatedRun::new(&plan).play(Held::new(taken, 6 * MILLI, acknowledged));
            assert_eq!(played.peers[0].named.len(), 4);
            for r in &played.records {
                let phases = r.instants.phases();
                assert_eq!((phases.send, phases.wait), (6 * MILLI, 50 * MILLI));
                assert_eq!(phases.total(), r.instants.end - r.instants.issued);
                let transmission = r.transmission.unwrap();
                assert_eq!((transmission.held, transmission.acknowledged), (held, acknowledged));
            }
            let sends = played.summarize(&plan).network.long_sends.unwrap();
            assert_eq!((sends.requests, sends.acknowledged_ms), (4, acknowledged.map(|_| 1.0)));
        }
    }
}

#[test]
fn a_short_request_is_not_stamped() {
    let plan = plan(Phase::closed(1, 4));
    let played = SimulatedRun::new(&plan).play(Held::new(0, 0, None));
    assert!(played.peers[0].named.is_empty());
    assert!(played.records.iter().all(|r| r.transmission.is_none()));
    assert_eq!(played.summarize(&plan).network.long_sends, None);
}

#[test]
fn requests_that_congestion_control_holds_back_are_the_paths() {
    let plan = long(closed(4, 6 * SECOND));
    let (summary, verdict, _) = judged_against(Held::new(0, 6 * MILLI, Some(MILLI)), &plan, &[]);
    let found = finding(&verdict, "held_sends").unwrap_or_else(|| panic!("{:?}", verdict.findings));
    assert_eq!((found.status, found.scope), (Status::Suspect, Scope::Path));
    let ttft = found.effects.iter().find(|e| (e.tag, e.statistic) == ("time_to_first_token", Statistic::P50)).unwrap();
    assert_eq!((ttft.direction, ttft.most), (Direction::Raised, 6.0));
    let from_send = summary.metric("time_to_first_token_from_send").and_then(|m| m.statistic(Statistic::P50));
    assert_eq!(from_send, Some(50.0));
    let parts = summary.network.first_token.unwrap().all;
    assert_eq!((parts.send_ms, parts.head_ms), (6.0, 50.0));
    // Where it lets them go at once, there is nothing to say.
    let (_, verdict, _) = judged_against(Held::new(0, 0, Some(MILLI)), &plan, &[]);
    assert!(finding(&verdict, "held_sends").is_none(), "{:?}", verdict.findings);
}
