//! Known answers under virtual time: the worker, the protocol code and the measures against peers with a scripted
//! truth. The same truths are asked of real sockets in the `tests` crate.

use crate::simulated::{START, chunk, end, event, head, lasting, plan, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::{HistogramId, Shard};
use ringload_engine::plan::{Arrival, Cancellation, Cap, CapPolicy, Load, Phase, Plan, Prefill, Ramp, Shape, Trace};
use ringload_engine::record::{Cause, Outcome, PhaseKind, Record};

#[test]
fn tokens_every_20_ms_give_an_itl_of_20_ms() {
    let run = play(Phase::closed(1, 3), steady(|_| 50 * MILLI, 20 * MILLI, 11));
    assert_eq!(run.records.len(), 3);
    for r in &run.records {
        assert_eq!(r.outcome, Outcome::Succeeded);
        assert_eq!((r.events, r.gaps.len()), (11, 10));
        assert!(r.gaps.iter().all(|g| *g == 20 * MILLI), "{:?}", r.gaps);
        let first = r.instants.first_token.unwrap();
        assert_eq!(first - r.instants.send_end.unwrap(), 50 * MILLI);
        assert_eq!(r.usage.unwrap().completion, Some(11));
    }
}

#[test]
fn a_role_only_first_chunk_does_not_set_ttft() {
    let peer = Scripted::new(|at, key, script, _| {
        script.send(at, key, head());
        script.send(
            at + 5 * MILLI,
            key,
            event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
        );
        script.send(at + 70 * MILLI, key, token("a"));
        script.send(at + 80 * MILLI, key, end());
    });
    let run = play(Phase::closed(1, 1), peer);
    let at = &run.records[0].instants;
    assert_eq!(at.first_byte.unwrap() - at.send_end.unwrap(), 0);
    assert_eq!(at.first_token.unwrap() - at.send_end.unwrap(), 70 * MILLI);
}

#[test]
fn five_events_in_one_read_are_four_coalesced() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        for _ in 0..5 {
            bytes.extend(token("x"));
        }
        bytes.extend(end());
        script.send(at + MILLI, key, bytes);
    });
    let run = play(Phase::closed(1, 1), peer);
    assert_eq!((run.records[0].events, run.records[0].coalesced), (5, 4));
    assert_eq!(run.records[0].gaps, vec![0; 4], "nothing is interpolated");
}

#[test]
fn an_error_after_content_is_a_failure_and_keeps_its_first_token() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        bytes.extend(token("x"));
        script.send(at + MILLI, key, bytes);
        script.send(at + 2 * MILLI, key, event(r#"{"error":{"message":"out of memory","type":"server_error"}}"#));
        script.send(at + 3 * MILLI, key, end());
    });
    let run = play(Phase::closed(1, 1), peer);
    let r = &run.records[0];
    assert_eq!(r.outcome, Outcome::Failed(Cause::InBandError));
    assert_eq!(r.detail.as_deref(), Some("out of memory"));
    assert!(r.instants.first_token.is_some());
    assert_eq!(run.shard.histogram(HistogramId::TimeToFirstToken).len(), 0);
    assert_eq!(run.shard.histogram(HistogramId::PartialTimeToFirstToken).len(), 1);
}

#[test]
fn a_clean_end_of_body_needs_done_or_a_finish_reason() {
    for (last, outcome) in [
        (token("x"), Outcome::Failed(Cause::Truncated)),
        (event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#), Outcome::Succeeded),
    ] {
        let peer = Scripted::new(move |at, key, script, _| {
            let mut bytes = head();
            bytes.extend(token("x"));
            bytes.extend(last.clone());
            bytes.extend(b"0\r\n\r\n");
            script.send(at + MILLI, key, bytes);
        });
        assert_eq!(play(Phase::closed(1, 1), peer).records[0].outcome, outcome);
    }
}

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
    let p99 = |of| run.shard.histogram(of).value_at_quantile(0.99) as f64 / 1e9;
    assert_eq!(run.records.len(), 5_000);
    assert!((0.80..1.0).contains(&p99(HistogramId::ResponseTime)), "{}", p99(HistogramId::ResponseTime));
    assert!(p99(HistogramId::RequestLatency) < 0.05, "service time stays low: {}", p99(HistogramId::RequestLatency));
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
fn a_frozen_client_is_late_and_says_so() {
    let plan = plan(open(1_000.0, Arrival::Constant, None, SECOND));
    let freeze = [(START + 500 * MILLI, 300 * MILLI)];
    let run = play_on(SimulatedRun::new(&plan).frozen(&freeze), steady(|_| MILLI, MILLI, 2));
    let lag = run.shard.histogram(HistogramId::DispatchLag);
    assert!(lag.max() >= 299 * MILLI, "{}", lag.max());
    assert!(run.shard.histogram(HistogramId::ReceiveLag).max() >= 290 * MILLI);
    // What arrived while the client was frozen keeps its arrival.
    for r in run.records.iter().filter(|r| r.outcome == Outcome::Succeeded) {
        assert_eq!(r.gaps, vec![MILLI]);
    }
}

#[test]
fn tokens_that_a_frozen_client_reads_as_one_have_the_interval_of_their_arrivals() {
    // Tokens arrive 50, 70, 90, 110 and 130 ms after the request, with the end of the stream behind the last.
    let five = || steady(|_| 50 * MILLI, 20 * MILLI, 5);
    for (freeze, gaps, first, last, wide) in [
        // Each is read when it arrives: what is behind the last one came with it.
        (None, [20, 20, 20, 20], 0, 0, 0),
        // From 85 to 145 ms: the last three are one read. The client slept until the first of them.
        (Some((85, 60)), [20, 60, 0, 0], 0, 40, 3),
        // From 10 to 210 ms.
        (Some((10, 200)), [0, 0, 0, 0], 80, 80, 5),
    ] {
        let freezes: Vec<(Nanos, Nanos)> =
            (freeze.iter()).map(|(at, length)| (START + at * MILLI, length * MILLI)).collect();
        let run = play_merged(&plan(Phase::closed(1, 1)), five(), &freezes);
        let r = &run.records[0];
        assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 5));
        assert_eq!(r.gaps, gaps.map(|gap| gap * MILLI), "{freeze:?}");
        let i = &r.intervals;
        assert_eq!((i.first, i.last, i.wide), (first * MILLI, last * MILLI, wide));
        assert_eq!(i.widest, last * MILLI);
        let counters = &run.shard.counters;
        assert_eq!(counters.wide_events, u64::from(wide));
        assert_eq!(counters.widest_interval, last * MILLI);
        // The interval holds the arrival of the first token.
        let stamp = r.instants.first_token.unwrap();
        let arrival = r.instants.send_end.unwrap() + 50 * MILLI;
        assert!((stamp - i.first..=stamp).contains(&arrival));
    }
}

#[test]
fn an_event_that_ends_its_read_has_its_own_stamp_however_late_the_read() {
    let note = || chunk(": alive\n\n");
    for (behind, exact) in [(Vec::new(), true), (note(), false), (b"9\r\n".to_vec(), false)] {
        let sent = behind.clone();
        let peer = Scripted::new(move |at, key, script, _| {
            script.send(at + 10 * MILLI, key, [head(), token("a")].concat());
            script.send(at + 30 * MILLI, key, [token("b"), sent.clone()].concat());
            script.close(at + 90 * MILLI, key);
        });
        let freeze = [(START + 5 * MILLI, 60 * MILLI)];
        let run = play_merged(&plan(Phase::closed(1, 1)), peer, &freeze);
        let i = &run.records[0].intervals;
        assert_eq!(run.records[0].events, 2, "{behind:?}");
        assert_eq!(i.first, 20 * MILLI, "another event is behind it");
        assert_eq!(i.last, if exact { 0 } else { 20 * MILLI }, "{behind:?}");
        assert_eq!(i.wide, if exact { 1 } else { 2 });
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
fn a_server_that_closes_after_each_answer_costs_no_request() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        bytes.extend(token("x"));
        bytes.extend(end());
        script.send(at + MILLI, key, bytes);
        script.close(at + MILLI, key);
    });
    let run = play(Phase::closed(4, 40), peer);
    assert_eq!(run.records.iter().filter(|r| r.outcome == Outcome::Succeeded).count(), 40);
    assert!(run.records.iter().all(|r| !r.connection_reused));
}

#[test]
fn refusals_resets_and_early_closes_are_causes_of_their_own() {
    type PlayOf = fn(Nanos, Key, &mut Script, usize);
    let cases: [(PlayOf, Cause); 3] = [
        (|at, key, script, _| script.reset(at + MILLI, key), Cause::Reset),
        (|at, key, script, _| script.close(at + MILLI, key), Cause::ClosedBeforeResponse),
        (
            |at, key, script, _| {
                script.send(at, key, head());
                script.close(at + MILLI, key);
            },
            Cause::Truncated,
        ),
    ];
    for (play_it, cause) in cases {
        let run = play(Phase::closed(1, 2), Scripted::new(play_it));
        assert_eq!(run.records.len(), 2);
        assert!(run.records.iter().all(|r| r.outcome == Outcome::Failed(cause)), "{cause}: {:?}", run.records[0]);
    }
    let mut refusing = Scripted::new(|_, _, _, _| {});
    refusing.refuse = Some(libc::ECONNREFUSED);
    let run = play(Phase::closed(2, 4), refusing);
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Failed(Cause::ConnectRefused)));
}

#[test]
fn a_silent_server_meets_the_time_out() {
    let mut plan = plan(Phase::closed(1, 1));
    plan.timeouts.request = 2 * SECOND;
    let run = play_plan(&plan, Scripted::new(|_, _, _, _| {}));
    assert_eq!(run.records[0].outcome, Outcome::Failed(Cause::Timeout));
    let waited = run.records[0].instants.end - run.records[0].instants.issued;
    assert!((2 * SECOND..2 * SECOND + 30 * MILLI).contains(&waited), "{waited}");
}

#[test]
fn no_output_in_time_is_a_failure_of_its_own() {
    // A head and a role are no output. The second request has its first token a moment before it would be late.
    let mut plan = plan(Phase::closed(1, 2));
    plan.timeouts.ttft = Some(300 * MILLI);
    let peer = Scripted::new(|at, key, script, serial| {
        let role = event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#);
        script.send(at, key, [head(), role].concat());
        if serial == 1 {
            script.send(at + 299 * MILLI, key, token("late"));
            script.send(at + 900 * MILLI, key, finish(1));
        }
    });
    let run = play_plan(&plan, peer);
    let [silent, late] = &run.records[..] else { panic!("two records") };
    assert_eq!(silent.outcome, Outcome::Failed(Cause::TtftTimeout));
    let waited = silent.instants.end - silent.instants.issued;
    assert!((300 * MILLI..330 * MILLI).contains(&waited), "{waited}");
    assert!(silent.instants.first_byte.is_some() && silent.events == 0);
    assert_eq!((late.outcome, late.events), (Outcome::Succeeded, 1));
}

#[test]
fn a_stream_that_stalls_fails_and_keeps_what_it_had() {
    let mut plan = plan(Phase::closed(1, 1));
    plan.timeouts.inter_token = Some(200 * MILLI);
    let peer = Scripted::new(|at, key, script, _| {
        script.send(at + 500 * MILLI, key, [head(), token("a")].concat());
        for i in 1..5 {
            script.send(at + (500 + 150 * i) * MILLI, key, token("b"));
        }
    });
    let run = play_plan(&plan, peer);
    let r = &run.records[0];
    assert_eq!(r.outcome, Outcome::Failed(Cause::InterTokenTimeout));
    assert_eq!((r.events, &r.gaps), (5, &vec![150 * MILLI; 4]));
    let silence = r.instants.end - r.instants.last_token.unwrap();
    assert!((200 * MILLI..230 * MILLI).contains(&silence), "{silence}");
    assert!(r.detail.as_ref().unwrap().contains("after 5 output events"), "{:?}", r.detail);
}

#[test]
fn a_stream_that_is_never_silent_for_long_and_one_that_has_said_all_do_not_stall() {
    let mut plan = plan(Phase::closed(2, 6));
    plan.timeouts.ttft = Some(500 * MILLI);
    plan.timeouts.inter_token = Some(200 * MILLI);
    let run = play_plan(&plan, steady(|_| 450 * MILLI, 190 * MILLI, 40));
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Succeeded));

    let peer = Scripted::new(|at, key, script, _| {
        script.send(at, key, [head(), token("a"), chunk("data: [DONE]\n\n")].concat());
        script.send(at + 900 * MILLI, key, b"0\r\n\r\n".to_vec());
    });
    let run = play_plan(&plan, peer);
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Succeeded));
}

#[test]
fn the_requests_that_the_seed_picks_are_cancelled_and_no_others() {
    let mut plan = plan(Phase::closed(3, 60));
    let cancellation = Cancellation { share: 0.4, delay: 105 * MILLI };
    plan.cancellation = Some(cancellation);
    // The first token after 50 ms, then one every 20 ms: three have come when it is time.
    let run = play_plan(&plan, steady(|_| 50 * MILLI, 20 * MILLI, 11));
    assert_eq!(run.records.len(), 60);
    for r in &run.records {
        if !cancellation.picks(plan.seed, r.k, r.turn) {
            assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 11));
            continue;
        }
        assert_eq!((r.outcome, r.events), (Outcome::Cancelled, 3));
        assert_eq!(r.instants.end - r.instants.send_end.unwrap(), 105 * MILLI);
    }
    let counts = run.shard.phase(PhaseKind::Profiling);
    assert!((10..40).contains(&counts.cancelled), "{}", counts.cancelled);
    assert_eq!(counts.failures(), 0);
    assert_eq!(run.shard.histogram(HistogramId::TimeToFirstToken).len(), counts.succeeded);
}

#[test]
fn a_request_that_is_over_before_its_delay_is_a_success() {
    let mut plan = plan(Phase::closed(1, 5));
    plan.cancellation = Some(Cancellation { share: 1.0, delay: SECOND });
    let run = play_plan(&plan, steady(|_| 50 * MILLI, 20 * MILLI, 11));
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Succeeded));
}

#[test]
fn phases_add_up_on_every_record() {
    let run = play(Phase::closed(3, 60), steady(|k| (k % 7) * MILLI, MILLI, 4));
    for r in &run.records {
        let phases = r.instants.phases();
        assert_eq!(phases.total(), r.instants.end - r.instants.issued);
        assert_eq!(phases.receive, r.instants.end - r.instants.first_byte.unwrap());
    }
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

#[test]
fn an_answer_without_an_end_fails_by_the_memory_of_the_run_and_takes_no_room_of_the_others() {
    let serve = |at: Nanos, key: Key, script: &mut Script, serial: usize| {
        let unending = serial == 1;
        script.send(at, key, head());
        if unending {
            script.send(at, key, chunk("data: {\"choices\":"));
        }
        for i in 1..40 {
            let piece = match unending {
                true => chunk(&" ".repeat(8 << 10)),
                false => token("t"),
            };
            script.send(at + i * MILLI, key, piece);
        }
        script.send(at + 40 * MILLI, key, end());
    };
    let mut plan = plan(Phase::closed(4, 12));
    plan.limits.buffered_bytes = Some(128 << 10);
    let run = play_plan(&plan, Scripted::new(serve));
    for record in &run.records {
        let expected = match record.k {
            1 => Outcome::Failed(Cause::MemoryLimit),
            _ => Outcome::Succeeded,
        };
        assert_eq!(record.outcome, expected, "{}", record.k);
    }
    let failed = run.records.iter().find(|r| r.k == 1).unwrap();
    let said = failed.detail.as_deref().unwrap();
    assert!(said.contains("`plan.limits.buffered_bytes`"), "{said}");
    // Half of it is for all, and its own part of the other half.
    let most = (64 + 16) << 10;
    assert!(failed.bytes_received > most / 2 && failed.bytes_received <= most + (8 << 10));
}

fn linear(lasting: Nanos) -> Option<Ramp> {
    Some(Ramp { lasting, shape: Shape::Linear })
}

// What the tests are made of.

struct Outcomes {
    records: Vec<Record>,
    shard: Shard,
    peak: usize,
}

fn open(rate: f64, pattern: Arrival, cap: Option<Cap>, duration: Nanos) -> Phase {
    lasting(Load::Open { rate: rate.into(), pattern, cap }, Some(duration))
}

fn play(profiling: Phase, peer: Scripted) -> Outcomes {
    play_plan(&plan(profiling), peer)
}

fn play_plan(plan: &Plan, peer: Scripted) -> Outcomes {
    play_on(SimulatedRun::new(plan), peer)
}

/// By a kernel that merges segments which wait for the client.
fn play_merged(plan: &Plan, peer: Scripted, freezes: &[(Nanos, Nanos)]) -> Outcomes {
    play_on(SimulatedRun::new(plan).merging_segments().frozen(freezes), peer)
}

fn play_on(run: SimulatedRun<'_>, peer: Scripted) -> Outcomes {
    let played = run.play(peer);
    Outcomes { peak: played.peers[0].peak, records: played.records, shard: played.shard }
}

/// What a peer does about a request: its arrival, its connection, the script to write, its serial.
type Play = dyn FnMut(Nanos, Key, &mut Script, usize);

/// A peer that plays the same script for every request, given the instant at which the request arrived and its serial.
struct Scripted {
    play: Box<Play>,
    refuse: Option<i32>,
    requests: usize,
    in_flight: Vec<Nanos>,
    peak: usize,
    hold: Option<Box<dyn Fn(u64) -> Nanos>>,
}

impl Scripted {
    fn new(play: impl FnMut(Nanos, Key, &mut Script, usize) + 'static) -> Self {
        Self { play: Box::new(play), refuse: None, requests: 0, in_flight: Vec::new(), peak: 0, hold: None }
    }
}

/// A peer that sends `tokens` tokens `itl` apart, the first `ttft(k)` after the request.
fn steady(ttft: impl Fn(u64) -> Nanos + Clone + 'static, itl: Nanos, tokens: u64) -> Scripted {
    let first = ttft.clone();
    let mut peer = Scripted::new(move |at, key, script, serial| {
        let first = at + first(serial as u64);
        script.send(first, key, [head(), token("t")].concat());
        for i in 1..tokens {
            let last = if i + 1 == tokens { finish(tokens) } else { Vec::new() };
            script.send(first + i * itl, key, [token("t"), last].concat());
        }
    });
    peer.hold = Some(Box::new(move |k| ttft(k) + (tokens - 1) * itl));
    peer
}

impl Peer for Scripted {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        match self.refuse {
            Some(errno) => script.refuse(now, key, errno),
            None => script.accept(now, key),
        }
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        assert!(bytes.starts_with(b"POST /v1/chat/completions HTTP/1.1\r\n"));
        if let Some(hold) = &self.hold {
            self.in_flight.retain(|until| *until > now);
            self.in_flight.push(now + hold(self.requests as u64));
            self.peak = self.peak.max(self.in_flight.len());
        }
        (self.play)(now, key, script, self.requests);
        self.requests += 1;
    }
}

fn finish(tokens: u64) -> Vec<u8> {
    let usage = format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
        tokens + 4
    );
    [event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#), event(&usage), end()].concat()
}
