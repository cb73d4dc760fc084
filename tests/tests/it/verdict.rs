//! The verdict on clients that are stopped, crowded out and starved, and on a server that stands still.

use crate::known_answers::paced;
use ringload_tests::hardship::{Neighbour, Quota, announce, last_core};
use ringload_tests::names::Names;
use ringload_tests::profile::{Ended, Profile, Running};
use ringload_tests::tls_proxy::{ProxyOptions, TlsProxy};
use ringload_tests::{Io, alone_on_both, together, until};
use std::ffi::OsStr;
use std::time::Duration;

#[test]
fn a_server_that_freezes_is_its_own_fault() {
    alone_on_both(|io| {
        let server = paced(100, 100);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "100", "--arrival-pattern", "constant"])
            .args(["--request-count", "200", "--osl", "3", "--allow-invalid"])
            .start();
        until("the run is under way", || server.state().requests > 50);
        server.freeze(Duration::from_millis(300));
        let ended = running.end().all_well();
        // The client's own lag knows nothing of the freeze: what there is of it is the machine's, which kept the worker
        // from running for so long by the kernel's own count.
        let report = ended.report();
        let cores = report["summary"]["client"]["cores"].as_array().expect("cores");
        let kept_off: f64 = cores.iter().filter_map(|core| core["run_delay_s"].as_f64()).sum::<f64>() * 1e3;
        let invalid = ended.findings("INVALID");
        for gate in ["dispatch_lag", "receive_lag"] {
            let p99 = ended.lag(gate, "p99");
            assert!(p99 < 100.0 + kept_off, "{gate} {p99}, kept off for {kept_off} ms");
            assert!(p99 > 9.0 || !invalid.contains(&gate.to_owned()), "{invalid:?}");
        }
        assert!(kept_off > 10.0 || !invalid.contains(&"rate".to_owned()), "{invalid:?}");
        // Of 200 arrivals 30 fell into the freeze; the first of them waited through all of it.
        let (p99, p50) = (ended.metric("request_latency", "p99"), ended.metric("request_latency", "p50"));
        assert!(p99 >= 450.0, "{p99}");
        assert!(p50 >= 300.0 && p50 < p99, "{p50}");
        assert!(ended.metric("response_time", "p99") >= 450.0);
        assert!(ended.metric("response_time", "max") >= 500.0);
    });
}

#[test]
fn a_client_that_is_stopped_is_invalid_and_says_why() {
    alone_on_both(|io| {
        let (ended, allowed) = std::thread::scope(|scope| {
            let other = scope.spawn(|| stopped(io, &["--allow-invalid"]));
            (stopped(io, &[]), other.join().expect("a run"))
        });
        let ended = ended.exits(4);
        assert_eq!(ended.verdict(), "INVALID");
        assert!(ended.stdout.contains("\nINVALID  "));
        // 45 of 300 arrivals fell into the stop, most of them over 10 ms before its end.
        let gates = ended.findings("INVALID");
        assert!(gates.contains(&"dispatch_lag".to_owned()), "{gates:?}");
        assert!(ended.lag("dispatch_lag", "p99") > 100.0);
        assert!(ended.metric("response_time", "max") >= 300.0);
        assert!(ended.failures().is_empty());
        assert_eq!(allowed.exits(0).verdict(), "INVALID", "the verdict stays");
    });
}

#[test]
fn a_client_that_is_stopped_in_a_handshake_is_in_the_figures_that_hold_it() {
    let _turn = together();
    let server = paced(5, 5);
    let delay = Duration::from_millis(300);
    let proxy = TlsProxy::of(server.addr(), &ProxyOptions { handshake_delay: delay, ..ProxyOptions::default() });
    let running = Profile::bare()
        .args(["--url", &proxy.url(), "--model", "m", "--streaming", "--isl", "16", "--ui", "none"])
        .args([OsStr::new("--cacert"), proxy.ca().as_os_str()])
        .args(["--http1.1", "--concurrency", "1", "--request-count", "30", "--osl", "2", "--allow-invalid"])
        .start();
    until("the connection is made", || proxy.connections() == 1);
    running.signal("STOP");
    std::thread::sleep(2 * delay);
    running.signal("CONT");
    let ended = running.end().all_well();
    // The server's flight came half way through the stop; a client that had not sent its own found its connect late.
    let report = ended.report();
    let late = &report["summary"]["network"]["late_set_ups"];
    assert!(late["longest_ms"].as_f64() > Some(200.0), "{late}");
    let shares = report["summary"]["client"]["shares"].as_array().expect("shares").clone();
    let of = |tag: &str| {
        let found = shares
            .iter()
            .find(|share| share["tag"] == tag && share["statistic"] == "max" && share["lateness"] == "set_up_lag");
        found.and_then(|share| share["lower_by"].as_f64())
    };
    for tag in ["time_to_first_token", "request_latency", "http_req_connection_overhead"] {
        assert!(of(tag) > Some(200.0), "{tag}: {shares:?}");
    }
    assert_eq!(of("inter_token_latency"), None);
    let gates = [ended.findings("SUSPECT"), ended.findings("INVALID")].concat();
    assert!(gates.contains(&"set_up_lag".to_owned()), "{gates:?}");
}

#[test]
fn a_client_that_is_stopped_in_a_look_up_is_in_the_figures_that_hold_it() {
    let _turn = together();
    let server = paced(5, 5);
    let delay = Duration::from_millis(300);
    let names = Names::start(delay, 60);
    let port = server.addr().port();
    let running = Profile::bare()
        .args(["--url", &format!("http://{}:{port}", Names::NAME), "--model", "m", "--streaming", "--isl", "16"])
        .args(["--dns", "always", "--dns-servers", &names.addr().to_string(), "--ui", "none"])
        .args(["--connection-reuse-strategy", "never", "--concurrency", "1", "--request-count", "8", "--osl", "2"])
        .args(["--allow-invalid"])
        .start();
    until("the run is under way", || server.state().requests >= 3);
    let asked = names.asked();
    until("a request asks", || names.asked() > asked);
    running.signal("STOP");
    std::thread::sleep(2 * delay);
    running.signal("CONT");
    let ended = running.end().all_well();
    // The name service replied half way through the stop, at the latest.
    let shares = ended.report()["summary"]["client"]["shares"].as_array().expect("shares").clone();
    let of = |tag: &str| {
        let found = shares
            .iter()
            .find(|share| share["tag"] == tag && share["statistic"] == "max" && share["lateness"] == "set_up_lag");
        found.and_then(|share| share["lower_by"].as_f64())
    };
    for tag in ["time_to_first_token", "request_latency", "http_req_dns_lookup", "http_req_connection_overhead"] {
        assert!(of(tag) > Some(200.0), "{tag}: {shares:?}");
    }
    assert_eq!(of("inter_token_latency"), None);
}

#[test]
fn a_cap_is_no_excuse_for_a_client_that_is_stopped() {
    alone_on_both(|io| {
        let server = paced(10, 10);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "500", "--arrival-pattern", "constant"])
            .args(["--request-count", "1500", "--osl", "1", "--allow-invalid"])
            .args(["--concurrency", "12"])
            .start();
        until("the run is under way", || server.state().requests > 500);
        running.signal("STOP");
        std::thread::sleep(Duration::from_millis(300));
        running.signal("CONT");
        let ended = running.end().all_well();
        // Of the 150 arrivals in the stop, twelve found a slot after it: under 1 % of all. The others were as late.
        let gates = ended.findings("INVALID");
        assert!(gates.contains(&"dispatch_lag".to_owned()), "{gates:?}");
        assert!(ended.findings("SUSPECT").contains(&"cap".to_owned()));
        let report = ended.report();
        assert_eq!(report["summary"]["client"]["dispatch_lag"]["count"], 1_500);
    });
}

#[test]
fn a_client_whose_core_is_kept_busy_by_another_is_told_so() {
    alone_on_both(|io| {
        let core = last_core();
        let server = paced(20, 10);
        let neighbour = Neighbour::on(core);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "100", "--arrival-pattern", "constant"])
            .args(["--request-count", "250", "--osl", "4", "--allow-invalid"])
            .args(["--cores", &format!("{core},")])
            .run()
            .all_well();
        drop(neighbour);
        // Whether that moved a figure is for the lags to say.
        let gates = ended.findings("VALID");
        assert!(gates.contains(&"shared_core".to_owned()), "{gates:?}");
        let report = ended.report();
        let figures = &report["summary"]["client"]["cores"][0];
        assert_eq!(figures["core"], core);
        let share = |name: &str| figures[name].as_f64().expect("a share");
        assert!(share("core_busy_share") > 0.8, "{figures}");
        assert!(share("busy_share") < share("core_busy_share"), "{figures}");
        assert!(share("run_delay_s") >= 0.0, "{figures}");
    });
}

/// Where control groups cannot be written to, which is the case without root, signals do what a quota does: let the
/// client run for a moment of each period. That the quota itself is named can then not be seen, and the test says so.
#[test]
fn a_client_that_is_starved_of_cpu_is_not_valid() {
    alone_on_both(|io| {
        let server = paced(20, 10);
        let quota = Quota::new();
        let profile = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "150", "--arrival-pattern", "constant"])
            .args(["--request-count", "450", "--osl", "4", "--allow-invalid"]);
        let running = match &quota {
            Ok(quota) => profile.under(quota).start(),
            Err(_) => profile.start(),
        };
        until("the run is under way", || server.state().requests > 80);
        match &quota {
            Ok(quota) => {
                quota.starve().expect("a quota");
                std::thread::sleep(STARVED);
                quota.lift().expect("no quota");
            }
            Err(reason) => {
                announce(&format!(
                    "the gate cpu_throttling was NOT tested on {io}, as no CPU quota can be set ({reason}): run this test as root"
                ));
                starve_by_signals(&running);
            }
        }
        let ended = running.end().all_well();
        assert_ne!(ended.verdict(), "VALID", "{}", ended.stdout);
        let gates = ended.findings("INVALID");
        assert!(gates.contains(&"dispatch_lag".to_owned()), "{gates:?}");
        if quota.is_ok() {
            let host = &ended.report()["host"];
            let notes = ended.findings("VALID");
            assert!(notes.contains(&"cpu_throttling".to_owned()), "{notes:?} {host}");
            assert!(host["throttled_s"].as_f64().is_some_and(|s| s > 0.0), "{host}");
        }
    });
}

/// A run of two seconds that stands still for 300 ms in its middle.
fn stopped(io: Io, args: &[&str]) -> Ended {
    let server = paced(20, 10);
    let running = Profile::of(server.addr())
        .on(io)
        .args(["--request-rate", "150", "--arrival-pattern", "constant"])
        .args(["--request-count", "300", "--osl", "4"])
        .args(args)
        .start();
    until("the run is under way", || server.state().requests > 80);
    running.signal("STOP");
    std::thread::sleep(Duration::from_millis(300));
    running.signal("CONT");
    running.end()
}

fn starve_by_signals(running: &Running) {
    for _ in 0..STARVED.as_millis() / 200 {
        running.signal("STOP");
        std::thread::sleep(Duration::from_millis(195));
        running.signal("CONT");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const STARVED: Duration = Duration::from_millis(1_400);
