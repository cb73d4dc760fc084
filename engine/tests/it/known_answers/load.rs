//! When requests are issued: open and closed loops, caps, ramps, users, traces.

use super::*;

#[test]
fn a_server_that_stalls_shows_in_response_time_and_not_in_service_time() {
    // 1 s of 10 the server accepts nothing more: answers due in the stall come at its end. Requests are answered in 10
    // ms otherwise.
    let stall = (START + 3 * SECOND, START + 4 * SECOND);
    let peer = Scripted::new(move |at, key, script, _| {
        let due = at + 10 * MILLI;
        let at = if (stall.0..stall.1).contains(&due) { stall.1 } else { due };
        let mut bytes = head();
        bytes.extend(token("x"));
        bytes.extend(end());
        script.send(at, key, bytes);
    });
    let rate = 500.0;
    // One connection's worth of service at a time would close the loop; a cap of 20 makes the waiting visible as
    // policy.
    let cap = Some(Cap { concurrency: 20, policy: CapPolicy::Queue, ramp: None });
    let phase = open(rate, Arrival::Constant, cap, 10 * SECOND);
    let run = play(phase, peer);
    assert_eq!(run.records.len(), 5_000);
    let p99 = |length: fn(&Record) -> Nanos| {
        let mut lengths: Vec<Nanos> = run.records.iter().map(length).collect();
        lengths.sort_unstable();
        lengths[lengths.len() * 99 / 100] as f64 / 1e9
    };
    let response_time = p99(|r| r.instants.end - r.instants.scheduled);
    assert!((0.80..1.0).contains(&response_time), "{response_time}");
    let service_time = p99(|r| r.instants.end - r.instants.issued);
    assert!(service_time < 0.05, "service time stays low: {service_time}");
    assert!(run.shard.phase(PhaseKind::Profiling).queued > 400);
    assert_eq!(run.shard.histogram(HistogramId::DispatchLag).max(), 0, "the loop itself was never late");
}

#[test]
fn an_open_loop_without_a_cap_never_waits_for_answers() {
    let peer = steady(|_| 2 * SECOND, MILLI, 2);
    let run = play(open(100.0, Arrival::Constant, None, SECOND), peer);
    assert_eq!(run.records.len(), 100);
    for r in &run.records {
        assert_eq!(r.instants.scheduled, START + r.k * 10 * MILLI);
        assert_eq!(r.instants.issued, r.instants.scheduled);
    }
}

#[test]
fn a_closed_loop_keeps_exactly_n_in_flight() {
    for n in [1, 3, 7] {
        let run = play(Phase::closed(n, 50), steady(|k| (10 + k % 5) * MILLI, MILLI, 3));
        assert_eq!(run.records.len(), 50);
        assert_eq!(run.peak, n as usize);
    }
}

#[test]
fn the_drop_policy_counts_what_it_drops() {
    let cap = Some(Cap { concurrency: 2, policy: CapPolicy::Drop, ramp: None });
    let run = play(open(100.0, Arrival::Constant, cap, SECOND), steady(|_| 95 * MILLI, MILLI, 6));
    let counts = run.shard.phase(PhaseKind::Profiling);
    assert_eq!(counts.issued + counts.dropped, 100);
    assert_eq!(counts.issued, 20, "two at a time, 100 ms each");
}

#[test]
fn a_request_in_flight_at_the_end_is_neither_dropped_nor_zero() {
    let mut phase = open(10.0, Arrival::Constant, None, SECOND);
    phase.grace = Some(500 * MILLI);
    let run = play(phase, steady(|_| 700 * MILLI, MILLI, 2));
    let counts = run.shard.phase(PhaseKind::Profiling);
    assert_eq!((counts.issued, counts.succeeded + counts.in_flight_at_end), (10, 10));
    assert!(counts.in_flight_at_end > 0);
    let abandoned: Vec<&Record> = run.records.iter().filter(|r| r.outcome == Outcome::InFlight).collect();
    assert_eq!(abandoned.len() as u64, counts.in_flight_at_end);
    assert!(abandoned.iter().all(|r| r.instants.end == START + 1_500 * MILLI));
}

#[test]
fn a_closed_loop_opens_its_slots_over_the_time_of_its_ramp() {
    // 5 slots over 4 s; every answer takes a second, less 10 ms.
    let load = Load::Closed { concurrency: 5, ramp: linear(4 * SECOND) };
    let run = play(lasting(load, Some(10 * SECOND)), steady(|_| 980 * MILLI, 10 * MILLI, 2));
    for second in 0..10 {
        let (from, to) = (START + second * SECOND, START + (second + 1) * SECOND);
        let begun = run.records.iter().map(|r| r.instants.scheduled);
        let begun = begun.filter(|at| (from..to).contains(at)).count() as u64;
        // Nearly one request a second for each slot that is open; those that finish early begin a second one.
        let open = (second + 1).min(5);
        assert!((open..=2 * open).contains(&begun), "{begun} in second {second}");
    }
    assert_eq!(run.peak, 5);
    let opened: Vec<_> = run.records[..2].iter().map(|r| (r.instants.scheduled, r.instants.issued)).collect();
    assert_eq!(opened[0], (START, START));
    assert_eq!(run.shard.histogram(HistogramId::DispatchLag).max(), 0);
}

#[test]
fn a_cap_opens_over_the_time_of_its_ramp() {
    let cap = Some(Cap { concurrency: 3, policy: CapPolicy::Drop, ramp: linear(2 * SECOND) });
    // Answers never come: what is issued takes a slot for good.
    let mut phase = open(100.0, Arrival::Constant, cap, 3 * SECOND);
    phase.grace = Some(0);
    let run = play(phase, Scripted::new(|_, _, _, _| {}));
    let issued: Vec<_> = run.records.iter().map(|r| r.instants.issued - START).collect();
    assert_eq!(issued, [0, SECOND, 2 * SECOND]);
}

#[test]
fn a_prefill_bound_holds_requests_back_until_a_first_token() {
    // 100 ms to the first token, and as much again to the last: 2 in prefill pass 20 a second of the 40 that are due.
    let mut phase = open(40.0, Arrival::Constant, None, SECOND);
    phase.prefill = Some(Prefill { concurrency: 2, ramp: None });
    let run = play(phase, steady(|_| 100 * MILLI, 100 * MILLI, 2));
    let mut prefills: Vec<(Nanos, i32)> = Vec::new();
    for r in &run.records {
        prefills.push((r.instants.issued, 1));
        prefills.push((r.instants.first_token.unwrap(), -1));
    }
    prefills.sort_unstable();
    let mut now = 0;
    for (_, step) in prefills {
        now += step;
        assert!(now <= 2);
    }
    let counts = run.shard.phase(PhaseKind::Profiling);
    assert_eq!((counts.issued, counts.issued + counts.dropped), (20, 40));
    // Two pass at once; all others waited, and that is not the loop's lateness.
    assert_eq!(counts.queued, 38);
    assert_eq!(run.shard.histogram(HistogramId::DispatchLag).max(), 0);
    assert!(run.peak > 2, "requests that have a token are not bounded");
}

#[test]
fn a_prefill_bound_holds_in_a_closed_loop_too() {
    let mut phase = Phase::closed(6, 60);
    phase.prefill = Some(Prefill { concurrency: 1, ramp: None });
    let run = play(phase, steady(|_| 10 * MILLI, 20 * MILLI, 2));
    assert_eq!(run.records.len(), 60);
    // One prefill after the other, 10 ms each; a request is there for 30 ms, so that three are in flight of the six
    // that could be.
    assert_eq!(run.peak, 3);
    for pair in run.records.windows(2) {
        let first = pair[0].instants.first_token.unwrap();
        assert!(pair[1].instants.issued >= first);
        assert!(pair[1].instants.issued < first + MILLI);
    }
}

#[test]
fn a_request_that_fails_before_its_first_token_frees_its_prefill() {
    let mut phase = Phase::closed(3, 12);
    phase.prefill = Some(Prefill { concurrency: 1, ramp: None });
    let peer = Scripted::new(|at, key, script, _| script.reset(at + MILLI, key));
    let run = play(phase, peer);
    assert_eq!(run.records.len(), 12);
}

#[test]
fn users_keep_their_own_gap_and_wait_for_their_own_answers() {
    // 4 users, 8 turns a second of all, so one each half second; request 5, user 1's second, takes 1.2 s.
    let load = Load::Users { rate: 8.0, users: 4 };
    let run =
        play(lasting(load, Some(4 * SECOND)), steady(|k| if k == 5 { 1_199 * MILLI } else { 49 * MILLI }, MILLI, 2));
    let at = |k: u64| {
        let record = run.records.iter().find(|r| r.k == k).unwrap();
        let i = &record.instants;
        ((i.scheduled - START) / MILLI, (i.issued - START) / MILLI)
    };
    for k in [0, 1, 2, 3, 4, 5, 6, 7, 8] {
        assert_eq!(at(k), (k * 125, k * 125), "{k}");
    }
    // User 1's third turn was wanted at 1125 ms, and its second ended at 625 + 1200; the turns after it move by as
    // much.
    assert_eq!((at(9), at(13)), ((1_125, 1_825), (2_325, 2_325)));
    assert_eq!(at(12), (1_500, 1_500), "the others do not");
    let counts = run.shard.phase(PhaseKind::Profiling);
    assert_eq!((counts.queued, counts.dropped), (1, 0));
    assert_eq!(counts.issued, 31, "8 each, but for user 1, who lost 0.7 s");
    assert_eq!(run.shard.histogram(HistogramId::DispatchLag).max(), 0);
}

#[test]
fn a_trace_is_replayed_at_its_instants_and_ends_the_phase() {
    let instants = [0, 5 * MILLI, 5 * MILLI, 40 * MILLI, 3 * SECOND];
    let load = Load::Fixed { trace: Trace(instants.into()), cap: None };
    let phase = lasting(load, None);
    let run = play(phase, steady(|_| MILLI, MILLI, 2));
    let issued: Vec<_> = run.records.iter().map(|r| r.instants.issued - START).collect();
    assert_eq!(issued, instants);
}

fn linear(lasting: Nanos) -> Option<Ramp> {
    Some(Ramp { lasting, shape: Shape::Linear })
}
