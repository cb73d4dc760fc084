use super::super::testing::{Run, found, judged, of};
use super::*;
use crate::clock::MILLI;
use crate::measure::testing::plan;
use crate::plan::{Slo, Threshold};
use crate::record::Record;

/// 200 responses of 32 tokens, made 20 ms apart, of which `sizes` come together, with the last of them.
fn bursts(sizes: &[u64]) -> Run {
    let mut run = Run::new(plan(), 200);
    for record in &mut run.records {
        let sent = record.instants.send_start.unwrap();
        let mut at = sent;
        let mut gaps = Vec::new();
        for size in sizes {
            gaps.push(size * 20 * MILLI);
            gaps.extend(std::iter::repeat_n(0, *size as usize - 1));
            at += size * 20 * MILLI;
        }
        let shared = sizes.iter().map(|size| *size as u32 - 1).sum();
        let first = sent + gaps.remove(0);
        let instants = &mut record.instants;
        (instants.first_byte, instants.head_end) = (Some(first), Some(first));
        (instants.first_token, instants.first_visible_token) = (Some(first), Some(first));
        (instants.last_token, instants.end) = (Some(at), at + 5);
        record.usage = Some(crate::record::Usage { completion: Some(32), ..Default::default() });
        (record.events, record.gaps) = (32, gaps);
        (record.coalesced, record.merged) = (shared, shared);
    }
    run
}

fn effect(finding: &Finding, tag: &str) -> (Direction, f64) {
    let effect = finding.effects.iter().find(|e| e.tag == tag && e.statistic == Statistic::Avg).unwrap();
    assert!(effect.estimated, "{effect:?}");
    (effect.direction, effect.most)
}

#[test]
fn what_a_front_holds_back_is_told_with_its_size() {
    for (sizes, held, status) in [
        (&[19, 13][..], 360.0, Status::Suspect),
        (&[10, 11, 11], 180.0, Status::Suspect),
        (&[32], 620.0, Status::Suspect),
        // The first token comes alone: nothing that is asked for is moved.
        (&[1, 4, 4, 4, 4, 4, 4, 4, 3], 0.0, Status::Valid),
    ] {
        let verdict = judged(bursts(sizes));
        assert_eq!(found(&verdict, "buffering"), Some((status, Scope::Path)), "{sizes:?}");
        assert_eq!((verdict.status, found(&verdict, "coalesced")), (status, None), "{:?}", verdict.findings);
        let finding = of(&verdict, "buffering").unwrap();
        assert!(finding.evidence.contains("the server, or a proxy between"), "{}", finding.evidence);
        if held > 0.0 {
            let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.001;
            let (raised, ttft) = effect(finding, "time_to_first_token");
            let (lowered, itl) = effect(finding, "inter_token_latency");
            assert_eq!((raised, lowered), (Direction::Raised, Direction::Lowered));
            assert!(near(ttft, held) && near(itl, held / 31.0), "{sizes:?} {ttft} {itl}");
        }
        let all = format!("{:?}", verdict.findings);
        assert!(!all.contains("trust inter_token_latency") && !all.contains("more cores"), "{all}");
    }
}

#[test]
fn the_cure_is_that_of_the_front_it_looks_like() {
    for (sizes, server, via, cure) in [
        (&[19, 13][..], "nginx/1.22.1", "", "nginx: `proxy_buffering off`"),
        (&[32], "lighttpd/1.4.69", "", "lighttpd: `server.stream-response-body = 2`"),
        // HAProxy passes the server's name on.
        (&[11, 11, 10], "uvicorn", "", "`option http-no-delay`"),
        (&[4; 8], "uvicorn", "", "nginx: `proxy_buffering off`; HAProxy: `option http-no-delay`; lighttpd"),
        (&[4; 8], "uvicorn", "1.1 varnish (Varnish/7.1)", "Varnish: "),
        (&[4; 8], "Apache/2.4.71 (Debian)", "", "Apache: `flushpackets=on`"),
    ] {
        let (plan, mut summary) = bursts(sizes).summary();
        summary.network.targets = vec![crate::measure::TargetFacts {
            server: server.into(),
            via: via.into(),
            ..crate::measure::TargetFacts::default()
        }];
        let verdict = super::super::judge(&plan, &summary, &crate::host::HostFacts::default(), None);
        let finding = of(&verdict, "buffering").unwrap();
        assert!(finding.remedy.contains(cure), "{server} {via}: {}", finding.remedy);
        assert!(finding.evidence.contains(server), "{}", finding.evidence);
    }
}

#[test]
fn gaps_that_are_asked_for_are_those_of_the_bursts() {
    let asked = |condition: &str, objective: Option<&str>| {
        let mut run = bursts(&[1, 8, 8, 8, 7]);
        run.plan.thresholds = vec![Threshold::parse(condition).unwrap()];
        run.plan.slos = objective.map_or(vec![], |text| Slo::parse_all(&[text.to_owned()]).unwrap());
        found(&judged(run), "buffering").unwrap().0
    };
    assert_eq!(asked("icl.p99>50ms", None), Status::Suspect);
    assert_eq!(asked("rps<1", None), Status::Valid);
    assert_eq!(asked("rps<1", Some("time_to_second_token:10")), Status::Suspect);
}

#[test]
fn an_objective_that_a_whole_answer_at_once_meets_is_suspect() {
    let mut run = bursts(&[32]);
    run.plan.slos = Slo::parse_all(&["inter_token_latency:5".to_owned()]).unwrap();
    let verdict = judged(run);
    assert_eq!(found(&verdict, "buffering"), Some((Status::Suspect, Scope::Path)), "{:?}", verdict.findings);
}

#[test]
fn bursts_that_late_reads_made_are_the_clients() {
    let late = |record: &mut Record| record.merged = 0;
    let mut run = bursts(&[4; 8]);
    run.records.iter_mut().for_each(late);
    let verdict = judged(run);
    assert_eq!(found(&verdict, "buffering"), None);
    assert_eq!(found(&verdict, "coalesced"), Some((Status::Valid, Scope::Client)));
    // A third of them does not make the others the client's.
    let mut run = bursts(&[4; 8]);
    run.records[..60].iter_mut().for_each(late);
    let verdict = judged(run);
    assert_eq!(found(&verdict, "buffering"), Some((Status::Suspect, Scope::Path)));
    assert_eq!(found(&verdict, "coalesced"), None);
}

#[test]
fn wide_intervals_of_bursts_are_the_clients_where_its_lag_is_long_beside_the_period() {
    let lagging = |lag: u64| {
        let mut run = bursts(&[19, 13]);
        run.receive.fill(lag);
        for record in &mut run.records {
            record.intervals = crate::record::Intervals {
                first: 0,
                last: 260 * MILLI,
                widest: 260 * MILLI,
                wide: 12,
                end: 0,
                begin: 0,
            };
        }
        found(&judged(run), "receive_lag")
    };
    assert_eq!(lagging(5 * MILLI), Some((Status::Valid, Scope::Client)));
    assert_eq!(lagging(40 * MILLI), Some((Status::Invalid, Scope::Client)));
}

#[test]
fn a_front_whose_bursts_follow_acknowledgements_is_told_as_a_front() {
    // What is behind a first burst of ten comes with its acknowledgement, 40 ms later.
    let (plan, summary) = bursts(&[10, 2, 9, 2, 9]).summary();
    assert!(summary.network.delayed_acks.is_some());
    let verdict = super::super::judge(&plan, &summary, &crate::host::HostFacts::default(), None);
    assert_eq!(found(&verdict, "buffering"), Some((Status::Suspect, Scope::Path)));
    assert_eq!(found(&verdict, "delayed_ack"), None);
}

#[test]
fn a_mock_without_latency_has_no_pattern() {
    let mut run = Run::with_answers(plan(), 200, 50_000, 2_000);
    run.records.iter_mut().for_each(|record| (record.coalesced, record.merged) = (8, 8));
    let verdict = judged(run);
    assert_eq!((verdict.status, found(&verdict, "buffering")), (Status::Valid, None));
    assert_eq!(found(&verdict, "coalesced"), Some((Status::Valid, Scope::Path)));
}
