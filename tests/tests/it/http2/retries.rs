//! Requests that the server did not begin are retried on another connection: once, or more often where it ends its
//! connections in order. Those that it may have begun are not.

use super::{LONG, messages, over_http2};
use ringload_engine::plan::{HttpVersion, Plan, Target};
use ringload_engine::record::{Cause, Outcome, Retry};
use ringload_tests::engine::{closed, drive};
use ringload_tests::frames::*;
use ringload_tests::tls_proxy::{Ending, ProxyOptions, TlsProxy};
use ringload_tests::{Io, on_both};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

fn plan(peer: &Peer2, io: Io, concurrency: u32, requests: u64) -> Plan {
    let mut plan = closed(peer.addr(), io, concurrency, requests);
    plan.network.http = HttpVersion::Http2;
    plan
}

#[test]
fn a_connection_that_is_closed_with_its_last_answer_costs_no_request() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked = w.request()?;
            w.send_and_close(&chat(asked.stream))
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "1", "--request-count", "100"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 100);
        assert_eq!(peer.requests(), 100, "none was answered twice");
        assert_eq!(peer.connections(), 100);
    });
}

#[test]
fn requests_that_find_their_connection_closed_are_retried_together() {
    on_both(|io| {
        // Eight answers, and the close in the same segment: the eight requests that follow may go out before it is
        // seen.
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked: Vec<_> = (0..8).map(|_| w.request()).collect::<io::Result<_>>()?;
            let answers = asked.iter().map(|asked| chat(asked.stream));
            w.send_and_close(&answers.collect::<Vec<_>>().concat())
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "8", "--request-count", "80"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 80);
        assert_eq!(peer.requests(), 80, "none was answered twice");
        assert_eq!(peer.connections(), 10);
    });
}

#[test]
fn a_large_request_that_finds_its_connection_closed_is_retried_too() {
    on_both(|io| {
        // More than the kernel takes at once.
        let peer = Peer2::start(|w, _| {
            w.greet(&[(INITIAL_WINDOW_SIZE, 1 << 24)])?;
            w.send(&number(WINDOW_UPDATE, 0, 1 << 24))?;
            let asked = w.request()?;
            w.send_and_close(&chat(asked.stream))
        });
        let ended = over_http2(&peer, io, LONG)
            .args(["--isl", "400000", "--num-dataset-entries", "1"])
            .args(["--concurrency", "1", "--request-count", "8"])
            .run()
            .all_well();
        assert_eq!(ended.count("succeeded"), 8);
        assert_eq!(peer.requests(), 8, "none was answered twice");
    });
}

#[test]
fn a_request_that_the_servers_kernel_took_is_not_retried() {
    on_both(|io| {
        // The second request of a connection is read and never answered.
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked = w.request()?;
            w.send(&chat(asked.stream))?;
            w.request()?;
            Ok(())
        });
        let run = drive(&plan(&peer, io, 1, 10));
        let outcomes: Vec<Outcome> = run.records.iter().map(|r| r.outcome).collect();
        let lost = Outcome::Failed(Cause::ClosedBeforeResponse);
        assert_eq!(outcomes, [Outcome::Succeeded, lost].repeat(5));
        assert_eq!(peer.requests(), 10, "none was sent twice");
    });
}

#[test]
fn a_request_that_was_read_before_a_reset_is_not_retried() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked = w.request()?;
            w.send(&chat(asked.stream))?;
            w.request()?;
            w.reset()
        });
        let run = drive(&plan(&peer, io, 1, 10));
        let outcomes: Vec<Outcome> = run.records.iter().map(|r| r.outcome).collect();
        let lost = Outcome::Failed(Cause::Reset);
        assert_eq!(outcomes, [Outcome::Succeeded, lost].repeat(5));
        assert_eq!(peer.requests(), 10, "none was sent twice");
    });
}

#[test]
fn a_request_is_not_retried_when_the_server_has_sent_since() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked = w.request()?;
            w.send(&chat(asked.stream))?;
            w.request()?;
            w.send_and_close(&frame(PING, 0, 0, b"not dead"))
        });
        let run = drive(&plan(&peer, io, 1, 6));
        let retried = run.records.iter().filter(|r| r.retry.is_some()).count();
        let failed = run.records.iter().filter(|r| r.outcome != Outcome::Succeeded);
        assert_eq!((retried, failed.count()), (0, 3));
        assert_eq!(peer.requests(), 6);
    });
}

#[test]
fn a_fresh_connection_that_is_closed_is_a_failure() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| w.greet(&[]));
        let run = drive(&plan(&peer, io, 1, 4));
        for r in &run.records {
            assert!(
                matches!(r.outcome, Outcome::Failed(Cause::ClosedBeforeResponse | Cause::Reset | Cause::SendFailed)),
                "{:?}",
                r.outcome
            );
            assert_eq!(r.retry, None);
        }
    });
}

#[test]
fn streams_above_the_last_of_a_good_bye_are_retried_and_the_others_finished() {
    on_both(|io| {
        // The first connection takes four requests and says good-bye after the second.
        let peer = Peer2::start(|w, connection| {
            w.greet(&[])?;
            if connection > 0 {
                return w.serve();
            }
            let asked: Vec<_> = (0..4).map(|_| w.request()).collect::<io::Result<_>>()?;
            w.send(&go_away(asked[1].stream, 0, b"max requests"))?;
            for asked in &asked[..2] {
                w.send(&chat(asked.stream))?;
            }
            Ok(())
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "4", "--request-count", "4"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 4);
        assert_eq!(ended.count("reconnects"), 2);
        assert_eq!(peer.connections(), 2, "they share the new one");
        assert_eq!(peer.requests(), 6);
    });
}

#[test]
fn a_retried_request_waits_in_its_queue_and_its_phases_add_up() {
    on_both(|io| {
        let peer = Peer2::start(|w, connection| {
            w.greet(&[])?;
            if connection == 0 {
                w.request()?;
                w.send(&go_away(0, 0, b""))?;
            }
            w.serve()
        });
        let run = drive(&plan(&peer, io, 1, 2));
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
            let phases = r.instants.phases();
            assert_eq!(phases.total(), r.instants.end - r.instants.issued);
            assert_eq!(r.retry, (r.k == 0).then_some(Retry::Unprocessed));
            assert_eq!(r.connection_reused, r.k == 1);
            assert_eq!(phases.tcp > 0, r.k == 0, "the second connection's");
        }
        assert_eq!(peer.connections(), 2);
    });
}

#[test]
fn a_server_that_never_begins_a_request_is_asked_twice() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            w.request()?;
            w.send(&go_away(0, 11, b"full"))
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "1", "--request-count", "3"]).run().exits(3);
        assert_eq!(ended.failures(), [("http2_goaway".to_owned(), 3)].into());
        assert!(
            messages(&ended).contains("the server went away (ENHANCE_YOUR_CALM) before it began the request"),
            "{}",
            messages(&ended)
        );
        assert_eq!(ended.count("reconnects"), 3);
        assert_eq!((peer.requests(), peer.connections()), (6, 6));
    });
}

#[test]
fn a_server_that_ends_each_connection_after_a_few_requests_costs_none() {
    on_both(|io| {
        // As nginx with `keepalive_requests 3`, when far more are sent at once: it goes away in order, above the third.
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked: Vec<_> = (0..3).map(|_| w.request()).collect::<io::Result<_>>()?;
            let mut said: Vec<u8> = asked.iter().flat_map(|asked| chat(asked.stream)).collect();
            said.extend(go_away(asked[2].stream, 0, b""));
            w.send(&said)?;
            while w.request().is_ok() {}
            Ok(())
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "16", "--request-count", "48"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 48);
    });
}

#[test]
fn a_good_bye_instead_of_a_greeting_is_no_end() {
    on_both(|io| {
        // Settings and good-bye in one segment, before any request: the request may not even go out.
        let peer = Peer2::start(|w, connection| {
            if connection == 0 {
                w.send(&[settings(&[]), go_away(0, 0, b"not now")].concat())?;
                while w.frame().is_ok() {}
                return Ok(());
            }
            w.greet(&[])?;
            w.serve()
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "1", "--request-count", "3"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 3);
        assert_eq!((ended.count("reconnects"), peer.connections()), (1, 2));
    });
}

#[test]
fn requests_are_retried_under_tls_as_well() {
    on_both(|io| {
        // One good-bye before anything else, and one above the second of two streams.
        let peer = Peer2::start(|w, connection| {
            if connection == 0 {
                w.send(&[settings(&[]), go_away(0, 0, b"not now")].concat())?;
                while w.frame().is_ok() {}
                return Ok(());
            }
            w.greet(&[])?;
            if connection == 1 {
                let asked = [w.request()?, w.request()?];
                w.send(&go_away(asked[0].stream, 0, b"enough"))?;
                w.send(&chat(asked[0].stream))?;
                return Ok(());
            }
            w.serve()
        });
        let proxy = TlsProxy::of(peer.addr(), &ProxyOptions { http2: true, ..ProxyOptions::default() });
        let mut plan = plan(&peer, io, 2, 6);
        plan.targets = vec![Target::parse(&proxy.url()).unwrap()];
        plan.network.tls.ca = Some(proxy.ca());
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        // The one that began the first connection, and the second stream of the second; who only waited is not counted.
        let retries: Vec<_> = run.records.iter().map(|r| r.retry).collect();
        assert_eq!(retries, [Some(Retry::Unprocessed), Some(Retry::Unprocessed), None, None, None, None]);
        assert_eq!(proxy.connections(), 3);
    });
}

#[test]
fn answers_that_come_in_one_segment_with_an_alert_are_kept() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let asked = [w.request()?, w.request()?];
            // The proxy, which holds them, adds the alert.
            w.send(&asked.map(|asked| chat(asked.stream)).concat())
        });
        let options = ProxyOptions { http2: true, ending: Ending::Alert, passes: 1, ..ProxyOptions::default() };
        let proxy = TlsProxy::of(peer.addr(), &options);
        let mut plan = plan(&peer, io, 2, 6);
        plan.targets = vec![Target::parse(&proxy.url()).unwrap()];
        plan.network.tls.ca = Some(proxy.ca());
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        assert_eq!((run.records.len(), peer.requests()), (6, 6));
    });
}

#[test]
fn a_refused_stream_is_the_servers_answer_and_is_not_retried() {
    on_both(|io| {
        let once = AtomicBool::new(true);
        let peer = Peer2::start(move |w, _| {
            w.greet(&[])?;
            loop {
                let asked = w.request()?;
                if once.swap(false, Ordering::AcqRel) {
                    w.send(&number(RST_STREAM, asked.stream, 7))?;
                } else {
                    w.send(&chat(asked.stream))?;
                }
            }
        });
        let run = drive(&plan(&peer, io, 1, 3));
        let first = &run.records[0];
        assert_eq!(first.outcome, Outcome::Failed(Cause::Http2Refused));
        assert_eq!(first.retry, None);
        assert_eq!((peer.requests(), peer.connections()), (3, 1));
    });
}
