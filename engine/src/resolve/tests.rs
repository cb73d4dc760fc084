//! Against a name server of the test's own.

use super::*;
use crate::plan::Dns;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::io::Read;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicUsize, Ordering};

mod servers;

/// Answers on loopback: by type and name, nothing for a time-out.
struct Server {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

type Zone = fn(&str, RecordType, usize) -> Option<Result2>;
type Result2 = std::result::Result<(Vec<&'static str>, u32), ResponseCode>;

fn serve(zone: Zone) -> Server {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::Builder::new()
        .spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((n, peer)) = socket.recv_from(&mut buffer) {
                let question = Message::from_vec(&buffer[..n]).unwrap();
                let query = question.queries[0].clone();
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let name = query.name().to_ascii();
                let Some(outcome) = zone(&name, query.query_type(), nth) else {
                    continue;
                };
                let mut answer = Message::response(question.metadata.id, OpCode::Query);
                match outcome {
                    Err(code) => answer.metadata.response_code = code,
                    Ok((addrs, ttl)) => {
                        for text in addrs {
                            let data = match text.parse().unwrap() {
                                IpAddr::V4(ip) => RData::A(ip.into()),
                                IpAddr::V6(ip) => RData::AAAA(ip.into()),
                            };
                            answer.answers.push(Record::from_rdata(query.name().clone(), ttl, data));
                        }
                    }
                }
                answer.queries.push(query);
                socket.send_to(&answer.to_vec().unwrap(), peer).unwrap();
            }
        })
        .unwrap();
    Server { addr, asked }
}

fn network(server: &Server) -> Network {
    Network { dns_servers: vec![server.addr], ..Network::default() }
}

fn resolver(network: &Network, conf: &str) -> Resolver {
    // A busy machine may take its time where both families are answered.
    let delay = if conf.starts_with(PATIENT) { Duration::from_secs(5) } else { DELAY_DURING };
    Resolver { runtime: runtime().unwrap(), names: Names::new(network, &files(conf), delay), time_limit: 60 * SECOND }
}

fn files(conf: &str) -> Files {
    Files { resolv_conf: conf.into(), hosts: "10.8.0.1 filed nobody\n::1 both.hosts\n10.8.0.2 both.hosts\n".into() }
}

fn on() -> bool {
    false
}

const FAST: &str = "nameserver 192.0.2.1\noptions timeout:1 attempts:1\n";

const FAST_TWICE: &str = "nameserver 192.0.2.1\noptions timeout:1 attempts:3\n";

/// For questions that are answered: a busy machine may take its time.
const PATIENT: &str = "nameserver 192.0.2.1\noptions timeout:5 attempts:2\n";

fn addrs(answer: &Answer) -> Vec<String> {
    answer.addrs.iter().map(ToString::to_string).collect()
}

fn failure(resolver: &Resolver, host: &str) -> DnsFailure {
    let error = resolver.lookup(host, 80, &on).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(host) && text.contains(": "), "{text}");
    error.failure
}

fn zone(name: &str, kind: RecordType, nth: usize) -> Option<Result2> {
    let v4 = kind == RecordType::A;
    Some(match name {
        "both.test." if v4 => Ok((vec!["10.0.0.2", "10.0.0.1"], 7)),
        "both.test." => Ok((vec!["2001:db8::1"], 7)),
        "six.test." if !v4 => Ok((vec!["2001:db8::6"], 7)),
        "six.test." | "empty.test." => Ok((vec![], 0)),
        "short.corp.example." if v4 => Ok((vec!["10.1.0.1"], 60)),
        "flap.test." if nth.is_multiple_of(2) => Ok((vec!["10.2.0.1"], 0)),
        "flap.test." => Ok((vec!["10.2.0.2"], 0)),
        "broken.test." => Err(ResponseCode::ServFail),
        "silent.test." => return None,
        // Denied for one family though it has an address of the other (RFC 4074 §4.2), and the denial comes first.
        "denied.four." if v4 => {
            std::thread::sleep(Duration::from_millis(20));
            Ok((vec!["10.5.0.1"], 9))
        }
        "denied.six." if !v4 => {
            std::thread::sleep(Duration::from_millis(20));
            Ok((vec!["2001:db8::5"], 9))
        }
        // Only one family is ever answered, as by a name server that drops questions for AAAA.
        "four.only." if v4 => Ok((vec!["10.3.0.1"], 9)),
        "six.only." if !v4 => Ok((vec!["2001:db8::3"], 9)),
        "four.only." | "six.only." => return None,
        // AAAA comes with the second question for it, after A has said that it has no address.
        "late.test." if v4 => Ok((vec![], 0)),
        "late.test." if nth < 2 => return None,
        "late.test." => Ok((vec!["2001:db8::4"], 9)),
        "my_gpu.corp.example." | "end_.test." if v4 => Ok((vec!["10.4.0.1"], 9)),
        "xn--bcher-kva.test." if v4 => Ok((vec!["10.4.0.2"], 9)),
        _ => Err(ResponseCode::NXDomain),
    })
}

#[test]
fn names_have_addresses_of_the_family_asked_for_in_the_order_of_the_answer() {
    let server = serve(zone);
    let mut network = network(&server);
    let answer = resolver(&network, PATIENT).lookup("both.test", 80, &on).unwrap();
    assert_eq!(
        addrs(&answer),
        ["[2001:db8::1]:80", "10.0.0.2:80", "10.0.0.1:80"],
        "no family is dropped for the other"
    );
    assert_eq!(answer.valid_until, answer.ended + 7 * SECOND);
    assert!(answer.took() > 0);
    let six = resolver(&network, PATIENT).lookup("six.test", 80, &on).unwrap();
    assert_eq!(addrs(&six), ["[2001:db8::6]:80"]);
    network.family = Family::V6;
    let answer = resolver(&network, PATIENT).lookup("both.test", 80, &on).unwrap();
    assert_eq!(addrs(&answer), ["[2001:db8::1]:80"]);
    network.family = Family::V4;
    assert_eq!(failure(&resolver(&network, FAST), "six.test"), DnsFailure::WrongFamily(Family::V4));
    let error = resolver(&network, FAST).lookup("six.test", 80, &on);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("no IPv4 address: drop `plan.network.family = \"v4\"`"), "{text}");
}

#[test]
fn a_family_that_is_not_answered_does_not_hold_up_the_other() {
    let server = serve(zone);
    // Minutes, were the missing answer waited for.
    let conf = "nameserver 192.0.2.1\noptions timeout:30 attempts:5\n";
    let resolver = resolver(&network(&server), conf);
    for (name, expected) in [("four.only", "10.3.0.1:80"), ("six.only", "[2001:db8::3]:80")] {
        let found = resolver.lookup(name, 80, &on).unwrap();
        assert_eq!(addrs(&found), [expected]);
        assert_eq!(found.valid_until, found.ended + 9 * SECOND);
    }
    let (_service, mut lines) = Service::with_files(&network(&server), &files(conf), &[], 1).unwrap();
    assert!(lines[0].asker.ask(1, "four.only", 80));
    let found = replies(&mut lines[0], 1).remove(0).outcome.unwrap();
    assert_eq!(found.addrs, ["10.3.0.1:80".parse().unwrap()]);
}

#[test]
fn no_address_of_one_family_is_no_reason_to_give_the_other_up() {
    let server = serve(zone);
    let found = resolver(&network(&server), FAST_TWICE).lookup("late.test", 80, &on);
    assert_eq!(addrs(&found.unwrap()), ["[2001:db8::4]:80"]);
}

#[test]
fn a_name_that_is_denied_for_one_family_has_the_address_of_the_other() {
    let server = serve(zone);
    let resolver = resolver(&network(&server), PATIENT);
    for (name, expected) in [("denied.four", "10.5.0.1:80"), ("denied.six", "[2001:db8::5]:80")] {
        for _ in 0..4 {
            assert_eq!(addrs(&resolver.lookup(name, 80, &on).unwrap()), [expected], "{name}");
        }
    }
}

#[test]
fn names_with_underscores_and_a_labels_are_asked_for_as_they_are() {
    let server = serve(zone);
    let conf = format!("{PATIENT}search corp.example\n");
    let resolver = resolver(&network(&server), &conf);
    for (name, expected) in [
        ("my_gpu", "10.4.0.1:80"),
        ("end_.test", "10.4.0.1:80"),
        ("end_.test.", "10.4.0.1:80"),
        ("xn--bcher-kva.test", "10.4.0.2:80"),
    ] {
        assert_eq!(addrs(&resolver.lookup(name, 80, &on).unwrap()), [expected], "{name}");
    }
}

#[test]
fn failures_are_told_apart_and_name_the_host() {
    let server = serve(zone);
    let resolver = resolver(&network(&server), FAST);
    assert_eq!(failure(&resolver, "nobody.test"), DnsFailure::NoSuchName);
    assert_eq!(failure(&resolver, "empty.test"), DnsFailure::NoAddress);
    assert!(matches!(failure(&resolver, "broken.test"), DnsFailure::Refused(_)));
    assert_eq!(failure(&resolver, "silent.test"), DnsFailure::TimedOut);
    let error = resolver.lookup("nobody.test", 81, &on).unwrap_err().to_string();
    assert!(error.contains("`plan.network.resolve` nobody.test:81:"), "{error}");
}

#[test]
fn every_look_up_asks_again() {
    let server = serve(zone);
    let mut network = network(&server);
    network.family = Family::V4;
    let resolver = resolver(&network, PATIENT);
    let seen: Vec<_> = (0..4).map(|_| addrs(&resolver.lookup("flap.test", 1, &on).unwrap()).remove(0)).collect();
    assert_eq!(seen, ["10.2.0.1:1", "10.2.0.2:1", "10.2.0.1:1", "10.2.0.2:1"]);
    for _ in 0..3 {
        resolver.lookup("both.test", 80, &on).unwrap();
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 7);
}

#[test]
fn search_domains_complete_short_names() {
    let server = serve(zone);
    let conf = format!("{PATIENT}search other.example corp.example\noptions ndots:2\n");
    let found = resolver(&network(&server), &conf).lookup("short", 80, &on).unwrap();
    assert_eq!(addrs(&found), ["10.1.0.1:80"]);
}

#[test]
fn addresses_and_pins_are_never_looked_up() {
    let server = serve(zone);
    let mut network = network(&server);
    network.resolve = vec![Pin {
        host: "pinned.test".into(),
        port: 80,
        addrs: vec!["10.9.9.9".parse().unwrap(), "::9".parse().unwrap()],
    }];
    let any = resolver(&network, PATIENT);
    for (host, expected) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("PINNED.test", "10.9.9.9:80")] {
        let answer = any.lookup(host, 80, &on).unwrap();
        assert_eq!(addrs(&answer)[0], expected);
        assert_eq!((answer.valid_until, answer.took()), (Nanos::MAX, 0));
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
    assert_eq!(any.lookup("pinned.test", 81, &on).unwrap_err().failure, DnsFailure::NoSuchName);
    network.family = Family::V6;
    assert_eq!(addrs(&resolver(&network, PATIENT).lookup("pinned.test", 80, &on).unwrap()), ["[::9]:80"]);
    assert_eq!(failure(&resolver(&network, PATIENT), "127.0.0.1"), DnsFailure::WrongFamily(Family::V6));
}

#[test]
fn localhost_needs_no_server() {
    let found = resolver(&Network::default(), "").lookup("localhost", 80, &on);
    assert_eq!(addrs(&found.unwrap()), ["[::1]:80", "127.0.0.1:80"]);
}

#[test]
fn the_hosts_file_comes_before_search_domains_and_asks_no_server() {
    let server = serve(|_, _, _| None);
    let network = network(&server);
    let conf = format!("{PATIENT}search corp.example\noptions ndots:2\n");
    for (name, expected) in [
        ("filed", vec!["10.8.0.1:80"]),
        ("FILED.", vec!["10.8.0.1:80"]),
        ("both.hosts", vec!["[::1]:80", "10.8.0.2:80"]),
    ] {
        let found = resolver(&network, &conf).lookup(name, 80, &on).unwrap();
        assert_eq!((addrs(&found), found.took()), (expected.iter().map(ToString::to_string).collect(), 0));
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_look_up_ends_when_its_time_is_up_or_a_signal_says_so() {
    let server = serve(zone);
    let conf = "nameserver 192.0.2.1\noptions timeout:30 attempts:5\n";
    let mut hurried = resolver(&network(&server), conf);
    hurried.time_limit = SECOND / 10;
    let error = hurried.lookup("silent.test", 80, &on).unwrap_err();
    assert_eq!(error.failure, DnsFailure::TooSlow(SECOND / 10));
    let text = error.to_string();
    assert!(text.contains("0.1 s") && text.contains("`plan.network.dns_servers`"), "{text}");
    let patient = resolver(&network(&server), conf);
    let error = patient.lookup("silent.test", 80, &|| true).unwrap_err();
    assert_eq!(error.failure, DnsFailure::Stopped);
}

#[test]
fn pins_of_one_name_add_up() {
    let pin = |ip: &str| Pin { host: "pinned.test".into(), port: 80, addrs: vec![ip.parse().unwrap()] };
    let network = Network { resolve: vec![pin("10.9.9.9"), pin("10.9.9.8")], ..Network::default() };
    let found = resolver(&network, PATIENT).lookup("pinned.test", 80, &on);
    assert_eq!(addrs(&found.unwrap()), ["10.9.9.9:80", "10.9.9.8:80"]);
}

#[test]
fn addresses_take_their_turns_by_the_policy_table() {
    let ips = ["fd00::1", "2002::1", "10.0.0.1", "2a00::1", "::1"];
    let sorted = preferred(ips.map(|ip| ip.parse().unwrap()));
    let shown: Vec<_> = sorted.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["::1", "2a00::1", "10.0.0.1", "2002::1", "fd00::1"]);
}

/// Reads replies off a line, by token, up to the last of `n` questions.
fn replies(line: &mut Line, n: usize) -> Vec<Reply> {
    let last = |reply: &&Reply| reply.outcome.as_ref().map_or(true, |found| !found.more);
    replies_until(line, |found| found.iter().filter(last).count() == n)
}

/// Reads replies off a line, by token, until they are all that is wanted.
fn replies_until(line: &mut Line, enough: impl Fn(&[Reply]) -> bool) -> Vec<Reply> {
    line.answers.set_nonblocking(false).unwrap();
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    let mut buffer = [0; 61];
    while !enough(&found) {
        let read = line.answers.read(&mut buffer).unwrap();
        assert!(read > 0);
        decoder.feed(&buffer[..read]);
        while let Some(reply) = decoder.poll() {
            found.push(reply);
        }
    }
    found.sort_by_key(|r| r.token);
    found
}

#[test]
fn the_service_answers_each_worker_its_own_questions() {
    let server = serve(zone);
    let mut network = network(&server);
    network.dns = Dns::Always;
    let (_service, mut lines) = Service::with_files(&network, &files(PATIENT), &[], 2).unwrap();
    for token in 0..200 {
        assert!(lines[0].asker.ask(token, "both.test", 80));
        assert!(lines[1].asker.ask(token, "nobody.test", 80));
    }
    let mut found = [0; 200];
    for reply in replies(&mut lines[0], 200) {
        assert!(reply.started < reply.ended);
        found[reply.token as usize] += reply.outcome.unwrap().addrs.len();
    }
    assert_eq!(found, [3; 200]);
    for reply in replies(&mut lines[1], 200) {
        assert!(reply.outcome.unwrap_err().contains("nobody.test"));
    }
}

#[test]
fn one_silent_name_does_not_hold_up_another() {
    let server = serve(zone);
    let mut network = network(&server);
    network.dns = Dns::Always;
    let (_service, mut lines) = Service::with_files(&network, &files(FAST), &[], 1).unwrap();
    assert!(lines[0].asker.ask(1, "silent.test", 80));
    assert!(lines[0].asker.ask(2, "both.test", 80));
    assert_eq!(replies(&mut lines[0], 1)[0].token, 2);
}

#[test]
fn answers_are_kept_for_their_ttl_and_no_longer() {
    let server = serve(zone);
    let mut network = network(&server);
    network.dns = Dns::Ttl;
    network.family = Family::V4;
    let (service, mut lines) = Service::with_files(&network, &files(PATIENT), &[], 1).unwrap();
    for token in 0..50 {
        assert!(lines[0].asker.ask(token, "both.test", 80));
    }
    replies(&mut lines[0], 50);
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    // A TTL of 0 holds for the question at hand alone.
    for token in 0..3 {
        assert!(lines[0].asker.ask(token, "flap.test", 80));
        replies(&mut lines[0], 1);
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 4);
    drop(service);
    assert!(!lines[0].asker.ask(9, "both.test", 80));
}
