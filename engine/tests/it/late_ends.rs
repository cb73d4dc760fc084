//! What a client that is stopped makes of a response's begin and end where the kernel does not stamp them, or stamps
//! them together with what came later: against the same run of one that is not stopped.

use crate::own_lags::share;
use crate::shared_connections::server::{BODY, Server as Http2Server, TOKEN, chat, frame};
use crate::simulated::{START, end, event, head, lasting, plan, token};
use crate::verdicts::{FINISH, finding, judged_against};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::{SimulatedResult, SimulatedRun};
use ringload_engine::measure::{Lateness, Summary};
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Load, Phase, Plan, Reuse, Statistic};
use ringload_engine::record::{Cause, Outcome, Record};
use ringload_engine::verdict::{Scope, Status};

fn played<P: Peer>(server: P, plan: &Plan, stops: &[(Nanos, Nanos)]) -> SimulatedResult<P> {
    SimulatedRun::new(plan).frozen(stops).merging_segments().play(server)
}

fn max(summary: &Summary, tag: &str) -> f64 {
    summary.metric(tag).unwrap().statistic(Statistic::Max).unwrap()
}

/// Answers after 50 ms with two tokens; every fourth response is reset behind its first token, 10 ms later, and another
/// fourth behind its `[DONE]`.
#[derive(Clone, Copy, Default)]
struct Resets {
    requests: u64,
}

impl Peer for Resets {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let number = self.requests;
        self.requests += 1;
        script.send(now + 50 * MILLI, key, [head(), token("a")].concat());
        match number % 4 {
            1 => script.reset(now + 60 * MILLI, key),
            3 => {
                script.send(now + 60 * MILLI, key, [token("b"), event(FINISH), event("[DONE]")].concat());
                script.reset(now + 65 * MILLI, key);
            }
            _ => script.send(now + 60 * MILLI, key, [token("b"), event(FINISH), end()].concat()),
        }
    }
}

#[test]
fn a_reset_in_mid_response_frees_a_slot_between_two_looks() {
    let plan = plan(Phase { requests: Some(40), ..lasting(Load::closed(1), None) });
    let truth = played(Resets::default(), &plan, &[]).records;
    assert!(truth.iter().all(|record| record.lags.dispatch == 0), "nothing is the client's");
    for (number, outcome) in [(21, Outcome::Failed(Cause::Reset)), (23, Outcome::Succeeded)] {
        let reset = &truth[number];
        assert_eq!(reset.outcome, outcome, "{reset:?}");
        // The stop begins 3 ms before the reset.
        let at = truth[number + 1].instants.issued;
        let stopped = played(Resets::default(), &plan, &[(at - 3 * MILLI, 300 * MILLI)]).records;
        let next = &stopped[number + 1];
        let made = next.instants.issued - at;
        assert_eq!(made, 297 * MILLI, "{next:?}");
        // It can have come since the token before it.
        let said = next.lags.dispatch;
        assert!((made..=made + 10 * MILLI).contains(&said), "{outcome:?}: {made} made, {said} said");
        assert!(stopped.iter().all(|record| record.k == next.k || record.lags.dispatch == 0));
    }
}

#[test]
fn resets_that_are_seen_late_are_rates_that_the_client_made() {
    let plan = plan(lasting(Load::closed(1), Some(6 * SECOND)));
    let (truth, innocent, _) = judged_against(Resets::default(), &plan, &[]);
    assert_eq!(finding(&innocent, "dispatch_lag").map(|f| f.status), None, "{:?}", innocent.findings);
    let records = played(Resets::default(), &plan, &[]).records;
    let resets: Vec<_> = records.iter().filter(|record| record.outcome != Outcome::Succeeded).collect();
    // A stop moves what follows: one is enough to be seen.
    let stop = (resets[10].instants.end - 3 * MILLI, 900 * MILLI);
    let (summary, verdict, _) = judged_against(Resets::default(), &plan, &[stop]);
    let rate = |summary: &Summary| summary.metric("request_throughput").unwrap().avg;
    let lost = rate(&truth) / rate(&summary) - 1.0;
    let lag = finding(&verdict, "dispatch_lag").expect("a slot stood empty");
    assert_eq!((lag.scope, lag.status > Status::Valid), (Scope::Client, true), "{lag:?}");
    let share = lag.effects.iter().find(|effect| effect.tag == "request_throughput").unwrap().share.unwrap();
    assert!(lost > 0.1 && (lost / 2.0..lost * 2.0).contains(&share), "{lost} lost, {share} said");
}

#[test]
fn what_waits_for_the_slot_of_a_reset_response_has_its_lag() {
    // One slot of some 60 ms serves 16 a second, and 20 come.
    let cap = Some(Cap { concurrency: 1, policy: CapPolicy::Queue, ramp: None });
    let load = Load::Open { rate: 20.0.into(), pattern: Arrival::Constant, cap };
    let plan = plan(Phase { requests: Some(60), ..lasting(load, None) });
    let truth = played(Resets::default(), &plan, &[]).records;
    let number = (20..40).find(|number| truth[*number].outcome != Outcome::Succeeded).unwrap();
    let at = truth[number].instants.end;
    let stopped = played(Resets::default(), &plan, &[(at - 3 * MILLI, 300 * MILLI)]).records;
    for k in number + 1..50 {
        let made = stopped[k].instants.issued - truth[k].instants.issued;
        let said = stopped[k].lags.dispatch;
        assert!((made..=made + 10 * MILLI).contains(&said), "{k}: {made} made, {said} said");
    }
}

/// A response over HTTP/2 of a token after 20 ms and the rest after 40: `[DONE]`, and where `apart`, the end of the
/// stream in a frame of its own, 10 ms later. The streams after the first come 5 ms later each.
fn in_turns(at: Nanos, key: Key, stream: u32, script: &mut Script) {
    let at = at + u64::from(stream / 2 % 4) * 5 * MILLI;
    script.send(at + 20 * MILLI, key, [frame(1, 4, stream, &[0x88]), frame(0, 0, stream, TOKEN)].concat());
    script.send(at + 40 * MILLI, key, frame(0, 0, stream, BODY));
    script.send(at + 50 * MILLI, key, frame(0, 1, stream, &[]));
}

#[test]
fn an_end_that_is_read_with_frames_of_other_streams_can_have_come_before_them() {
    let server = || Http2Server { answer: in_turns, ..Http2Server::default() };
    let plan = plan(Phase { requests: Some(40), ..lasting(Load::closed(4), None) });
    let run = |stops: &[(Nanos, Nanos)]| {
        SimulatedRun::new(&plan).over_http2().frozen(stops).merging_segments().play(server())
    };
    let truth = run(&[]);
    let quiet = |record: &Record| record.intervals.end == 0 && record.intervals.begin == 0;
    assert!(truth.records.iter().all(quiet), "nothing is the client's");
    // Both ends of four responses, 5 ms apart, fall into a stop that begins before the first.
    let first = truth.records.iter().find(|record| record.k == 20).unwrap().instants.end;
    let stopped = run(&[(first - 2 * MILLI, 60 * MILLI)]);
    let mut late = 0;
    for record in &stopped.records {
        let Some(other) = truth.records.iter().find(|other| other.k == record.k) else { continue };
        if record.instants.issued != other.instants.issued {
            continue;
        }
        let made = record.instants.end - other.instants.end;
        assert!(record.intervals.end >= made, "{}: {made} made, {:?}", record.k, record.intervals);
        late += u32::from(made > MILLI);
    }
    assert!(late >= 3, "{late} ends have the stamp of a later frame");
    let (truth, summary) = (truth.summarize(&plan), stopped.summarize(&plan));
    let mean = |summary: &Summary| summary.metric("response_time").unwrap().avg;
    let made = mean(&summary) - mean(&truth);
    let said = share(&summary, "response_time", Statistic::Avg, Lateness::ReceiveLag)
        + share(&summary, "response_time", Statistic::Avg, Lateness::DispatchLag);
    assert!(made > 1.0 && (made..4.0 * made).contains(&said), "{made} made, {said} said");
}

#[test]
fn a_stream_that_is_reset_ends_when_its_frame_came() {
    let server = || Http2Server {
        answer: |at, key, stream, script| match stream {
            41 => {
                script.send(at + 20 * MILLI, key, [frame(1, 4, stream, &[0x88]), frame(0, 0, stream, TOKEN)].concat());
                script.send(at + 30 * MILLI, key, frame(3, 0, stream, &[0, 0, 0, 2]));
            }
            _ => script.send(at + 40 * MILLI, key, chat(stream)),
        },
        ..Http2Server::default()
    };
    let plan = plan(Phase { requests: Some(30), ..lasting(Load::closed(1), None) });
    let run = |stops: &[(Nanos, Nanos)]| {
        SimulatedRun::new(&plan).over_http2().frozen(stops).merging_segments().play(server()).records
    };
    let truth = run(&[]);
    assert_eq!(truth[20].outcome, Outcome::Failed(Cause::Http2Reset));
    let stopped = run(&[(truth[20].instants.end - 3 * MILLI, 300 * MILLI)]);
    assert_eq!(stopped[20].instants.end, truth[20].instants.end, "its frame has a stamp");
    assert_eq!(
        (stopped[21].lags.dispatch, stopped[21].instants.issued - truth[21].instants.issued),
        (297 * MILLI, 297 * MILLI)
    );
}

/// Sends its head after 20 ms, a token after 60, and the rest after 70.
#[derive(Clone, Copy)]
struct EarlyHead;

impl Peer for EarlyHead {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        script.send(now + 20 * MILLI, key, head());
        script.send(now + 60 * MILLI, key, token("a"));
        script.send(now + 70 * MILLI, key, [token("b"), event(FINISH), end()].concat());
    }
}

#[test]
fn a_head_that_is_read_with_what_came_later_can_have_come_before() {
    let plan = plan(lasting(Load::closed(1), Some(6 * SECOND)));
    let (truth, innocent, _) = judged_against(EarlyHead, &plan, &[]);
    assert!(truth.client.shares.is_empty(), "{:?}", truth.client.shares);
    assert_eq!(innocent.status, Status::Valid, "{:?}", innocent.findings);
    let issued = played(EarlyHead, &plan, &[]).records[20].instants.issued;
    let (summary, _, _) = judged_against(EarlyHead, &plan, &[(issued + 10 * MILLI, 55 * MILLI)]);
    for tag in ["http_req_waiting", "stream_setup_latency"] {
        let made = max(&summary, tag) - max(&truth, tag);
        let said = share(&summary, tag, Statistic::Max, Lateness::ReceiveLag);
        assert!((made - 40.0).abs() < 0.1 && (made..2.0 * made).contains(&said), "{tag}: {made} made, {said} said");
        assert_eq!(summary.client_share(tag, Statistic::P50), None, "{tag}");
    }
    let least = |summary: &Summary, tag: &str| summary.metric(tag).unwrap().statistic(Statistic::Min).unwrap();
    for tag in ["http_req_receiving", "stream_prefill_latency"] {
        let made = least(&truth, tag) - least(&summary, tag);
        let of = summary.client.shares.iter().find(|s| (s.tag, s.statistic) == (tag, Statistic::Min));
        let said = of.map_or(0.0, |share| share.higher_by);
        assert!((made - 40.0).abs() < 0.1 && said + 0.1 >= made, "{tag}: {made} made, {said} said");
    }
    // Its token is the last of that read.
    assert_eq!(summary.client_share("time_to_first_token", Statistic::Max), None);
}

/// Of two addresses, the first that is tried refuses after 10 ms.
#[derive(Clone, Copy, Default)]
struct OneDown {
    connects: u64,
}

impl Peer for OneDown {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        let number = self.connects;
        self.connects += 1;
        match number % 2 {
            0 => script.refuse(now + 10 * MILLI, key, 111),
            _ => script.accept(now + 10 * MILLI, key),
        }
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        script.send(now + 20 * MILLI, key, [head(), token("a"), token("b"), event(FINISH), end()].concat());
    }
}

#[test]
fn a_refusal_that_is_seen_late_is_in_the_connect_of_the_next_address() {
    let mut plan = plan(Phase { requests: Some(1), ..lasting(Load::closed(1), None) });
    plan.reuse = Reuse::Never;
    let run = |stops: &[(Nanos, Nanos)]| {
        SimulatedRun::new(&plan).addresses(2).frozen(stops).play(OneDown::default()).records.remove(0)
    };
    let truth = run(&[]);
    assert_eq!((truth.outcome, truth.lags.connect), (Outcome::Succeeded, 0), "{truth:?}");
    assert_eq!(truth.instants.phases().tcp, 20 * MILLI);
    let stopped = run(&[(START + 5 * MILLI, 300 * MILLI)]);
    let made = stopped.instants.phases().tcp - truth.instants.phases().tcp;
    assert_eq!((made, stopped.lags.connect), (295 * MILLI, 295 * MILLI), "{stopped:?}");
}

#[test]
fn settings_that_are_read_late_keep_those_who_wait_for_them() {
    // The connection is there after 10 ms, and the settings 1 ms later.
    let server = || Http2Server {
        connect: 10 * MILLI,
        answer: |at, key, stream, script| script.send(at + 40 * MILLI, key, chat(stream)),
        ..Http2Server::default()
    };
    let plan = plan(Phase { requests: Some(3), ..lasting(Load::closed(3), None) });
    let run = |stops: &[(Nanos, Nanos)]| SimulatedRun::new(&plan).over_http2().frozen(stops).play(server()).records;
    let lags =
        |stops: &[(Nanos, Nanos)]| -> Vec<Nanos> { run(stops).iter().map(|record| record.lags.set_up()).collect() };
    assert_eq!(lags(&[]), [0; 3]);
    // The stop begins between the two.
    let mut late = lags(&[(START + 10 * MILLI + MILLI / 2, 300 * MILLI)]);
    late.sort_unstable();
    assert_eq!(late, [0, 300 * MILLI - MILLI / 2, 300 * MILLI - MILLI / 2]);
}
