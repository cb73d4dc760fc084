//! Requests that end before their responses do: time-outs, cancellations, the memory of the run.

use super::*;

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
    assert_eq!(run.shard.histogram(HistogramId::InterChunkLatency).len(), 10 * counts.succeeded);
}

#[test]
fn a_request_that_is_over_before_its_delay_is_a_success() {
    let mut plan = plan(Phase::closed(1, 5));
    plan.cancellation = Some(Cancellation { share: 1.0, delay: SECOND });
    let run = play_plan(&plan, steady(|_| 50 * MILLI, 20 * MILLI, 11));
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Succeeded));
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
