//! Hosts as users write them, and proxies that an environment names.

use ringload_tests::names::Names;
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::profile::Profile;
use ringload_tests::{on_both, together};
use std::time::Duration;

/// A run of two requests to a name that is pinned to a peer.
fn run_of(peer: &Peer, host: &str) -> Profile {
    let port = peer.addr().port();
    Profile::bare()
        .args(["--model", "m", "--streaming", "--isl", "8", "--ui", "none"])
        .args(["--url", &format!("http://{host}:{port}/v1")])
        // A name may begin with a dash.
        .args([&format!("--resolve={host}:{port}:127.0.0.1")])
        .args(["--request-count", "2", "--concurrency", "1", "--allow-invalid"])
}

fn words() -> Peer {
    Peer::start(|to, _| {
        peer::write(to, &peer::chat(3))?;
        Ok(Then::Keep)
    })
}

#[test]
fn hosts_are_looked_up_and_written_in_ascii() {
    on_both(|io| {
        for (host, expected) in [
            ("B\u{fc}cher.test", "xn--bcher-kva.test"),
            ("b%C3%BCcher.test", "xn--bcher-kva.test"),
            ("My_Server.Corp.", "my_server.corp."),
            ("-x.test", "-x.test"),
            ("x-.-y-.test", "x-.-y-.test"),
            ("_http._tcp.test", "_http._tcp.test"),
        ] {
            let peer = words();
            let ended = run_of(&peer, host).on(io).run().exits(0);
            assert_eq!(ended.count("succeeded"), 2);
            let requests = peer.requests();
            assert_eq!(requests.len(), 2);
            for request in requests {
                let port = peer.addr().port();
                assert_eq!(request.field("host"), Some(format!("{expected}:{port}").as_str()));
            }
        }
    });
}

#[test]
fn addresses_have_the_forms_of_the_c_library() {
    let _turn = together();
    let peer = words();
    let port = peer.addr().port();
    for host in ["127.1", "0x7f.1", "0X7F000001", "2130706433", "0177.0.0.1", "%31%32%37.0.0.1"] {
        let ended = Profile::bare()
            .args(["--model", "m", "--streaming", "--isl", "8", "--ui", "none", "--allow-invalid"])
            .args(["--url", &format!("http://{host}:{port}/v1"), "--request-count", "1"])
            .run()
            .exits(0);
        assert_eq!(ended.count("succeeded"), 1, "{host}");
        let request = peer.requests().pop().expect("a request");
        assert_eq!(request.field("host"), Some(format!("127.0.0.1:{port}").as_str()), "{host}");
    }
}

/// A name that begins with a dash is looked up as it is; no certificate can hold it, which is said.
#[test]
fn a_leading_dash_is_asked_of_the_name_service() {
    let _turn = together();
    let names = Names::start(Duration::ZERO, 60);
    let peer = words();
    let ended = Profile::bare()
        .args(["--model", "m", "--streaming", "--isl", "8", "--ui", "none", "--allow-invalid"])
        .args(["--url", &format!("http://-x.test:{}", peer.addr().port()), "--request-count", "1"])
        .args(["--dns-servers", &names.addr().to_string()])
        .run()
        .exits(0);
    assert_eq!(ended.count("succeeded"), 1);
    let secure =
        Profile::bare().args(["--model", "m", "--url", "https://-x.test"]).args(["--resolve=-x.test:443:127.0.0.1"]);
    let refused = secure.run().exits(2);
    assert!(refused.stderr.contains("`-x.test` is not a name that a certificate can hold"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--server-name"), "{}", refused.stderr);
}

#[test]
fn hosts_that_cannot_be_are_usage_errors() {
    for (url, part) in [
        ("http://a..b:80", "empty part"),
        ("http://a b:80", "a space"),
        ("http://a%20b:80", "a space"),
        ("http://a$b:80", "`$`"),
        ("http://a|b:80", "`|`"),
        ("http://a%00b:80", "U+0000"),
        ("http://%ff:80", "not UTF-8"),
        ("http://.:80", "needs a host"),
        ("http://1.2.3.256:80", "not an IPv4 address"),
        ("http://1.2.3.4.5:80", "not an IPv4 address"),
        ("http://[::1%25lo]:80", "not a link-local address"),
        ("http://[fe80::zz]:80", "not an IPv6 address"),
        ("http://[fe80::1%25no-such-if0]:80", "no interface `no-such-if0`"),
    ] {
        let ended = Profile::bare().args(["--model", "m", "--url", url]).run().exits(2);
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}

#[test]
fn a_proxy_of_the_environment_is_refused_before_anything_is_sent() {
    let peer = words();
    let secret = "http://user:secret@proxy.corp:3128";
    let ended = run_of(&peer, "api.test").env("HTTP_PROXY", secret).run().exits(2);
    for part in ["HTTP_PROXY", "NO_PROXY=api.test", "--ignore-proxy"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    assert_eq!(peer.connections(), 0);
    let listed = run_of(&peer, "api.test").env("http_proxy", secret).env("no_proxy", ".test");
    assert_eq!(listed.run().exits(0).count("succeeded"), 2);
    let ignored = run_of(&peer, "api.test").env("ALL_PROXY", secret).args(["--ignore-proxy"]);
    let ended = ignored.run().exits(0);
    assert!(ended.stderr.contains("ALL_PROXY is set"), "{}", ended.stderr);
    assert_eq!(peer.requests().len(), 4);
}
