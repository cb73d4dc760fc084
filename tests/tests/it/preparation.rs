//! What a run needs before it sends anything: threads, rings, a kernel that knows its calls. Where something is
//! missing, it says so at once.

use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::profile::Profile;
use ringload_tests::{Io, on_both};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs what follows without the right to lock memory beyond a limit, whatever rights the process that started it has.
const BOUND: [&str; 4] = ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "--"];

/// Whether the binary can be run through these words here; says if not.
fn runs(words: &[&str]) -> bool {
    let done =
        Command::new(words[0]).args(&words[1..]).arg(ringload_tests::binary::ringload()).arg("--version").output();
    let runs = done.is_ok_and(|output| output.status.success());
    if !runs {
        println!("not here: ringload does not run under `{}`", words.join(" "));
    }
    runs
}

/// With so many bytes of locked memory.
fn locked(bytes: u64, profile: Profile) -> Option<Profile> {
    let limit = format!("--memlock={bytes}:{bytes}");
    let words = [&["prlimit", limit.as_str()][..], &BOUND[..]].concat();
    // prlimit takes a program without a separator.
    runs(&words).then(|| profile.through(words))
}

fn words() -> Peer {
    Peer::start(|to, _| peer::write(to, &peer::chat(2)))
}

#[test]
fn where_memory_cannot_be_locked_all_workers_use_epoll_and_the_report_says_why() {
    let _turn = ringload_tests::together();
    let server = words();
    let profile = Profile::of(server.addr())
        .args(["--io", "auto", "--concurrency", "2", "--request-count", "6"])
        .args(["--allow-invalid"]);
    let Some(profile) = locked(4096, profile) else {
        return;
    };
    let ended = profile.run().all_well();
    assert_eq!(ended.count("succeeded"), 6);
    let client = ended.report()["summary"]["client"].clone();
    if client["driver"] == "io_uring" {
        println!("not here: this kernel does not count rings as locked memory");
        return;
    }
    // In a sandbox without io_uring the reason is that.
    let note = client["driver_note"].as_str().unwrap_or_default();
    let why = ["locked memory", "io_uring"];
    assert!(why.iter().any(|words| note.contains(words)), "{client}");
}

#[test]
fn io_uring_that_cannot_be_had_ends_the_run_before_a_request_is_sent() {
    let _turn = ringload_tests::together();
    let server = words();
    let profile = Profile::of(server.addr())
        .args(["--io", "uring", "--concurrency", "2", "--request-count", "6"])
        .args(["--allow-invalid"]);
    let Some(profile) = locked(4096, profile) else {
        return;
    };
    let ended = profile.run();
    if ended.code == Some(0) {
        println!("not here: this kernel does not count rings as locked memory");
        return;
    }
    let ended = ended.exits(2);
    assert!(ended.stderr.contains("--io epoll"), "{}", ended.stderr);
    assert_eq!(server.connections(), 0, "nothing was sent");
}

#[test]
fn threads_that_cannot_be_had_end_the_run_with_a_sentence_and_no_request() {
    on_both(|io| {
        let server = words();
        // More than any address space has: no thread can be given its stack.
        let ended = Profile::of(server.addr())
            .on(io)
            .env("RUST_MIN_STACK", &(1_u64 << 50).to_string())
            .args(["--concurrency", "2", "--request-count", "6"])
            .run()
            .exits(2);
        assert!(ended.stderr.contains("processes"), "{}", ended.stderr);
        assert_eq!(server.requests().len(), 0, "nothing was sent");
    });
}

/// A user of whom nothing else runs may have so many threads: the run has all that it needs, or says what it lacks.
#[test]
fn each_number_of_threads_is_enough_or_is_said_to_be_too_small() {
    let id = format!("--reuid={}", 200_000 + std::process::id());
    let user = ["setpriv", &id, "--regid=54321", "--clear-groups"];
    if !runs(&user) {
        return;
    }
    let _turn = ringload_tests::together();
    let mut ends = Vec::new();
    for (threads, telemetry) in (1..8).flat_map(|threads| [(threads, false), (threads, true)]) {
        let (server, dir) = (words(), tempfile::tempdir().unwrap());
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let limit = format!("--nproc={threads}:{threads}");
        let profile = Profile::of(server.addr())
            .on(Io::Epoll)
            .args(["--artifact-dir".as_ref(), dir.path().join("a").as_os_str()])
            .args(["--concurrency", "2", "--request-count", "6", "--allow-invalid"])
            .env("TMPDIR", &dir.path().to_string_lossy())
            .env("RINGLOAD_CALIBRATION", &dir.path().join("c").to_string_lossy())
            .through([&["prlimit", limit.as_str()][..], &user[..]].concat());
        let ended = if telemetry { profile.scraping() } else { profile }.run();
        // What is read of the server beside the load has threads of its own.
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        match ended.code {
            Some(0) => assert_eq!(asked(&server), 6),
            _ => {
                assert!(ended.stderr.contains("processes"), "{}", ended.stderr);
                assert_eq!(asked(&server), 0, "nothing was sent");
            }
        }
        ends.push(ended.code);
    }
    assert_eq!(ends.last(), Some(&Some(0)), "{ends:?}");
}

/// Requests of the load, without those of its metrics.
fn asked(server: &Peer) -> usize {
    server.requests().iter().filter(|request| request.head.starts_with("POST")).count()
}

/// A server that resets half of its connections, and answers the others in full: each such answer is a success,
/// whatever happens to the descriptors of the others.
#[test]
fn what_was_answered_in_full_has_succeeded_however_many_other_connections_are_reset() {
    on_both(|io| resets(io, 2_000));
}

#[test]
#[ignore = "a million connections take minutes"]
fn of_a_million_connections_none_that_was_answered_in_full_is_lost() {
    on_both(|io| resets(io, 1_000_000));
}

fn resets(io: Io, requests: u64) {
    let answered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&answered);
    let server = Peer::start(move |to, request| {
        let answer = peer::chat(2);
        match request.serial % 4 {
            0 | 2 => {
                to.write_all(answer.as_bytes())?;
                count.fetch_add(1, Ordering::AcqRel);
                Ok(Then::Close)
            }
            1 => Ok(Then::Reset),
            _ => {
                to.write_all(&answer.as_bytes()[..300])?;
                Ok(Then::Reset)
            }
        }
    });
    let both = if ringload_tests::cores() > 1 { "2" } else { "1" };
    let ended = Profile::of(server.addr())
        .on(io)
        .args(["--connection-reuse-strategy", "never", "--cores", both])
        .args(["--concurrency", "64", "--request-count", &requests.to_string()])
        .args(["--request-timeout-seconds", "30", "--allow-invalid"])
        .run()
        .exits(0);
    let answered = answered.load(Ordering::Acquire);
    assert_eq!(answered, requests / 2);
    assert_eq!(ended.count("succeeded"), answered, "{:?}", ended.failures());
}

/// Runs what follows without io_uring and `epoll_pwait2`, as on a kernel that is older than both (seccomp, from
/// Python's ctypes): the calls fail with ENOSYS. Their numbers are the same on every architecture.
const OLDER_KERNEL: &str = r#"
import ctypes, os, struct, sys
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ENOSYS, ALLOW = 0x50000 | 38, 0x7fff0000
steps = [(LOAD, 0, 0, 0)]
for call in 425, 441:
    steps += [(EQUAL, 0, 1, call), (RETURN, 0, 0, ENOSYS)]
steps += [(RETURN, 0, 0, ALLOW)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
libc = ctypes.CDLL(None)
no_new_privileges, filtered = 38, 22
if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(filtered, 2, ctypes.byref(Program(len(steps), code))):
    sys.exit("refused")
os.execvp(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn on_an_older_kernel_a_run_uses_epoll_and_says_why() {
    let _turn = ringload_tests::together();
    let words = ["python3", "-c", OLDER_KERNEL];
    if !runs(&words) {
        return;
    }
    let server = self::words();
    let profile = |io: &str| {
        Profile::of(server.addr())
            .args(["--io", io, "--concurrency", "2", "--request-count", "6"])
            .args(["--allow-invalid"])
            .through(words)
    };
    let ended = profile("auto").run().all_well();
    assert_eq!(ended.count("succeeded"), 6);
    let client = &ended.report()["summary"]["client"];
    assert_eq!(client["driver"], "epoll", "{client}");
    let refused = profile("uring").run().exits(2);
    assert!(refused.stderr.contains("--io epoll"), "{}", refused.stderr);
}
