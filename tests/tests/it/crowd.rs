//! Many streams at once: nothing is lost.

use crate::known_answers::paced;
use ringload_engine::driver::raise_descriptor_limit;
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{alone_on_both, until};
use serde_json::json;

#[test]
fn a_thousand_streams_are_answered_to_their_end() {
    if !room_for(1_000) {
        return;
    }
    alone_on_both(|io| {
        let server = paced(300, 20);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "1000", "--request-count", "2000"])
            .args(["--osl", "20", "--num-dataset-entries", "10"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        let state = server.state();
        assert_eq!((state.finished, state.cancelled), (2_000, 0));
        assert!(state.peak_in_flight <= 1_000);
        assert_eq!(ended.count("succeeded"), 2_000);
        assert_eq!(ended.metric("total_osl", "avg"), 40_000.0);
        loses_nothing(&ended, 2_000, 40_000);
    });
}

#[test]
fn five_thousand_streams_are_open_at_once() {
    if !room_for(5_000) {
        return;
    }
    alone_on_both(|io| {
        let server = paced(50, 10);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "5000", "--request-count", "5000"])
            .args(["--osl", "20", "--num-dataset-entries", "10"])
            // None ends before all are there, however long that takes.
            .mock(&json!({"stall_after": 10}))
            .start();
        until("every stream has its tokens", || server.state().output_tokens == 50_000);
        assert_eq!(server.state().in_flight, 5_000);
        running.signal("INT");
        until("the first signal is heard", || running.stderr().contains("once more to abandon"));
        running.signal("INT");
        let ended = running.end().exits(130);
        assert_eq!(ended.count("in_flight_at_end"), 5_000);
        loses_nothing(&ended, 5_000, 50_000);
    });
}

/// Every request has its record, every token its stamp.
fn loses_nothing(ended: &Ended, requests: u64, tokens: u64) {
    assert_eq!(ended.count("issued"), requests);
    assert_eq!(ended.records().len() as u64, requests);
    assert_eq!(ended.count("reconnects"), 0);
    let client = &ended.report()["summary"]["client"];
    assert_eq!(client["events"], tokens);
    for losses in ["records_lost", "completions_lost"] {
        assert_eq!(client[losses], 0, "{losses}");
    }
}

/// Whether this process may hold the server's ends of so many connections.
pub(crate) fn room_for(connections: u64) -> bool {
    let wanted = connections + 256;
    let room = raise_descriptor_limit(wanted) >= wanted;
    if !room {
        println!("not here: this takes {wanted} open files (ulimit -n)");
    }
    room
}
