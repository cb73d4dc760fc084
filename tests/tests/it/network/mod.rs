//! Names, TLS and sockets, and the phase that each delay belongs to.

mod addresses;
mod http2;
mod phases;
mod tls;

use ringload_engine::driver::{Driver, Epoll, Event, Key, Options, Uring};
use ringload_engine::measure::Stats;
use ringload_engine::plan::{Dns, HttpVersion, Load, Pin, Plan, Reuse, Target};
use ringload_engine::record::{Cause, Handshake, Outcome, Phases, Record};
use ringload_mock::{Config, Protocol, Server, Timing, TlsConfig, start};
use ringload_tests::engine::{Driven, ask_for, closed, drive};
use ringload_tests::names::Names;
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::tls_proxy::{ProxyOptions, TlsProxy};
use ringload_tests::{Io, on_both};
use rustls::version::{TLS12, TLS13};
use std::net::SocketAddr;
use std::time::Duration;

fn words() -> Peer {
    Peer::start(|to, _| {
        peer::write(to, &peer::chat(3))?;
        Ok(Then::Keep)
    })
}

fn secured(proxy: &TlsProxy, io: Io, concurrency: u32, requests: u64) -> Plan {
    let mut plan = closed(nowhere(), io, concurrency, requests);
    plan.targets = vec![Target::parse(&proxy.url()).unwrap()];
    plan.network.tls.ca = Some(proxy.ca());
    // The proxy carries bytes and knows no ALPN: nothing has to be asked.
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
