//! Ten thousand streams of servers that never stop sending: memory stays below what the limits say.

use crate::crowd::room_for;
use ringload_tests::alone_on_both;
use ringload_tests::flood::Flood;
use ringload_tests::profile::Profile;

/// What a stream may hold: a head, an event, a body, each in a buffer that grew by doubling; and what its slot needs besides.
const OF_A_STREAM: u64 = 2 * (HEAD + EVENT + BODY) + 4 * KIB;
/// What does not depend on the number of streams.
const OF_THE_RUN: u64 = 160 << 20;

const STREAMS: u64 = 10_000;
const HEAD: u64 = 4 * KIB;
const EVENT: u64 = 16 * KIB;
const BODY: u64 = 16 * KIB;
const KIB: u64 = 1 << 10;

#[test]
fn ten_thousand_streams_that_never_end_stay_below_their_limits() {
    if !room_for(STREAMS) {
        return;
    }
    alone_on_both(|io| {
        let flood = Flood::over(STREAMS as usize);
        let ended = Profile::of(flood.addr())
            .on(io)
            .args(["--concurrency", &STREAMS.to_string()])
            // However busy the machine is, the run ends; what is in flight then counts as such.
            .args([
                "--benchmark-duration",
                "20",
                "--benchmark-grace-period",
                "0",
            ])
            .args(["--max-head-bytes", &HEAD.to_string()])
            .args(["--max-event-bytes", &EVENT.to_string()])
            .args(["--max-body-bytes", &BODY.to_string()])
            .args([
                "--request-timeout-seconds",
                "12",
                "--num-dataset-entries",
                "10",
            ])
            .args(["--osl", "8", "--allow-invalid"])
            .run()
            .exits(3);
        assert!(ended.count("issued") >= STREAMS);
        let failures = ended.failures();
        for cause in ["head_limit", "event_limit", "body_limit"] {
            assert!(failures.contains_key(cause), "no {cause}: {failures:?}");
        }
        let peak = ended.report()["summary"]["client"]["peak_rss_bytes"].as_u64();
        let peak = peak.expect("the kernel's own figure");
        let bound = OF_THE_RUN + STREAMS * OF_A_STREAM;
        println!(
            "{io:?}: {} MiB of {} MiB; {failures:?}",
            peak >> 20,
            bound >> 20
        );
        assert!(peak < bound, "{peak} bytes at the peak, bound {bound}");
    });
}
