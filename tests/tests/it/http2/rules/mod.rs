//! Rules that a server breaks: each ends the connection or the stream as RFC 9113 says, the request fails under its own
//! cause, the server is told why, and the requests after it succeed.

mod connection;
mod stream;

use super::{Act, Act::Answer, Act::Greeting, messages, play};
use ringload_tests::frames::*;
use ringload_tests::on_both;

/// A rule that is broken.
struct Row {
    what: &'static str,
    act: Act,
    cause: &'static str,
    says: &'static str,
    /// The code that the server is told (RFC 9113 §7).
    code: u32,
}

const fn row(what: &'static str, act: Act, cause: &'static str, says: &'static str, code: u32) -> Row {
    Row { what, act, cause, says, code }
}

/// The connection is given up with a GOAWAY, and the next request makes another.
fn end_the_connection(rows: &[Row]) {
    on_both(|io| {
        for row in rows {
            let scene = play(row.act, io).fails(row.what, &[(row.cause, 1)]);
            let said = messages(&scene.ended);
            assert!(said.contains(row.says), "{}: {said}", row.what);
            assert_eq!(scene.peer.codes(GOAWAY), [row.code], "{}", row.what);
            assert_eq!(scene.peer.connections(), 2, "{}", row.what);
            assert_eq!(scene.ended.count("reconnects"), 0, "{}", row.what);
        }
    });
}

/// The stream is reset, and the connection serves on.
fn end_the_stream(rows: &[Row]) {
    on_both(|io| {
        for row in rows {
            let scene = play(row.act, io).fails(row.what, &[(row.cause, 1)]);
            let said = messages(&scene.ended);
            assert!(said.contains(row.says), "{}: {said}", row.what);
            assert_eq!(scene.peer.codes(RST_STREAM), [row.code], "{}", row.what);
            assert!(scene.peer.codes(GOAWAY).is_empty(), "{}", row.what);
            assert_eq!(scene.peer.connections(), 1, "{}", row.what);
        }
    });
}

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const CANCEL: u32 = 8;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;
