//! Streams whose events go wrong after they began well.

use super::{Act, Answer, Becomes, Row, stream, tokens};
use ringload_tests::frames;
use ringload_tests::peer::{self, STREAM, Then};
use std::io::{self, Write};

pub(super) const ROWS: &[Row] = &[
    broken(
        "an error in the stream: `data: {\"error\": …}`",
        || stream(tokens(2) + "data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n"),
        Becomes::Fails("in_band_error", "out of memory"),
        2,
    ),
    broken(
        "an error in the stream: `event: error`",
        || stream(tokens(1) + "event: error\ndata: {\"message\":\"the worker died\"}\n\n"),
        Becomes::Fails("in_band_error", "the worker died"),
        1,
    ),
    broken(
        "an event that is no JSON",
        || stream(tokens(1) + "data: {not json\n\n"),
        Becomes::Fails("bad_json", "{not json"),
        1,
    ),
    broken(
        "an event over --max-event-bytes",
        || stream(tokens(1) + "data: " + &"x".repeat(5 << 20) + "\n\n"),
        Becomes::Fails("event_limit", "--max-event-bytes"),
        1,
    ),
    Row {
        kept: true,
        ..broken(
            "the end in order, without `[DONE]` and without a finish reason",
            || stream(tokens(2)),
            Becomes::Fails("truncated", "after 2 output events"),
            2,
        )
    },
    Row {
        kept: true,
        ..broken(
            "a finish reason, and no output",
            || stream(format!("{}{}", frames::FINISH, frames::DONE)),
            Becomes::Fails("no_output", "without any output"),
            0,
        )
    },
    Row {
        kept: true,
        ..broken("a finish reason without `[DONE]`", || stream(tokens(2) + frames::FINISH), Becomes::Served, 2)
    },
    Row {
        kept: true,
        ..broken(
            "`[DONE]` without a finish reason, in an event that no empty line ends",
            || stream(tokens(2) + "data: [DONE]"),
            Becomes::Served,
            2,
        )
    },
    Row {
        act: Act::Http1(|to| {
            let half = |bytes: &[u8]| {
                let event = [b"data: {\"choices\":[{\"delta\":{\"content\":\"", bytes, b"\"}}]}\n\n"].concat();
                [format!("{:x}\r\n", event.len()).as_bytes(), &event, b"\r\n"].concat()
            };
            to.write_all(STREAM.as_bytes())?;
            to.write_all(&[half(b"\xe4\xb8"), half(b"\x96")].concat())?;
            peer::write(to, &peer::finish(2))
        }),
        kept: true,
        ..stalled("a character that is cut between two tokens: its halves are U+FFFD", &[], Becomes::Served)
    },
    stalled(
        "a stream that stalls (--inter-token-timeout-seconds)",
        &["--inter-token-timeout-seconds", "2"],
        Becomes::Fails("inter_token_timeout", "after 2 output events"),
    ),
    stalled(
        "a stream that stalls (--request-timeout-seconds)",
        &["--request-timeout-seconds", "3"],
        Becomes::Fails("timeout", "--request-timeout-seconds"),
    ),
    Row {
        act: Act::Http2(|wire, asked| {
            wire.send(&frames::head(asked.stream))?;
            wire.send(&frames::data(asked.stream, 0, &tokens(2)))
        }),
        kept: true,
        ..stalled(
            "a stream that stalls (--inter-token-timeout-seconds): it is reset, and its connection serves on",
            &["--inter-token-timeout-seconds", "2"],
            Becomes::Fails("inter_token_timeout", "after 2 output events"),
        )
    },
    Row {
        act: Act::Http2(|wire, asked| {
            wire.send(&frames::head(asked.stream))?;
            wire.send(&frames::data(asked.stream, 0, &tokens(2)))
        }),
        kept: true,
        ..stalled(
            "a stream that stalls (--request-timeout-seconds): it is reset, and its connection serves on",
            &["--request-timeout-seconds", "3"],
            Becomes::Fails("timeout", "--request-timeout-seconds"),
        )
    },
    broken2(
        "the server resets the stream (RST_STREAM) after tokens",
        |wire, asked| {
            wire.send(&frames::head(asked.stream))?;
            wire.send(&frames::data(asked.stream, 0, &tokens(2)))?;
            wire.send(&frames::number(frames::RST_STREAM, asked.stream, 2))
        },
        Becomes::Fails("http2_reset", "INTERNAL_ERROR"),
        true,
    ),
    broken2(
        "`[DONE]`, and the stream is reset with an error: nothing was lost",
        |wire, asked| {
            said_all(wire, asked.stream)?;
            wire.send(&frames::number(frames::RST_STREAM, asked.stream, 2))
        },
        Becomes::Served,
        true,
    ),
    broken2(
        "`[DONE]`, and the stream never ends: it is cancelled, and its connection serves on",
        |wire, asked| said_all(wire, asked.stream),
        Becomes::Served,
        true,
    ),
    broken2(
        "`[DONE]`, and the end of the connection (FIN): nothing was lost",
        |wire, asked| {
            said_all(wire, asked.stream)?;
            wire.send_and_close(&[])
        },
        Becomes::Served,
        false,
    ),
    broken2(
        "a whole answer, and then RST_STREAM with NO_ERROR",
        |wire, asked| {
            wire.send(&super::served2(asked.stream))?;
            wire.send(&frames::number(frames::RST_STREAM, asked.stream, 0))
        },
        Becomes::Served,
        true,
    ),
    broken2(
        "the end of the connection (FIN) in mid-stream",
        |wire, asked| {
            let tokens = frames::data(asked.stream, 0, &tokens(2));
            wire.send_and_close(&[frames::head(asked.stream), tokens].concat())
        },
        Becomes::Fails("truncated", "closed the HTTP/2 connection"),
        false,
    ),
    broken2(
        "a reset (RST) in mid-stream",
        |wire, asked| {
            wire.send(&frames::head(asked.stream))?;
            wire.send(&frames::data(asked.stream, 0, &tokens(2)))?;
            std::thread::sleep(std::time::Duration::from_millis(200));
            wire.reset()
        },
        Becomes::Fails("reset", ""),
        false,
    ),
    broken2(
        "GOAWAY with an error, and the end of the connection, in mid-stream",
        |wire, asked| {
            wire.send_and_close(
                &[
                    frames::head(asked.stream),
                    frames::data(asked.stream, 0, &tokens(2)),
                    frames::go_away(asked.stream, 11, b"too many tokens"),
                ]
                .concat(),
            )
        },
        Becomes::Fails("http2_goaway", "ENHANCE_YOUR_CALM: too many tokens"),
        false,
    ),
];

/// A stream up to its `[DONE]`, which has been read when this returns, as a rule.
fn said_all(wire: &mut frames::Wire, stream: u32) -> io::Result<()> {
    wire.send(&frames::head(stream))?;
    wire.send(&frames::data(stream, 0, &(tokens(2) + frames::DONE)))?;
    std::thread::sleep(std::time::Duration::from_millis(10));
    Ok(())
}

/// A row over both protocols; over HTTP/1.1 what is left unread costs the connection.
const fn broken(what: &'static str, answer: fn() -> Answer, becomes: Becomes, tokens: u64) -> Row {
    Row { what, act: Act::Answer(answer), flags: &[], becomes, tokens, kept: false }
}

/// A row of HTTP/2's own, after two tokens.
const fn broken2(
    what: &'static str,
    act: fn(&mut frames::Wire, frames::Asked) -> io::Result<()>,
    becomes: Becomes,
    kept: bool,
) -> Row {
    Row { what, act: Act::Http2(act), flags: &[], becomes, tokens: 2, kept }
}

/// Two tokens, and nothing more until the client goes.
const fn stalled(what: &'static str, flags: &'static [&'static str], becomes: Becomes) -> Row {
    Row {
        what,
        act: Act::Http1(|to| {
            let tokens = [peer::token("a"), peer::token("b")].concat();
            peer::write(to, &format!("{STREAM}{tokens}"))?;
            io::copy(to, &mut io::sink())?;
            Ok(Then::Close)
        }),
        flags,
        becomes,
        tokens: 2,
        kept: false,
    }
}
