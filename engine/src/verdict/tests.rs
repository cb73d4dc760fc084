use super::testing::{Run, core, found, judged, judged_on, of};
use super::*;
use crate::calibration::Basis;
use crate::clock::{MILLI, SECOND};
use crate::measure::testing::{open_plan, plan};
use crate::measure::{Aborted, Offered};
use crate::plan::{Arrival, Cap, CapPolicy, Load, Prefill, Stamps, Target};
use crate::record::testing::failed;
use crate::record::{Cause, Outcome};
use crate::setting::Setting;

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
    assert_eq!(found(&verdict, "insecure"), Some((Status::Valid, Scope::Policy)));
    assert_eq!(verdict.status, Status::Valid);
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
    assert_eq!(found(&judged(run(1_020)), "rate"), Some((Status::Suspect, Scope::Client)));
    assert_eq!(found(&judged(run(1_100)), "rate"), Some((Status::Invalid, Scope::Client)));
    let mut capped = run(1_100);
    capped.plan.profiling.load = Load::Open {
        rate: 100.0.into(),
        pattern: Arrival::Constant,
        cap: Some(Cap { concurrency: 8, policy: CapPolicy::Drop, ramp: None }),
    };
    capped.shard = |shard| shard.profiling.dropped = 100;
    let verdict = judged(capped);
    assert_eq!(found(&verdict, "rate"), Some((Status::Suspect, Scope::Policy)));
    assert_eq!(found(&verdict, "cap"), Some((Status::Suspect, Scope::Policy)));
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
            "because the response before them in their conversation was not there",
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
        assert_eq!(found(&verdict, gate), Some((status, Scope::Policy)), "{load:?}");
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
    assert_eq!(found(&verdict, "records_lost"), Some((Status::Invalid, Scope::Client)));
    assert_eq!(found(&verdict, "conservation"), None);
    let mut completions = Run::new(plan(), 1_000);
    completions.shard = |shard| shard.counters.completions_lost = 2;
    assert_eq!(found(&judged(completions), "completions_lost"), Some((Status::Invalid, Scope::Client)));
    let mut missing = Run::new(plan(), 1_000);
    missing.shard = |shard| shard.issued(crate::record::PhaseKind::Profiling);
    assert_eq!(found(&judged(missing), "conservation"), Some((Status::Invalid, Scope::Client)));
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
        assert_eq!(found(&verdict, gate), Some((Status::Valid, Scope::Client)), "{gate}");
    }
    let host = HostFacts { governor: Some("performance".into()), ..HostFacts::default() };
    let verdict = judged_on(Run::new(plan(), 1_000), &host);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn failures_are_remarked_on_with_the_most_frequent() {
    let mut run = Run::new(plan(), 1_000);
    for record in &mut run.records[..10] {
        *record = failed(record.clone(), Cause::HttpStatus, 503, "busy\nsecond line");
    }
    let verdict = judged(run);
    assert_eq!(verdict.status, Status::Valid);
    let evidence = &of(&verdict, "failures").unwrap().evidence;
    for part in ["10 of 1000", "1.0 %", "http_status 503, 10 of 10", "busy…"] {
        assert!(evidence.contains(part), "{evidence}");
    }
}

#[test]
fn a_run_that_was_interrupted_before_its_first_request_blames_nobody() {
    let (plan, mut summary) = Run::new(plan(), 0).summary();
    summary.was_cancelled = true;
    let verdict = judge(&plan, &summary, &HostFacts::default(), None);
    let finding = of(&verdict, "no_success").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Failed, Scope::Policy));
    assert!(finding.evidence.contains("interrupted before its first request"), "{}", finding.evidence);
    summary.warmup_counts.issued = 1;
    let verdict = judge(&plan, &summary, &HostFacts::default(), None);
    let evidence = &of(&verdict, "no_success").unwrap().evidence;
    assert!(evidence.contains("interrupted in its warm-up"), "{evidence}");
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
fn a_run_that_ended_over_its_failures_is_suspect_and_says_over_how_many() {
    let mut run = Run::new(plan(), 100);
    run.facts.aborted =
        Some(Aborted { warmup: false, failed: 4, finished: 20, threshold: Some(0.1), max_errors: None });
    let verdict = judged(run);
    assert_eq!(found(&verdict, "aborted"), Some((Status::Suspect, Scope::Server)));
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
fn what_is_busy_stolen_or_near_its_ceiling_explains_lags_and_is_a_note() {
    let mut run = Run::new(plan(), 1_000);
    run.facts.cores = vec![core(0.1), core(0.96)];
    run.facts.cores[0].core_busy_share = Some(0.99);
    run.facts.cores[0].involuntary_switches = 41;
    run.facts.cores[0].run_delay_s = Some(1.5);
    let (plan, summary) = run.summary();
    let host =
        HostFacts { watched_s: 10.0, steal_share: Some(0.05), throttled_share: Some(0.2), ..HostFacts::default() };
    let used = used(0.95);
    let verdict = judge(&plan, &summary, &host, Some(&used));
    assert_eq!(verdict.status, Status::Valid, "{:?}", verdict.findings);
    for (gate, says) in [
        ("busy_core", "core 3 was busy 96.0 %"),
        ("shared_core", "interrupted 41 times and waited 1.50 s"),
        ("cpu_steal", "5.0 %"),
        ("cpu_throttling", "20.0 %"),
        ("ceiling", "950000 output events/s of at most 1000000"),
    ] {
        let finding = of(&verdict, gate).unwrap_or_else(|| panic!("{gate}"));
        assert_eq!((finding.status, finding.scope), (Status::Valid, Scope::Client));
        assert!(finding.evidence.contains(says), "{}", finding.evidence);
        assert!(finding.value > finding.bound, "{finding:?}");
    }
}

fn used(share: f64) -> Used {
    Used {
        share,
        mean_share: share / 2.0,
        window_s: 1.0,
        events_per_s: share * 1e6,
        requests_per_s: 10.0,
        cores: 1,
        ceiling_events_per_s: Some(1e6),
        ceiling_requests_per_s: Some(1e5),
        basis: Basis::Measured,
        calibrated_at: "2026-01-01T00:00:00Z".into(),
        calibrated_for: "epoll".into(),
    }
}

#[test]
fn stolen_time_is_in_no_lag_and_much_of_it_is_suspect() {
    for (seconds, status) in [(10.0, Status::Suspect), (0.2, Status::Valid)] {
        let host = HostFacts { watched_s: seconds, steal_share: Some(0.2), ..HostFacts::default() };
        let verdict = judged_on(Run::new(plan(), 1_000), &host);
        assert_eq!(found(&verdict, "cpu_steal"), Some((status, Scope::Client)));
    }
}

#[test]
fn failures_of_the_machine_are_not_the_servers() {
    for (cause, remedy, status) in [
        (Cause::PortsExhausted, Setting::SourceIps.to_string(), Status::Invalid),
        (Cause::DescriptorsExhausted, "ulimit -n".into(), Status::Invalid),
        (Cause::MemoryLimit, Setting::BufferedBytes.to_string(), Status::Suspect),
    ] {
        let mut run = Run::new(plan(), 1_000);
        run.records[0] = failed(run.records[0].clone(), cause, 0, "");
        let verdict = judged(run);
        let limits = of(&verdict, "machine_limits").unwrap();
        assert_eq!((limits.status, limits.scope), (status, Scope::Client));
        assert!(limits.remedy.contains(&remedy));
        assert!(limits.evidence.starts_with("1 "), "{}", limits.evidence);
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
fn a_run_without_a_success_has_failed_before_it_is_anything_else() {
    let mut run = Run::new(plan(), 10);
    for record in &mut run.records {
        *record = failed(record.clone(), Cause::ConnectRefused, 0, "refused");
    }
    run.shard = |shard| shard.counters.completions_lost = 1;
    let verdict = judged(run);
    assert_eq!((verdict.status, verdict.findings[0].gate), (Status::Failed, "no_success"));
}
