//! Heads and bodies that are not HTTP, do not end, or end too soon.

use super::{Act, Becomes, Row};
use ringload_tests::peer::{self, STREAM, Then, chunk, event, token};
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(super) const ROWS: &[Row] = &[
    lost(
        "accepted, read, and closed",
        |_| Ok(Then::Close),
        Becomes::Fails("closed_before_response", "before any byte"),
        0,
    ),
    lost("accepted, read, and reset", |_| Ok(Then::Reset), Becomes::Fails("reset", ""), 0),
    Row {
        flags: &["--request-timeout-seconds", "3"],
        ..lost("accepted and never answered", silence, Becomes::Fails("timeout", "--request-timeout-seconds"), 0)
    },
    Row {
        flags: &["--request-timeout-seconds", "3"],
        ..lost(
            "a head that comes so slowly that time is up",
            |to| {
                for byte in peer::chat(1).bytes().take(40) {
                    to.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_millis(50));
                }
                silence(to)
            },
            Becomes::Fails("timeout", "--request-timeout-seconds"),
            0,
        )
    },
    lost(
        "something else than HTTP",
        |to| peer::write(to, "SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        Becomes::Fails("bad_head", "bad response head"),
        0,
    ),
    lost(
        "a head that ends in its middle",
        |to| last(to, "HTTP/1.1 200 OK\r\ncontent-ty"),
        Becomes::Fails("truncated", "before the response was complete"),
        0,
    ),
    lost(
        "two lengths that differ",
        |to| peer::write(to, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n"),
        Becomes::Fails("bad_head", "conflicting Content-Length"),
        0,
    ),
    lost(
        "a head without end",
        |to| {
            to.write_all(b"HTTP/1.1 200 OK\r\nx-long: ")?;
            forever(to, b"aaaaaaaaaaaaaaaa")
        },
        Becomes::Fails("head_limit", "limit of bytes"),
        0,
    ),
    lost(
        "fields without end",
        |to| {
            let fields = "x-field: value\r\n".repeat(200);
            peer::write(to, &format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
        },
        Becomes::Fails("head_limit", "limit of fields"),
        0,
    ),
    lost(
        "interim heads (1xx) without end",
        |to| forever(to, b"HTTP/1.1 102 Processing\r\n\r\n"),
        Becomes::Fails("head_limit", "limit of bytes"),
        0,
    ),
    lost(
        "a chunk size that is no number",
        |to| peer::write(to, &format!("{STREAM}{}xyz\r\n", token("a"))),
        Becomes::Fails("bad_framing", "bad chunk size"),
        1,
    ),
    lost(
        "a chunk size over 64 bits",
        |to| peer::write(to, &format!("{STREAM}{}10000000000000000\r\n", token("a"))),
        Becomes::Fails("bad_framing", "bad chunk size"),
        1,
    ),
    lost(
        "a chunk that is longer than its size",
        |to| peer::write(to, &format!("{STREAM}{}3\r\nabcdef\r\n", token("a"))),
        Becomes::Fails("bad_framing", "bad chunk framing"),
        1,
    ),
    lost(
        "a chunk that is cut off",
        |to| last(to, &format!("{STREAM}{}ff\r\ndata: {{", token("a"))),
        Becomes::Fails("truncated", "before the response was complete"),
        1,
    ),
    lost(
        "no last chunk, and no `[DONE]`: the end of the connection (FIN) in mid-stream",
        |to| last(to, &format!("{STREAM}{}{}", token("a"), token("b"))),
        Becomes::Fails("truncated", "before the response was complete"),
        2,
    ),
    lost(
        "a stream that a proxy cuts on purpose by a broken chunk (h2o)",
        |to| last(to, &format!("{STREAM}{}\r\n1\r\n", token("a"))),
        Becomes::Fails("truncated", "on purpose"),
        1,
    ),
    lost(
        "a reset (RST) in mid-stream",
        |to| {
            peer::write(to, &format!("{STREAM}{}{}", token("a"), token("b")))?;
            // Both have been read when the reset comes: what a reset does to bytes that wait is the kernel's affair.
            std::thread::sleep(Duration::from_millis(200));
            Ok(Then::Reset)
        },
        Becomes::Fails("reset", ""),
        2,
    ),
    lost(
        "a body that is shorter than its length",
        |to| last(to, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{}"),
        Becomes::Fails("truncated", "before the response was complete"),
        0,
    ),
    lost(
        "`[DONE]`, and the connection closed without a last chunk: nothing was lost",
        |to| {
            let done = [token("a"), token("b"), event("[DONE]")].concat();
            last(to, &format!("{STREAM}{done}"))
        },
        Becomes::Served,
        2,
    ),
    lost(
        "`[DONE]`, and the connection reset: nothing was lost",
        |to| {
            said_all(to)?;
            Ok(Then::Reset)
        },
        Becomes::Served,
        2,
    ),
    lost(
        "`[DONE]`, and bytes that are no chunk: nothing was lost",
        |to| {
            said_all(to)?;
            peer::write(to, "xyz\r\n")
        },
        Becomes::Served,
        2,
    ),
    lost(
        "`[DONE]`, and neither a last chunk nor an end of the connection: nothing was lost, and nothing waits",
        |to| {
            said_all(to)?;
            silence(to)
        },
        Becomes::Served,
        2,
    ),
    lost(
        "503, whose body is cut off",
        |to| last(to, "HTTP/1.1 503 No\r\ncontent-length: 99\r\n\r\nno workers"),
        Becomes::Fails("http_status", "no workers"),
        0,
    ),
    lost(
        "503, whose body is cut off by a reset",
        |to| {
            peer::write(to, "HTTP/1.1 503 No\r\ncontent-length: 99\r\n\r\nno workers")?;
            std::thread::sleep(Duration::from_millis(200));
            Ok(Then::Reset)
        },
        Becomes::Fails("http_status", "no workers"),
        0,
    ),
    lost(
        "bytes after the end of the answer: the connection is not used again",
        |to| {
            // In one segment with the answer: what comes later is the next request's concern.
            peer::write(to, &format!("{}HTTP/1.1 200 OK\r\n", peer::chat(2)))
        },
        Becomes::Served,
        2,
    ),
    lost(
        "trailers over the limits of the head",
        |to| {
            let trailers = "x-trailer: value\r\n".repeat(200);
            let tokens = [token("a"), token("b")].concat();
            peer::write(to, &format!("{STREAM}{tokens}0\r\n{trailers}\r\n"))
        },
        Becomes::Fails("head_limit", "trailers"),
        2,
    ),
    lost(
        "an event of 64 MiB, in chunks",
        |to| {
            peer::write(to, &format!("{STREAM}{}", token("a")))?;
            let piece = chunk(&"x".repeat(1 << 20));
            to.write_all(chunk("data: ").as_bytes())?;
            for _ in 0..64 {
                to.write_all(piece.as_bytes())?;
            }
            peer::write(to, &format!("{}0\r\n\r\n", chunk("\n\n")))
        },
        Becomes::Fails("event_limit", "--max-event-bytes"),
        1,
    ),
];

/// A row whose connection is lost with its request.
const fn lost(what: &'static str, act: fn(&mut TcpStream) -> io::Result<Then>, becomes: Becomes, tokens: u64) -> Row {
    Row { what, act: Act::Http1(act), flags: &[], becomes, tokens, kept: false }
}

/// Writes, and ends the connection in order.
fn last(to: &mut TcpStream, words: &str) -> io::Result<Then> {
    peer::write(to, words)?;
    Ok(Then::Close)
}

/// A stream up to its `[DONE]`, which has been read when this returns, as a rule.
fn said_all(to: &mut TcpStream) -> io::Result<()> {
    let done = [token("a"), token("b"), event("[DONE]")].concat();
    peer::write(to, &format!("{STREAM}{done}"))?;
    std::thread::sleep(Duration::from_millis(10));
    Ok(())
}

/// Neither an answer nor an end, until the client goes.
fn silence(to: &mut TcpStream) -> io::Result<Then> {
    io::copy(to, &mut io::sink())?;
    Ok(Then::Close)
}

/// Writes until the client goes.
fn forever(to: &mut TcpStream, bytes: &[u8]) -> io::Result<Then> {
    let many = bytes.repeat(64);
    loop {
        to.write_all(&many)?;
    }
}
