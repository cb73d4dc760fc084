//! Faults between the client and its server: connections that are refused, servers that restart, names, TLS.

use ringload_tests::names::Names;
use ringload_tests::peer::{self, Peer, STREAM, Then, closed_port, token};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::tls_proxy::{Ending, ProxyOptions, TlsProxy};
use ringload_tests::{Io, on_both, until};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A fault with a run of its own.
pub(super) struct Scene {
    pub(super) what: &'static str,
    /// What becomes of the run's requests.
    pub(super) becomes: &'static str,
    /// Output events, and what is kept of them.
    pub(super) partial: &'static str,
    pub(super) exit: &'static str,
    pub(super) play: fn(Io),
}

#[test]
fn faults_between_client_and_server_are_counted_by_their_cause() {
    play(SCENES);
}

/// Plays scenes on both drivers, beside each other.
pub(super) fn play(scenes: &'static [Scene]) {
    on_both(|io| {
        std::thread::scope(|scope| {
            for scene in scenes {
                scope.spawn(move || {
                    println!("{}, on {io}", scene.what);
                    (scene.play)(io);
                });
            }
        });
    });
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        what: "nothing listens",
        becomes: "all fail: `connect_refused`",
        partial: "none",
        exit: "3",
        play: |io| {
            let ended = run(closed_port(), io, "6").run().exits(3);
            assert_eq!(ended.failures(), of("connect_refused", 6));
        },
    },
    Scene {
        what: "accepted and closed at once, each connection",
        becomes: "all fail: `closed_before_response`, or `reset` where the request was on its way",
        partial: "none",
        exit: "3",
        play: |io| {
            let server = Peer::raw(|stream, _| drop(stream));
            let ended = run(server.addr(), io, "6").run().exits(3);
            let mut failures = ended.failures();
            let lost = ["closed_before_response", "reset", "send_failed"];
            let n: u64 = lost.iter().filter_map(|cause| failures.remove(*cause)).sum();
            assert_eq!((n, failures), (6, BTreeMap::new()));
        },
    },
    Scene {
        what: "the server restarts in mid-run: its connections end, and for a while nobody listens",
        becomes: "those in between fail: `connect_refused`; before and after, all are served",
        partial: "none",
        exit: "0",
        play: |io| {
            let (server, addr) = Restarting::start();
            let ended = run(addr, io, "60").run().exits(0);
            let refused = ended.failures().get("connect_refused").copied();
            let refused = refused.expect("some came while nobody listened");
            assert_eq!(ended.failures(), of("connect_refused", refused));
            assert_eq!(ended.count("succeeded"), 60 - refused);
            let served = server.end();
            assert_eq!(served, 60 - refused, "none was answered twice");
        },
    },
    Scene {
        what: "a name that does not exist, looked up before the run",
        becomes: "nothing is sent, and no file is left",
        partial: "none",
        exit: "2",
        play: |io| {
            let names = Names::knowing(|_| false);
            let ended = named(&names, io, closed_port(), "once").run().exits(2);
            assert!(ended.stderr.contains(Names::NAME), "{}", ended.stderr);
            assert_eq!(ended.files(), [""; 0]);
        },
    },
    Scene {
        what: "a name that does not exist, looked up for each connection (--dns always)",
        becomes: "all fail: `dns_failed`",
        partial: "none",
        exit: "3",
        play: |io| {
            let names = Names::knowing(|_| false);
            let ended = named(&names, io, closed_port(), "always").run().exits(3);
            assert_eq!(ended.failures(), of("dns_failed", 6));
        },
    },
    Scene {
        what: "a name that is known each second time (--dns always)",
        becomes: "each second fails: `dns_failed`; the others are served",
        partial: "none",
        exit: "0",
        play: |io| {
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
            let names = Names::knowing(|turn| turn % 2 == 0);
            let ended = named(&names, io, server.addr(), "always").run().exits(0);
            assert_eq!(ended.failures(), of("dns_failed", 3));
            assert_eq!(ended.count("succeeded"), 3);
            assert_eq!(server.requests().len(), 3);
        },
    },
    Scene {
        what: "a first name server that never answers, and a second that does (--dns once, ttl, always)",
        becomes: "all are served",
        partial: "all",
        exit: "0",
        play: |io| {
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
            for when in ["once", "ttl", "always"] {
                let (silent, names) = (Names::silent(), Names::knowing(|_| true));
                let servers = format!("{},{}", silent.addr(), names.addr());
                let ended = named_by(&servers, io, server.addr(), when).run().all_well();
                assert_eq!(ended.count("succeeded"), 6);
                assert!(silent.asked() > 0 && names.asked() > 0);
            }
        },
    },
    Scene {
        what: "a name whose IPv6 address leads to a dead port, and whose IPv4 address comes later (--dns once, ttl, always)",
        becomes: "all are served",
        partial: "all",
        exit: "0",
        play: |io| {
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
            for when in ["once", "ttl", "always"] {
                // Later than what is known is made use of.
                let names = Names::racing(Duration::from_millis(400));
                let ended = named(&names, io, server.addr(), when).run().all_well();
                assert_eq!(ended.count("succeeded"), 6, "{when}");
            }
        },
    },
    Scene {
        what: "a TLS alert in mid-stream",
        becomes: "all fail: `tls_alert`",
        partial: "2 events, time to first token kept",
        exit: "3",
        play: |io| broken_off(io, Ending::Alert, "tls_alert"),
    },
    Scene {
        what: "a TLS alert in one segment with what came before it",
        becomes: "complete answers are served, also without the end of their body; errors keep status and words; streams that were cut fail: `tls_alert`",
        partial: "what came before the alert",
        exit: "0 or 3",
        play: |io| {
            let whole = peer::chat(2);
            let done = whole.strip_suffix("0\r\n\r\n").expect("a last chunk");
            for complete in [&whole, done] {
                assert_eq!(alerted(io, complete).exits(0).count("succeeded"), 3);
            }
            let ended = alerted(io, &peer::whole("503 Busy", r#"{"error":{"message":"come again"}}"#)).exits(3);
            assert_eq!(ended.failures(), of("http_status", 3));
            assert!(ended.records().iter().all(|r| r["error"].to_string().contains("come again")));
            let ended = alerted(io, &[STREAM.to_owned(), token("a"), token("b")].concat()).exits(3);
            assert_eq!(ended.failures(), of("tls_alert", 3));
            assert_eq!(ended.report()["summary"]["client"]["events"], 6);
            assert_eq!(super::first_tokens_kept(&ended.report()), 3);
        },
    },
    Scene {
        what: "the end of the connection in mid-stream under TLS, with and without `close_notify`",
        becomes: "all fail: `truncated`",
        partial: "2 events, time to first token kept",
        exit: "3",
        play: |io| {
            broken_off(io, Ending::Notified, "truncated");
            broken_off(io, Ending::Bare, "truncated");
        },
    },
];

/// One request at a time.
fn run(server: SocketAddr, io: Io, requests: &str) -> Profile {
    Profile::of(server).on(io).args(["--concurrency", "1", "--request-count", requests]).args([
        "--request-timeout-seconds",
        "30",
        "--allow-invalid",
    ])
}

/// Six requests to a server by its name, a connection each.
fn named(names: &Names, io: Io, server: SocketAddr, when: &str) -> Profile {
    named_by(&names.addr().to_string(), io, server, when)
}

/// The same, by the word of these name servers.
fn named_by(names: &str, io: Io, server: SocketAddr, when: &str) -> Profile {
    let url = format!("http://{}:{}", Names::NAME, server.port());
    Profile::bare()
        .on(io)
        .args(["--model", "mock", "--streaming", "--isl", "16"])
        .args(["--ui", "none", "--url", &url])
        .args(["--concurrency", "1", "--request-count", "6"])
        .args(["--request-timeout-seconds", "30", "--allow-invalid"])
        .args(["--connection-reuse-strategy", "never", "--dns", when])
        .args(["--dns-servers", names])
}

fn of(cause: &str, n: u64) -> BTreeMap<String, u64> {
    [(cause.to_owned(), n)].into()
}

/// Two tokens under TLS, and then an end.
fn broken_off(io: Io, ending: Ending, cause: &str) {
    let server = Peer::start(|to, _| {
        let tokens = [token("a"), token("b")].concat();
        peer::write(to, &format!("{STREAM}{tokens}"))?;
        // Both are on their way to the client when the end follows.
        std::thread::sleep(Duration::from_millis(100));
        Ok(Then::Close)
    });
    let ended = sealed(io, &server, &ProxyOptions { ending, ..ProxyOptions::default() }).exits(3);
    assert_eq!(ended.failures(), of(cause, 3), "{ending:?}: {}", ended.stdout);
    assert_eq!(ended.report()["summary"]["client"]["events"], 6);
    assert_eq!(super::first_tokens_kept(&ended.report()), 3);
}

/// An answer under TLS that leaves in one write with a fatal alert.
fn alerted(io: Io, answer: &str) -> Ended {
    let answer = answer.to_owned();
    let server = Peer::start(move |to, _| peer::write(to, &answer).map(|_| Then::Close));
    sealed(io, &server, &ProxyOptions { ending: Ending::Alert, passes: 0, ..ProxyOptions::default() })
}

/// Three requests under TLS, one at a time.
fn sealed(io: Io, server: &Peer, options: &ProxyOptions) -> Ended {
    let proxy = TlsProxy::of(server.addr(), options);
    Profile::bare()
        .on(io)
        .args(["--model", "mock", "--streaming", "--isl", "16"])
        .args(["--ui", "none", "--url", &proxy.url(), "--http1.1"])
        .args(["--cacert".as_ref(), proxy.ca().as_os_str()])
        .args(["--concurrency", "1", "--request-count", "3"])
        .args(["--request-timeout-seconds", "30", "--allow-invalid"])
        .run()
}

/// A server that goes away after some answers, and comes back at the same address.
struct Restarting {
    serving: std::thread::JoinHandle<u64>,
    addr: SocketAddr,
}

impl Restarting {
    fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let serving = std::thread::spawn(move || {
            let before = serve(listener, BEFORE);
            std::thread::sleep(AWAY);
            let listener = TcpListener::bind(addr).expect("the port again");
            before + serve(listener, u64::MAX)
        });
        (Self { serving, addr }, addr)
    }

    /// How many answers it gave.
    fn end(self) -> u64 {
        // A connection that asks for nothing is the end.
        until("it listens", || TcpStream::connect(self.addr).is_ok());
        self.serving.join().expect("it ends")
    }
}

/// Answers up to so many requests, one connection after the other, until one asks for nothing. When the last answer
/// comes, which says that it is, nobody listens any more.
fn serve(listener: TcpListener, most: u64) -> u64 {
    let mut listener = Some(listener);
    let mut served = 0;
    while let Some(Ok((stream, _))) = listener.as_ref().map(TcpListener::accept) {
        let before = served;
        let mut from = BufReader::new(&stream);
        while served < most && take_request(&mut from) {
            served += 1;
            let mut answer = peer::chat(2);
            if served == most {
                listener = None;
                answer = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            }
            (&stream).write_all(answer.as_bytes()).expect("the client is there");
        }
        if served == before {
            break;
        }
    }
    served
}

/// Reads a request; false at the end of the connection.
fn take_request(from: &mut impl BufRead) -> bool {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if from.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            return from.read_exact(&mut vec![0; length]).is_ok();
        }
    }
}

/// Answers before it goes.
const BEFORE: u64 = 10;
/// How long nobody listens: some refusals, after each of which a slot rests 10 ms.
const AWAY: Duration = Duration::from_millis(120);
