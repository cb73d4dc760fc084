//! Runs that the client spoiled, in real processes: the server stops the client (SIGSTOP) in the middle of those that
//! the test names. They are made again, twice at most, and decide nothing.

use ringload_tests::peer::{Peer, Then, chunk, event, token};
use ringload_tests::profile::{Ended, Profile, Running};
use ringload_tests::schema::follows;
use ringload_tests::together;
use serde_json::Value;
use std::io::Write;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Three tokens, the first after 150 ms and 50 ms apart: slow beside what other programs of the machine do to a client.
const FIRST: Duration = Duration::from_millis(150);
const GAP: Duration = Duration::from_millis(50);
/// How long the client is stopped: for longer than a response takes.
const STOP: Duration = Duration::from_millis(1_500);

/// A server that stops its client when it has received one of some requests, by their number.
struct Stopping {
    peer: Peer,
    client: Arc<OnceLock<u32>>,
}

impl Stopping {
    fn at(stops: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        let client = Arc::new(OnceLock::new());
        let stopped = client.clone();
        let peer = Peer::start(move |stream, request| {
            if stops(request.serial) {
                let client = *stopped.wait();
                signal("STOP", client);
                thread::spawn(move || {
                    thread::sleep(STOP);
                    signal("CONT", client);
                });
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            for place in 0..3 {
                thread::sleep(if place == 0 { FIRST } else { GAP });
                let head = if place == 0 { head } else { "" };
                write!(stream, "{head}{}", token("word "))?;
            }
            let usage = r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7}}"#;
            write!(stream, "{}{}{}", event(FINISH), event(usage), chunk("data: [DONE]\n\n"))?;
            stream.write_all(b"0\r\n\r\n")?;
            Ok(Then::Keep)
        });
        Self { peer, client }
    }

    /// Starts a client that the server can stop.
    fn drives(&self, profile: Profile) -> Ended {
        let running: Running = profile.start();
        self.client.set(running.id()).unwrap();
        running.end()
    }
}

const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "{name} {process}");
}

fn json(run: &Ended, name: &str) -> Value {
    let path = run.artifacts().join(name);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// What it printed, without its line breaks.
fn said(run: &Ended) -> String {
    run.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tries of a run that were discarded, each for its gates.
fn discarded(run: &Value) -> usize {
    run["discarded_attempts"].as_array().map_or(0, Vec::len)
}

/// Requests of each run of a campaign.
const REQUESTS: usize = 8;

#[test]
fn a_repeat_that_the_client_spoiled_is_made_again() {
    let _turn = together();
    // The first try of the first repeat.
    let server = Stopping::at(|serial| serial == 2);
    let profile = Profile::of(server.peer.addr())
        .args(["--concurrency", "2", "--request-count", &REQUESTS.to_string()])
        .args(["--num-profile-runs", "2"]);
    let ended = server.drives(profile).exits(0);
    let campaign = json(&ended, "ringload_campaign.json");
    follows("ringload_campaign", &campaign);
    let runs = campaign["sweep_points"][0]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{campaign:#}");
    let tries = 2 + runs.iter().map(discarded).sum::<usize>();
    assert!(discarded(&runs[0]) >= 1, "{campaign:#}");
    assert_eq!(server.peer.requests().len(), tries * REQUESTS, "each try is a whole run");
    for words in
        ["INVALID by the client: it is made again", "INVALID by the client and made again, each run 2 times at most; "]
    {
        assert!(said(&ended).contains(words), "{words}: {}", ended.stdout);
    }
    // The stop is in no figure: it was longer than any response.
    let latency = &campaign["sweep_points"][0]["metrics"]["request_latency_max"];
    let longest = latency["max"].as_f64().unwrap_or_else(|| panic!("{campaign:#}"));
    assert!(longest < STOP.as_secs_f64() * 1e3, "{longest}");
}

#[test]
fn a_sweep_point_that_the_client_spoiled_three_times_is_no_result() {
    let _turn = together();
    // All tries of the first point; the second is as it is.
    let server = Stopping::at(|serial| serial % REQUESTS == 2 && serial < 3 * REQUESTS);
    let profile =
        Profile::of(server.peer.addr()).args(["--concurrency", "2,4", "--request-count", &REQUESTS.to_string()]);
    let ended = server.drives(profile).exits(4);
    let campaign = json(&ended, "ringload_campaign.json");
    follows("ringload_campaign", &campaign);
    let points = campaign["sweep_points"].as_array().unwrap();
    let spoiled = &points[0]["runs"][0];
    assert_eq!((discarded(spoiled), &spoiled["verdict"]), (2, &"INVALID".into()), "{spoiled:#}");
    assert!(spoiled["discarded_attempts"].to_string().contains("_lag"), "{spoiled:#}");
    // What decides is the other.
    let sweep = &campaign["sweep_summary"];
    for best in ["most_tokens", "least_latency"] {
        assert_eq!(sweep[best], 1, "{sweep:#}");
    }
    assert_eq!(sweep["pareto"], serde_json::json!([1]), "{sweep:#}");
}

#[test]
fn a_probe_that_the_client_spoiled_is_made_again_and_decides_nothing() {
    let _turn = together();
    // Ten requests one at a time come first, of which the third is met by the stop, then all ten again; and so is the
    // third of the first probe.
    let server = Stopping::at(|serial| serial == 2 || serial == 22);
    let profile = Profile::capacity(server.peer.addr()).args([
        "--axis",
        "concurrency",
        "--from",
        "2",
        "--to",
        "2",
        "--probe-duration",
        "4",
        "--goodput",
        "time_to_first_token:1000",
    ]);
    let ended = server.drives(profile);
    let found = json(&ended, "ringload_capacity.json");
    follows("ringload_capacity", &found);
    let all = format!("{found:#}\n{}\n{}", ended.stdout, ended.stderr);
    assert!(discarded(&found["one_at_a_time"]) >= 1, "{all}");
    let probes = found["probes"].as_array().unwrap();
    assert_eq!(probes[0]["invalid_by_client"], true, "{all}");
    assert_eq!((&probes[0]["load"], probes.len() >= 2), (&probes[1]["load"], true), "{all}");
    assert_eq!(found["holds"], 2.0, "{all}");
    assert!(said(&ended).contains("were INVALID by the client and decide nothing"), "{all}");
}
