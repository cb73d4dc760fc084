//! The fuzzers' checks on inputs that proptest makes up: nearly right, so that they get far.

use crate::checks;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Concatenations of pieces, a few bytes of which are then changed, dropped or doubled.
fn mutated(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let joined = vec(select(pieces), 0..most).prop_map(|p| p.concat().into_bytes());
    let edits = vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 0..3);
    (joined, edits).prop_map(|(mut bytes, edits)| {
        for (at, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.insert(at, bytes[at]),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        bytes
    })
}

fn with_prefix(prefix: [u8; 2], bytes: &[u8]) -> Vec<u8> {
    [&prefix, bytes].concat()
}

/// A frame of HTTP/2, mostly one that a server may send.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = || select(&[1_u8, 1, 1, 3, 5, 0, 2][..]);
    let any_frame = (0_u8..11, any::<u8>(), stream(), vec(any::<u8>(), 0..40));
    let data = (select(&[0_u8, 0, 1][..]), stream(), vec(any::<u8>(), 0..40))
        .prop_map(|(flags, stream, body)| (0, flags, stream, body));
    let padded = (0_usize..9, stream(), vec(any::<u8>(), 0..20)).prop_map(|(padding, stream, body)| {
        let body = [&[padding as u8][..], &body, &vec![0; padding]].concat();
        (0, 8, stream, body)
    });
    let head = (select(&[4_u8, 4, 5, 0, 1][..]), stream(), vec(select(HPACK_PIECES), 0..4))
        .prop_map(|(flags, stream, fields)| (1, flags, stream, [&[&b"\x88"[..]], &fields[..]].concat().concat()));
    let rest = (select(&[4_u8, 0][..]), stream(), vec(select(HPACK_PIECES), 0..2))
        .prop_map(|(flags, stream, fields)| (9, flags, stream, fields.concat()));
    let control = select(CONTROL).prop_map(|(kind, flags, stream, payload)| (kind, flags, stream, payload.to_vec()));
    prop_oneof![3 => data, 1 => padded, 3 => head, 1 => rest, 2 => control, 1 => any_frame].prop_map(frame_of)
}

fn frame_of((kind, flags, stream, payload): (u8, u8, u8, Vec<u8>)) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags, 0, 0, 0, stream]);
    out.extend(payload);
    out
}

/// Kind, flags, stream and payload.
const CONTROL: &[(u8, u8, u8, &[u8])] = &[
    (4, 0, 0, b""),
    (4, 1, 0, b""),
    (4, 0, 0, b"\0\x04\0\0\0\x20\0\x03\0\0\0\x01"),
    (6, 0, 0, b"12345678"),
    (8, 0, 0, b"\0\x01\0\0"),
    (8, 0, 1, b"\0\x01\0\0"),
    (8, 0, 3, b"\x7f\xff\xff\xff"),
    (3, 0, 3, b"\0\0\0\x07"),
    (7, 0, 0, b"\0\0\0\x03\0\0\0\0bye"),
    (2, 0, 1, b"12345"),
];

const HPACK_PIECES: &[&[u8]] = &[
    b"\x88",
    b"\x89",
    b"\x48\x03103",
    b"\x40\x01x\x01y",
    b"\x00\x01x\x01y",
    b"\x10\x01x\x82\xf1\xe3",
    b"\xbe",
    b"\x7e\x01z",
    b"\x0f\x0d\x015",
    b"\x5f\x11text/event-stream",
    b"\x20",
    b"\x3f\x00",
    b"\x40",
    b"\x80",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expositions_of_any_pieces(bytes in mutated(EXPOSITION, 24)) {
        checks::exposition(&bytes);
    }

    #[test]
    fn responses_do_not_depend_on_the_cuts(
        prefix in any::<[u8; 2]>(),
        lines in mutated(HEAD_PIECES, 8),
        body in mutated(BODY_PIECES, 10),
    ) {
        checks::http1(&with_prefix(prefix, &[&b"HTTP/1.1 200 OK\r\n"[..], &lines, b"\r\n", &body].concat()));
    }

    #[test]
    fn chunked_bodies_mean_what_their_grammar_means(prefix in any::<[u8; 2]>(), body in mutated(BODY_PIECES, 12)) {
        checks::chunked(&with_prefix(prefix, &body));
    }

    #[test]
    fn exchanges_do_not_depend_on_the_cuts(
        prefix in any::<[u8; 2]>(),
        lines in mutated(HEAD_PIECES, 4),
        body in mutated(ANSWER_PIECES, 12),
    ) {
        let [seed, scene] = prefix;
        let response = [&b"HTTP/1.1 200 OK\r\n"[..], &lines, b"\r\n", &body].concat();
        checks::exchange(&with_prefix([seed, scene & !1], &response));
    }

    #[test]
    fn exchanges_on_one_connection_do_not_depend_on_the_cuts(
        prefix in any::<[u8; 2]>(),
        bodies in vec((select(&[1_u8, 3][..]), select(&[0_u8, 0, 0, 1][..]), mutated(ANSWER_PIECES, 4)), 0..6),
    ) {
        let head = |stream| frame_of((1, 4, stream, b"\x88\x5f\x11text/event-stream".to_vec()));
        let bodies = bodies.into_iter().map(|(stream, flags, body)| frame_of((0, flags, stream, body)));
        let frames: Vec<_> = [head(1), head(3)].into_iter().chain(bodies).collect();
        let [seed, scene] = prefix;
        checks::exchange(&with_prefix([seed, scene | 1], &frames.concat()));
    }

    #[test]
    fn connections_do_not_depend_on_the_cuts(
        prefix in any::<[u8; 2]>(),
        frames in vec(frame(), 0..20),
        edit in any::<(bool, prop::sample::Index, u8)>(),
    ) {
        let mut bytes = frames.concat();
        if edit.0 && !bytes.is_empty() {
            let at = edit.1.index(bytes.len());
            bytes[at] = edit.2;
        }
        checks::http2(&with_prefix(prefix, &bytes));
    }

    #[test]
    fn header_blocks_mean_what_they_encode_to(limit in any::<u8>(), pieces in vec(select(HPACK_PIECES), 0..16)) {
        checks::hpack(&[&[limit][..], &pieces.concat()].concat());
    }

    #[test]
    fn streams_do_not_depend_on_the_cuts(prefix in any::<[u8; 2]>(), stream in mutated(STREAM_PIECES, 24)) {
        checks::sse(&with_prefix(prefix, &stream));
    }

    #[test]
    fn events_mean_what_their_trees_mean(events in mutated(EVENT_PIECES, 60)) {
        checks::scan(&events);
    }

    #[test]
    fn templates_change_nothing(
        shape in select(SHAPES),
        fills in vec((select(TEXTS), any::<u32>(), any::<u64>()), 1..6),
        edit in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut events: Vec<String> = fills
            .iter()
            .map(|(text, n, m)| {
                shape.replace("TEXT", text).replace("NUM", &n.to_string()).replace("BIG", &m.to_string())
            })
            .collect();
        let last = events.pop().unwrap_or_default();
        let mut bytes = events.join("\n").into_bytes();
        bytes.push(b'\n');
        let start = bytes.len();
        bytes.extend_from_slice(last.as_bytes());
        if let Some((at, byte)) = edit {
            let at = start + at.index(bytes.len() - start);
            bytes[at] = byte;
        }
        checks::scan(&bytes);
    }
}

const HEAD_PIECES: &[&str] = &[
    "Content-Length: 5\r\n",
    "Content-Length: 5, 5\r\n",
    "content-length: 6\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\n",
    "X: \r\n",
    "Content-Type: text/event-stream; charset=utf-8\r\n",
    "\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\n",
];

const BODY_PIECES: &[&str] = &[
    "5\r\nhello\r\n",
    "A\r\n0123456789\r\n",
    "1;x=\"y\"\r\n.\r\n",
    "1 \r\n\r\r\n",
    "0\r\n",
    "Trailer: x\r\n",
    "\r\n",
    "hello",
];

const ANSWER_PIECES: &[&str] = &[
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
    "data: {\"choices\":[{\"text\":\"b\"}]}\n\n",
    "data: {\"choices\":[{\"text\":\"\",\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
    "event: error\ndata: {\"error\":\"full\"}\n\n",
    ": ping\n\n",
    "1f\r\ndata: {\"choices\":[{\"text\":\"\"}]}\r\n",
    "e\r\ndata: [DONE]\n\n\r\n",
    "0\r\n\r\n",
    "{\"choices\":[{\"text\":\"c\",\"message\":{\"content\":\"c\"}}]}",
    "\n",
];

const STREAM_PIECES: &[&str] = &[
    "data: a",
    "data:b",
    "data",
    "data:  c",
    "event: e",
    "event",
    "id: 1",
    ": comment",
    ":",
    "retry: 3",
    "datum: x",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\n\r\n",
    "\u{feff}",
    " ",
    "\u{e9}",
];

const EVENT_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "null",
    "true",
    "0",
    "-1.5e3",
    "1e999",
    "\"\"",
    "\"x\"",
    "\"error\"",
    "\"\\u00e9\"",
    "\"\\ud83d\"",
    "\"choices\":[",
    "\"delta\":{",
    "\"content\":",
    "\"text\":",
    "\"reasoning\":",
    "\"reasoning_content\":",
    "\"tool_calls\":[",
    "\"function\":{",
    "\"name\":",
    "\"arguments\":",
    "\"finish_reason\":",
    "\"usage\":{",
    "\"prompt_tokens\":",
    "\"error\":",
    "\"object\":",
    "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}",
    "{\"choices\":[{\"text\":\"b\"}]}",
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}",
    "\"refusal\":\"r\"",
    "\"audio\":{\"data\":",
    "\"function_call\":{",
    "\"type\":\"response.output_text.delta\"",
    "\"type\":\"response.reasoning_text.delta\"",
    "\"type\":\"response.output_item.added\",\"item\":{",
    "\"type\":\"response.completed\"",
    "\"type\":\"error\"",
    "\"t\\u0079pe\":",
    "\"delta\":\"d\"",
    "\"response\":{",
    "\"status\":\"completed\"",
    "\"input_tokens\":3",
    "\"output_tokens\":4",
    "\"type\":\"content_block_delta\"",
    "\"thinking\":",
    "\"partial_json\":",
    "\"stop_reason\":",
    "\"content_block\":{",
    "\"message\":{",
    "\"token\":{",
    "\"generated_text\":",
    "\"details\":{",
    "\"generated_tokens\":2",
    "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
    "{\"delta\":\"b\",\"type\":\"response.output_text.delta\"}",
    "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"c\"}}",
];

const SHAPES: &[&str] = &[
    r#"{"content_index":NUM,"delta":"TEXT","item_id":"a","logprobs":[],"sequence_number":BIG,"type":"response.output_text.delta"}"#,
    r#"{"type":"response.reasoning_text.delta","delta":"TEXT","output_index":NUM}"#,
    r#"{"type":"content_block_delta","index":NUM,"delta":{"type":"text_delta","text":"TEXT"}}"#,
    r#"{"type":"content_block_delta","index":NUM,"delta":{"type":"input_json_delta","partial_json":"TEXT"}}"#,
    r#"{"index":NUM,"token":{"id":BIG,"text":"TEXT","logprob":-NUM.5},"generated_text":null,"details":null}"#,
    r#"{"id":"x-NUM","created":NUM,"choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}],"ts":BIG,"s":[NUM, BIG]}"#,
    r#"{"choices": [{"index": NUM, "delta": {"reasoning": "TEXT", "content": ""}, "x": -NUM}], "y": NUM.5, "z": 1eNUM}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":NUM,"function":{"arguments":"TEXT"}}]}}],"usage":null,"n":{"a":"b,NUM,c"}}"#,
    r#"{"choices":[{"text":"TEXT","index":NUM}],"model":"a:NUM","usage":{"prompt_tokens":NUM}}"#,
    r#"{"choices":[{"text":"TEXT","index":BIG}],"model":"a:NUM,","m":"\u00e9NUM, \\NUM"}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"TEXT"}}],"usage":{"prompt_tokens":NUM,"total_tokens":BIG,"completion_tokens": NUM}}"#,
    r#"{"choices":[{"delta":{"content":"TEXT"},"usage":{"total_tokens":NUM}}],"usage":{"total_tokens":7,"completion_tokens_details":{"reasoning_tokens":NUM}},"t":NUM}"#,
    r#"{"usage":{"total_tokens":NUM},"choices":[{"delta":{"content":"TEXT"}}],"t":NUM}"#,
    r#"{"choices":[{"delta":{"content":"TEXT","reasoning":"TEXT"}},{"delta":{"content":"NUM"}}]}"#,
];

const TEXTS: &[&str] = &[
    "",
    " the",
    "caf\u{e9}",
    "\\n",
    "\\\"",
    "\\\\",
    "a\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\x",
    "tab\there",
    "a long enough text to be looked at eight bytes at a time \\u0041",
    "\"",
    "\u{7f}",
];

/// Of which expositions are made.
const EXPOSITION: &[&str] = &[
    "# TYPE vllm:prompt_tokens_total counter\n",
    "# TYPE h_seconds histogram\n",
    "# TYPE vllm:num_requests_waiting gauge\n",
    "# HELP h_seconds a \\n b\n",
    "# EOF\n",
    "vllm:prompt_tokens_total{engine=\"0\"} ",
    "vllm:num_requests_waiting{engine=\"0\"} ",
    "h_seconds_bucket{le=\"0.1\"} ",
    "h_seconds_bucket{le=\"+Inf\"} ",
    "h_seconds_sum ",
    "h_seconds_count ",
    "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"a\"} ",
    "1\n",
    "2.5\n",
    "1e+06\n",
    "NaN\n",
    "+Inf\n",
    "3 1700000000000\n",
    "4 # {a=\"b\"} 1\n",
    "\0",
];
