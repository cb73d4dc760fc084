use super::testing::{Run, core};
use super::*;
use crate::calibration::Basis;
use crate::clock::{MICRO, MILLI, SECOND};
use crate::measure::testing::{open_plan, plan};
use crate::measure::{Aborted, Offered};
use crate::plan::{Arrival, Cap, CapPolicy, Load, Prefill, Stamps, Target};
use crate::record::testing::failed;
use crate::record::{Cause, Intervals, Outcome};

fn judged(run: Run) -> Verdict {
    judged_on(run, &HostFacts::default())
}

fn judged_on(run: Run, host: &HostFacts) -> Verdict {
    let (plan, summary) = run.summary();
    let verdict = judge(&plan, &summary, host, None);
    for finding in &verdict.findings {
        assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
    }
    verdict
}

/// Status and blame of a gate's finding.
fn found(verdict: &Verdict, gate: &str) -> Option<(Status, &'static str)> {
    verdict.findings.iter().find(|finding| finding.gate == gate).map(|finding| (finding.status, finding.blame))
}

#[test]
fn a_clean_run_is_valid_without_findings() {
    let verdict = judged(Run::new(plan(), 1_000));
    assert_eq!(verdict.status, Status::Valid);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn a_server_that_was_not_checked_is_a_remark() {
    let mut plan = plan();
    plan.network.tls.insecure = true;
    let plain = judged(Run::new(plan.clone(), 1_000));
    assert_eq!(found(&plain, "insecure"), None, "nothing is secured");
    plan.targets = vec![Target::parse("https://h").unwrap()];
    let verdict = judged(Run::new(plan, 1_000));
    assert_eq!(found(&verdict, "insecure"), Some((Status::Valid, POLICY)));
    assert_eq!(verdict.status, Status::Valid);
}

#[test]
fn late_issues_are_the_clients_in_both_loops() {
    for plan in [plan(), open_plan(100.0)] {
        for (lag, expected) in
            [(900 * MICRO, None), (2 * MILLI, Some(Status::Suspect)), (11 * MILLI, Some(Status::Invalid))]
        {
            let mut run = Run::new(plan.clone(), 1_000);
            run.dispatch[..20].fill(lag);
            let verdict = judged(run);
            assert_eq!(found(&verdict, "dispatch_lag"), expected.map(|status| (status, CLIENT)), "{lag}");
        }
    }
}

#[test]
fn late_issues_are_held_against_the_time_to_the_first_token() {
    // 10 % of 5 ms is 0.5 ms.
    let mut run = Run::with_answers(plan(), 1_000, 5 * MILLI, MILLI);
    run.dispatch[..20].fill(600 * MICRO);
    assert_eq!(found(&judged(run), "dispatch_lag"), Some((Status::Invalid, CLIENT)));
}

#[test]
fn late_reads_are_held_against_the_time_between_tokens_and_what_they_can_move() {
    use Status::{Invalid, Suspect, Valid};
    for (gap, lag, crossed) in [
        (20 * MILLI, 900 * MICRO, None),
        (20 * MILLI, 1_500 * MICRO, Some(Suspect)),
        (20 * MILLI, 2_500 * MICRO, Some(Invalid)),
        (5 * MILLI, 800 * MICRO, Some(Invalid)),
        // 10 % of 5 ms, and the wait for a batch.
        (5 * MILLI, 650 * MICRO, None),
    ] {
        // Of so many of 1 000 requests the last event can have arrived earlier by so much; ITL is a tenth of that over
        // ten gaps.
        for (requests, last, effect) in [
            (0, 0, Valid),
            (1_000, gap / 20, Valid),
            (1_000, gap / 2, Suspect),
            (400, 2 * gap, Valid),
            (700, 2 * gap, Invalid),
        ] {
            let mut run = Run::with_answers(plan(), 1_000, 200 * MILLI, gap);
            run.plan.batch_wait = 200 * MICRO;
            run.receive[..200].fill(lag);
            for record in &mut run.records[..requests] {
                record.intervals = Intervals { last, widest: last, wide: 1, first: 0 };
            }
            let got = found(&judged(run), "receive_lag").map(|f| f.0);
            let expected = crossed.map(|status: Status| status.min(effect));
            assert_eq!(got, expected, "{gap} {lag} {requests} {last}");
        }
    }
}

#[test]
fn late_reads_without_stamps_have_moved_what_they_read() {
    let mut run = Run::with_answers(plan(), 1_000, 200 * MILLI, 5 * MILLI);
    run.receive[..200].fill(MILLI);
    run.shard = |shard| shard.counters.stamp_fallbacks = shard.counters.reads / 50;
    let got = found(&judged(run), "receive_lag");
    assert_eq!(got, Some((Status::Invalid, CLIENT)));
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
fn one_hiccup_in_a_short_run_is_suspect_and_a_stall_is_invalid() {
    let mut hiccup = Run::new(plan(), 50);
    hiccup.dispatch[0] = 50 * MILLI;
    assert_eq!(found(&judged(hiccup), "dispatch_lag"), Some((Status::Suspect, CLIENT)));
    let mut stall = Run::new(plan(), 50);
    stall.dispatch[..10].fill(50 * MILLI);
    assert_eq!(found(&judged(stall), "dispatch_lag"), Some((Status::Invalid, CLIENT)));
}

#[test]
fn the_busiest_core_counts() {
    for (busy, expected) in [(0.8, None), (0.85, Some(Status::Suspect)), (0.96, Some(Status::Invalid))] {
        let mut run = Run::new(plan(), 1_000);
        run.facts.cores = vec![core(0.1), core(busy)];
        assert_eq!(found(&judged(run), "busy_core").map(|f| f.0), expected, "{busy}");
    }
    let mut short = Run::new(plan(), 3);
    short.facts.cores = vec![core(0.99)];
    short.facts.profiling.end = 50 * MILLI;
    assert_eq!(found(&judged(short), "busy_core"), Some((Status::Valid, CLIENT)));
}

#[test]
fn the_share_of_the_ceiling_counts_and_an_estimate_counts_less() {
    let used = |share, basis| Used {
        share,
        mean_share: share / 2.0,
        window_s: 1.0,
        events_per_s: share * 1e6,
        requests_per_s: 10.0,
        cores: 1,
        ceiling_events_per_s: Some(1e6),
        ceiling_requests_per_s: Some(1e5),
        basis,
        calibrated_at: "2026-01-01T00:00:00Z".into(),
        calibrated_for: "epoll".into(),
    };
    let judged = |share, basis, seconds: f64| {
        let mut run = Run::new(plan(), 1_000);
        run.facts.profiling.end = (seconds * SECOND as f64) as u64;
        let (plan, summary) = run.summary();
        let used = used(share, basis);
        judge(&plan, &summary, &HostFacts::default(), Some(&used))
    };
    for (share, measured, estimated) in [
        (0.7, None, None),
        (0.71, Some(Status::Suspect), Some(Status::Valid)),
        (0.91, Some(Status::Invalid), Some(Status::Suspect)),
        (1.3, Some(Status::Invalid), Some(Status::Suspect)),
    ] {
        for (basis, expected) in [(Basis::Measured, measured), (Basis::Estimated, estimated)] {
            let verdict = judged(share, basis, 10.0);
            let expected = expected.map(|status| (status, CLIENT));
            assert_eq!(found(&verdict, "ceiling"), expected, "{share} {basis:?}");
        }
    }
    let short = judged(0.95, Basis::Measured, 0.05);
    assert_eq!(found(&short, "ceiling"), Some((Status::Valid, CLIENT)));
    let evidence = &judged(0.95, Basis::Measured, 10.0).findings[0].evidence;
    for words in ["95.0 %", "950000 output events/s of at most 1000000", "1 core:"] {
        assert!(evidence.contains(words), "{evidence}");
    }
}

#[test]
fn a_schedule_that_was_not_kept_is_invalid_unless_the_cap_held_it_back() {
    // 1 000 arrivals, one each 10 ms; `due` of them were due by then.
    let run = |due: u64| {
        let mut run = Run::new(open_plan(100.0), 1_000);
        run.facts.profiling.offered = Some(Offered { arrivals: due, first: 0, last: 10 * SECOND - 10 * MILLI });
        run
    };
    assert_eq!(found(&judged(run(1_000)), "rate"), None);
    assert_eq!(found(&judged(run(1_020)), "rate"), Some((Status::Suspect, CLIENT)));
    assert_eq!(found(&judged(run(1_100)), "rate"), Some((Status::Invalid, CLIENT)));
    let mut capped = run(1_100);
    capped.plan.profiling.load = Load::Open {
        rate: 100.0.into(),
        pattern: Arrival::Constant,
        cap: Some(Cap { concurrency: 8, policy: CapPolicy::Drop, ramp: None }),
    };
    capped.shard = |shard| shard.profiling.dropped = 100;
    let verdict = judged(capped);
    assert_eq!(found(&verdict, "rate"), Some((Status::Suspect, POLICY)));
    assert_eq!(found(&verdict, "cap"), Some((Status::Suspect, POLICY)));
    assert_eq!(verdict.status, Status::Suspect);
}

#[test]
fn what_a_bound_or_a_user_holds_back_is_the_policys() {
    let prefill = Some(Prefill { concurrency: 2, ramp: None });
    let cap = |policy| Some(Cap { concurrency: 8, policy, ramp: None });
    let open = |cap| Load::Open { rate: 100.0.into(), pattern: Arrival::Constant, cap };
    let users = Load::Users { rate: 100.0, users: 7 };
    for (load, prefill, gate, status, says) in [
        (Load::closed(4), prefill, "prefill", Status::Valid, "2 had no"),
        (open(None), prefill, "prefill", Status::Suspect, "2 had no"),
        (
            open(cap(CapPolicy::Queue)),
            prefill,
            "cap",
            Status::Suspect,
            "8 requests were in flight or 2 had no first token",
        ),
        // Nothing was dropped: it was the other bound.
        (open(cap(CapPolicy::Drop)), prefill, "prefill", Status::Suspect, "waited"),
        (users, None, "users", Status::Suspect, "7 users did not keep 100"),
        (
            Load::Fixed { trace: crate::plan::Trace(vec![0].into()), cap: None },
            None,
            "sessions",
            Status::Suspect,
            "because the answer before them in their conversation was not there",
        ),
    ] {
        let mut run = Run::new(plan(), 1_000);
        run.plan.profiling.load = load.clone();
        run.plan.profiling.prefill = prefill;
        run.shard = |shard| {
            shard.profiling.queued = 30;
            shard.profiling.sessions.begun = 1;
        };
        let verdict = judged(run);
        assert_eq!(found(&verdict, gate), Some((status, POLICY)), "{load:?}");
        let finding = verdict.findings.iter().find(|f| f.gate == gate).unwrap();
        assert!(finding.evidence.contains(says), "{}", finding.evidence);
        assert!(finding.evidence.starts_with("30 of 1000"), "{finding:?}");
    }
}

#[test]
fn one_late_arrival_of_a_short_schedule_is_no_shortfall() {
    let mut run = Run::new(open_plan(1_000.0), 5);
    for (k, record) in run.records.iter_mut().enumerate() {
        record.instants.scheduled = k as u64 * MILLI;
        record.instants.issued = k as u64 * MILLI;
    }
    run.records[4].instants.issued += 2 * MILLI;
    run.facts.profiling.end = 10 * MILLI;
    assert_eq!(found(&judged(run), "rate"), None);
}

#[test]
fn any_loss_is_invalid() {
    let mut records = Run::new(plan(), 1_000);
    records.shard = |shard| {
        shard.issued(crate::record::PhaseKind::Profiling);
        shard.profiling.succeeded += 1;
        shard.counters.records_lost = 1;
    };
    let verdict = judged(records);
    assert_eq!(found(&verdict, "records_lost"), Some((Status::Invalid, CLIENT)));
    assert_eq!(found(&verdict, "conservation"), None);
    let mut completions = Run::new(plan(), 1_000);
    completions.shard = |shard| shard.counters.completions_lost = 2;
    assert_eq!(found(&judged(completions), "completions_lost"), Some((Status::Invalid, CLIENT)));
    let mut missing = Run::new(plan(), 1_000);
    missing.shard = |shard| shard.issued(crate::record::PhaseKind::Profiling);
    assert_eq!(found(&judged(missing), "conservation"), Some((Status::Invalid, CLIENT)));
}

#[test]
fn the_machine_is_blamed_for_steal_and_throttling() {
    for (share, expected) in [(0.005, None), (0.05, Some(Status::Suspect)), (0.2, Some(Status::Invalid))] {
        let host = HostFacts {
            watched_s: 10.0,
            steal_share: Some(share),
            throttled_share: Some(share),
            ..HostFacts::default()
        };
        let verdict = judged_on(Run::new(plan(), 1_000), &host);
        for gate in ["cpu_steal", "cpu_throttling"] {
            assert_eq!(found(&verdict, gate), expected.map(|status| (status, HOST)), "{gate} {share}");
        }
    }
    let short = HostFacts { watched_s: 0.2, steal_share: Some(0.5), ..HostFacts::default() };
    assert_eq!(judged_on(Run::new(plan(), 1_000), &short).status, Status::Valid);
}

#[test]
fn others_on_the_clients_core_make_a_run_suspect() {
    for (busy, own, seconds, expected) in [
        (0.79, 0.2, 10, None),
        (0.99, 0.2, 10, Some(Status::Suspect)),
        // Its own doing, which busy_core judges.
        (0.99, 0.9, 10, None),
        // Ticks are rough in a short run.
        (0.99, 0.2, 0, Some(Status::Valid)),
    ] {
        let mut run = Run::new(plan(), 1_000);
        run.facts.profiling.end = seconds * SECOND + 500 * MILLI;
        run.facts.cores = vec![core(0.1), core(own)];
        let shared = &mut run.facts.cores[1];
        shared.core_busy_share = Some(busy);
        shared.involuntary_switches = 41;
        shared.run_delay_s = Some(1.5);
        let verdict = judged(run);
        let name = format!("{busy} {own} {seconds}");
        assert_eq!(found(&verdict, "shared_core"), expected.map(|status| (status, HOST)), "{name}");
        let finding = verdict.findings.iter().find(|f| f.gate == "shared_core");
        assert!(finding.is_none_or(|f| f.evidence.contains("interrupted 41 times and waited 1.50 s")), "{finding:?}");
    }
}

#[test]
fn a_lag_says_whether_the_workers_were_kept_from_running() {
    for (switches, says) in [(7, true), (0, false)] {
        let mut run = Run::new(plan(), 1_000);
        run.dispatch[..20].fill(11 * MILLI);
        run.facts.cores[0].involuntary_switches = switches;
        run.facts.cores.iter_mut().for_each(|c| c.run_delay_s = None);
        let verdict = judged(run);
        assert_eq!(verdict.findings[0].gate, "dispatch_lag");
        let evidence = &verdict.findings[0].evidence;
        assert_eq!(evidence.contains("interrupted 7 times"), says, "{evidence}");
    }
}

#[test]
fn what_a_machine_is_like_is_remarked_on() {
    let host = HostFacts { governor: Some("performance, powersave".into()), ..HostFacts::default() };
    let mut run = Run::new(plan(), 1_000);
    run.facts.cores = vec![core(0.1), core(0.1), core(0.1)];
    run.facts.cores[1].numa_node = Some(1);
    run.facts.cores[2].core = None;
    let verdict = judged_on(run, &host);
    assert_eq!(verdict.status, Status::Valid);
    for gate in ["governor", "numa", "unpinned"] {
        assert_eq!(found(&verdict, gate), Some((Status::Valid, HOST)), "{gate}");
    }
    let host = HostFacts { governor: Some("performance".into()), ..HostFacts::default() };
    let verdict = judged_on(Run::new(plan(), 1_000), &host);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn events_that_share_a_read_are_the_peers_unless_the_client_read_late() {
    let run = || {
        let mut run = Run::new(plan(), 1_000);
        run.records.iter_mut().for_each(|record| record.coalesced = 3);
        run
    };
    assert_eq!(found(&judged(run()), "coalesced"), Some((Status::Suspect, PEER)));
    let mut late = run();
    late.receive.fill(1_500 * MICRO);
    assert_eq!(found(&judged(late), "coalesced"), Some((Status::Suspect, CLIENT)));
    let mut few = run();
    few.records.truncate(3);
    assert_eq!(found(&judged(few), "coalesced").map(|f| f.0), Some(Status::Valid));
}

#[test]
fn failures_are_remarked_on_with_the_most_frequent() {
    let mut run = Run::new(plan(), 1_000);
    for record in &mut run.records[..10] {
        *record = failed(record.clone(), Cause::HttpStatus, 503, "busy\nsecond line");
    }
    let verdict = judged(run);
    assert_eq!(verdict.status, Status::Valid);
    let evidence = &verdict.findings[0].evidence;
    for part in ["10 of 1000", "1.0 %", "http_status", "503", "busy…"] {
        assert!(evidence.contains(part), "{evidence}");
    }
}

#[test]
fn failures_of_the_machine_are_not_the_servers() {
    for (cause, remedy) in [
        (Cause::PortsExhausted, "--source-ip"),
        (Cause::DescriptorsExhausted, "ulimit -n"),
        (Cause::MemoryLimit, "--max-buffered-bytes"),
    ] {
        let mut run = Run::new(plan(), 1_000);
        run.records[0] = failed(run.records[0].clone(), cause, 0, "");
        let verdict = judged(run);
        assert_eq!(found(&verdict, "machine_limits"), Some((Status::Suspect, HOST)));
        let mut findings = verdict.findings.iter();
        let limits = findings.find(|f| f.gate == "machine_limits").unwrap();
        assert!(limits.remedy.contains(remedy));
        assert!(limits.evidence.starts_with("1 "), "{}", limits.evidence);
    }
}

#[test]
fn a_run_without_a_success_is_not_valid() {
    let mut run = Run::new(plan(), 10);
    for record in &mut run.records {
        *record = failed(record.clone(), Cause::ConnectRefused, 0, "refused");
    }
    assert_eq!(found(&judged(run), "no_success"), Some((Status::Suspect, PEER)));
}

#[test]
fn token_counts_that_disagree_are_suspect_except_with_the_built_in_vocabulary() {
    for (approximate, mismatched, expected) in
        [(false, 300, Some(Status::Suspect)), (false, 10, Some(Status::Valid)), (true, 300, None)]
    {
        let (plan, mut summary) = Run::new(plan(), 1_000).summary();
        summary.tokens.approximate = approximate;
        summary.tokens.compared = 1_000;
        summary.tokens.mismatched = mismatched;
        let verdict = judge(&plan, &summary, &HostFacts::default(), None);
        assert_eq!(found(&verdict, "token_mismatch").map(|f| f.0), expected);
        assert_eq!(found(&verdict, "approximate_lengths").is_some(), approximate);
    }
}

#[test]
fn a_slow_reader_is_not_judged_by_what_it_was_asked_for() {
    let mut run = Run::new(plan(), 100);
    run.receive.fill(50 * MILLI);
    // What follows an answer comes as late as its end was read.
    run.dispatch.fill(200 * MILLI);
    run.shard = |shard| shard.counters.coalesced = shard.counters.events / 2;
    run.plan.network.read_rate = Some(10_000);
    let verdict = judged(run);
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    let slow = found(&verdict, "slow_reader");
    assert_eq!(slow, Some((Status::Valid, POLICY)));
    assert_eq!(found(&verdict, "receive_lag"), None);
    assert_eq!(found(&verdict, "coalesced"), None);
}

#[test]
fn a_run_that_ended_over_its_failures_is_suspect_and_says_over_how_many() {
    let mut run = Run::new(plan(), 100);
    run.facts.aborted =
        Some(Aborted { warmup: false, failed: 4, finished: 20, threshold: Some(0.1), max_errors: None });
    let verdict = judged(run);
    assert_eq!(found(&verdict, "aborted"), Some((Status::Suspect, PEER)));
    let said = &verdict.findings[0].evidence;
    assert!(said.contains("4 of the first 20 requests"), "{said}");
}

#[test]
fn cancelled_requests_are_no_failures() {
    let mut run = Run::new(plan(), 120);
    for record in &mut run.records[..60] {
        record.outcome = Outcome::Cancelled;
    }
    let verdict = judged(run);
    assert_eq!(found(&verdict, "failures"), None);
    assert_eq!(found(&verdict, "conservation"), None);
}

#[test]
fn remarks_do_not_change_the_verdict() {
    let mut run = Run::new(plan(), 20);
    run.plan.stamps = Stamps::User;
    run.facts.stamps = Stamps::User;
    run.facts.was_cancelled = true;
    run.receive.clear();
    run.records[0].usage = None;
    run.records[1].outcome = Outcome::InFlight;
    run.shard = |shard| {
        shard.counters.buffer_starved = 1;
        shard.profiling.text_over_limit = 1;
        shard.profiling.usage_refused = 3;
    };
    let verdict = judged(run);
    assert_eq!(verdict.status, Status::Valid);
    for gate in [
        "user_stamps",
        "cancelled",
        "in_flight_at_end",
        "unknown_lengths",
        "few_samples",
        "buffers",
        "text_over_limit",
        "usage_refused",
    ] {
        assert!(found(&verdict, gate).is_some(), "{gate}: {:?}", verdict.findings);
    }
}

#[test]
fn the_worst_finding_is_first_and_decides() {
    let mut run = Run::new(plan(), 50);
    run.facts.cores = vec![core(0.9)];
    run.shard = |shard| shard.counters.completions_lost = 1;
    let verdict = judged(run);
    let statuses: Vec<Status> = verdict.findings.iter().map(|f| f.status).collect();
    assert!(statuses.is_sorted_by(|a, b| a >= b), "{statuses:?}");
    assert_eq!((verdict.status, verdict.findings[0].gate), (Status::Invalid, "completions_lost"));
}

#[test]
fn figures_are_shown_in_a_unit_that_suits_them() {
    assert_eq!(shown_ms(0.0125), "12.5 µs");
    assert_eq!(shown_ms(1.5), "1.50 ms");
    assert_eq!(shown_ms(2_500.0), "2.50 s");
}
