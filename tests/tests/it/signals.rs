//! A run is stopped at each of its stages: it waits for nothing that has no end, leaves no temporary file, and keeps
//! what was measured.

use crate::cli::FILES;
use crate::known_answers::paced;
use ringload_tests::peer::{self, Peer, Then, token};
use ringload_tests::profile::{Profile, Running};
use ringload_tests::{on_both, together, until};
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

/// Whether unfinished files are in a folder.
fn begun(dir: &Path) -> bool {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".ringload-"))
}

/// One signal of each kind ends it with nothing measured and nothing left.
#[track_caller]
fn ends_with_nothing(running: Running, signal: &str) {
    running.signal(signal);
    let ended = running.end().exits(130);
    assert_eq!(ended.files(), [""; 0], "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing was measured"), "{}", ended.stderr);
}

#[test]
fn while_prompts_are_made() {
    let _turn = together();
    let server = paced(0, 0);
    for signal in ["INT", "TERM", "HUP", "XCPU", "USR1", "QUIT"] {
        // A thousand million tokens: nobody waits for them.
        let profile = Profile::of(server.addr())
            .args(["--num-dataset-entries", "1000000", "--isl", "1000"])
            .args(["--request-count", "4"]);
        let dir = profile.artifacts();
        let running = profile.start();
        until("the files are opened", || begun(&dir));
        ends_with_nothing(running, signal);
    }
    assert_eq!(server.state().connections_accepted, 0);
}

#[test]
fn while_a_name_is_looked_up() {
    let _turn = together();
    let silent = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let running = Profile::of(server.parse().unwrap())
        .args(["--url", "http://nobody.example", "--dns-servers", &server])
        .args(["--request-count", "4"])
        .start();
    silent.recv_from(&mut [0; 512]).unwrap();
    ends_with_nothing(running, "TERM");
}

#[test]
fn while_a_server_is_asked_for_its_http() {
    let _turn = together();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let running = Profile::bare().args(["--model", "m", "--url", &url, "--request-count", "4"]).start();
    let _held = silent.accept().unwrap();
    ends_with_nothing(running, "INT");
}

#[test]
fn while_the_bus_of_a_fleet_is_waited_for() {
    let _turn = together();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let bus = format!("nats://{}", silent.local_addr().unwrap());
    let server = paced(0, 0);
    let running = Profile::of(server.addr())
        .args(["--request-count", "4", "--fleet", &bus])
        .args(["--fleet-size", "2", "--fleet-rank", "0", "--fleet-run", "x"])
        .start();
    let _held = silent.accept().unwrap();
    ends_with_nothing(running, "TERM");
}

#[test]
fn while_connections_are_made_ahead() {
    on_both(|io| {
        let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("https://{}", silent.local_addr().unwrap());
        let running = Profile::bare()
            .on(io)
            .args(["--model", "m", "--url", &url, "--http1.1", "--prewarm", "2"])
            .args(["--concurrency", "2", "--request-count", "4"])
            .start();
        let _held = [silent.accept().unwrap(), silent.accept().unwrap()];
        running.signal("TERM");
        let ended = running.end().exits(130);
        assert_eq!(ended.files(), FILES);
        assert_eq!((ended.count("issued"), ended.count("never_due")), (0, 4));
    });
}

#[test]
fn the_grace_bounds_the_wait_for_what_is_in_flight() {
    on_both(|io| {
        let server = paced(5, 5);
        for signal in ["TERM", "INT"] {
            let before = server.state().output_tokens;
            let running = Profile::of(server.addr())
                .on(io)
                .args(["--concurrency", "4", "--request-count", "100", "--osl", "5"])
                .args(["--shutdown-grace", "2"])
                .mock(&json!({"stall_after": 2}))
                .start();
            until("all are stalled", || server.state().output_tokens == before + 8);
            // They would never end, and nobody says it twice.
            running.signal(signal);
            let ended = running.end().exits(130);
            assert_eq!(ended.files(), FILES);
            let counts = (ended.count("issued"), ended.count("in_flight_at_end"));
            assert_eq!(counts, (4, 4));
            assert!(ended.stderr.contains("up to 1 s"), "{}", ended.stderr);
        }
    });
}

/// Neither who is told of the run nor a profiler that is to stop holds up its end.
#[test]
fn the_grace_bounds_what_others_are_told() {
    let _turn = together();
    let server = Peer::start(|to, request| {
        if !request.head.starts_with("POST /v1") {
            return match request.head.contains("start") {
                true => peer::write(to, &peer::whole("200 OK", "{}")),
                false => Ok(Then::Keep),
            };
        }
        peer::write(to, &peer::stream(&token("a")))
    });
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let running = Profile::of(server.addr())
        .args(["--concurrency", "2", "--request-count", "9", "--shutdown-grace", "1", "--server-profiler"])
        .args(["--otel-endpoint", &url, "--mlflow-tracking-uri", &url])
        .start();
    until("all are in flight", || server.requests().len() == 3);
    running.signal("TERM");
    let ended = running.end().exits(130);
    assert_eq!(ended.files(), FILES);
    for words in ["was asked to end its profile", "not sent to", "not noted at"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("nothing was measured"), "{}", ended.stderr);
}

/// Answers whose text takes a tokenizer minutes to count, so that summing up has not ended when the signals come.
#[test]
fn while_results_are_summed_up() {
    let _turn = together();
    let server = Peer::start(|to, _| {
        let words = "a few words that have to be counted ".repeat(200_000);
        peer::write(to, &peer::stream(&(token(&words) + &peer::finish(1))))
    });
    let profile = Profile::of(server.addr())
        .args(["--concurrency", "4", "--request-count", "12"])
        .args(["--max-event-bytes", "100000000", "--isl", "8"])
        .args(["--tokenizer", concat!(env!("CARGO_MANIFEST_DIR"), "/data/tiny-hf")]);
    let dir = profile.artifacts();
    let running = profile.start();
    until("the load is under way", || running.has_thread("worker-0"));
    until("the load has ended", || !running.has_thread("worker-0"));
    running.signal("TERM");
    // The workers may be gone a moment before the run says that its load is over.
    until("it is heard", || running.stderr().contains("stopping:"));
    running.signal("TERM");
    until("it is heard again", || running.stderr().contains("once more to quit"));
    assert!(begun(&dir));
    running.signal("TERM");
    let ended = running.end().exits(130);
    assert_eq!(ended.files(), [""; 0], "temporary files are removed");
}

#[test]
fn a_mock_server_ends_by_any_of_them() {
    let _turn = together();
    for signal in ["INT", "TERM", "HUP"] {
        let running = Profile::mock_server().start();
        running.heard("http://");
        running.signal(signal);
        let _ = running.end().exits(0);
    }
}

#[test]
fn a_calibration_keeps_nothing() {
    let _turn = together();
    let running = Profile::calibrate().start();
    running.heard("receive p99");
    running.signal("TERM");
    let ended = running.end().exits(130);
    assert!(
        ["nothing was kept", "nothing was measured"].iter().any(|words| ended.stderr.contains(words)),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.files(), [""; 0]);
    // The file of calibrations would lie beside the folder, and what it is written to before.
    let beside = fs::read_dir(ended.artifacts().parent().unwrap()).unwrap();
    let beside = beside.map(|entry| entry.unwrap().path());
    let left: Vec<_> = beside.filter(|path| path != ended.artifacts()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_search_says_what_its_probes_found() {
    let _turn = together();
    let server = paced(20, 5);
    let running = Profile::capacity(server.addr())
        .args(["--goodput", "time_to_first_token:500", "--allow-invalid"])
        .args(["--probe-duration", "600", "--osl", "4"])
        .start();
    running.heard("one at a time");
    running.signal("TERM");
    let ended = running.end().exits(130);
    let found: serde_json::Value = serde_json::from_str(&ended.text("ringload_capacity.json")).unwrap();
    assert_eq!((&found["interrupted"], &found["interrupted_by"]), (&true.into(), &"a signal".into()));
    assert!(ended.stdout.contains("\nINTERRUPTED by a signal"), "{}", ended.stdout);
}

/// Nobody reads stdout, or stderr: a pipe that is full before the program starts. The signal ends it all the same, with
/// every file. It gives a reader 3 s, and the test's own patience is the bound.
#[test]
fn while_nobody_reads_the_output() {
    let _turn = together();
    // Each waits for its three seconds: all at once.
    std::thread::scope(|scope| {
        for (stream, signal) in [("1", "TERM"), ("2", "TERM"), ("1", "INT"), ("2", "INT")] {
            for several in [false, true] {
                scope.spawn(move || nobody_reads(stream, signal, several));
            }
        }
    });
}

/// One run, or several, whose output by a descriptor nobody reads, ended by a signal.
fn nobody_reads(stream: &str, signal: &str, several: bool) {
    let server = paced(5, 1);
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    // Opened for both, so that it is there; filled until it takes nothing more.
    let stalled = "exec 3<>\"$0\"; dd if=/dev/zero of=/dev/fd/3 bs=4096 count=1000 oflag=nonblock 2>/dev/null; exec \"$@\" STREAM>&3";
    let stalled = stalled.replace("STREAM", stream);
    let profile = Profile::of(server.addr())
        .through([OsStr::new("sh"), OsStr::new("-c"), OsStr::new(&stalled), pipe.as_os_str()])
        .args(["--osl", "2", "--allow-invalid", "--random-seed", "7"]);
    let profile = match several {
        false => profile.args(["--concurrency", "2", "--benchmark-duration", "600"]),
        true => profile.args(["--concurrency", "1,2", "--request-count", "4"]),
    };
    let dir = profile.artifacts();
    let running = profile.start();
    // stderr is written to before the load: nothing is sent then.
    match (stream, several) {
        ("2", _) => until("it is there", || running.has_thread("signals")),
        (_, false) => until("some are answered", || server.state().finished >= 4),
        // The line of the first run is what is not taken.
        (_, true) => {
            until("the first run has its files", || dir.join("concurrency_1").join("ringload_report.json").exists());
        }
    }
    running.signal(signal);
    let ended = running.end().exits(130);
    match (stream, several) {
        ("1", false) => assert_eq!(ended.files(), FILES),
        ("1", true) => assert!(ended.files().contains(&"ringload_campaign.json".to_owned())),
        _ => assert!(!begun(&dir)),
    }
}
