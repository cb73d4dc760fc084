//! `--stamps packet`: each token has an arrival of its own, whatever the client does, and whatever it speaks.

use super::truth::{CLOCK_ERROR, as_reported, mismatches, noting};
use ringload_engine::clock::MILLI;
use ringload_engine::driver::{Packets, errno};
use ringload_engine::measure::Summary;
use ringload_engine::plan::{Cores, HttpVersion, Reuse, Stamps, Target};
use ringload_mock::comparison::{Client, Comparison, Token, clients, compare};
use ringload_mock::{Config, Jitter, Protocol, Timing, TlsConfig, start};
use ringload_tests::engine::{ask_for, closed, drive};
use ringload_tests::profile::Profile;
use ringload_tests::{Io, alone_on_both, cores, on_both, until};
use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

/// Whether this process may look at packets; else the reason is printed.
fn may_look() -> bool {
    let probed = Packets::probe();
    if let Err(e) = probed {
        println!("not tested: packet sockets need CAP_NET_RAW (error {e})");
    }
    probed.is_ok()
}

fn tokens(comparison: &Comparison) -> impl Iterator<Item = &Token> {
    assert_eq!(mismatches(comparison), (0, 0, 0));
    comparison.joined.iter().flat_map(|joined| &joined.tokens)
}

#[test]
fn a_client_that_is_stopped_moves_no_token_however_many_it_finds_in_one_read() {
    const STREAMS: u64 = 8;
    if !may_look() {
        return;
    }
    alone_on_both(|io| {
        let server = noting(30, 15, 0.4);
        let streams = STREAMS.to_string();
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", &streams, "--request-count", &streams, "--osl", "32", "--cores", "1"])
            .args(["--stamps", "packet", "--allow-invalid"])
            .start();
        let written = || server.state().output_tokens;
        until("all streams run", || written() >= 2 * STREAMS);
        running.signal("STOP");
        let before = written();
        std::thread::sleep(Duration::from_millis(300));
        // However slow the server is: some five tokens of each stream wait.
        until("tokens have come in the stop", || written() >= before + 5 * STREAMS);
        running.signal("CONT");
        let ended = running.end().all_well();
        until("the last request is over", || server.truth().served.len() == STREAMS as usize);
        let truth = server.truth();
        let read = clients(ended.text("profile_export.jsonl").as_bytes(), truth.header.wall_offset_ns);
        let (reported, left_out) = read.expect("records");
        assert_eq!((reported.len(), left_out), (STREAMS as usize, 0));
        let comparison = compare(&reported, &truth.served);
        let (mut all, mut outside) = (0, 0);
        for token in tokens(&comparison) {
            assert!(token.arrived_ns + CLOCK_ERROR >= token.begun_ns, "{token:?} arrived before it was sent");
            all += 1;
            outside += u64::from(token.arrived_ns > token.ended_ns + CLOCK_ERROR);
        }
        // The loopback stamps a segment within the write that sends it. What a window put off is the exception, of
        // which there are fewer than tokens that came in the stop.
        assert!(outside * 20 <= all, "{outside} of {all} stamps lie after the end of their write");
        let client = &ended.report()["summary"]["client"];
        assert_eq!(client["stamps"], "packet");
        let lag = client["receive_lag"]["percentiles"].as_array().and_then(|all| all.last()).expect("a greatest lag");
        assert!(lag["name"] == "max" && lag["ms"].as_f64().is_some_and(|ms| ms > 100.0), "{lag}");
        assert!(client["coalesced"].as_u64().is_some_and(|n| n * 20 <= all), "{client}");
        for fault in ["packets_missed", "packets_dropped", "packets_apart"] {
            assert!(client[fault].as_u64().unwrap_or(0) * 20 <= all, "{fault}: {client}");
        }
    });
}

/// How a run talks to its server.
#[derive(Debug)]
struct Way {
    protocol: Protocol,
    tls: bool,
    ipv6: bool,
    reuse: Reuse,
}

#[test]
fn packets_are_known_again_whatever_is_spoken_on_whichever_connection() {
    const REQUESTS: u64 = 24;
    if !may_look() {
        return;
    }
    let way = |protocol, tls, ipv6, reuse| Way { protocol, tls, ipv6, reuse };
    let ways = [
        way(Protocol::Http1, false, true, Reuse::Never),
        way(Protocol::Http1, true, false, Reuse::Pooled),
        way(Protocol::Http2, true, true, Reuse::Pooled),
    ];
    on_both(|io| {
        for way in &ways {
            let (comparison, summary) = run(io, way, REQUESTS);
            let client = &summary.client;
            let (mut all, mut outside) = (0, 0);
            for token in tokens(&comparison) {
                assert!(token.arrived_ns + CLOCK_ERROR >= token.begun_ns, "{way:?}: {token:?}");
                all += 1;
                outside += u64::from(token.arrived_ns > token.ended_ns + MILLI);
            }
            assert_eq!(all, REQUESTS * 6);
            // Over HTTP/2 the server's own connection may write later than that.
            let bounded = way.protocol == Protocol::Http1;
            assert!(!bounded || outside * 10 <= all, "{way:?}: {outside} of {all}");
            let found = [client.packets_missed, client.packets_dropped, client.packets_apart];
            assert!(found.iter().all(|n| n * 20 <= client.reads), "{way:?}: {found:?} of {}", client.reads);
            let wide = client.arrivals.as_ref().map_or(0, |arrivals| arrivals.wide_events);
            assert!(wide * 20 <= all, "{way:?}: {wide} of {all} have a wide interval");
        }
    });
}

fn run(io: Io, way: &Way, requests: u64) -> (Comparison, Summary) {
    let mut config = Config {
        protocol: way.protocol,
        tls: way.tls.then(TlsConfig::default),
        timing: Timing::Fixed {
            ttft: Duration::from_millis(10),
            itl: Duration::from_millis(4),
            jitter: Jitter::Uniform { share: 0.3 },
        },
        truth: true,
        ..Config::default()
    };
    if way.ipv6 {
        config.address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    }
    let server = start(config).expect("a server");
    let mut plan = closed(server.addr(), io, 6, requests);
    ask_for(&mut plan, 6);
    plan.cores = Cores::Count(cores().min(2));
    plan.stamps = Stamps::Packet;
    plan.reuse = way.reuse;
    plan.network.tls.insecure = way.tls;
    plan.network.http = match way.protocol {
        Protocol::Http2 => HttpVersion::Http2,
        _ => HttpVersion::Http1,
    };
    if way.tls {
        plan.targets = vec![Target::parse(&format!("https://{}", server.addr())).expect("a URL")];
    }
    let run = drive(&plan);
    until("the last request is over", || server.truth().served.len() == requests as usize);
    let reported: Vec<Client> = run.records.iter().map(as_reported).collect();
    (compare(&reported, &server.truth().served), run.summary)
}

#[test]
fn without_the_capability_the_run_ends_before_it_begins_and_says_what_to_do() {
    let server = noting(1, 1, 0.0);
    let mut profile = Profile::of(server.addr()).args(["--request-count", "1", "--stamps", "packet"]);
    if Packets::probe() != Err(errno::EPERM) {
        let without = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"];
        let works = Command::new(without[0]).args(&without[1..]).arg("true").status();
        if !works.is_ok_and(|status| status.success()) {
            return println!("not tested: the capability cannot be dropped (setpriv)");
        }
        profile = profile.through(without);
    }
    let ended = profile.start().end();
    assert_ne!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("--stamps packet") && ended.stderr.contains("CAP_NET_RAW"), "{}", ended.stderr);
    assert_eq!(server.truth().served.len(), 0);
}
