//! Faults of the machine that the client runs on, and of who started it: descriptors, ports, disks, homes, pipes,
//! terminals.

use super::network::{Scene, play};
use crate::cli::FILES;
use ringload_tests::hardship::announce;
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::{Profile, Running};
use ringload_tests::{Io, until};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[test]
fn faults_of_the_machine_are_told_from_those_of_the_server() {
    play(SCENES);
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        what: "no descriptor is free any more (EMFILE) in mid-run",
        becomes: "those that need one fail: `descriptors_exhausted`; the verdict says so (INVALID, `machine_limits`)",
        partial: "none",
        exit: "1",
        play: descriptors,
    },
    Scene {
        what: "no local port is free any more (EADDRNOTAVAIL)",
        becomes: "those that need one fail: `ports_exhausted`; the verdict says so (INVALID, `machine_limits`)",
        partial: "none",
        exit: "0 or 1",
        play: ports,
    },
    Scene {
        what: "the disk is full before the load starts",
        becomes: "nothing is sent, and no file is left",
        partial: "none",
        exit: "2",
        play: |io| {
            let server = words();
            let ended = on_a_full_disk(words_of(&server, io), "1")
                .args(["--request-count", "4", "--num-dataset-entries", "100"])
                .run()
                .exits(2);
            assert!(ended.stderr.contains("artifact-dir"), "{}", ended.stderr);
            assert_eq!(ended.files(), [""; 0]);
            assert_eq!(server.requests().len(), 0);
        },
    },
    Scene {
        what: "the disk is full in mid-run",
        becomes: "the run ends in order; the report of what was measured is printed, and every file that still can be written is; that the others could not is said",
        partial: "all",
        exit: "2",
        play: |io| {
            // Long answers make long records, which are more than the log may take.
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(300)));
            let ended = on_a_full_disk(words_of(&server, io), "64")
                .args(["--benchmark-duration", "600", "--num-dataset-entries", "1"])
                .args(["--concurrency", "8"])
                .run()
                .exits(2);
            assert!(ended.stderr.contains("artifact-dir"), "{}", ended.stderr);
            assert!(ended.stdout.contains("record_log"), "{}", ended.stdout);
            let served = format!("{}succeeded", server.requests().len());
            let told = ended.stdout.replace(' ', "");
            assert!(told.contains(&served), "{}", ended.stdout);
            let written = ended.files();
            assert!(written.contains(&"inputs.json".to_owned()));
            for file in FILES.iter().filter(|file| !written.contains(&(**file).to_owned())) {
                assert!(ended.stderr.contains(file), "{file}: {}", ended.stderr);
            }
            assert!(!written.contains(&"profile_export.jsonl".to_owned()), "{written:?}");
        },
    },
    Scene {
        what: "the disk is full when the report is written",
        becomes: "the report is printed, and that its files could not be written is said; none that is not whole is left",
        partial: "all, on the screen",
        exit: "2",
        play: |io| {
            let server = words();
            let ended = on_a_full_disk(words_of(&server, io), "16")
                .args(["--request-count", "3", "--num-dataset-entries", "1"])
                .run()
                .exits(2);
            assert!(ended.stderr.contains("artifact-dir"), "{}", ended.stderr);
            assert!(ended.stdout.contains("3 succeeded"), "{}", ended.stdout);
        },
    },
    Scene {
        what: "the disk is full in the first run of a sweep",
        becomes: "the sweep is told as interrupted, with the points that did not run; the records of what was played are kept, and `ringload report` reads them",
        partial: "all, in the record log",
        exit: "2",
        play: |io| {
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(300)));
            let ended = on_a_full_disk(words_of(&server, io), "64")
                .args(["--benchmark-duration", "600", "--num-dataset-entries", "1"])
                .args(["--concurrency", "8,16"])
                .run()
                .exits(2);
            let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("INTERRUPTED: 0 of 2 runs were made"), "{}", ended.stdout);
            for point in ["not run concurrency=8", "not run concurrency=16"] {
                assert!(said.contains(point), "{}", ended.stdout);
            }
            assert!(ended.stderr.contains("artifact-dir"), "{}", ended.stderr);
            assert!(ended.stderr.contains("the records of the run are kept in"), "{}", ended.stderr);
            let campaign: serde_json::Value = serde_json::from_str(&ended.text("ringload_campaign.json")).unwrap();
            assert_eq!(campaign["interrupted"]["not_run"].as_array().map(Vec::len), Some(2));
            let report = Profile::report(ended.artifacts()).args(["--allow-invalid"]).run();
            let served = report.count("succeeded");
            assert!((1..=server.requests().len() as u64).contains(&served), "{served}");
        },
    },
    Scene {
        what: "the disk is full in a probe of a search",
        becomes: "the search is told as ended early, by what, with what its probes found; the records of the last are kept",
        partial: "all, in the record log",
        exit: "2",
        play: |io| {
            let server = Peer::start(|to, _| peer::write(to, &peer::chat(1_000)));
            let search = Profile::capacity(server.addr()).on(io).args(["--allow-invalid", "--osl", "1000"]);
            let ended = on_a_full_disk(search, "1024")
                .args([
                    "--goodput",
                    "time_to_first_token:60000",
                    "--axis",
                    "concurrency",
                    "--from",
                    "8",
                    "--target",
                    "99.9%",
                ])
                .args(["--probe-duration", "600", "--num-dataset-entries", "1"])
                .run()
                .exits(2);
            let search: serde_json::Value = serde_json::from_str(&ended.text("ringload_capacity.json")).unwrap();
            assert_eq!(search["interrupted"], true);
            let by = search["interrupted_by"].as_str().unwrap();
            assert!(by.contains("artifact-dir"), "{by}");
            assert!(ended.stderr.contains("the records of the run are kept in"), "{}", ended.stderr);
            let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("INTERRUPTED by"), "{}", ended.stdout);
        },
    },
    Scene {
        what: "a HOME that cannot be written to, or is not there",
        becomes: "all are served",
        partial: "—",
        exit: "0",
        play: |io| {
            let server = words();
            for home in ["/proc", "/proc/none"] {
                let ended = words_of(&server, io)
                    .env("HOME", home)
                    .env("XDG_CACHE_HOME", home)
                    .args(["--request-count", "4"])
                    .run()
                    .all_well();
                assert_eq!(ended.files(), FILES);
            }
        },
    },
    Scene {
        what: "a reader of stdout that has left (a closed pipe)",
        becomes: "all are served; all files are written",
        partial: "—",
        exit: "0",
        play: |io| {
            let server = words();
            // The status of a pipe's first command is not what `sh` ends with: it goes past the pipe.
            let deaf = "{ { \"$@\"; echo $? >&3; } | true; } 3>&1 | { read status; exit $status; }";
            let ended =
                words_of(&server, io).through(["sh", "-c", deaf, "sh"]).args(["--request-count", "4"]).run().exits(0);
            assert_eq!(ended.files(), FILES);
            assert_eq!(ended.count("succeeded"), 4);
            assert_eq!(ended.stdout, "");
        },
    },
    Scene {
        what: "a stdout that takes nothing (a full disk)",
        becomes: "all are served; all files are written; that the report could not be printed is said",
        partial: "—",
        exit: "2",
        play: |io| {
            let server = words();
            let ended = words_of(&server, io)
                .through(["sh", "-c", "exec \"$@\" > /dev/full", "sh"])
                .args(["--request-count", "4"])
                .run()
                .exits(2);
            assert_eq!(ended.files(), FILES);
            assert!(ended.stderr.contains("stdout"), "{}", ended.stderr);
        },
    },
    Scene {
        what: "stdin, stdout and stderr closed",
        becomes: "all are served; all files are written",
        partial: "—",
        exit: "0",
        play: |io| {
            let server = words();
            let ended = words_of(&server, io)
                .through(["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
                .args(["--request-count", "4"])
                .run()
                .exits(0);
            assert_eq!(ended.files(), FILES);
        },
    },
    Scene {
        what: "the terminal is closed (SIGHUP)",
        becomes: "as after SIGINT: what is in flight is awaited, all is written",
        partial: "all",
        exit: "130",
        play: |io| {
            let server = words();
            let running = words_of(&server, io).args(["--benchmark-duration", "600"]).start();
            until("some are served", || server.requests().len() > 8);
            running.signal("HUP");
            let ended = running.end().exits(130);
            assert_eq!(ended.files(), FILES);
            assert_eq!(ended.count("in_flight_at_end"), 0);
            assert_eq!(ended.summary()["was_cancelled"], true);
        },
    },
    Scene {
        what: "SIGHUP under `nohup`",
        becomes: "the run goes on",
        partial: "all",
        exit: "0",
        play: |io| {
            let server = words();
            let running = words_of(&server, io)
                .through(["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"])
                .args(["--request-rate", "100", "--request-count", "60"])
                .start();
            until("it is under way", || server.requests().len() > 8);
            running.signal("HUP");
            let ended = running.end().all_well();
            assert_eq!(ended.count("succeeded"), 60);
        },
    },
];

/// The limit is lowered to the number of the connection in use: none can be made any more, but all else can be closed
/// and opened.
fn descriptors(io: Io) {
    let (held, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (here, go) = (held.clone(), released.clone());
    let server = Peer::start(move |to, _| {
        here.fetch_add(1, Ordering::AcqRel);
        until("the limit is lowered", || go.load(Ordering::Acquire));
        peer::write(to, &peer::chat(2))
    });
    let running = words_of(&server, io)
        .args(["--connection-reuse-strategy", "never"])
        .args(["--concurrency", "1", "--request-count", "4"])
        .start();
    until("a request is held", || held.load(Ordering::Acquire) == 1);
    let lowered = lower(&running, server.addr());
    released.store(true, Ordering::Release);
    let ended = running.end();
    if let Err(why) = lowered {
        announce(&format!("no descriptors were exhausted: {why}"));
        return;
    }
    // Over half of the requests failed.
    let ended = ended.exits(1);
    let expected = [("descriptors_exhausted".to_owned(), 3)];
    assert_eq!(ended.failures(), expected.into(), "{}", ended.stdout);
    assert_eq!(ended.count("succeeded"), 1);
    let gates = ended.findings("INVALID");
    assert!(gates.contains(&"machine_limits".to_owned()), "{gates:?}");
}

fn lower(running: &Running, server: SocketAddr) -> Result<(), String> {
    let dir = format!("/proc/{}/fd", running.id());
    let connection = connection_to(server).ok_or("its connection is not in /proc/net/tcp")?;
    let mut open = BTreeMap::new();
    for entry in fs::read_dir(&dir).map_err(|e| format!("{dir}: {e}"))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        let number: u64 = number.ok_or("a descriptor without a number")?;
        open.insert(number, fs::read_link(&path).unwrap_or_default());
    }
    let its = |(n, to): (&u64, &PathBuf)| (to.to_str() == Some(&connection)).then_some(*n);
    let its = open.iter().find_map(its).ok_or("its connection is closed")?;
    // The first number that is free once the connection is closed.
    let limit = (0..its).find(|n| !open.contains_key(n)).unwrap_or(its);
    let status = Command::new("prlimit")
        .args(["--pid", &running.id().to_string()])
        .arg(format!("--nofile={limit}"))
        .status()
        .map_err(|e| format!("prlimit: {e}"))?;
    let failed = format!("prlimit: {status}");
    status.success().then_some(()).ok_or(failed)
}

/// What the links of descriptors call the client's end of the one connection to a server on 127.0.0.1.
fn connection_to(server: SocketAddr) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let remote = format!("0100007F:{:04X}", server.port());
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let inode = rows.into_iter().find_map(|row| {
        (row.get(2) == Some(&remote.as_str()) && row.get(3) == Some(&ESTABLISHED))
            .then(|| row.get(9).map(ToString::to_string))?
    });
    Some(format!("socket:[{}]", inode?))
}

/// In a network of its own, with a handful of ports.
fn ports(io: Io) {
    let few = "ip link set lo up && echo '61000 61005' > /proc/sys/net/ipv4/ip_local_port_range";
    let unshared = ["unshare", "--map-root-user", "--net", "sh", "-c"];
    let probe = Command::new(unshared[0]).args(&unshared[1..]).arg(few).output();
    if !probe.is_ok_and(|p| p.status.success()) {
        announce("no local ports were exhausted: no network of one's own can be had here (unshare --net)");
        return;
    }
    let enter = format!("{few} && exec \"$@\"");
    let ended = Profile::bare()
        .on(io)
        .through(unshared.into_iter().chain([enter.as_str(), "sh"]))
        .args(["--demo", "--streaming", "--osl", "2", "--ui", "none"])
        // More at once than there are ports.
        .args(["--concurrency", "12", "--request-count", "30"])
        .args(["--request-timeout-seconds", "30", "--allow-invalid"])
        .run();
    let failures = ended.failures();
    let causes: Vec<&str> = failures.keys().map(String::as_str).collect();
    assert_eq!(causes, ["ports_exhausted"], "{}", ended.stdout);
    let served = ended.count("succeeded");
    assert!((1..30).contains(&served), "{served}");
    assert_eq!(served + failures["ports_exhausted"], 30);
    let ended = ended.exits(if failures["ports_exhausted"] > served { 1 } else { 0 });
    let gates = ended.findings("INVALID");
    assert!(gates.contains(&"machine_limits".to_owned()), "{gates:?}");
}

/// No file can grow over so many blocks of 512 bytes: who tries gets SIGXFSZ, which ends a process that does not handle
/// it.
fn on_a_full_disk(profile: Profile, blocks: &str) -> Profile {
    let limited = format!("ulimit -f {blocks}; exec \"$@\"");
    profile.through(["sh", "-c", limited.as_str(), "sh"])
}

fn words() -> Peer {
    Peer::start(|to, _| peer::write(to, &peer::chat(2)))
}

fn words_of(server: &Peer, io: Io) -> Profile {
    Profile::of(server.addr()).on(io).args(["--request-timeout-seconds", "30", "--allow-invalid"])
}

/// A state in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
