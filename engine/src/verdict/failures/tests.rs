use super::super::testing::Run;
use super::*;
use crate::host::HostFacts;
use crate::measure::testing::plan;
use crate::plan::Cancellation;
use crate::record::Outcome;
use crate::record::testing::failed;

#[test]
fn a_run_without_a_success_has_failed_and_tells_the_cause_that_explains_most_first() {
    let mut run = Run::new(plan(), 120);
    for (k, record) in run.records.iter_mut().enumerate() {
        // Two messages of one status together outnumber the one of a reset.
        *record = match k {
            0..50 => failed(record.clone(), Cause::Reset, 0, "connection reset"),
            50..95 => failed(record.clone(), Cause::HttpStatus, 503, "busy"),
            95..118 => failed(record.clone(), Cause::HttpStatus, 503, "queue full"),
            _ => failed(record.clone(), Cause::HttpStatus, 404, "no such model"),
        };
    }
    let (plan, summary) = run.summary();
    let finding = no_success(&plan, &summary).unwrap();
    assert_eq!((finding.status, finding.scope, finding.value), (Status::Failed, Scope::Server, Some(120.0)));
    assert_eq!(
        finding.evidence,
        "every request failed: http_status 503, 68 of 120: busy; then reset (50), http_status 404 (2)"
    );
    assert!(finding.remedy.contains("turns requests away"), "{}", finding.remedy);
    assert!(failures(&summary).is_none(), "said once");
}

#[test]
fn a_run_that_found_no_port_has_failed_by_its_own_machine() {
    let mut run = Run::new(plan(), 10);
    for record in &mut run.records {
        *record = failed(record.clone(), Cause::PortsExhausted, 0, "no port");
    }
    let (plan, summary) = run.summary();
    let finding = no_success(&plan, &summary).unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Failed, Scope::Client));
}

#[test]
fn a_run_whose_requests_were_all_cancelled_has_itself_to_blame() {
    let mut plan = plan();
    plan.cancellation = Some(Cancellation { share: 1.0, delay: 0 });
    let mut run = Run::new(plan, 10);
    for record in &mut run.records {
        record.outcome = Outcome::Cancelled;
    }
    let (plan, summary) = run.summary();
    let finding = no_success(&plan, &summary).unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Failed, Scope::Policy));
    assert!(finding.evidence.contains("10 of 10 were cancelled"), "{}", finding.evidence);
    // One that failed is the server's, and the others are said.
    let mut run = Run::new(plan, 10);
    for record in &mut run.records {
        record.outcome = Outcome::Cancelled;
    }
    run.records[0] = failed(run.records[0].clone(), Cause::Reset, 0, "reset");
    let (plan, summary) = run.summary();
    let finding = no_success(&plan, &summary).unwrap();
    assert_eq!(finding.scope, Scope::Server);
    assert!(finding.evidence.contains("9 of the 10"), "{}", finding.evidence);
}

#[test]
fn a_warm_up_that_failed_is_told() {
    let warm_up = |succeeded, failed| {
        let (_, mut summary) = Run::new(plan(), 20).summary();
        summary.warmup_counts.succeeded = succeeded;
        summary.warmup_counts.failed = [(Cause::HttpStatus, failed), (Cause::Reset, 1)].into();
        super::warmup(&summary)
    };
    let finding = warm_up(0, 7).unwrap();
    assert_eq!((finding.status, finding.scope, finding.value), (Status::Suspect, Scope::Server, Some(1.0)));
    let expected = "8 of 8 requests of the warm-up failed (100.0 %): http_status (7), reset (1); the measured phase began \
                    with a server that was not warm";
    assert_eq!(finding.evidence, expected);
    let some = warm_up(8, 7).unwrap();
    assert_eq!(some.status, Status::Valid);
    assert_eq!(some.evidence, "8 of 16 requests of the warm-up failed (50.0 %): http_status (7), reset (1)");
    assert!(warm_up(80, 7).is_none(), "under a tenth");
}

#[test]
fn a_server_that_stops_answering_is_told_and_a_slow_one_is_not() {
    // Ten requests answered, then all hang until the end of the load.
    let mut run = Run::new(plan(), 20);
    for record in &mut run.records[10..] {
        record.outcome = Outcome::InFlight;
        record.events = 0;
        record.instants.first_token = None;
        record.instants.last_token = None;
        record.instants.end = 10 * crate::clock::SECOND;
    }
    let (plan, summary) = run.summary();
    let host = HostFacts::default();
    let finding = standstill(&Case::new(&plan, &summary, &host, None)).unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Server));
    assert!(finding.evidence.contains("stood still for"), "{}", finding.evidence);
    // It answered for half a second or so, and would have gone on.
    let rate = finding.effects.iter().find(|e| e.tag == "request_throughput").unwrap();
    assert!(rate.share.unwrap() > 0.5, "{rate:?}");
    let (plan, summary) = Run::new(plan, 20).summary();
    assert!(standstill(&Case::new(&plan, &summary, &host, None)).is_none());
    // One request at a time that takes the whole run is slow, no more.
    let slow = crate::record::testing::streamed(0, 0, 9 * crate::clock::SECOND, &[]);
    let summary = crate::measure::testing::summary(&plan, &[slow]);
    assert!(standstill(&Case::new(&plan, &summary, &host, None)).is_none());
}
