//! Ten thousand streams of servers that never stop sending: memory stays below what the limits say.

use crate::crowd::room_for;
use ringload_tests::flood::Flood;
use ringload_tests::profile::Profile;
use ringload_tests::{alone_on_both, until};

/// What does not depend on the answers: the run itself, and the slot of each stream.
const OF_THE_RUN: u64 = (160 << 20) + STREAMS * 4 * KIB;

const STREAMS: u64 = 10_000;
const KIB: u64 = 1 << 10;

#[test]
fn ten_thousand_streams_that_never_end_stay_below_their_limits() {
    const HEAD: u64 = 4 * KIB;
    const EVENT: u64 = 16 * KIB;
    const BODY: u64 = 16 * KIB;
    // A head, an event, a body, each in a buffer that grew by doubling; what is noted of tokens has no other limit than
    // the run's.
    let most = STREAMS * 2 * (HEAD + EVENT + BODY);
    let limits = [
        ("--max-head-bytes", HEAD),
        ("--max-event-bytes", EVENT),
        ("--max-body-bytes", BODY),
        ("--max-buffered-bytes", most),
    ];
    flooded(&limits, &["head_limit", "event_limit", "body_limit"], most);
}

#[test]
fn ten_thousand_streams_that_never_end_stay_below_the_limit_of_the_run() {
    let most = 192 << 20;
    flooded(&[("--max-buffered-bytes", most)], &["memory_limit"], most);
}

/// Floods ten thousand streams under these limits, on both drivers: failures of these causes come, and the answers take
/// no more than `most` bytes.
fn flooded(limits: &[(&str, u64)], causes: &[&str], most: u64) {
    if !room_for(STREAMS) {
        return;
    }
    alone_on_both(|io| {
        let flood = Flood::over(STREAMS as usize);
        let mut run = Profile::of(flood.addr())
            .on(io)
            .args(["--concurrency", &STREAMS.to_string()])
            .args(["--benchmark-duration", "3600"])
            .args(["--num-dataset-entries", "10", "--osl", "8"])
            .args(["--allow-invalid"]);
        for (flag, bytes) in limits {
            run = run.args([*flag, &bytes.to_string()]);
        }
        let running = run.start();
        until("every stream is over its limits", || flood.is_settled());
        running.signal("INT");
        until("the first signal is heard", || running.stderr().contains("once more to abandon"));
        running.signal("INT");
        let ended = running.end().exits(130);
        assert!(ended.count("issued") >= STREAMS);
        let failures = ended.failures();
        for cause in causes {
            assert!(failures.contains_key(*cause), "no {cause}: {failures:?}");
        }
        let peak = ended.report()["summary"]["client"]["peak_rss_bytes"].as_u64();
        let peak = peak.expect("the kernel's own figure");
        let bound = OF_THE_RUN + most;
        println!("{io:?}: {} MiB of {} MiB; {failures:?}", peak >> 20, bound >> 20);
        assert!(peak < bound, "{peak} bytes at the peak, bound {bound}");
    });
}
