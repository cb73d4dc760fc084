//! HTTP/2 frame by frame, on real sockets: the real binary against peers whose every byte is written by hand.

mod ends;
mod legal;
mod retries;
mod rules;

use ringload_tests::Io;
use ringload_tests::frames::{Asked, Peer2, Wire};
use ringload_tests::profile::{Ended, Profile};
use std::collections::BTreeMap;
use std::io;

/// What a peer does on its first connection instead of its duty; after that it serves as it should.
#[derive(Clone, Copy)]
enum Act {
    /// Instead of its greeting.
    Greeting(fn(&mut Wire) -> io::Result<()>),
    /// Instead of its answer to the first request.
    Answer(fn(&mut Wire, Asked) -> io::Result<()>),
}

/// A run of three requests, one after the other, against a peer that acts once.
struct Scene {
    peer: Peer2,
    ended: Ended,
}

/// Plays an act on one driver; nothing in it can hang for longer than the time-out of a request.
fn play(act: Act, io: Io) -> Scene {
    let peer = Peer2::start(move |wire, connection| {
        match act {
            Act::Greeting(act) if connection == 0 => act(wire)?,
            _ => wire.greet(&[])?,
        }
        if let Act::Answer(act) = act
            && connection == 0
        {
            let asked = wire.request()?;
            act(wire, asked)?;
        }
        wire.serve()
    });
    let ended = over_http2(&peer, io, LONG).args(["--concurrency", "1", "--request-count", "3"]).run();
    Scene { peer, ended }
}

/// HTTP/2 by prior knowledge, with small windows and heads, and this time-out of a request, in seconds.
fn over_http2(peer: &Peer2, io: Io, timeout: &str) -> Profile {
    Profile::of(peer.addr()).on(io).args(["--http2", "--h2-window", "10000", "--max-head-bytes", "8k"]).args([
        "--request-timeout-seconds",
        timeout,
        "--allow-invalid",
    ])
}

impl Scene {
    /// Asserts that it came to an end without a panic, with these failures, and that all other requests succeeded.
    #[track_caller]
    fn fails(self, what: &str, failures: &[(&str, u64)]) -> Self {
        let Self { peer, ended } = self;
        let ended = ended.exits(0);
        assert!(!ended.stderr.contains("panicked"), "{what}: {}", ended.stderr);
        let expected: BTreeMap<String, u64> = failures.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect();
        assert_eq!(ended.failures(), expected, "{what}: {}", messages(&ended));
        let failed: u64 = expected.values().sum();
        assert_eq!(ended.count("succeeded"), 3 - failed, "{what}");
        Self { peer, ended }
    }
}

/// What the failed requests say.
fn messages(ended: &Ended) -> String {
    let records = ended.records();
    let said = records.iter().filter_map(|r| r["error"]["message"].as_str());
    said.collect::<Vec<_>>().join(" | ")
}

/// A time-out that is there so that nothing hangs.
const LONG: &str = "30";
