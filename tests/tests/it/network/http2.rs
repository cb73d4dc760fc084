//! HTTP/2: streams on shared connections, and what is negotiated.

use super::*;

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
            assert!(
                run.records.iter().all(|r| r.round_trip.is_some_and(|t| t > 0)),
                "of the connection of each stream"
            );
            let ttft = run.summary.metrics.iter().find(|m| m.info.tag == "time_to_first_token").unwrap();
            let parts = run.summary.network.first_token.as_ref().expect("there are first tokens").all;
            let sum = parts.queue_ms + parts.network_ms() + parts.server_ms();
            assert!((sum - parts.ttft_ms).abs() < 1e-6, "{parts:?}");
            assert!((parts.ttft_ms - ttft.stats.unwrap().mean()).abs() < 1e-6, "{parts:?}");
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
        let first = network.first_token.expect("there are first tokens");
        assert_eq!(
            (first.all.requests, first.all.with_round_trip),
            (6, 6),
            "the kernel's round trip of each connection"
        );
        let (new, reused) = first.new.zip(first.reused).expect("both kinds");
        assert_eq!((new.requests, reused.requests), (2, 4));
        assert!(new.tls_ms > 0.0 && new.tcp_ms > 0.0 && reused.tcp_ms + reused.tls_ms == 0.0, "{new:?} {reused:?}");
        assert!(new.round_trip_ms > 0.0 && reused.round_trip_ms > 0.0, "{new:?} {reused:?}");

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
