//! Network flags → what is planned, and the refusals with their remedies.

use crate::flags::testing::{made, planned, refused};
use ringload_engine::plan::{Dns, Family, HttpVersion, Network};
use std::path::Path;

#[test]
fn the_network_is_the_plans_default_unless_flags_say_more() {
    let json = |network: &Network| serde_json::to_string(network).unwrap();
    assert_eq!(json(&made("-m x").network), json(&Network::default()));
    let n = made(
        "-m x --concurrency 9 --url https://h:1 --http2 --streams-per-connection 7 --h2-window 1M --dns ttl --dns-servers 10.0.0.53,[::1]:5353 -4 \
         --resolve h:1:10.0.0.1,10.0.0.2 --source-ip 10.9.0.1-10.9.0.3 --prewarm 9 --tcp-send-buffer 64k --tcp-receive-buffer 128k \
         --tcp-keepalive 0 --tcp-user-timeout 1.5 --cacert ca --cert c --key k --no-tls-resumption --server-name s --tls-max 1.2",
    )
    .network;
    assert_eq!((n.http, n.streams_per_connection), (HttpVersion::Http2, 7));
    assert_eq!((n.h2_window, n.dns, n.family), (1 << 20, Dns::Ttl, Family::V4));
    assert_eq!(n.dns_servers[1].to_string(), "[::1]:5353");
    assert_eq!((n.resolve[0].addrs.len(), n.source_ips.len()), (2, 3));
    assert_eq!((n.prewarm, n.tcp.send_buffer, n.tcp.receive_buffer), (9, Some(65_536), Some(131_072)));
    assert_eq!((n.tcp.keepalive, n.tcp.user_timeout), (None, Some(1_500_000_000)));
    assert_eq!(n.tls.ca.as_deref(), Some(Path::new("ca")));
    assert_eq!(n.tls.client, Some(("c".into(), "k".into())));
    assert_eq!(n.tls.server_name.as_deref(), Some("s"));
    assert!(n.tls.max_1_2 && !n.tls.min_1_3 && !n.tls.resumption && !n.tls.insecure);
    assert!(!n.tcp.quickack && made("-m x --tcp-quickack").network.tcp.quickack);
    let n = made("-m x --url https://h --http1.1 --dns always --ipv6 --tls-min 1.3").network;
    assert_eq!((n.http, n.dns, n.family), (HttpVersion::Http1, Dns::Always, Family::V6));
    assert!(n.tls.min_1_3 && n.tls.resumption);
}

#[test]
fn a_family_may_follow_a_list() {
    for line in ["-m x --url http://h -4", "--url http://h -m x -4", "-4 -m x"] {
        assert_eq!(made(line).network.family, Family::V4, "{line}");
    }
    assert_eq!(made("-m x -6").network.family, Family::V6);
}

#[test]
fn insecure_is_said_aloud() {
    for flag in ["-k", "--insecure"] {
        let p = planned(&format!("-m x --url https://h {flag}")).unwrap();
        assert!(p.plan.network.tls.insecure);
        assert!(p.notes.iter().any(|n| n.contains("NOT checked")), "{:?}", p.notes);
    }
}

#[test]
fn networks_that_cannot_be_are_refused_with_what_to_write() {
    for (line, remedy) in [
        ("--http1.1 --http2", "--http1.1"),
        ("--http1.1 --streams-per-connection 2", "write --http2"),
        ("--http1.1 --h2-window 1M", "write --http2"),
        ("--streams-per-connection 2", "add --http2"),
        ("--streams-per-connection 0 --http2", "from 1"),
        ("--h2-window 3 --http2", "bytes"),
        ("--dns never", "once"),
        ("--dns-servers dns.test", "10.0.0.53"),
        ("-4 -6", "--ipv6"),
        ("--resolve h:80", "HOST:PORT:ADDR"),
        ("--resolve h:80:10.0.0.1", "as in --url"),
        ("--url http://h -6 --resolve h:80:10.0.0.1", "of that family"),
        ("--source-ip nonsense", "10.0.0.0/24"),
        ("--source-ip 10.0.0.1 -6", "of that family"),
        ("--source-ip fd00::1 -4", "of that family"),
        ("--source-ip fd00::1 --url http://127.0.0.1", "add one of that family"),
        ("--source-ip 10.0.0.1 --url unix:/s", "drop one"),
        ("--prewarm 2", "--prewarm 1"),
        ("--prewarm 9 --concurrency 8", "--prewarm 8"),
        ("--prewarm 9 --request-rate 5 --concurrency 8", "--prewarm 8"),
        ("--prewarm 1 --connection-reuse-strategy never", "drop one"),
        ("--tcp-send-buffer 1", "bytes"),
        ("--tcp-receive-buffer x", "bytes"),
        ("--tcp-keepalive -1", "0 to turn it off"),
        ("--tcp-user-timeout x", "leave it to the kernel"),
        ("--cacert ca", "https://"),
        ("--cert c --key k", "https://"),
        ("--key k", "https://"),
        ("--insecure", "https://"),
        ("--no-tls-resumption", "https://"),
        ("--server-name s", "https://"),
        ("--tls-max 1.2", "https://"),
        ("--tls-min 1.2", "https://"),
        ("--url https://h --cert c", "add --key"),
        ("--url https://h --key k", "add --cert"),
        ("--url https://h --insecure --cacert ca", "drop one"),
        ("--url https://h --tls-min 1.3 --tls-max 1.2", "drop one"),
        ("--url https://h --tls-max 1.1", "1.2"),
    ] {
        let text = refused(&format!("-m x {line}"));
        assert!(text.contains(remedy), "{line}: {text}");
    }
}
