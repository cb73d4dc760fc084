//! Rules whose breach ends the connection.

use super::*;

#[test]
fn a_server_that_does_not_greet_in_http2_is_told_apart() {
    end_the_connection(&[
        row(
            "garbage",
            Greeting(|w| {
                w.preface()?;
                w.send(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03 and more")?;
                w.until(GOAWAY, 0).map(drop)
            }),
            "http2_protocol",
            "the server's first bytes are not HTTP/2",
            PROTOCOL_ERROR,
        ),
        row(
            "an answer in HTTP/1.1",
            Greeting(|w| {
                w.preface()?;
                w.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
                w.until(GOAWAY, 0).map(drop)
            }),
            "http2_protocol",
            "drop --http2",
            PROTOCOL_ERROR,
        ),
        row(
            "another frame first",
            Greeting(|w| {
                w.preface()?;
                w.send(&frame(PING, 0, 0, &[0; 8]))?;
                w.until(GOAWAY, 0).map(drop)
            }),
            "http2_protocol",
            "the server's first bytes are not HTTP/2",
            PROTOCOL_ERROR,
        ),
        row(
            "an acknowledgement first",
            Greeting(|w| {
                w.preface()?;
                w.send(&frame(SETTINGS, ACK, 0, &[]))?;
                w.until(GOAWAY, 0).map(drop)
            }),
            "http2_protocol",
            "the server's first bytes are not HTTP/2",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn settings_out_of_their_range_end_the_connection() {
    end_the_connection(&[
        row("push", Greeting(|w| w.greet(&[(ENABLE_PUSH, 1)])), "http2_protocol", "ENABLE_PUSH", PROTOCOL_ERROR),
        row(
            "a window",
            Greeting(|w| w.greet(&[(INITIAL_WINDOW_SIZE, 1 << 31)])),
            "http2_protocol",
            "a flow-control window grows over 2^31-1",
            FLOW_CONTROL_ERROR,
        ),
        row(
            "a small frame",
            Greeting(|w| w.greet(&[(MAX_FRAME_SIZE, 16_383)])),
            "http2_protocol",
            "MAX_FRAME_SIZE",
            PROTOCOL_ERROR,
        ),
        row(
            "a large frame",
            Answer(|w, _| w.send(&settings(&[(MAX_FRAME_SIZE, 1 << 24)]))),
            "http2_protocol",
            "MAX_FRAME_SIZE",
            PROTOCOL_ERROR,
        ),
        row(
            "a window that makes an open stream's overflow",
            Answer(|w, asked| {
                w.send(&number(WINDOW_UPDATE, asked.stream, (1 << 31) - 1 - 65_535))?;
                w.send(&settings(&[(INITIAL_WINDOW_SIZE, (1 << 31) - 1)]))
            }),
            "http2_protocol",
            "a flow-control window grows over 2^31-1",
            FLOW_CONTROL_ERROR,
        ),
        row(
            "half a setting",
            Answer(|w, _| w.send(&frame(SETTINGS, 0, 0, &[0, 4, 0]))),
            "http2_protocol",
            "a SETTINGS frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "an acknowledgement with settings",
            Answer(|w, _| w.send(&frame(SETTINGS, ACK, 0, &[0; 6]))),
            "http2_protocol",
            "a SETTINGS frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "settings of a stream",
            Answer(|w, asked| w.send(&frame(SETTINGS, 0, asked.stream, &[]))),
            "http2_protocol",
            "a SETTINGS frame is on a stream where none may be",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn frames_of_a_wrong_length_end_the_connection() {
    end_the_connection(&[
        row(
            "DATA over our limit",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&frame(DATA, 0, asked.stream, &[b'x'; 16_385]))
            }),
            "http2_protocol",
            "a frame is over the 16384 bytes that we allow",
            FRAME_SIZE_ERROR,
        ),
        row(
            "a length of 2^24-1",
            Answer(|w, asked| w.send(&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, asked.stream as u8])),
            "http2_protocol",
            "a frame is over the 16384 bytes that we allow",
            FRAME_SIZE_ERROR,
        ),
        row(
            "RST_STREAM",
            Answer(|w, asked| w.send(&frame(RST_STREAM, 0, asked.stream, &[0; 3]))),
            "http2_protocol",
            "a RST_STREAM frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "PING",
            Answer(|w, _| w.send(&frame(PING, 0, 0, &[0; 7]))),
            "http2_protocol",
            "a PING frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "GOAWAY",
            Answer(|w, _| w.send(&frame(GOAWAY, 0, 0, &[0; 4]))),
            "http2_protocol",
            "a GOAWAY frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "WINDOW_UPDATE",
            Answer(|w, _| w.send(&frame(WINDOW_UPDATE, 0, 0, &[0; 5]))),
            "http2_protocol",
            "a WINDOW_UPDATE frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "padding in DATA",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&frame(DATA, PADDED, asked.stream, &[200, b'x', 0, 0]))
            }),
            "http2_protocol",
            "a frame's padding leaves no room for its contents",
            PROTOCOL_ERROR,
        ),
        row(
            "padding in HEADERS",
            Answer(|w, asked| w.send(&frame(HEADERS, PADDED | END_HEADERS, asked.stream, &[9, 0x88]))),
            "http2_protocol",
            "a frame's padding leaves no room for its contents",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn frames_on_a_stream_where_none_may_be_end_the_connection() {
    const NEVER: &str = "a frame is on a stream that was never opened";
    end_the_connection(&[
        row(
            "DATA on the connection",
            Answer(|w, _| w.send(&data(0, 0, "x"))),
            "http2_protocol",
            "a DATA frame is on a stream where none may be",
            PROTOCOL_ERROR,
        ),
        row(
            "DATA on an idle stream",
            Answer(|w, _| w.send(&data(99, 0, "x"))),
            "http2_protocol",
            NEVER,
            PROTOCOL_ERROR,
        ),
        row("HEADERS on a stream of its own", Answer(|w, _| w.send(&head(2))), "http2_protocol", NEVER, PROTOCOL_ERROR),
        row("HEADERS on an idle stream", Answer(|w, _| w.send(&head(77))), "http2_protocol", NEVER, PROTOCOL_ERROR),
        row(
            "RST_STREAM on an idle stream",
            Answer(|w, _| w.send(&number(RST_STREAM, 9, 8))),
            "http2_protocol",
            NEVER,
            PROTOCOL_ERROR,
        ),
        row(
            "WINDOW_UPDATE on an idle stream",
            Answer(|w, _| w.send(&number(WINDOW_UPDATE, 9, 8))),
            "http2_protocol",
            NEVER,
            PROTOCOL_ERROR,
        ),
        row(
            "PING on a stream",
            Answer(|w, asked| w.send(&frame(PING, 0, asked.stream, &[0; 8]))),
            "http2_protocol",
            "a PING frame is on a stream where none may be",
            PROTOCOL_ERROR,
        ),
        row(
            "GOAWAY on a stream",
            Answer(|w, asked| w.send(&frame(GOAWAY, 0, asked.stream, &[0; 8]))),
            "http2_protocol",
            "a GOAWAY frame is on a stream where none may be",
            PROTOCOL_ERROR,
        ),
        row(
            "a push",
            Answer(|w, asked| w.send(&frame(PUSH_PROMISE, END_HEADERS, asked.stream, &[0, 0, 0, 2, 0x82]))),
            "http2_protocol",
            "the server pushes though it was told not to",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn header_blocks_that_are_out_of_order_end_the_connection() {
    end_the_connection(&[
        row(
            "an index of no entry",
            Answer(|w, asked| w.send(&frame(HEADERS, END_HEADERS, asked.stream, &[0x80]))),
            "http2_protocol",
            "a header block cannot be decoded",
            COMPRESSION_ERROR,
        ),
        row(
            "a string without its end",
            Answer(|w, asked| w.send(&frame(HEADERS, END_HEADERS, asked.stream, &[0x88, 0, 1, b'a', 9, b'b']))),
            "http2_protocol",
            "a header block cannot be decoded",
            COMPRESSION_ERROR,
        ),
        row(
            "a frame in between",
            Answer(|w, asked| {
                w.send(&frame(HEADERS, 0, asked.stream, &[0x88]))?;
                w.send(&frame(PING, 0, 0, &[0; 8]))
            }),
            "http2_protocol",
            "a header block is interrupted by another frame",
            PROTOCOL_ERROR,
        ),
        row(
            "the rest of another stream's",
            Answer(|w, asked| {
                w.send(&frame(HEADERS, 0, asked.stream, &[0x88]))?;
                w.send(&frame(CONTINUATION, END_HEADERS, asked.stream + 2, &[]))
            }),
            "http2_protocol",
            "a header block is interrupted by another frame",
            PROTOCOL_ERROR,
        ),
        row(
            "a rest of nothing",
            Answer(|w, asked| w.send(&frame(CONTINUATION, END_HEADERS, asked.stream, &[0x88]))),
            "http2_protocol",
            "a header block is continued that never began",
            PROTOCOL_ERROR,
        ),
        row(
            "endless continuation",
            Answer(|w, asked| {
                w.send(&frame(HEADERS, 0, asked.stream, &[0x88]))?;
                w.send(&frame(CONTINUATION, 0, asked.stream, b"").repeat(200))
            }),
            "http2_protocol",
            "a header block is in more than 64 frames",
            ENHANCE_YOUR_CALM,
        ),
        row(
            "a block over the limit",
            Answer(|w, asked| {
                let fields = block(&[("x-long", "long long long long long long long")]);
                let block = [stream_block(), fields.repeat(300)].concat();
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "head_limit",
            "--max-head-bytes",
            ENHANCE_YOUR_CALM,
        ),
    ]);
}

#[test]
fn windows_of_the_connection_that_do_not_grow_as_they_may_end_it() {
    end_the_connection(&[
        row(
            "over the largest",
            Answer(|w, _| w.send(&number(WINDOW_UPDATE, 0, (1 << 31) - 1).repeat(2))),
            "http2_protocol",
            "a flow-control window grows over 2^31-1",
            FLOW_CONTROL_ERROR,
        ),
        row(
            "by nothing",
            Answer(|w, _| w.send(&number(WINDOW_UPDATE, 0, 0))),
            "http2_protocol",
            "adds nothing to the connection's window",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn floods_end_the_connection() {
    const FLOOD: &str = "over 1000 control frames came without progress";
    const MANY: usize = 20_000;
    end_the_connection(&[
        row(
            "pings",
            Answer(|w, _| w.send(&frame(PING, 0, 0, b"are you?").repeat(MANY))),
            "http2_protocol",
            FLOOD,
            ENHANCE_YOUR_CALM,
        ),
        row("settings", Answer(|w, _| w.send(&settings(&[]).repeat(MANY))), "http2_protocol", FLOOD, ENHANCE_YOUR_CALM),
        row(
            "data without data",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&data(asked.stream, 0, "").repeat(MANY))
            }),
            "http2_protocol",
            FLOOD,
            ENHANCE_YOUR_CALM,
        ),
        row(
            "interim heads",
            Answer(|w, asked| {
                let early = frame(HEADERS, END_HEADERS, asked.stream, &block(&[(":status", "103")]));
                w.send(&early.repeat(MANY))
            }),
            "http2_protocol",
            FLOOD,
            ENHANCE_YOUR_CALM,
        ),
        row(
            "frames that nobody knows",
            Answer(|w, _| w.send(&frame(0x42, 0, 0, b"?").repeat(MANY))),
            "http2_protocol",
            FLOOD,
            ENHANCE_YOUR_CALM,
        ),
        row(
            "good-byes",
            Answer(|w, asked| w.send(&go_away(asked.stream, 0, b"").repeat(MANY))),
            "http2_protocol",
            FLOOD,
            ENHANCE_YOUR_CALM,
        ),
    ]);
}
