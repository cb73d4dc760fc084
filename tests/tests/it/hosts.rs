//! Hosts as users write them, and proxies that an environment names.

use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::profile::Profile;

/// A run of two requests to a name that is pinned to a peer.
fn run_of(peer: &Peer, host: &str) -> Profile {
    let port = peer.addr().port();
    Profile::bare()
        .args(["--model", "m", "--streaming", "--isl", "8", "--ui", "none"])
        .args(["--url", &format!("http://{host}:{port}/v1")])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
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
        for (host, expected) in [("B\u{fc}cher.test", "xn--bcher-kva.test"), ("My_Server.Corp.", "my_server.corp.")] {
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
fn hosts_that_cannot_be_are_usage_errors() {
    for (url, part) in [
        ("http://a..b:80", "empty part"),
        ("http://a b:80", "a space"),
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
