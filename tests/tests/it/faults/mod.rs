//! The matrix of faults: what a server, a network or a machine can do to a run, and what becomes of it, in counts,
//! cause and partial data. `docs/RELIABILITY.md` is written from the same rows.
//!
//! A row of [`FAULTS`](rows) is met by the first of three requests, which follow each other; the peer serves the other
//! two as it should. So a row shows what the fault costs, and that it costs no more. Nothing here can hang: every run
//! has the time-out of its requests, and [`Profile::run`] that of its process.

mod answers;
mod document;
mod elsewhere;
mod figures;
mod fleet;
mod framing;
mod input;
mod legal;
mod machine;
mod network;
mod process;
mod streams;

use ringload_tests::frames::{self, Asked, Peer2, Wire};
use ringload_tests::peer::{self, Peer, Then};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{Io, on_both};
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A fault and what becomes of the request that meets it.
struct Row {
    /// What happens, in the words of the document.
    what: &'static str,
    /// How the peer makes it happen.
    act: Act,
    /// Flags of the run beside the usual ones.
    flags: &'static [&'static str],
    /// What becomes of the request.
    becomes: Becomes,
    /// Output events that are seen of its answer before it ends.
    tokens: u64,
    /// Whether its connection serves the next request. Over HTTP/2 only the stream ends, unless the act is one of
    /// HTTP/2's own.
    kept: bool,
}

/// What the peer does to the first request.
#[derive(Clone, Copy)]
enum Act {
    /// It answers so, over HTTP/1.1 and over HTTP/2.
    Answer(fn() -> Answer),
    /// It answers so over HTTP/1.1.
    Http1(fn(&mut TcpStream) -> io::Result<Then>),
    /// It answers so over HTTP/2.
    Http2(fn(&mut Wire, Asked) -> io::Result<()>),
}

/// An answer that ends in order, whatever it says.
struct Answer {
    status: u16,
    fields: &'static [(&'static str, &'static str)],
    body: String,
}

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Becomes {
    /// It is served.
    Served,
    /// It fails of a cause, and says so in words that hold these.
    Fails(&'static str, &'static str),
}

/// The protocol of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Http1,
    Http2,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

#[test]
fn answers_that_are_no_use_cost_their_request_alone() {
    play_all(answers::ROWS);
}

#[test]
fn bodies_that_break_their_framing_cost_their_request_alone() {
    play_all(framing::ROWS);
}

#[test]
fn streams_that_go_wrong_cost_their_request_alone() {
    play_all(streams::ROWS);
}

/// Every row, in the order of the document.
fn rows() -> impl Iterator<Item = (&'static str, &'static [Row])> {
    [("Answers", answers::ROWS), ("Heads and framing", framing::ROWS), ("Streams", streams::ROWS)].into_iter()
}

impl Row {
    /// The protocols over which it is played.
    fn over(&self) -> &'static [Over] {
        match self.act {
            Act::Answer(_) => &[Over::Http1, Over::Http2],
            Act::Http1(_) => &[Over::Http1],
            Act::Http2(_) => &[Over::Http2],
        }
    }
}

/// Plays rows on both drivers, some at a time.
fn play_all(rows: &'static [Row]) {
    on_both(|io| {
        let next = AtomicUsize::new(0);
        let turns: Vec<(&Row, Over)> =
            rows.iter().flat_map(|row| row.over().iter().map(move |over| (row, *over))).collect();
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| {
                    while let Some((row, over)) = turns.get(next.fetch_add(1, Ordering::AcqRel)) {
                        play(row, *over, io);
                    }
                });
            }
        });
    });
}

fn play(row: &Row, over: Over, io: Io) {
    match over {
        Over::Http1 => {
            let act = row.act;
            let peer = Peer::start(move |to, request| match act {
                Act::Http1(act) if request.serial == 0 => act(to),
                Act::Answer(answer) if request.serial == 0 => peer::write(to, &answer().over_http1()),
                _ => peer::write(to, &peer::chat(TOKENS)),
            });
            let ended = run(row, Profile::of(peer.addr()).on(io));
            let scene = Scene { row, over, io, ended };
            scene.check(peer.requests().len(), peer.connections());
        }
        Over::Http2 => {
            let act = row.act;
            let first = AtomicUsize::new(0);
            let peer = Peer2::start(move |wire, _| {
                wire.greet(&[])?;
                loop {
                    let asked = wire.request()?;
                    match (first.fetch_add(1, Ordering::AcqRel), act) {
                        (0, Act::Http2(act)) => act(wire, asked)?,
                        (0, Act::Answer(answer)) => wire.send(&answer().over_http2(asked.stream))?,
                        _ => wire.send(&served2(asked.stream))?,
                    }
                }
            });
            let ended = run(row, Profile::of(peer.addr()).on(io).args(["--http2"]));
            let scene = Scene { row, over, io, ended };
            scene.check(peer.requests(), peer.connections());
        }
    }
}

fn run(row: &Row, profile: Profile) -> Ended {
    let mut profile =
        profile.args(["--concurrency", "1", "--request-count", "3"]).args(["--allow-invalid"]).args(row.flags);
    if !row.flags.contains(&TIME_OUT) {
        profile = profile.args([TIME_OUT, "30"]);
    }
    profile.run()
}

/// A row that was played.
struct Scene<'a> {
    row: &'a Row,
    over: Over,
    io: Io,
    ended: Ended,
}

impl Scene<'_> {
    /// That everything came as the row says. That the request accounting adds up was checked when the run ended.
    fn check(&self, requests: usize, connections: usize) {
        let Self { row, over, io, ended } = self;
        let what = format!("{} ({over}, {io}): {}{}", row.what, ended.stderr, ended.stdout);
        assert_eq!(ended.code, Some(0), "{what}");
        let (failures, says) = match row.becomes {
            Becomes::Served => (Vec::new(), ""),
            Becomes::Fails(cause, says) => (vec![(cause.to_owned(), 1)], says),
        };
        let failed = failures.len() as u64;
        assert_eq!(ended.failures(), failures.into_iter().collect(), "{what}");
        assert_eq!(ended.count("issued"), 3, "{what}");
        assert_eq!(ended.count("succeeded"), 3 - failed, "{what}");
        assert_eq!(ended.count("reconnects"), 0, "{what}");
        let said = ended.records()[0]["error"]["message"].to_string();
        assert!(says.is_empty() || said.contains(says), "{said}: {what}");

        let report = ended.report();
        let events = report["summary"]["client"]["events"].as_u64();
        let of_others = 2 * u64::from(TOKENS);
        assert_eq!(events, Some(row.tokens + of_others), "events: {what}");
        let partial = failed == 1 && row.tokens > 0;
        assert_eq!(first_tokens_kept(&report), u64::from(partial), "{what}");
        assert_eq!(requests, 3, "none is sent twice: {what}");
        let own = matches!(row.act, Act::Http2(_));
        let kept = row.kept || (*over == Over::Http2 && !own);
        assert_eq!(connections, if kept { 1 } else { 2 }, "connections: {what}");
    }
}

/// Of how many requests that failed it is known when their first token came.
fn first_tokens_kept(report: &Value) -> u64 {
    let histograms = report["summary"]["histograms"].as_array();
    let of_partial = histograms.into_iter().flatten().find(|h| h["tag"] == "partial_time_to_first_token");
    of_partial.and_then(|h| h["count"].as_u64()).unwrap_or(0)
}

impl Answer {
    /// With a length, unless it is a stream.
    fn over_http1(&self) -> String {
        let Self { status, fields, body } = self;
        let fields: String = fields.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let framed = if fields.contains("event-stream") {
            let chunk = if body.is_empty() { String::new() } else { peer::chunk(body) };
            format!("transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
        } else {
            format!("content-length: {}\r\n\r\n{body}", body.len())
        };
        format!("HTTP/1.1 {status} So\r\n{fields}{framed}")
    }

    fn over_http2(&self, stream: u32) -> Vec<u8> {
        let status = self.status.to_string();
        let mut fields = vec![(":status", status.as_str())];
        fields.extend(self.fields);
        let flags = frames::END_HEADERS;
        let mut out = frames::frame(frames::HEADERS, flags, stream, &frames::block(&fields));
        let mut rest = self.body.as_bytes();
        while rest.len() > FRAME {
            out.extend(frames::frame(frames::DATA, 0, stream, &rest[..FRAME]));
            rest = &rest[FRAME..];
        }
        out.extend(frames::frame(frames::DATA, frames::END_STREAM, stream, rest));
        out
    }
}

/// A stream of these bytes.
fn stream(body: String) -> Answer {
    Answer { status: 200, fields: &[("content-type", "text/event-stream")], body }
}

/// JSON with this status.
fn json(status: u16, body: &str) -> Answer {
    Answer { status, fields: &[("content-type", "application/json")], body: body.to_owned() }
}

/// So many tokens, as events.
fn tokens(n: usize) -> String {
    frames::TOKEN.repeat(n)
}

/// A whole chat of [`TOKENS`] over HTTP/2.
fn served2(stream: u32) -> Vec<u8> {
    let body = format!("{}{}{}", tokens(TOKENS as usize), frames::FINISH, frames::DONE);
    [frames::head(stream), frames::data(stream, frames::END_STREAM, &body)].concat()
}

/// Tokens of an answer that is as it should be.
const TOKENS: u32 = 2;
const TIME_OUT: &str = "--request-timeout-seconds";
/// Largest payload of a frame that needs no agreement (RFC 9113 §6.5.2).
const FRAME: usize = 16_384;
const AT_A_TIME: usize = 4;
