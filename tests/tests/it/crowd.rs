//! Many streams at once: nothing is lost.

use crate::known_answers::pacing;
use ringload_engine::driver::raise_descriptor_limit;
use ringload_mock::start;
use ringload_tests::alone_on_both;
use ringload_tests::profile::Profile;

#[test]
fn a_thousand_streams_lose_nothing() {
    crowd(1_000, 1_500);
}

#[test]
fn five_thousand_streams_lose_nothing() {
    crowd(5_000, 3_000);
}

/// `n` streams of 20 tokens, all open at once, from a first token that leaves time for all of them to arrive.
fn crowd(n: u64, ttft_ms: u64) {
    // The server's ends of the connections are in this process, the client's in its own.
    let wanted = n + 256;
    if raise_descriptor_limit(wanted) < wanted {
        println!("not here: this takes {wanted} open files (ulimit -n)");
        return;
    }
    alone_on_both(|io| {
        let server = start(pacing(ttft_ms, 25)).expect("a server");
        let ended = Profile::of(server.addr())
            .on(io)
            .args([
                "--concurrency",
                &n.to_string(),
                "--num-dataset-entries",
                "10",
            ])
            .args(["--request-count", &n.to_string(), "--osl", "20"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        let state = server.state();
        assert_eq!((state.requests, state.peak_in_flight), (n, n));
        assert_eq!((state.finished, state.cancelled), (n, 0));
        assert_eq!(ended.count("succeeded"), n);
        assert_eq!(ended.count("reconnects"), 0);
        let client = &ended.report()["summary"]["client"];
        assert_eq!(client["events"], n * 20);
        assert_eq!(
            (&client["records_lost"], &client["completions_lost"]),
            (&0.into(), &0.into())
        );
        assert_eq!(ended.records().len() as u64, n);
        assert_eq!(ended.metric("total_osl", "avg"), (n * 20) as f64);
        assert!(ended.metric("time_to_first_token", "min") >= ttft_ms as f64);
    });
}
