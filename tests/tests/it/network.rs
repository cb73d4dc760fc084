//! Names, TLS and sockets, and the phase that each delay belongs to.

use ringload_engine::driver::{Driver, Epoll, Event, Key, Options, Uring};
use ringload_engine::measure::Stats;
use ringload_engine::plan::{Dns, HttpVersion, Load, Pin, Plan, Reuse, Target};
use ringload_engine::record::{Cause, Handshake, Outcome, Phases, Record};
use ringload_mock::{Config, Protocol, Server, Timing, TlsConfig, start};
use ringload_tests::engine::{Driven, ask_for, closed, drive};
use ringload_tests::front::{Front, Look};
use ringload_tests::names::Names;
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::{Io, on_both};
use rustls::version::{TLS12, TLS13};
use std::net::SocketAddr;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(60);
/// A delay is in its phase when at least this much of it is, in nanoseconds: sleeps are never short, clocks may round.
const FELT: u64 = 59_000_000;

fn words() -> Peer {
    Peer::start(|to, _| {
        peer::write(to, &peer::chat(3))?;
        Ok(Then::Keep)
    })
}

fn secured(front: &Front, io: Io, concurrency: u32, requests: u64) -> Plan {
    let mut plan = closed(nowhere(), io, concurrency, requests);
    plan.targets = vec![Target::parse(&front.url()).unwrap()];
    plan.network.tls.ca = Some(front.ca());
    // The front carries bytes and knows no ALPN: nothing has to be asked.
    plan.network.http = HttpVersion::Http1;
    plan
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

/// Every phase of every request, after it was seen that they add up.
fn phases(run: &Driven) -> Vec<Phases> {
    let add_up = |r: &Record| {
        let phases = r.instants.phases();
        assert_eq!(phases.total(), r.instants.end - r.instants.issued);
        phases
    };
    run.records.iter().map(add_up).collect()
}

fn all_well(run: &Driven) {
    for r in &run.records {
        assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 3), "{:?}", r.detail);
    }
}

#[test]
fn streams_come_through_both_versions_of_tls() {
    on_both(|io| {
        for version in [&TLS12, &TLS13] {
            let server = words();
            let look = Look { versions: vec![version], ..Look::default() };
            let front = Front::of(server.addr(), &look);
            let run = drive(&secured(&front, io, 2, 8));
            all_well(&run);
            assert_eq!(front.connections(), 2, "kept");
            let paid: Vec<&Record> = run.records.iter().filter(|r| !r.connection_reused).collect();
            assert_eq!(paid.len(), 2);
            for r in &run.records {
                let phases = r.instants.phases();
                assert_eq!(phases.tls > 0, !r.connection_reused);
                assert_eq!(r.handshake.is_some(), !r.connection_reused);
            }
            phases(&run);
        }
    });
}

#[test]
fn handshakes_are_full_once_and_then_resumed() {
    on_both(|io| {
        for version in [&TLS12, &TLS13] {
            let server = words();
            let look = Look { versions: vec![version], ..Look::default() };
            let front = Front::of(server.addr(), &look);
            for resumption in [true, false] {
                let mut plan = secured(&front, io, 1, 4);
                plan.reuse = Reuse::Never;
                plan.network.tls.resumption = resumption;
                let run = drive(&plan);
                all_well(&run);
                let kinds: Vec<_> = run.records.iter().map(|r| r.handshake).collect();
                let later = if resumption { Handshake::Resumed } else { Handshake::Full };
                assert_eq!(kinds[0], Some(Handshake::Full));
                assert_eq!(kinds[1..], [Some(later); 3]);
            }
        }
    });
}

#[test]
fn each_failure_of_tls_is_of_its_own_kind() {
    on_both(|io| {
        let server = words();
        let other = Front::of(server.addr(), &Look::default());
        let look = |edit: fn(&mut Look)| {
            let mut look = Look::default();
            edit(&mut look);
            Front::of(server.addr(), &look)
        };
        let expired = look(|l| l.expired = true);
        let misnamed = look(|l| l.name = "elsewhere.example");
        let demanding = look(|l| l.demanding = true);
        let proper = look(|_| ());
        let mut untrusted = secured(&proper, io, 1, 1);
        untrusted.network.tls.ca = Some(other.ca());
        let mut plain = secured(&proper, io, 1, 1);
        plain.targets = vec![Target::parse(&format!("https://localhost:{}", server.addr().port())).unwrap()];
        let modern = look(|l| l.versions = vec![&TLS13]);
        let mut old = secured(&modern, io, 1, 1);
        old.network.tls.max_1_2 = true;
        for (plan, cause, said) in [
            (untrusted, Cause::TlsUntrusted, "`plan.network.tls.ca`"),
            (secured(&expired, io, 1, 1), Cause::TlsExpired, "expired"),
            (secured(&misnamed, io, 1, 1), Cause::TlsWrongName, "elsewhere.example"),
            (secured(&demanding, io, 1, 1), Cause::TlsAlert, "`plan.network.tls.client.0`"),
            (plain, Cause::TlsFailed, "`plan.targets`"),
        ] {
            let run = drive(&plan);
            let r = &run.records[0];
            assert_eq!(r.outcome, Outcome::Failed(cause), "{:?}", r.detail);
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.contains(said), "{cause}: {detail}");
            phases(&run);
        }
        let run = drive(&old);
        assert!(matches!(run.records[0].outcome, Outcome::Failed(Cause::TlsFailed | Cause::TlsAlert)));
        let mut shown = secured(&demanding, io, 1, 2);
        shown.network.tls.client = Some(demanding.client());
        all_well(&drive(&shown));
        let mut insecure = secured(&misnamed, io, 1, 2);
        insecure.network.tls.insecure = true;
        insecure.network.tls.ca = None;
        all_well(&drive(&insecure));
    });
}

#[test]
fn a_slow_handshake_is_in_the_tls_phase_and_nowhere_else() {
    on_both(|io| {
        let server = words();
        let look = Look { handshake_delay: DELAY, ..Look::default() };
        let front = Front::of(server.addr(), &look);
        let run = drive(&secured(&front, io, 1, 3));
        all_well(&run);
        let phases = phases(&run);
        assert!(phases[0].tls >= FELT, "{:?}", phases[0]);
        assert_eq!((phases[1].tls, phases[1].tcp, phases[1].dns), (0, 0, 0));
        let elsewhere = phases[0].total() - phases[0].tls;
        assert!(elsewhere < FELT, "{:?}", phases[0]);
    });
}

#[test]
fn a_slow_name_server_is_in_the_dns_phase_and_nowhere_else() {
    on_both(|io| {
        let (server, names) = (words(), Names::start(DELAY, 60));
        let mut plan = closed(nowhere(), io, 1, 3);
        let url = format!("http://server.example:{}", server.addr().port());
        plan.targets = vec![Target::parse(&url).unwrap()];
        plan.network.dns = Dns::Always;
        plan.network.dns_servers = vec![names.addr()];
        plan.reuse = Reuse::Never;
        let run = drive(&plan);
        all_well(&run);
        for p in phases(&run) {
            assert!(p.dns >= FELT, "{p:?}");
            assert!(p.total() - p.dns < FELT, "{p:?}");
        }
        let asked = names.asked();
        plan.network.dns = Dns::Ttl;
        let run = drive(&plan);
        all_well(&run);
        let phases = phases(&run);
        assert!(phases[0].dns >= FELT);
        assert!(phases[1].dns < FELT && phases[2].dns < FELT);
        assert!(names.asked() > asked);
    });
}

#[test]
fn a_slow_answer_is_in_the_wait_and_a_slow_token_in_the_receive() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            std::thread::sleep(DELAY);
            let answer = peer::chat(3);
            let (front, rest) = answer.split_at(answer.len() / 2);
            peer::write(to, front)?;
            std::thread::sleep(DELAY);
            peer::write(to, rest)?;
            Ok(Then::Keep)
        });
        for secure in [false, true] {
            let front = Front::of(server.addr(), &Look::default());
            let plan = if secure { secured(&front, io, 1, 2) } else { closed(server.addr(), io, 1, 2) };
            let run = drive(&plan);
            all_well(&run);
            for p in phases(&run) {
                // The relay before TLS may hand the front over late; the rest then follows it sooner.
                assert!(p.wait >= FELT && p.receive >= FELT / 2, "{p:?}");
                assert!(p.wait + p.receive >= 2 * FELT, "{p:?}");
                assert!(p.total() - p.wait - p.receive < FELT, "{p:?}");
            }
        }
    });
}

#[test]
fn connections_made_ahead_cost_no_request() {
    on_both(|io| {
        let server = words();
        let front = Front::of(server.addr(), &Look::default());
        let mut plan = secured(&front, io, 3, 9);
        plan.network.prewarm = 3;
        let run = drive(&plan);
        all_well(&run);
        assert_eq!(front.connections(), 3);
        for p in phases(&run) {
            assert_eq!((p.dns, p.tcp, p.tls), (0, 0, 0));
        }
    });
}

#[test]
fn connections_leave_by_the_addresses_that_are_given() {
    on_both(|io| {
        let server = words();
        let mut plan = closed(server.addr(), io, 2, 4);
        plan.network.source_ips = vec![std::net::IpAddr::from([127, 0, 0, 2]), std::net::IpAddr::from([127, 0, 0, 3])];
        let run = drive(&plan);
        all_well(&run);
        let mut from = server.peers();
        from.sort();
        assert_eq!(from, plan.network.source_ips, "each address once");
    });
}

#[test]
fn a_socket_of_the_file_system_is_a_server_too() {
    on_both(|io| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let serving = std::thread::spawn(move || {
            use std::io::{BufRead, BufReader, Read, Write};
            let (stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(&stream);
            for _ in 0..2 {
                let (mut line, mut length) = (String::new(), 0);
                while from.read_line(&mut line).unwrap() > 2 {
                    if let Some(n) = line.strip_prefix("Content-Length: ") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                from.read_exact(&mut body).unwrap();
                (&stream).write_all(peer::chat(3).as_bytes()).unwrap();
            }
        });
        let mut plan = closed(nowhere(), io, 1, 2);
        plan.targets = vec![Target::parse(&format!("unix:{}", path.display())).unwrap()];
        all_well(&drive(&plan));
        serving.join().unwrap();
    });
}

fn speaking(protocol: Protocol, tls: bool, streams: u32) -> Server {
    start(Config {
        protocol,
        tls: tls.then(TlsConfig::default),
        h2_max_streams: streams,
        timing: Timing::Fixed {
            ttft: Duration::from_millis(5),
            itl: Duration::from_millis(2),
            jitter: ringload_mock::Jitter::None,
        },
        ..Config::default()
    })
    .expect("a server")
}

/// A plan for a server that may speak TLS, whose authority's file has to live as long as the plan.
fn for_server(server: &Server, io: Io, concurrency: u32, requests: u64) -> (Plan, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut plan = closed(server.addr(), io, concurrency, requests);
    ask_for(&mut plan, 8);
    if let Some(pem) = server.ca_pem() {
        std::fs::write(file.path(), pem).unwrap();
        let url = format!("https://localhost:{}", server.addr().port());
        plan.targets = vec![Target::parse(&url).unwrap()];
        plan.network.tls.ca = Some(file.path().to_owned());
    }
    (plan, file)
}

#[test]
fn many_streams_share_few_connections() {
    on_both(|io| {
        for tls in [false, true] {
            let server = speaking(Protocol::Http2, tls, 250);
            let (mut plan, _file) = for_server(&server, io, 20, 100);
            plan.network.http = HttpVersion::Http2;
            plan.network.streams_per_connection = 10;
            let run = drive(&plan);
            assert_eq!(run.records.len(), 100);
            for r in &run.records {
                assert_eq!(
                    (r.outcome, r.events, r.usage.and_then(|u| u.completion)),
                    (Outcome::Succeeded, 8, Some(8)),
                    "{:?}",
                    r.detail
                );
                assert!(r.instants.send_end.is_some());
            }
            phases(&run);
            let paid = run.records.iter().filter(|r| r.instants.tcp_end.is_some());
            assert_eq!(paid.clone().count(), 2, "20 streams, 10 a connection");
            for r in paid {
                assert_eq!(r.instants.tls_end.is_some(), tls);
            }
        }
    });
}

#[test]
fn a_server_that_takes_few_streams_is_not_asked_for_more() {
    on_both(|io| {
        let server = speaking(Protocol::Http2, false, 3);
        let (mut plan, _file) = for_server(&server, io, 12, 48);
        plan.network.http = HttpVersion::Http2;
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        phases(&run);
    });
}

#[test]
fn alpn_decides_where_nothing_else_does() {
    on_both(|io| {
        for (protocol, shared) in [(Protocol::Auto, true), (Protocol::Http1, false)] {
            let server = speaking(protocol, true, 250);
            let (plan, _file) = for_server(&server, io, 4, 12);
            let run = drive(&plan);
            for r in &run.records {
                assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
            }
            let paid = run.records.iter().filter(|r| r.instants.tcp_end.is_some());
            assert_eq!(paid.count(), if shared { 1 } else { 4 });
        }
    });
}

#[test]
fn http2_against_a_server_without_it_fails_with_its_own_cause() {
    on_both(|io| {
        let server = words();
        let mut plan = closed(server.addr(), io, 2, 2);
        plan.network.http = HttpVersion::Http2;
        let run = drive(&plan);
        for r in &run.records {
            assert!(
                matches!(r.outcome, Outcome::Failed(Cause::Http2Protocol | Cause::ClosedBeforeResponse | Cause::Reset)),
                "{:?} {:?}",
                r.outcome,
                r.detail
            );
        }
        phases(&run);
    });
}

#[test]
fn a_connection_a_request_works_over_http2_and_ahead_of_the_clock_too() {
    on_both(|io| {
        let server = speaking(Protocol::Http2, true, 250);
        let (mut plan, _file) = for_server(&server, io, 3, 9);
        plan.network.http = HttpVersion::Http2;
        plan.reuse = Reuse::Never;
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
            assert!(r.instants.tls_end.is_some());
        }
        plan.reuse = Reuse::Pooled;
        plan.network.prewarm = 1;
        let run = drive(&plan);
        for (r, p) in run.records.iter().zip(phases(&run)) {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
            assert_eq!((p.dns, p.tcp, p.tls), (0, 0, 0));
        }
    });
}

#[test]
fn the_report_knows_connections_handshakes_and_round_trips() {
    on_both(|io| {
        let server = speaking(Protocol::Http1, true, 250);
        let (mut plan, _file) = for_server(&server, io, 2, 6);
        let network = drive(&plan).summary.network;
        let c = network.connections;
        assert_eq!((c.tried, c.made, c.asked), (2, 2, 2));
        assert_eq!(c.handshakes_full + c.handshakes_resumed, 2);
        assert_eq!(c.tls12 + c.tls13, 2);
        assert_eq!((c.goaways, c.retransmits, c.with_retransmits), (0, 0, 0));
        assert_eq!(network.round_trip.map(|d| d.count), Some(2));
        let spoken = &network.targets[0];
        assert_eq!((spoken.http, spoken.tls, spoken.negotiated), ("1.1", true, true));
        let total = network.phases.last().unwrap();
        assert_eq!(total.tag, "http_req_total");
        assert_eq!((total.new.unwrap().count, total.reused.unwrap().count), (2, 4));
        let tls = network.phases.iter().find(|p| p.tag == "http_req_tls").unwrap();
        assert!(tls.new.unwrap().min > 0.0);
        assert_eq!(tls.reused.unwrap().max, 0.0);

        plan.reuse = Reuse::Never;
        plan.profiling.load = Load::closed(1);
        let network = drive(&plan).summary.network;
        let c = network.connections;
        assert_eq!((c.made, c.handshakes_full, c.handshakes_resumed), (6, 1, 5));
        let of = |stats: Option<Stats>| stats.map(|s| s.count);
        assert_eq!(of(network.full_handshake_ms), Some(1));
        assert_eq!(of(network.resumed_handshake_ms), Some(5));
        assert_eq!(of(network.phases[0].reused), None);
    });
}

#[test]
fn a_name_that_is_looked_up_during_the_run_is_asked_what_it_speaks_too() {
    on_both(|io| {
        let server = speaking(Protocol::Auto, true, 250);
        let (mut plan, _file) = for_server(&server, io, 2, 4);
        let names = Names::start(Duration::ZERO, 60);
        plan.targets = vec![Target::parse(&format!("https://server.example:{}", server.addr().port())).unwrap()];
        plan.network.tls.server_name = Some("localhost".into());
        plan.network.dns = Dns::Always;
        plan.network.dns_servers = vec![names.addr()];
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        assert_eq!(run.summary.network.targets[0].http, "2");
    });
}

#[test]
fn a_connect_that_is_refused_is_tried_and_not_made() {
    on_both(|io| {
        let run = drive(&closed(nowhere(), io, 1, 3));
        let c = run.summary.network.connections;
        assert_eq!((c.tried, c.made), (3, 0));
        for r in &run.records {
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.starts_with("127.0.0.1:1: "), "{detail}");
        }
    });
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_when_it_is_named_and_fits() {
    on_both(|io| {
        let server = words();
        let look = |edit: fn(&mut Look)| {
            let mut look = Look { own: true, ..Look::default() };
            edit(&mut look);
            Front::of(server.addr(), &look)
        };
        let (fits, other) = (look(|_| ()), look(|_| ()));
        all_well(&drive(&secured(&fits, io, 1, 2)));
        let mut stranger = secured(&fits, io, 1, 1);
        stranger.network.tls.ca = Some(other.ca());
        let (expired, misnamed) = (look(|l| l.expired = true), look(|l| l.name = "elsewhere.example"));
        for (plan, cause) in [
            (secured(&expired, io, 1, 1), Cause::TlsExpired),
            (secured(&misnamed, io, 1, 1), Cause::TlsWrongName),
            (stranger, Cause::TlsUntrusted),
        ] {
            let run = drive(&plan);
            assert_eq!(run.records[0].outcome, Outcome::Failed(cause));
        }
    });
}

#[test]
fn a_server_on_one_family_is_reached_by_a_name_that_has_both() {
    on_both(|io| {
        let server = words();
        let mut plan = closed(nowhere(), io, 1, 4);
        let url = format!("http://localhost:{}", server.addr().port());
        plan.targets = vec![Target::parse(&url).unwrap()];
        plan.reuse = Reuse::Never;
        let both = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        plan.network.resolve = vec![Pin { host: "localhost".into(), port: server.addr().port(), addrs: both.to_vec() }];
        let run = drive(&plan);
        all_well(&run);
        phases(&run);
        let c = run.summary.network.connections;
        assert_eq!((c.tried, c.made), (5, 4), "one by a detour, which is remembered");
    });
}

/// A plan to a name of these addresses, all of one port.
fn at_addresses(io: Io, scheme: &str, port: u16, addrs: &[&str]) -> Plan {
    let mut plan = closed(nowhere(), io, 8, 32);
    plan.targets = vec![Target::parse(&format!("{scheme}://localhost:{port}")).unwrap()];
    plan.reuse = Reuse::Never;
    plan.network.resolve =
        vec![Pin { host: "localhost".into(), port, addrs: addrs.iter().map(|a| a.parse().unwrap()).collect() }];
    plan
}

#[test]
fn addresses_that_refuse_cost_no_request_while_one_lives() {
    on_both(|io| {
        // The server listens on the last but one; both families have dead ones.
        let server = words();
        let addrs = ["127.0.0.2", "127.0.0.3", "::1", "127.0.0.1", "127.0.0.4"];
        let run = drive(&at_addresses(io, "http", server.addr().port(), &addrs));
        all_well(&run);
        let network = &run.summary.network;
        assert_eq!(network.connections.made, 32);
        let failed: Vec<&str> = network.failed_addresses.iter().map(|f| f.address.as_str()).collect();
        assert_eq!(failed.len(), 4, "{failed:?}");
        assert!(!failed.iter().any(|f| f.starts_with("127.0.0.1:")), "{failed:?}");
    });
}

#[test]
fn a_target_of_which_no_address_lives_is_told_as_that() {
    on_both(|io| {
        let run = drive(&at_addresses(io, "http", 1, &["127.0.0.1", "127.0.0.2", "127.0.0.3"]));
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Failed(Cause::ConnectRefused));
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.starts_with("each of 3 addresses failed; the last, 127.0.0."), "{detail}");
        }
    });
}

#[test]
fn alpn_is_asked_of_every_address() {
    on_both(|io| {
        let server = speaking(Protocol::Auto, true, 250);
        let (secured, _file) = for_server(&server, io, 2, 4);
        let dead = ["127.0.0.2", "127.0.0.3", "127.0.0.1"];
        let mut plan = at_addresses(io, "https", server.addr().port(), &dead);
        plan.network.tls = secured.network.tls.clone();
        plan.reuse = Reuse::Pooled;
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        assert_eq!(run.summary.network.targets[0].http, "2");
    });
}

#[test]
fn a_local_address_that_cannot_be_had_gives_way_to_the_next() {
    fn reached<D: Driver>(driver: Result<D, i32>, to: SocketAddr) -> bool {
        let mut driver = driver.expect("a driver");
        let key = Key { slot: 0, generation: 1 };
        let mut reached = false;
        driver.connect(key, &to.into(), 0).expect("a connect");
        let until = driver.now() + 10_000_000_000;
        while !reached && driver.now() < until {
            let mut on = |_, event: Event<'_>, _| reached |= matches!(event, Event::Connected);
            driver.wait(until, 0, &mut on).expect("a wait");
        }
        reached
    }
    let server = words();
    let options = Options { source_ips: vec![[192, 0, 2, 77].into(), [127, 0, 0, 9].into()], ..Options::default() };
    on_both(|io| {
        assert!(match io {
            Io::Uring => reached(Uring::new(1, options.clone()), server.addr()),
            Io::Epoll => reached(Epoll::new(1, options.clone()), server.addr()),
        });
    });
}

#[test]
fn a_server_that_speaks_something_else_is_met_with_what_to_write() {
    on_both(|io| {
        for (protocol, tls, http, said) in [
            (Protocol::Http1, true, HttpVersion::Http1, "https://"),
            (Protocol::Http1, true, HttpVersion::Http2, "https://"),
            (Protocol::Http1, false, HttpVersion::Http2, "drop `plan.network.http = \"http2\"`"),
            (Protocol::Http2, false, HttpVersion::Http1, "add `plan.network.http = \"http2\"`"),
        ] {
            let server = speaking(protocol, tls, 250);
            let mut plan = closed(server.addr(), io, 1, 1);
            plan.network.http = http;
            let run = drive(&plan);
            let detail = run.records[0].detail.clone().unwrap_or_default();
            assert!(detail.contains(said), "{protocol:?} {tls} {http:?}: {detail}");
        }
    });
}
