use super::super::testing::{Run, found, judged, of};
use super::*;
use crate::clock::{MICRO, MILLI};
use crate::measure::testing::{open_plan, plan};
use crate::plan::{Slo, Threshold};
use crate::record::Intervals;

/// Lags of so many of 1 000 requests of 400 ms, 200 of them to the first token.
fn late(plan: Plan, requests: usize, lag: u64) -> Run {
    let mut run = Run::new(plan, 1_000);
    run.dispatch[1_000 - requests..].fill(lag);
    run
}

#[test]
fn late_issues_move_times_from_the_schedule_and_nothing_else() {
    for (requests, lag, expected) in [
        (5, 900 * MICRO, None),
        (20, 1_500 * MICRO, Some(Status::Valid)),
        // The p99 from the schedule is marked, and not asked for.
        (20, 50 * MILLI, Some(Status::Valid)),
        // The mean of 1 000 with 5 that are half a second late is 2.5 ms off.
        (5, 500 * MILLI, Some(Status::Suspect)),
        (100, 500 * MILLI, Some(Status::Invalid)),
    ] {
        let verdict = judged(late(open_plan(100.0), requests, lag));
        assert_eq!(found(&verdict, "dispatch_lag"), expected.map(|status| (status, Scope::Client)), "{requests} {lag}");
        let tags: Vec<&str> =
            of(&verdict, "dispatch_lag").map_or(vec![], |f| f.effects.iter().map(|e| e.tag).collect());
        let felt = ["scheduled_time_to_first_token", "response_time", "effective_latency"];
        assert!(tags.iter().all(|tag| felt.contains(tag)), "{tags:?}");
    }
}

#[test]
fn late_issues_are_throughput_that_a_closed_loop_did_not_ask_for() {
    for (requests, lag, share, status) in [
        (999, 2 * MILLI, 2.0 / 400.0, Status::Valid),
        (999, 8 * MILLI, 8.0 / 400.0, Status::Suspect),
        (999, 80 * MILLI, 80.0 / 400.0, Status::Invalid),
        // One hiccup is 0.1 % of a thousand requests.
        (1, 400 * MILLI, 0.4 / 400.0, Status::Valid),
    ] {
        let verdict = judged(late(plan(), requests, lag));
        let finding = of(&verdict, "dispatch_lag").unwrap_or_else(|| panic!("{lag}"));
        assert_eq!(finding.status, status, "{}", finding.evidence);
        let effect = finding.effects.iter().find(|e| e.tag == "request_throughput").unwrap();
        assert_eq!(effect.direction, Direction::Lowered);
        assert!((effect.share.unwrap() / share - 1.0).abs() < 0.06, "{effect:?} {share}");
    }
}

/// Of so many of 1 000 requests every event can have arrived earlier by so much.
fn wide(requests: usize, first: u64, last: u64) -> Run {
    let mut run = Run::new(plan(), 1_000);
    for record in &mut run.records[..requests] {
        record.intervals = Intervals { first, last, widest: first.max(last), wide: 2, end: 0, begin: 0 };
    }
    run
}

#[test]
fn late_reads_are_held_against_what_they_can_have_moved() {
    use Status::{Invalid, Suspect, Valid};
    for (requests, first, last, lag, expected) in [
        // Nothing was late.
        (0, 0, 0, 20 * MICRO, None),
        // Reads were late, and each event ended its read.
        (0, 0, 0, 5 * MILLI, Some(Valid)),
        // Ten gaps of 20 ms share what the last event can have been off.
        (1_000, 0, MILLI, 5 * MILLI, Some(Valid)),
        (1_000, 0, 10 * MILLI, 5 * MILLI, Some(Suspect)),
        (1_000, 0, 40 * MILLI, 5 * MILLI, Some(Invalid)),
        // TTFT of 200 ms.
        (1_000, 10 * MILLI, 0, 20 * MICRO, Some(Suspect)),
        (950, 30 * MILLI, 0, 20 * MICRO, Some(Invalid)),
        // Three of a thousand move neither a percentile to p99 nor the mean by 1 %.
        (3, 30 * MILLI, 0, 20 * MICRO, Some(Valid)),
    ] {
        let mut run = wide(requests, first, last);
        run.receive[..200].fill(lag);
        let got = found(&judged(run), "receive_lag").map(|f| f.0);
        assert_eq!(got, expected, "{requests} {first} {last} {lag}");
    }
}

#[test]
fn what_was_asked_for_decides() {
    // The mean of TTFT is up to 30 ms off, and nothing else.
    let asked = |goodput: &[&str], fail_if: &[&str]| {
        let mut run = wide(1_000, 30 * MILLI, 0);
        let texts: Vec<String> = goodput.iter().map(ToString::to_string).collect();
        run.plan.slos = Slo::parse_all(&texts).unwrap();
        run.plan.thresholds = fail_if.iter().map(|text| Threshold::parse(text).unwrap()).collect();
        found(&judged(run), "receive_lag").unwrap().0
    };
    assert_eq!(asked(&["time_to_first_token:500"], &[]), Status::Invalid);
    assert_eq!(asked(&["request_latency:500"], &[]), Status::Valid);
    assert_eq!(asked(&[], &["rps<1"]), Status::Valid);
    assert_eq!(asked(&[], &["ttft.p99>500ms"]), Status::Invalid);
}

#[test]
fn an_objective_that_lies_within_what_was_moved_is_suspect() {
    // 1 ms of 200 is half a per cent.
    let asked = |objective: &str| {
        let mut run = wide(1_000, MILLI, 0);
        run.plan.slos = Slo::parse_all(&[format!("time_to_first_token:{objective}")]).unwrap();
        let verdict = judged(run);
        found(&verdict, "receive_lag").map(|f| f.0)
    };
    assert_eq!(asked("250"), Some(Status::Valid));
    assert_eq!(asked("199.5"), Some(Status::Suspect));
}

#[test]
fn a_server_that_writes_events_together_moves_nothing_while_reads_are_in_time() {
    let mut run = Run::new(plan(), 1_000);
    for record in &mut run.records {
        record.intervals.first = 100 * MILLI;
    }
    assert_eq!(found(&judged(run), "receive_lag"), None);
}

#[test]
fn a_mock_without_latency_makes_no_run_invalid_by_comparison() {
    for requests in [3, 1_000] {
        let mut run = Run::with_answers(plan(), requests, 50 * MICRO, 2 * MICRO);
        run.dispatch.fill(300 * MICRO);
        run.receive.fill(300 * MICRO);
        let verdict = judged(run);
        assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    }
}

#[test]
fn a_lag_says_whether_the_workers_were_kept_from_running() {
    for (switches, says) in [(7, true), (0, false)] {
        let mut run = Run::new(plan(), 1_000);
        run.dispatch[..20].fill(11 * MILLI);
        run.plan = open_plan(100.0);
        run.facts.cores[0].involuntary_switches = switches;
        run.facts.cores.iter_mut().for_each(|c| c.run_delay_s = None);
        let verdict = judged(run);
        assert_eq!(verdict.findings[0].gate, "dispatch_lag");
        let evidence = &verdict.findings[0].evidence;
        assert_eq!(evidence.contains("interrupted 7 times"), says, "{evidence}");
    }
}

#[test]
fn events_that_share_a_read_are_the_peers_unless_it_was_late() {
    let run = |merged| {
        let mut run = Run::new(plan(), 1_000);
        run.records.iter_mut().for_each(|record| (record.coalesced, record.merged) = (3, merged));
        run
    };
    assert_eq!(found(&judged(run(3)), "coalesced"), Some((Status::Valid, Scope::Path)));
    // However late other reads were.
    let mut late = run(3);
    late.receive.fill(1_500 * MICRO);
    assert_eq!(found(&judged(late), "coalesced"), Some((Status::Valid, Scope::Path)));
    assert_eq!(found(&judged(run(0)), "coalesced"), Some((Status::Valid, Scope::Client)));
    // Where the gaps between events are what was asked for, they are of bursts.
    let mut asked = run(3);
    asked.plan.thresholds = vec![Threshold::parse("icl.p99>50ms").unwrap()];
    assert_eq!(found(&judged(asked), "coalesced"), Some((Status::Suspect, Scope::Path)));
}

#[test]
fn a_slow_reader_is_not_judged_by_what_it_was_asked_for() {
    let mut run = Run::new(plan(), 100);
    run.receive.fill(50 * MILLI);
    // What follows a response comes as late as its end was read.
    run.dispatch.fill(200 * MILLI);
    run.shard = |shard| shard.counters.coalesced = shard.counters.events / 2;
    run.plan.network.read_rate = Some(10_000);
    let verdict = judged(run);
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    let slow = found(&verdict, "slow_reader");
    assert_eq!(slow, Some((Status::Valid, Scope::Policy)));
    assert_eq!(found(&verdict, "receive_lag"), None);
    assert_eq!(found(&verdict, "coalesced"), None);
}

#[test]
fn goodput_knows_the_requests_that_are_good_or_not_by_the_lag_alone() {
    let effect = |run: Run, gate: &str| {
        let verdict = judged(run);
        let finding = of(&verdict, gate)?;
        let effect = finding.effects.iter().find(|e| e.tag == "good_request_fraction")?;
        assert!(effect.asked, "{effect:?}");
        Some((effect.direction, (effect.share? * 1e6).round() / 1e6))
    };
    let with = |tag: &'static str, threshold: f64, mut run: Run| {
        run.plan.slos = vec![Slo { tag, threshold }];
        run
    };
    // 100 of 1 000 requests of 400 ms were taken up 50 ms late, and are good without that.
    for (threshold, expected) in [(420.0, Some(0.111_111)), (460.0, None), (390.0, None)] {
        let run = with("response_time", threshold, late(open_plan(100.0), 100, 50 * MILLI));
        let found = effect(run, "dispatch_lag");
        assert_eq!(found, expected.map(|share| (Direction::Lowered, share)), "{threshold}");
    }
    // The first of eleven events 20 ms apart can have come 10 ms earlier: then they are 21 ms apart.
    let found = effect(with("inter_token_latency", 20.5, wide(100, 10 * MILLI, 0)), "receive_lag");
    assert_eq!(found, Some((Direction::Raised, 0.1)));
    // It was not good either way.
    assert_eq!(effect(with("inter_token_latency", 19.0, wide(100, 10 * MILLI, 0)), "receive_lag"), None);
}
