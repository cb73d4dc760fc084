//! The fuzzers' checks on inputs that proptest makes up: nearly right, so that they get far.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod checks;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn responses_do_not_depend_on_the_cuts(
        prefix in any::<[u8; 2]>(),
        lines in mutated(HEAD_PIECES, 8),
        body in mutated(BODY_PIECES, 10),
    ) {
        checks::http1(&with_prefix(prefix, &[&b"HTTP/1.1 200 OK\r\n"[..], &lines, b"\r\n", &body].concat()));
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
];

const SHAPES: &[&str] = &[
    r#"{"id":"x-NUM","created":NUM,"choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}],"ts":BIG,"s":[NUM, BIG]}"#,
    r#"{"choices": [{"index": NUM, "delta": {"reasoning": "TEXT", "content": ""}, "x": -NUM}], "y": NUM.5, "z": 1eNUM}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":NUM,"function":{"arguments":"TEXT"}}]}}],"usage":null,"n":{"a":"b,NUM,c"}}"#,
    r#"{"choices":[{"text":"TEXT","index":NUM}],"model":"a:NUM","usage":{"prompt_tokens":NUM}}"#,
    r#"{"choices":[{"text":"TEXT","index":BIG}],"model":"a:NUM,","m":"\u00e9NUM, \\NUM"}"#,
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
