//! Requests that share an HTTP/2 connection, under virtual time: what one of them meets is nothing to the others. The
//! same is asked of real sockets in the `tests` crate, where nothing decides the order of events.

pub(crate) mod server;

use crate::simulated::{START, plan};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::internal::{SimulatedResult, SimulatedRun};
use ringload_engine::plan::{Arrival, Cancellation, Length, Load, Phase, Plan, Reuse, Target};
use ringload_engine::record::{Cause, Outcome, PhaseKind, Record, Transmission};
use server::{BODY, Kernel, Server, TOKEN, chat, frame};

#[test]
fn a_request_is_sent_when_the_kernel_has_taken_its_own_last_byte() {
    // The first send takes until 5 ms; the second request, ready at 1 ms, has to wait for it and takes until 12 ms.
    let server = Server {
        sends: [5, 12].map(|ms| Kernel::TakesUntil(ms * MILLI)).to_vec(),
        answer: |at, key, stream, script| script.send(at + 20 * MILLI, key, chat(stream)),
        ..Server::default()
    };
    let records = play(&[Phase::closed(2, 2)], server);
    let sent = records.iter().map(|r| r.instants.send_end.unwrap() - START);
    assert_eq!(sent.collect::<Vec<_>>(), [5 * MILLI, 12 * MILLI]);
}

#[test]
fn a_long_request_is_sent_when_its_last_byte_has_left() {
    let server = Server {
        leaves: Some((6 * MILLI, 8 * MILLI)),
        answer: |at, key, stream, script| script.send(at + 20 * MILLI, key, chat(stream)),
        ..Server::default()
    };
    let mut plan = plan(Phase::closed(1, 3));
    // More than the initial window of TCP takes; three of them fit into the server's of HTTP/2.
    plan.prompts.isl = Length { mean: 2_500.0, stddev: 0.0 };
    for r in play_plan(&plan, server) {
        assert_eq!((r.instants.phases().send, r.instants.phases().wait), (6 * MILLI, 14 * MILLI));
        assert_eq!(r.transmission, Some(Transmission { held: 6 * MILLI, acknowledged: Some(2 * MILLI) }));
    }
}

#[test]
fn a_slot_that_rides_again_does_not_inherit_a_send() {
    // The first request is answered before the kernel says that it has taken it; the second has its slot, and goes out
    // after that.
    let server = Server {
        sends: [50, 80].map(|ms| Kernel::TakesUntil(ms * MILLI)).to_vec(),
        answer: |at, key, stream, script| {
            let after = if stream == 1 { 2 } else { 60 };
            script.send(at + after * MILLI, key, chat(stream));
        },
        ..Server::default()
    };
    let records = play(&[Phase::closed(1, 2)], server);
    let sent: Vec<_> = records.iter().map(|r| r.instants.send_end).collect();
    assert_eq!(sent, [None, Some(START + 80 * MILLI)]);
}

#[test]
fn requests_of_a_connection_that_is_not_there_yet_are_in_flight_when_the_phase_ends() {
    // The connection takes 300 ms, the warm-up 100 ms: its requests give up, and the measured ones take the connection.
    let server = Server { connect: 300 * MILLI, ..Server::default() };
    let records = play(&[ends_after(100 * MILLI, 3), Phase::closed(3, 9)], server);
    let (warmup, profiling) = records.split_at(3);
    for r in warmup {
        assert_eq!((r.phase, r.outcome), (PhaseKind::Warmup, Outcome::InFlight));
    }
    assert_eq!(profiling.len(), 9);
    for r in profiling {
        assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        assert_eq!(r.instants.tcp_end, None, "nobody pays for it twice");
    }
}

#[test]
fn who_waits_for_a_connection_does_not_pay_for_it_when_its_initiator_is_gone() {
    // The initiator gives up after 200 ms, another request came at 100 ms; the connection is there at 250 ms.
    let server = Server { connect: 250 * MILLI, ..Server::default() };
    let mut plan = plan(Phase {
        load: Load::Open { rate: 10.0.into(), pattern: Arrival::Constant, cap: None },
        requests: Some(2),
        sessions: None,
        duration: None,
        grace: None,
        prefill: None,
    });
    plan.timeouts.request = 200 * MILLI;
    let records = play_plan(&plan, server);
    assert!(matches!(records[0].outcome, Outcome::Failed(_)));
    let second = &records[1];
    assert_eq!(second.outcome, Outcome::Succeeded);
    let phases = second.instants.phases();
    assert_eq!((phases.tcp, phases.queue), (0, 150 * MILLI));
}

#[test]
fn a_send_that_fails_at_the_end_of_a_run_fails_no_request_that_was_in_flight() {
    // Three requests are on their way when the phase ends. The kernel refuses to say so to the server.
    let server = Server {
        then: |now| {
            if now < START + SECOND { Kernel::Takes } else { Kernel::Fails }
        },
        answer: |_, _, _, _| {},
        ..Server::default()
    };
    let records = play(&[ends_after(SECOND, 3)], server);
    let outcomes: Vec<_> = records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::InFlight; 3]);
}

#[test]
fn a_server_that_asks_and_does_not_read_is_given_up() {
    // The first send is never taken, and pings come between the pieces of an answer.
    let server = Server {
        sends: vec![Kernel::TakesUntil(SECOND)],
        answer: |at, key, stream, script| {
            script.send(at + 2 * MILLI, key, frame(1, 4, stream, &[0x88]));
            let asks = [frame(6, 0, 0, &[0; 8]).repeat(900), frame(0, 0, stream, b":")].concat();
            for _ in 0..12 {
                script.send(at + 3 * MILLI, key, asks.clone());
            }
        },
        ..Server::default()
    };
    let r = &play(&[Phase::closed(1, 1)], server)[0];
    assert_eq!(r.outcome, Outcome::Failed(Cause::Http2Protocol));
    let said = r.detail.as_deref().unwrap_or_default();
    assert!(said.contains("the server asks and does not read"), "{said}");
}

#[test]
fn a_connection_on_which_heads_do_not_end_is_given_up_when_there_is_no_room_for_them_and_gives_its_room_back() {
    // Every second connection gets the front of a header block, of some 60 KiB, and nothing else; the others one of 20
    // KiB, for which there is room.
    let server = Server {
        answer: |at, key, stream, script| {
            script.send(at + MILLI, key, frame(1, 0, stream, &[0x88]));
            if key.generation % 2 == 1 {
                for _ in 0..15 {
                    script.send(at + 2 * MILLI, key, frame(9, 0, stream, &[0; 4000]));
                }
                return;
            }
            // A literal field without indexing, its value of 1 000 bytes.
            let field = [&[0, 1, b'a', 0x7f, 0xe9, 0x06][..], &[b'b'; 1000]].concat();
            for _ in 0..10 {
                script.send(at + 2 * MILLI, key, frame(9, 0, stream, &field.repeat(2)));
            }
            script.send(at + 3 * MILLI, key, frame(9, 4, stream, &[]));
            script.send(at + 4 * MILLI, key, frame(0, 1, stream, BODY));
        },
        ..Server::default()
    };
    let mut plan = plan(Phase::closed(1, 40));
    plan.limits.buffered_bytes = Some(64 << 10);
    plan.reuse = Reuse::Never;
    let records = play_plan(&plan, server);
    let (mut failed, mut served) = (0, 0);
    for r in &records {
        match r.outcome {
            Outcome::Succeeded => served += 1,
            Outcome::Failed(Cause::MemoryLimit) => failed += 1,
            other => panic!("{other:?}, {:?}", r.detail),
        }
    }
    assert!(failed > 5 && served > 5, "{failed} and {served}");
}

#[test]
fn a_server_that_takes_one_stream_a_connection_gets_all_its_connections_at_once() {
    // A connection takes 50 ms, and its settings 1 ms more. The limit is learned from the first; 31 follow together.
    let server = Server {
        connect: 50 * MILLI,
        settings: &[(3, 1)],
        answer: |at, key, stream, script| script.send(at + 300 * MILLI, key, chat(stream)),
        ..Server::default()
    };
    let records = play(&[Phase::closed(16, 16)], server);
    let mut sent: Vec<_> = records.iter().map(|r| r.instants.send_start.unwrap() - START).collect();
    sent.sort_unstable();
    assert_eq!(sent[0], 50 * MILLI);
    assert_eq!(sent[1..], [101 * MILLI; 15]);
    assert!(records.iter().all(|r| r.outcome == Outcome::Succeeded));
}

#[test]
fn requests_wait_for_a_server_that_allows_no_stream_and_go_when_it_does() {
    // Its settings allow none at first, and refuse what came before them; 2 s later they allow two.
    let server = Server {
        settings: &[(3, 0)],
        later: Some((2 * SECOND, &[(3, 2)])),
        answer: |at, key, stream, script| {
            if at < START + 2 * SECOND {
                script.send(at + 2 * MILLI, key, frame(3, 0, stream, &7_u32.to_be_bytes()));
            } else {
                script.send(at + 10 * MILLI, key, chat(stream));
            }
        },
        ..Server::default()
    };
    let (records, connects) = play_counting(&plan(Phase::closed(4, 8)), server);
    for r in &records {
        assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        assert!(r.instants.send_start.unwrap() >= START + 2 * SECOND);
    }
    // Two at a time: the first four need two connections.
    assert_eq!(connects, 2);
}

#[test]
fn a_server_that_never_allows_a_stream_is_told_as_that_and_gets_one_connection() {
    let server = Server {
        settings: &[(3, 0)],
        answer: |at, key, stream, script| {
            script.send(at + 2 * MILLI, key, frame(3, 0, stream, &7_u32.to_be_bytes()));
        },
        ..Server::default()
    };
    let (records, connects) = play_counting(&plan(Phase::closed(4, 40)), server);
    for r in &records {
        assert_eq!(r.outcome, Outcome::Failed(Cause::Http2Refused), "{:?}", r.detail);
        let said = r.detail.as_deref().unwrap_or_default();
        assert!(said.contains("allows 0 streams on a connection (SETTINGS_MAX_CONCURRENT_STREAMS)"), "{said}");
    }
    assert_eq!(connects, 1);
    // All together: who comes when it is known does not wait again.
    let last = records.iter().map(|r| r.instants.end).max().unwrap();
    assert!(last < START + 6 * SECOND);
}

#[test]
fn a_server_that_allows_no_stream_and_closes_is_not_connected_to_without_end() {
    // Each connection ends 1 ms after its settings.
    let server = Server { settings: &[(3, 0)], closes: Some(2 * MILLI), answer: |_, _, _, _| {}, ..Server::default() };
    let (records, connects) = play_counting(&plan(Phase::closed(2, 8)), server);
    assert!(records.iter().all(|r| matches!(r.outcome, Outcome::Failed(_))));
    assert!(connects <= 60, "{connects}");
}

#[test]
fn requests_that_find_no_slot_for_a_connection_wait_for_a_stream() {
    // 64 slots: 40 requests, and one stream each on 24 connections.
    let server = Server {
        settings: &[(3, 1)],
        answer: |at, key, stream, script| script.send(at + 10 * MILLI, key, chat(stream)),
        ..Server::default()
    };
    let (records, connects) = play_counting(&plan(Phase::closed(40, 200)), server);
    for r in &records {
        assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
    }
    assert_eq!(connects, 24);
}

#[test]
fn slots_that_rest_when_all_is_issued_do_not_keep_the_loop_awake() {
    // Two connections are refused, and their slots rest; the third serves its request for 2 s. Virtual time stands
    // still in a loop that does not wait.
    let server = Server {
        refused: 2,
        answer: |at, key, stream, script| script.send(at + 2 * SECOND, key, chat(stream)),
        ..Server::default()
    };
    let mut plan = plan(Phase::closed(3, 3));
    plan.reuse = Reuse::Never;
    let records = play_plan(&plan, server);
    let refused = Outcome::Failed(Cause::ConnectRefused);
    let outcomes: Vec<_> = records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [refused, refused, Outcome::Succeeded]);
}

#[test]
fn prewarmed_connections_wait_for_the_settings_of_the_server() {
    let server = Server { connect: 50 * MILLI, settings: &[(3, 1)], ..Server::default() };
    let mut plan = plan(Phase::closed(4, 8));
    plan.network.prewarm = 4;
    let (records, connects) = play_counting(&plan, server);
    assert_eq!(connects, 4);
    for r in &records {
        assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        assert_eq!(r.instants.tcp_start, None, "it was there");
        assert_eq!(r.instants.phases().queue, 0);
    }
}

#[test]
fn an_address_that_does_not_answer_gives_way_and_is_the_last_choice_then() {
    // The first two attempts, of which one is of each request, go to an address that is silent.
    let server = Server { silent: 1, ..Server::default() };
    let mut plan = plan(Phase::closed(1, 4));
    plan.reuse = Reuse::Never;
    plan.targets[0] = Target::parse("http://two:1").unwrap();
    let (records, connects) = play_counting(&plan, server);
    for r in &records {
        assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
    }
    assert_eq!(connects, 5, "one was made in its place");
    let first = records[0].instants;
    assert_eq!(first.send_start.unwrap() - START, 2 * SECOND);
    assert_eq!(first.phases().total(), first.end - first.issued);
    assert!(records[1..].iter().all(|r| r.instants.end - r.instants.issued < SECOND));
}

#[test]
fn a_window_that_closes_for_good_counts_until_the_time_out() {
    // The server never opens its window of 10 bytes.
    let server = Server { settings: &[(4, 10)], answer: |_, _, _, _| {}, ..Server::default() };
    let mut plan = plan(Phase::closed(2, 2));
    plan.timeouts.request = SECOND;
    let (records, zero) = play_window(&plan, server);
    assert!(records.iter().all(|r| r.outcome == Outcome::Failed(Cause::Timeout)));
    assert!(zero >= 990 * MILLI, "{zero}");
}

#[test]
fn a_reset_without_an_error_on_a_part_of_a_response_is_told_as_truncated() {
    let server = Server {
        answer: |at, key, stream, script| {
            script.send(at + MILLI, key, frame(1, 4, stream, &[0x88]));
            script.send(at + 2 * MILLI, key, frame(0, 0, stream, TOKEN));
            script.send(at + 3 * MILLI, key, frame(3, 0, stream, &[0; 4]));
        },
        ..Server::default()
    };
    let r = &play(&[Phase::closed(1, 1)], server)[0];
    assert_eq!(r.outcome, Outcome::Failed(Cause::Truncated));
    let said = r.detail.as_deref().unwrap_or_default();
    assert!(said.contains("RST_STREAM NO_ERROR"), "{said}");
}

#[test]
fn a_server_that_minds_cancellations_is_told_as_their_effect() {
    // Requests are cancelled; at the third the server has had enough, and takes none of them.
    let server = Server {
        answer: |at, key, stream, script| {
            if stream > 3 {
                let away = [&stream.to_be_bytes()[..], &11_u32.to_be_bytes()].concat();
                script.send(at, key, frame(7, 0, 0, &away));
                script.close(at, key);
            }
        },
        ..Server::default()
    };
    let mut plan = plan(Phase::closed(1, 4));
    plan.cancellation = Some(Cancellation { share: 1.0, delay: 5 * MILLI });
    let records = play_plan(&plan, server);
    let failed: Vec<_> = records.iter().filter(|r| matches!(r.outcome, Outcome::Failed(_))).collect();
    assert!(!failed.is_empty());
    for r in failed {
        let said = r.detail.as_deref().unwrap_or_default();
        assert!(said.contains("ENHANCE_YOUR_CALM") && said.contains("`plan.cancellation.share`"), "{said}");
    }
}

/// A closed loop of `n` whose requests in flight are given up after `duration`.
fn ends_after(duration: Nanos, n: u32) -> Phase {
    Phase { requests: None, sessions: None, duration: Some(duration), grace: Some(0), ..Phase::closed(n, 1) }
}

/// Plays phases one after the other, the last as the measured one; the records in the order of their phases and
/// indices.
fn play(phases: &[Phase], server: Server) -> Vec<Record> {
    let (profiling, warmup) = phases.split_last().unwrap();
    let mut plan = plan(profiling.clone());
    plan.warmup = warmup.first().cloned();
    play_plan(&plan, server)
}

fn play_plan(plan: &Plan, server: Server) -> Vec<Record> {
    play_seeing(plan, server).records
}

/// The records, and how many connections were begun.
fn play_counting(plan: &Plan, server: Server) -> (Vec<Record>, usize) {
    let played = play_seeing(plan, server);
    (played.records, played.peers[0].connects)
}

/// The records, and for how long requests waited for the window of the server.
fn play_window(plan: &Plan, server: Server) -> (Vec<Record>, Nanos) {
    let played = play_seeing(plan, server);
    (played.records, played.shard.connections.window_zero_ns)
}

fn play_seeing(plan: &Plan, server: Server) -> SimulatedResult<Server> {
    let most = plan.profiling.load.most_in_flight();
    let addresses = if plan.targets[0].host == "two" { 2 } else { 1 };
    // A slot for each request, and for a connection of its own.
    let holders = 2 * u64::from(most.unwrap_or(2048));
    let run = SimulatedRun::new(plan).over_http2().addresses(addresses).holders(holders);
    run.slots(64, (most == Some(40)).then_some(40)).play(server)
}
