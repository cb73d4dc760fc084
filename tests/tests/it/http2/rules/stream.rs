//! Rules whose breach ends a stream alone.

use super::*;

#[test]
fn malformed_answers_end_their_stream_alone() {
    end_the_stream(&[
        row(
            "a body before its head",
            Answer(|w, asked| w.send(&token(asked.stream))),
            "http2_protocol",
            "a body before its head",
            PROTOCOL_ERROR,
        ),
        row(
            "no status",
            Answer(|w, asked| {
                let block = block(&[("content-type", "text/event-stream")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "no :status",
            PROTOCOL_ERROR,
        ),
        row(
            "an upper-case name",
            Answer(|w, asked| {
                let block = block(&[(":status", "200"), ("Server", "x")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "a bad field name",
            PROTOCOL_ERROR,
        ),
        row(
            "a field of HTTP/1.1",
            Answer(|w, asked| {
                let block = block(&[(":status", "200"), ("connection", "close")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "a field of HTTP/1.1 connections",
            PROTOCOL_ERROR,
        ),
        row(
            "a status too late",
            Answer(|w, asked| {
                let block = block(&[("server", "x"), (":status", "200")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "a pseudo-field after a field",
            PROTOCOL_ERROR,
        ),
        row(
            "switching protocols",
            Answer(|w, asked| {
                let block = block(&[(":status", "101")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "status 101",
            PROTOCOL_ERROR,
        ),
        row(
            "an interim head that is the last",
            Answer(|w, asked| {
                let block = block(&[(":status", "103")]);
                let flags = END_HEADERS | END_STREAM;
                w.send(&frame(HEADERS, flags, asked.stream, &block))
            }),
            "http2_protocol",
            "an interim response that ends the stream",
            PROTOCOL_ERROR,
        ),
        row(
            "trailers that end nothing",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&token(asked.stream))?;
                let block = block(&[("x-load", "1")]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "http2_protocol",
            "trailers that end nothing",
            PROTOCOL_ERROR,
        ),
        row(
            "a short body",
            Answer(|w, asked| {
                w.send(&sized_head(asked.stream, "5000"))?;
                w.send(&data(asked.stream, END_STREAM, TOKEN))
            }),
            "truncated",
            "not as long as its Content-Length",
            PROTOCOL_ERROR,
        ),
        row(
            "a long body",
            Answer(|w, asked| {
                w.send(&sized_head(asked.stream, "5"))?;
                w.send(&data(asked.stream, 0, TOKEN))
            }),
            "truncated",
            "not as long as its Content-Length",
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn limits_of_a_stream_end_it_alone() {
    end_the_stream(&[
        row(
            "a window over the largest",
            Answer(|w, asked| w.send(&number(WINDOW_UPDATE, asked.stream, (1 << 31) - 1))),
            "http2_protocol",
            "the stream's flow-control window grows over 2^31-1",
            FLOW_CONTROL_ERROR,
        ),
        row(
            "a window that grows by nothing",
            Answer(|w, asked| w.send(&number(WINDOW_UPDATE, asked.stream, 0))),
            "http2_protocol",
            "adds nothing to the stream's window",
            PROTOCOL_ERROR,
        ),
        row(
            "more than our window",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&frame(DATA, 0, asked.stream, &[b'x'; 10_001]))
            }),
            "http2_protocol",
            "the server sends more than the stream's window",
            FLOW_CONTROL_ERROR,
        ),
        row(
            "a priority of four bytes",
            Answer(|w, asked| w.send(&frame(2, 0, asked.stream, &[0; 4]))),
            "http2_protocol",
            "a PRIORITY frame has a wrong length",
            FRAME_SIZE_ERROR,
        ),
        row(
            "a small block that is a long head",
            Answer(|w, asked| {
                // One field into the table (RFC 7541 §6.2.1), then that field 99 times.
                let mut block = block(&[(":status", "200")]);
                block.extend([0x40, 1, b'x', 100]);
                block.extend([b'y'; 100]);
                block.extend([0xbe; 99]);
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "head_limit",
            "--max-head-bytes",
            ENHANCE_YOUR_CALM,
        ),
        row(
            "a head of many fields",
            Answer(|w, asked| {
                let block = [stream_block(), block(&[("a", "b")]).repeat(130)].concat();
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))
            }),
            "head_limit",
            "over its limit of fields",
            ENHANCE_YOUR_CALM,
        ),
        row(
            "an error in the stream, and more of it",
            Answer(|w, asked| {
                let error = "data: {\"error\":{\"message\":\"out of memory\"}}\n\n";
                w.send(&head(asked.stream))?;
                w.send(&token(asked.stream))?;
                w.send(&data(asked.stream, 0, error))?;
                w.until(RST_STREAM, 0)?;
                // What was on its way is no fault.
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
            "in_band_error",
            "out of memory",
            CANCEL,
        ),
    ]);
}

#[test]
fn a_frame_after_the_end_of_its_stream_ends_the_connection_and_no_request() {
    on_both(|io| {
        let act = Answer(|w, asked| {
            let late = data(asked.stream, 0, "late");
            w.send(&[chat(asked.stream), late].concat())
        });
        let scene = play(act, io).fails("late DATA", &[]);
        assert_eq!(scene.peer.codes(GOAWAY), [STREAM_CLOSED]);
        assert_eq!(scene.peer.connections(), 2);
    });
}

fn sized_head(stream: u32, length: &str) -> Vec<u8> {
    let block = [stream_block(), block(&[("content-length", length)])].concat();
    frame(HEADERS, END_HEADERS, stream, &block)
}
