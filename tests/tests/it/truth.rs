//! Token by token: what ringload stamped against what the server did, for streams that run beside each other.

use ringload_engine::clock::{MICRO, MILLI, Nanos};
use ringload_engine::host::HostFacts;
use ringload_engine::measure::ClientShare;
use ringload_engine::plan::{Cores, Statistic};
use ringload_engine::record::{Outcome, Record};
use ringload_engine::verdict::{Effect, Scope, Status, judge};
use ringload_mock::comparison::{Client, Comparison, Token, clients, compare};
use ringload_mock::{Config, Jitter, Server, Timing, start};
use ringload_tests::engine::{ask_for, closed, drive};
use ringload_tests::hardship::{Neighbour, last_core};
use ringload_tests::profile::Profile;
use ringload_tests::{Io, alone_on_both, on_both, until};
use std::collections::HashMap;
use std::time::Duration;

/// A server that notes what it does; its times vary evenly by up to `share`.
pub(crate) fn noting(ttft_ms: u64, itl_ms: u64, share: f64) -> Server {
    start(Config {
        timing: Timing::Fixed {
            ttft: Duration::from_millis(ttft_ms),
            itl: Duration::from_millis(itl_ms),
            jitter: Jitter::Uniform { share },
        },
        truth: true,
        ..Config::default()
    })
    .expect("a server")
}

#[test]
fn every_token_has_its_write_and_arrived_within_it() {
    on_both(|io| {
        let server = noting(20, 10, 0.5);
        let mut plan = closed(server.addr(), io, 50, 200);
        ask_for(&mut plan, 12);
        let run = drive(&plan);
        until("the last request is over", || server.truth().served.len() == 200);
        let truth = server.truth();
        assert!(truth.served.iter().all(|one| one.finished && one.tokens == 12));
        let reported: Vec<Client> = run.records.iter().map(as_reported).collect();
        let comparison = compare(&reported, &truth.served);
        assert_eq!(comparison.joined.len(), 200);
        assert_eq!(mismatches(&comparison), (0, 0, 0));

        let mut outside = 0;
        let mut own = 0;
        for joined in &comparison.joined {
            assert_eq!(joined.tokens.len(), 12);
            assert!(joined.issued_ns <= joined.received_ns);
            for token in &joined.tokens {
                assert!(token.arrived_ns + CLOCK_ERROR >= token.begun_ns, "{token:?} arrived before it was sent");
                if token.last_of_read {
                    own += 1;
                    outside += u64::from(token.arrived_ns > token.ended_ns + SLACK);
                }
            }
        }
        // Nor was the first or the last token of a request written before the interval that it can have arrived in.
        let of_id: HashMap<String, &Record> =
            (run.records.iter()).map(|record| (as_reported(record).request_id, record)).collect();
        for served in &truth.served {
            let id = served.request_id.as_deref().expect("an id");
            let record = of_id[id];
            let begun: Vec<Nanos> = served.events().map(|write| write.begun_ns).collect();
            let at = &record.instants;
            for (stamp, width, begun) in
                [(at.first_token, record.intervals.first, begun[0]), (at.last_token, record.intervals.last, begun[11])]
            {
                let since = stamp.expect("a token") - width;
                assert!(since <= begun + CLOCK_ERROR, "{record:?} {begun}: {since} is after the write");
            }
        }
        // The loopback stamps a segment within the write that sends it, whatever the client does meanwhile. What the
        // window or a missing stamp put off is the exception.
        assert!(outside * 20 <= own, "{outside} of {own} stamps lie after the end of their write");
        assert_eq!(run.summary.client.events, 200 * 12);
    });
}

#[test]
fn a_client_that_is_stopped_moves_no_token_with_kernel_stamps_and_many_with_its_own() {
    alone_on_both(|io| {
        let late = late_by(&stopped(io, "kernel"), 100 * MILLI);
        assert_eq!(late, (0, 0), "tokens, gaps");
        // Of 40 streams with a token each 600 ms about 20 have one in the stop; those in its first two thirds are late
        // by over 100 ms.
        let (tokens, gaps) = late_by(&stopped(io, "user"), 100 * MILLI);
        assert!(tokens >= 3 && gaps >= 3, "{tokens} {gaps}");
    });
}

#[test]
fn beside_a_busy_neighbour_no_mean_is_off_by_more_than_is_said_of_it() {
    alone_on_both(|io| {
        let server = noting(40, 10, 0.3);
        let core = last_core();
        let neighbour = Neighbour::on(core);
        let mut plan = closed(server.addr(), io, 8, 120);
        plan.cores = Cores::List(vec![core]);
        ask_for(&mut plan, 12);
        let run = drive(&plan);
        drop(neighbour);
        until("the last request is over", || server.truth().served.len() == 120);
        let reported: Vec<Client> = run.records.iter().map(as_reported).collect();
        let comparison = compare(&reported, &server.truth().served);
        assert_eq!(mismatches(&comparison), (0, 0, 0));
        // How much later than the end of its write the first, and the last, token of a request was stamped.
        let late = |token: fn(&[Token]) -> Option<&Token>| {
            let tokens = comparison.joined.iter().filter_map(|joined| token(&joined.tokens));
            let late: f64 = tokens.map(|token| token.arrived_ns as f64 - token.ended_ns as f64).sum();
            late / 1e6 / comparison.joined.len() as f64
        };
        let said = |tag: &str| {
            let of = |share: &&ClientShare| share.tag == tag && share.statistic == Statistic::Avg;
            run.summary.client.shares.iter().filter(of).map(|share| share.lower_by).sum::<f64>()
        };
        let slack_ms = SLACK as f64 / 1e6;
        for (tag, late) in [("time_to_first_token", late(|t| t.first())), ("request_latency", late(|t| t.last()))] {
            assert!(late <= said(tag) + slack_ms, "{tag} is {late} ms late, {} ms are said", said(tag));
        }
        // Where that is under 1 % of what was asked for, it makes nothing of the run.
        let verdict = judge(&plan, &run.summary, &HostFacts::default(), None);
        for finding in verdict.findings.iter().filter(|f| f.scope == Scope::Client && f.status > Status::Valid) {
            let moves = |e: &Effect| e.asked && (e.decides || e.share.is_some_and(|share| share > 0.01));
            assert!(finding.effects.iter().any(moves), "{finding:?}");
        }
    });
}

/// A run of the binary, stopped for 300 ms while its streams run. No stream has two tokens in the stop: a read of two
/// would give both the stamp of the later one.
fn stopped(io: Io, stamps: &str) -> Comparison {
    let server = noting(300, 600, 0.4);
    let running = Profile::of(server.addr())
        .on(io)
        .args(["--concurrency", "40", "--request-count", "40", "--osl", "4"])
        .args(["--stamps", stamps, "--allow-invalid"])
        .start();
    until("all streams run", || server.state().output_tokens >= 50);
    running.signal("STOP");
    std::thread::sleep(Duration::from_millis(300));
    running.signal("CONT");
    let ended = running.end().all_well();
    until("the last request is over", || server.truth().served.len() == 40);
    let truth = server.truth();
    let records = ended.text("profile_export.jsonl");
    let read = clients(records.as_bytes(), truth.header.wall_offset_ns);
    let (reported, left_out) = read.expect("records");
    assert_eq!((reported.len(), left_out), (40, 0));
    let comparison = compare(&reported, &truth.served);
    assert_eq!(mismatches(&comparison), (0, 0, 0));
    comparison
}

/// Tokens with a stamp of their own, and gaps between two such, that are wrong by more than `bound`.
fn late_by(comparison: &Comparison, bound: Nanos) -> (usize, usize) {
    let wrong = |error: i64| error.unsigned_abs() > bound;
    let mut late = (0, 0);
    for joined in &comparison.joined {
        let tokens = &joined.tokens;
        late.0 += tokens.iter().filter(|t| t.last_of_read && wrong(t.error_ns())).count();
        let gaps = joined.gap_errors_ns().zip(tokens.windows(2));
        late.1 += gaps.filter(|(error, pair)| pair.iter().all(|t| t.last_of_read) && wrong(*error)).count();
    }
    late
}

pub(crate) fn mismatches(comparison: &Comparison) -> (usize, usize, usize) {
    (comparison.unknown_to_server, comparison.unknown_to_client, comparison.of_other_length)
}

pub(crate) fn as_reported(record: &Record) -> Client {
    assert_eq!(record.outcome, Outcome::Succeeded);
    let mut at_ns = record.instants.first_token.expect("a token");
    let mut arrivals_ns = vec![at_ns];
    for gap in &record.gaps {
        at_ns += gap;
        arrivals_ns.push(at_ns);
    }
    let hex = format!("{:032x}", record.request_id);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Client {
        request_id: parts.join("-"),
        issued_ns: record.instants.issued,
        sent_ns: record.instants.send_end,
        arrivals_ns,
    }
}

/// The most by which the offset between the two clocks may be off: it is the best of five samples, and renewed each
/// second. No stamp lies before the write of its event by more, however late the read is.
pub(crate) const CLOCK_ERROR: Nanos = 100 * MICRO;
/// How far a stamp may lie after its write on a machine that is busy with something else.
const SLACK: Nanos = MILLI;
