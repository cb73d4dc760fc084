//! What a client that is stopped adds to requests under a cap, and to connections in the making: against the same run
//! of one that is not stopped.

use crate::shared_connections::server::{Server as Http2Server, chat};
use crate::simulated::{START, end, event, head, lasting, plan, token};
use crate::verdicts::{FINISH, finding, judged_against};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::{SimulatedResult, SimulatedRun};
use ringload_engine::measure::{Lateness, Summary};
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Load, Phase, Plan, Reuse, Statistic};
use ringload_engine::record::{Record, Retry};
use ringload_engine::verdict::{Scope, Status};

/// Accepts after `accepts`, and answers after `answers` with two tokens.
#[derive(Clone, Copy)]
struct Steady {
    accepts: Nanos,
    answers: Nanos,
}

impl Peer for Steady {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now + self.accepts, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let at = now + self.answers;
        script.send(at, key, [head(), token("a")].concat());
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;
        script.send(at + MILLI, key, [token("b"), event(FINISH), event(usage), end()].concat());
    }
}

fn played<P: Peer>(server: P, plan: &Plan, stops: &[(Nanos, Nanos)]) -> SimulatedResult<P> {
    SimulatedRun::new(plan).frozen(stops).play(server)
}

/// Arrivals at a rate under a cap of four.
fn capped(rate: f64, length: Nanos) -> Plan {
    let cap = Some(Cap { concurrency: 4, policy: CapPolicy::Queue, ramp: None });
    plan(lasting(Load::Open { rate: rate.into(), pattern: Arrival::Constant, cap }, Some(length)))
}

fn waited(record: &Record) -> Nanos {
    record.instants.issued - record.instants.scheduled
}

#[test]
fn under_a_cap_the_clients_own_lag_is_told_apart_from_the_caps() {
    // Four slots of 100 ms serve 40 a second, and 50 come: the queue only grows.
    let server = Steady { accepts: 0, answers: 99 * MILLI };
    let plan = capped(50.0, 6 * SECOND);
    let stop = (START + 3 * SECOND + 5 * MILLI, 300 * MILLI);
    let (truth, stopped) = (played(server, &plan, &[]), played(server, &plan, &[stop]));
    assert!(truth.records.iter().all(|record| record.lags.dispatch == 0), "nothing is the client's");
    assert!(truth.records.iter().filter(|record| waited(record) > 100 * MILLI).count() > 50, "the cap binds");
    let mut late = 0;
    for record in &stopped.records {
        let own = record.lags.dispatch;
        if record.instants.issued < stop.0 {
            assert_eq!(own, 0, "{record:?}");
            continue;
        }
        let Some(true_one) = truth.records.iter().find(|other| other.k == record.k) else {
            continue;
        };
        // Slots stood empty for 200 to 300 ms: for so long each request in the queue behind was kept by the client, to
        // the time between two ends.
        let made = record.instants.issued - true_one.instants.issued;
        assert!(own + 100 * MILLI >= made && own <= made + 100 * MILLI, "{own} said, {made} made");
        late += 1;
    }
    assert!(late > 80, "{late}");
}

#[test]
fn under_a_cap_each_statistic_has_the_clients_part_alone() {
    // The cap binds for a second in ten, when the server is slow; the client is stopped for 0.2 s in another.
    let (summary, _, _) = judged_against(
        Slow { from: START + SECOND, until: START + 2 * SECOND },
        &capped(20.0, 20 * SECOND),
        &[(START + 15 * SECOND + 5 * MILLI, 200 * MILLI)],
    );
    assert!(summary.counts.queued > 10, "{}", summary.counts.queued);
    // Four of 400 arrivals fell into the stop: up to the 90th percentile nothing is the client's.
    for statistic in [Statistic::P50, Statistic::P90] {
        assert_eq!(summary.client_share("response_time", statistic), None, "{statistic:?}");
    }
    let avg = share(&summary, "response_time", Statistic::Avg, Lateness::DispatchLag);
    // 155, 105, 55 and 5 ms of 400 requests.
    assert!((0.75..0.85).contains(&avg), "{avg}");
}

/// Answers after 20 ms, in between only at the end of a stretch.
#[derive(Clone, Copy)]
struct Slow {
    from: Nanos,
    until: Nanos,
}

impl Peer for Slow {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        let slow = (self.from..self.until).contains(&now);
        let answers = if slow { self.until - now } else { 20 * MILLI };
        Steady { accepts: 0, answers }.on_bytes(key, bytes, now, script);
    }
}

#[test]
fn users_who_wait_for_their_last_answer_make_no_lag() {
    // Four users take turns of 100 ms each 80 ms.
    let server = Steady { accepts: 0, answers: 99 * MILLI };
    let plan = plan(lasting(Load::Users { rate: 50.0, users: 4 }, Some(3 * SECOND)));
    let truth = played(server, &plan, &[]);
    assert!(truth.records.iter().filter(|record| waited(record) > 0).count() > 50);
    assert!(truth.records.iter().all(|record| record.lags.dispatch == 0));
    let stop = (START + SECOND + 5 * MILLI, 300 * MILLI);
    let late = played(server, &plan, &[stop]);
    let of_stop = late.records.iter().filter(|record| record.lags.dispatch > 150 * MILLI).count();
    assert_eq!(of_stop, 8, "one turn of each user, and the one behind it");
}

#[test]
fn connections_that_are_seen_late_are_in_the_figures_that_hold_them() {
    let server = Steady { accepts: 30 * MILLI, answers: 50 * MILLI };
    let mut plan = plan(lasting(Load::closed(2), Some(6 * SECOND)));
    plan.reuse = Reuse::Never;
    let (truth, innocent, _) = judged_against(server, &plan, &[]);
    assert!(truth.client.shares.is_empty() && truth.network.late_set_ups.is_none(), "{:?}", truth.client.shares);
    assert!(finding(&innocent, "set_up_lag").is_none());
    // The stop begins while both connects are under way: 20 ms later both are there.
    let connecting = played(server, &plan, &[]).records[40].instants.tcp_start.expect("it made a connection");
    let (summary, verdict, _) = judged_against(server, &plan, &[(connecting + 10 * MILLI, 500 * MILLI)]);
    let late = summary.network.late_set_ups.expect("connects were seen late");
    assert_eq!((late.requests, late.longest_ms), (2, 480.0));
    for tag in ["http_req_connecting", "time_to_first_token", "request_latency"] {
        let value = |summary: &Summary| summary.metric(tag).unwrap().statistic(Statistic::Max).unwrap();
        let made = value(&summary) - value(&truth);
        assert!((made - 480.0).abs() < 0.1, "{tag}: {made}");
        let said = share(&summary, tag, Statistic::Max, Lateness::SetUpLag);
        assert!((said - made).abs() < 0.1, "{tag}: {made} made, {said} said");
        assert_eq!(summary.client_share(tag, Statistic::P50), None, "{tag}");
    }
    let lag = finding(&verdict, "set_up_lag").expect("it moved the mean");
    assert_eq!((lag.scope, lag.status > Status::Valid), (Scope::Client, true), "{lag:?}");
    // The phases of the handshake and the wait have none of it.
    assert!(summary.client.shares.iter().all(|share| share.tag != "http_req_waiting" && share.tag != "http_req_tls"));
}

#[test]
fn a_connect_is_seen_late_by_no_more_than_it_took() {
    // All that is known of a connect is that it was not over when the wait before began, which is before the connect.
    let mut plan = plan(lasting(Load::closed(1), Some(4 * SECOND)));
    plan.reuse = Reuse::Never;
    let server = Steady { accepts: 10 * MILLI, answers: 400 * MILLI };
    let records = SimulatedRun::new(&plan).bound_by_waits().play(server).records;
    assert!(records.len() > 5, "{}", records.len());
    for record in records {
        assert_eq!((record.lags.connect, record.instants.phases().tcp), (10 * MILLI, 10 * MILLI));
    }
}

#[test]
fn who_waits_for_a_connection_has_no_lag_from_before_it_came() {
    // It comes at 250 ms, and the connection is there at 255 ms; the wait before that one began at 245 ms.
    let server = Http2Server {
        connect: 255 * MILLI,
        answer: |at, key, stream, script| script.send(at + 20 * MILLI, key, chat(stream)),
        ..Http2Server::default()
    };
    let load = Load::Open { rate: 8.0.into(), pattern: Arrival::Constant, cap: None };
    let plan = plan(Phase { requests: Some(3), ..lasting(load, None) });
    let records = SimulatedRun::new(&plan).over_http2().bound_by_waits().play(server).records;
    let lags: Vec<_> = records.iter().map(|record| (record.lags.connect, record.lags.queue)).collect();
    assert_eq!(lags, [(10 * MILLI, 0), (0, 10 * MILLI), (0, 5 * MILLI)]);
}

#[test]
fn a_slot_is_free_when_its_request_was_to_be_given_up() {
    // The end of the body is waited for until 20 ms after [DONE], a token for 200 ms. The stop begins at `from`.
    // Of one that ends with its connection, it is not known that it did not come with `[DONE]`.
    for (ends, from, free, sure) in
        [(Ends::Never, 60, 70, 70), (Ends::Silent, 190, 200, 200), (Ends::Closed, 40, 70, 50)]
    {
        let mut plan = plan(Phase { requests: Some(6), ..lasting(Load::closed(1), None) });
        plan.timeouts.ttft = Some(200 * MILLI);
        let begun = played(ends, &plan, &[]).records[2].instants.issued;
        let records = played(ends, &plan, &[(begun + from * MILLI, 300 * MILLI)]).records;
        for (k, record) in records.iter().enumerate() {
            let since = |at: Nanos| if k == 3 { (from + 300 - at) * MILLI } else { 0 };
            assert_eq!((waited(record), record.lags.dispatch), (since(free), since(sure)), "{ends:?} {k}");
        }
        assert_eq!(records[3].instants.scheduled - begun, free * MILLI, "{ends:?}");
    }
}

/// How the answers of a server end that have no end of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Never,
    /// Nor do they begin.
    Silent,
    /// With their connection, a millisecond after [DONE].
    Closed,
}

impl Peer for Ends {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        if *self != Self::Silent {
            let done = [head(), token("a"), event(FINISH), event("[DONE]")].concat();
            script.send(now + 50 * MILLI, key, done);
        }
        if *self == Self::Closed {
            script.close(now + 51 * MILLI, key);
        }
    }
}

/// By how much a statistic can be lower by one kind of lateness, in its display unit.
pub(crate) fn share(summary: &Summary, tag: &str, statistic: Statistic, lateness: Lateness) -> f64 {
    let of = summary.client.shares.iter().filter(|s| (s.tag, s.statistic, s.lateness) == (tag, statistic, lateness));
    of.map(|share| share.lower_by).sum()
}

/// Answers as HTTP/1.0 does: a body that ends with its connection, 10 ms after it came.
struct Http10;

impl Peer for Http10 {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let body = r#"{"choices":[{"index":0,"message":{"content":"all"},"finish_reason":"stop"}]}"#;
        script.send(now + 50 * MILLI, key, format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{body}"));
        script.close(now + 60 * MILLI, key);
    }
}

#[test]
fn a_body_that_ends_with_its_connection_is_known_to_have_ended_between_two_looks() {
    let mut plan = plan(lasting(Load::closed(1), Some(4 * SECOND)));
    plan.streaming = false;
    let (truth, innocent, _) = judged_against(Http10, &plan, &[]);
    assert!(truth.client.shares.is_empty(), "{:?}", truth.client.shares);
    assert_eq!(innocent.status, Status::Valid, "{:?}", innocent.findings);
    let end = played(Http10, &plan, &[]).records[20].instants.end;
    let (summary, verdict, _) = judged_against(Http10, &plan, &[(end - 5 * MILLI, 300 * MILLI)]);
    let value = |summary: &Summary| summary.metric("request_latency").unwrap().statistic(Statistic::Max).unwrap();
    let made = value(&summary) - value(&truth);
    assert!((made - 295.0).abs() < 0.1, "{made}");
    // It can have ended since the client looked last, which was when the body came.
    let said = share(&summary, "request_latency", Statistic::Max, Lateness::ReceiveLag);
    assert!((made..made + 5.1).contains(&said), "{made} made, {said} said");
    assert_eq!(summary.client_share("request_latency", Statistic::P50), None);
    assert!(verdict.status > Status::Valid, "{:?}", verdict.findings);
}

/// Answers as HTTP/1.0 does with a stream that names its end with a finish reason alone, and ends with its connection
/// 10 ms later.
struct Http10Stream;

impl Peer for Http10Stream {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let head = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let finish = r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
        let first = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        script.send(now + 40 * MILLI, key, format!("{head}data: {first}\n\n"));
        script.send(now + 50 * MILLI, key, format!("data: {finish}\n\n"));
        script.close(now + 60 * MILLI, key);
    }
}

#[test]
fn a_stream_that_ends_with_its_connection_is_known_to_have_ended_between_two_looks() {
    let plan = plan(lasting(Load::closed(1), Some(4 * SECOND)));
    let (truth, innocent, _) = judged_against(Http10Stream, &plan, &[]);
    assert!(truth.client.shares.is_empty(), "{:?}", truth.client.shares);
    assert_eq!(innocent.status, Status::Valid, "{:?}", innocent.findings);
    let end = played(Http10Stream, &plan, &[]).records[20].instants.end;
    let (summary, verdict, _) = judged_against(Http10Stream, &plan, &[(end - 5 * MILLI, 300 * MILLI)]);
    for tag in ["response_time", "http_req_receiving", "http_req_duration", "http_req_total"] {
        let value = |summary: &Summary| summary.metric(tag).unwrap().statistic(Statistic::Max).unwrap();
        let made = value(&summary) - value(&truth);
        assert!((made - 295.0).abs() < 0.1, "{tag}: {made}");
        // It can have ended since the client looked last, which was when the last token came.
        let said = share(&summary, tag, Statistic::Max, Lateness::ReceiveLag);
        assert!((made..made + 5.1).contains(&said), "{tag}: {made} made, {said} said");
        assert_eq!(summary.client_share(tag, Statistic::P50), None, "{tag}");
    }
    // The tokens came before.
    for tag in ["request_latency", "inter_token_latency", "time_to_first_token"] {
        assert_eq!(summary.client_share(tag, Statistic::Max), None, "{tag}");
    }
    let lag = finding(&verdict, "dispatch_lag").expect("a slot stood empty");
    let rate = lag.effects.iter().find(|effect| effect.tag == "request_throughput").expect("for lack of requests");
    let value = |summary: &Summary| summary.metric("request_throughput").unwrap().avg;
    let made = value(&truth) - value(&summary);
    assert!(made > 0.0 && (made / 2.0..made * 2.0).contains(&rate.most), "{made} made, {rate:?} said");
}

#[test]
fn a_request_that_is_retried_late_has_that_for_a_lag() {
    // The twenty-first request of a connection meets its end, which comes 5 ms after it.
    let server = || Http2Server {
        answer: |at, key, stream, script| match stream {
            41 => {
                let goaway = [&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 39][..], &[0; 4]].concat();
                script.send(at + 5 * MILLI, key, goaway);
            }
            _ => script.send(at + 20 * MILLI, key, chat(stream)),
        },
        ..Http2Server::default()
    };
    let plan = plan(Phase { requests: Some(50), ..lasting(Load::closed(1), None) });
    let run = || SimulatedRun::new(&plan).over_http2();
    let truth = run().play(server()).records;
    let retried = &truth[40];
    assert_eq!(retried.retry, Some(Retry::Unprocessed), "{retried:?}");
    assert!(truth.iter().all(|record| record.lags.queue == 0));
    let stop = (retried.instants.issued + 2 * MILLI, 300 * MILLI);
    let stopped = &run().frozen(&[stop]).play(server()).records[40];
    assert_eq!(stopped.retry, Some(Retry::Unprocessed), "{stopped:?}");
    let took = |record: &Record| record.instants.end - record.instants.issued;
    let made = took(stopped) - took(retried);
    assert_eq!((made, stopped.lags.queue), (297 * MILLI, made), "{stopped:?}");
}
