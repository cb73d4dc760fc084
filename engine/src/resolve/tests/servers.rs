//! Against several name servers, and what is found while one is still being asked.

use super::*;
use std::sync::atomic::AtomicBool;

/// Whether the answer for A of `held.test` waits.
static HELD: AtomicBool = AtomicBool::new(true);

/// A comes when AAAA has been made use of: after a while, or when it is told to.
fn late(name: &str, kind: RecordType, nth: usize) -> Option<Result2> {
    match (name, kind) {
        ("behind.test." | "held.test.", RecordType::AAAA) => return Some(Ok((vec!["::1"], 5))),
        ("behind.test.", _) => std::thread::sleep(Duration::from_millis(400)),
        ("held.test.", _) => {
            for _ in 0..10_000 {
                if !HELD.load(Ordering::SeqCst) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => return zone(name, kind, nth),
    }
    Some(Ok((vec!["10.6.0.1"], 9)))
}

fn network_of(servers: &[SocketAddr]) -> Network {
    Network { dns_servers: servers.to_vec(), ..Network::default() }
}

/// One that gives up long before the time of a single question is over.
fn hurried(network: &Network, conf: &str) -> Resolver {
    let mut resolver = resolver(network, conf);
    resolver.time_limit = 20 * SECOND;
    resolver
}

/// Were a time-out waited for, the look-up would be given up.
const SLOW: &str = "nameserver 192.0.2.1\noptions timeout:30 attempts:5\n";

/// Where nothing listens.
fn nowhere() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn the_next_server_is_asked_where_one_fails_or_is_silent() {
    let silent: Zone = |_, _, _| None;
    let servfail: Zone = |_, _, _| Some(Err(ResponseCode::ServFail));
    let refused: Zone = |_, _, _| Some(Err(ResponseCode::Refused));
    let notimp: Zone = |_, _, _| Some(Err(ResponseCode::NotImp));
    for first in [silent, servfail, refused, notimp] {
        let (first, second) = (serve(first), serve(zone));
        let network = network_of(&[first.addr, second.addr]);
        let resolver = hurried(&network, SLOW);
        for _ in 0..3 {
            let found = resolver.lookup("both.test", 80, &on).unwrap();
            assert!(addrs(&found).contains(&"10.0.0.2:80".to_owned()), "{found:?}");
        }
        assert!(first.asked.load(Ordering::SeqCst) > 0 && second.asked.load(Ordering::SeqCst) >= 3);
        let (_service, mut lines) = Service::with_files(&network, &files(SLOW), &[], 1).unwrap();
        assert!(lines[0].asker.ask(1, "four.only", 80));
        let found = replies(&mut lines[0], 1).remove(0).outcome.unwrap();
        assert_eq!(found.addrs, ["10.3.0.1:80".parse().unwrap()]);
    }
    let second = serve(zone);
    let resolver = hurried(&network_of(&[nowhere(), nowhere(), second.addr]), SLOW);
    assert_eq!(addrs(&resolver.lookup("six.test", 80, &on).unwrap()), ["[2001:db8::6]:80"]);
}

#[test]
fn what_a_server_knows_is_asked_of_no_other() {
    let (first, second) = (serve(zone), serve(zone));
    let resolver = resolver(&network_of(&[first.addr, second.addr]), PATIENT);
    assert_eq!(failure(&resolver, "nobody.test"), DnsFailure::NoSuchName);
    assert_eq!(failure(&resolver, "empty.test"), DnsFailure::NoAddress);
    assert_eq!(addrs(&resolver.lookup("both.test", 80, &on).unwrap()).len(), 3);
    assert_eq!(second.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn that_there_is_no_name_is_believed_of_a_later_server_once_the_first_has_failed() {
    let slow: Zone = |_, kind, _| {
        std::thread::sleep(Duration::from_millis(400));
        Some(if kind == RecordType::A { Ok((vec!["10.7.0.1"], 9)) } else { Ok((vec![], 0)) })
    };
    // The second does not know the names that the first knows, and says so sooner.
    let (first, second) = (serve(slow), serve(zone));
    let resolver = resolver(&network_of(&[first.addr, second.addr]), SLOW);
    assert_eq!(addrs(&resolver.lookup("internal.test", 80, &on).unwrap()), ["10.7.0.1:80"]);
    let silent = serve(|_, _, _| None);
    let resolver = super::resolver(&network_of(&[silent.addr, second.addr]), FAST);
    assert_eq!(failure(&resolver, "nobody.test"), DnsFailure::NoSuchName);
}

#[test]
fn where_all_servers_fail_the_one_that_spoke_is_told() {
    let (silent, broken) = (serve(|_, _, _| None), serve(zone));
    let resolver = resolver(&network_of(&[silent.addr, broken.addr]), FAST_TWICE);
    assert!(matches!(failure(&resolver, "broken.test"), DnsFailure::Refused(_)));
    assert_eq!(failure(&resolver, "silent.test"), DnsFailure::TimedOut);
}

#[test]
fn addresses_that_come_later_follow_those_that_are_made_use_of() {
    let server = serve(late);
    let network = network_of(&[server.addr]);
    let found = |reply: &Reply| {
        let found = reply.outcome.clone().unwrap();
        (found.addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), found.more)
    };
    let (first, rest) = (("[::1]:9".to_owned(), true), ("10.6.0.1:9".to_owned(), false));
    for dns in [Dns::Always, Dns::Ttl] {
        let network = Network { dns, ..network.clone() };
        HELD.store(true, Ordering::SeqCst);
        let (_service, mut lines) = Service::with_files(&network, &files(SLOW), &[], 1).unwrap();
        assert!(lines[0].asker.ask(7, "held.test", 9));
        let mut early = replies_until(&mut lines[0], |found| found.len() == 1);
        assert_eq!(found(&early.remove(0)), first);
        // Who asks in between has the same two, where a look-up is shared.
        let shared = dns == Dns::Ttl;
        if shared {
            assert!(lines[0].asker.ask(8, "held.test", 9));
            assert_eq!(found(&replies_until(&mut lines[0], |found| found.len() == 1).remove(0)), first);
        }
        HELD.store(false, Ordering::SeqCst);
        for reply in replies(&mut lines[0], if shared { 2 } else { 1 }) {
            assert_eq!(found(&reply), rest);
        }
    }
}

#[test]
fn before_the_run_one_family_is_enough_if_it_accepts_a_connection() {
    let server = serve(late);
    let resolver = resolver(&network_of(&[server.addr]), SLOW);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let both = resolver.lookup("behind.test", closed, &on).unwrap();
    assert_eq!(addrs(&both), [format!("[::1]:{closed}"), format!("10.6.0.1:{closed}")]);
    // Without IPv6 on this machine there is nothing to accept it.
    if let Ok(listener) = std::net::TcpListener::bind("[::1]:0") {
        let open = listener.local_addr().unwrap().port();
        let six = resolver.lookup("behind.test", open, &on).unwrap();
        assert_eq!(addrs(&six)[0], format!("[::1]:{open}"));
    }
}
