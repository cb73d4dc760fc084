//! Failures inside responses of status 200: every way in which a server says that a generation failed is a failure in
//! its words, and nothing else is. The rows are the tables of `docs/ENDPOINTS.md`.

mod rows;

use ringload_engine::exchange::{Exchange, KeepText, Progress};
use ringload_engine::plan::{EndpointKind, Limits, Secrets};
use ringload_engine::record::{Cause, Outcome, Record};
use rows::{FAILURES, Failure, PASSES, Pass, Sent};
use std::fmt::Write as _;

/// What a row puts in place of the server's words.
const WORDS: &str = "the words of the server";

const ALL: [EndpointKind; EndpointKind::ALL.len()] = EndpointKind::ALL;

/// Reads one response of status 200.
fn read(kind: EndpointKind, streaming: bool, media: &str, body: &str) -> Record {
    let limits = Limits::default();
    let mut exchange = Exchange::new(kind, streaming, KeepText::Always, limits);
    exchange.begin(&crate::request(10));
    exchange.handle_sending(11, 100, false);
    exchange.handle_sent(12);
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n");
    let response = [head.as_bytes(), body.as_bytes()].concat();
    let progress = exchange.handle_received(&response, &20.into());
    assert!(matches!(progress, Progress::Done { .. }), "{body}");
    exchange.take_record()
}

/// An event of a dialect's stream that is output.
fn token(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Chat => r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"error":null}"#,
        EndpointKind::Completions => r#"{"choices":[{"index":0,"text":"hi","finish_reason":null}],"error":null}"#,
        EndpointKind::Responses => r#"{"type":"response.output_text.delta","delta":"hi"}"#,
        EndpointKind::Messages => {
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#
        }
        EndpointKind::HuggingfaceGenerate => {
            r#"{"index":1,"token":{"id":1,"text":"hi"},"generated_text":null,"details":null}"#
        }
        _ => r#"{"text":"hi"}"#,
    }
}

fn streams(kind: EndpointKind) -> bool {
    kind.produces_tokens()
}

fn tokens(kind: EndpointKind, count: usize) -> String {
    format!("data: {}\n\n", token(kind)).repeat(count)
}

#[track_caller]
fn fails(record: &Record, words: &str, row: &str) {
    let said = record.detail.clone().unwrap_or_default();
    assert_eq!(record.outcome, Outcome::Failed(Cause::InBandError), "{row}: {said}");
    assert!(said.contains(words), "{row}: {said}");
}

#[test]
fn every_way_to_say_that_a_generation_failed_is_a_failure_with_its_words() {
    for Failure { what, kinds, sent, words, .. } in FAILURES {
        for kind in kinds.iter().copied() {
            let row = format!("{what}, {}", kind.name());
            let (event, body) = match *sent {
                Sent::Json(json) => (format!("data: {json}\n\n"), Some(json)),
                Sent::Event(json) => (format!("data: {json}\n\n"), None),
                Sent::Lines(lines) => (lines.to_owned(), None),
            };
            // Before any output, and after enough of it for the fast way to be learned; with a terminator, and without.
            for before in [0, 1, 4] {
                for after in ["", "data: [DONE]\n\n"] {
                    if streams(kind) {
                        let stream = format!("{}{event}{after}", tokens(kind, before));
                        let record = read(kind, true, "text/event-stream", &stream);
                        fails(&record, words, &row);
                        assert_eq!(record.events as usize, before, "{row}");
                    }
                }
            }
            let Some(json) = body else { continue };
            fails(&read(kind, false, "application/json", json), words, &row);
            if streams(kind) {
                fails(&read(kind, true, "application/json", json), words, &row);
                // A line of JSON in a stream, and in a body that says that it is text.
                let bare = format!("{}{json}\n", tokens(kind, 4));
                fails(&read(kind, true, "text/event-stream", &bare), words, &row);
                fails(&read(kind, true, "text/plain", json), words, &row);
            }
        }
    }
}

#[test]
fn a_whole_answer_in_an_event_is_output_where_none_came_before() {
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    for (before, text) in [(0, "hi there"), (1, "hi"), (5, "hihihihihi")] {
        for end in ["", "data: [DONE]\n\n"] {
            let stream = format!("{}data: {whole}\n\n{end}", tokens(EndpointKind::Chat, before));
            let record = read(EndpointKind::Chat, true, "text/event-stream", &stream);
            assert_eq!((record.outcome, record.text.as_deref()), (Outcome::Succeeded, Some(text)), "{before}");
            assert_eq!(record.events as usize, before.max(1));
            assert_eq!(record.usage.and_then(|u| u.completion), Some(2));
        }
    }
}

#[test]
fn what_is_no_failure_passes() {
    for Pass { what, kind, event, .. } in PASSES {
        let end = match kind {
            EndpointKind::Chat => r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            EndpointKind::Responses => r#"{"type":"response.completed","response":{"status":"completed"}}"#,
            _ => r#"{"choices":[{"index":0,"text":"","finish_reason":"stop"}]}"#,
        };
        for before in [1, 4] {
            let tokens = tokens(*kind, before);
            let stream = format!("{tokens}data: {event}\n\n{tokens}data: {end}\n\n");
            let record = read(*kind, true, "text/event-stream", &stream);
            let said = record.detail.unwrap_or_default();
            assert_eq!(record.outcome, Outcome::Succeeded, "{what}: {said}");
        }
    }
}

#[test]
fn a_body_that_is_no_stream_is_named_with_its_type_and_its_first_words() {
    for (kind, media, body, words) in [
        (
            EndpointKind::Chat,
            "text/html; charset=utf-8",
            "<html>\n<h1>It works!</h1>",
            ["text/html,", "<html> <h1>It works!"],
        ),
        (EndpointKind::Chat, "text/plain", "upstream connect error", ["text/plain,", "upstream connect error"]),
        (EndpointKind::Messages, "", "\u{1b}[31mno\u{7}", ["none,", " [31mno"]),
        (EndpointKind::Responses, "text/event-stream", "oops", ["text/event-stream,", "oops"]),
    ] {
        let record = read(kind, true, media, body);
        let said = record.detail.unwrap_or_default();
        assert_eq!(record.outcome, Outcome::Failed(Cause::NoOutput), "{said}");
        assert!(words.iter().all(|words| said.contains(words)), "{said}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
    let long = read(EndpointKind::Chat, true, "text/html", &"x".repeat(10_000));
    let long = Secrets::default().excerpt(&long.detail.unwrap_or_default());
    assert!(long.contains("xxx") && long.len() < 250, "{long}");
    let whole = read(EndpointKind::Chat, false, "text/html", "<html>It works!");
    let said = whole.detail.unwrap_or_default();
    assert_eq!(whole.outcome, Outcome::Failed(Cause::BadJson));
    assert!(said.contains("text/html") && said.contains("<html>It works!"), "{said}");
    // A stream that was cut off, and one of nothing but comments, are streams.
    for stream in [tokens(EndpointKind::Chat, 2), ": ping\n\n".into(), "\u{feff}data: {}\n\n".into()] {
        let record = read(EndpointKind::Chat, true, "text/event-stream", &stream);
        assert_eq!(record.outcome, Outcome::Failed(Cause::Truncated), "{stream}");
    }
}

#[test]
fn json_without_output_is_told_with_its_type_and_its_first_words() {
    for (kind, body) in [
        (EndpointKind::Chat, r#"{"status":"queued"}"#),
        (EndpointKind::Completions, r#""model is loading""#),
        (EndpointKind::Embeddings, r#"{"message":"warming up"}"#),
        (EndpointKind::HfTeiRankings, "[]"),
    ] {
        let record = read(kind, false, "application/json", body);
        let said = record.detail.unwrap_or_default();
        assert_eq!(record.outcome, Outcome::Failed(Cause::NoOutput), "{said}");
        assert!(said.contains("application/json") && said.contains(body), "{said}");
    }
}

#[test]
fn a_stream_of_several_choices_is_over_when_each_of_them_is() {
    let event = |index: u32, text: &str, reason: &str| {
        let delta = if text.is_empty() { String::new() } else { format!(r#""content":"{text}""#) };
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{{delta}}},\"finish_reason\":{reason}}}]}}\n\n")
    };
    let tokens = |n: u32| (0..n).map(|i| event(i, "a", "null")).collect::<String>().repeat(3);
    let (stop, done) = (r#""stop""#, "data: [DONE]\n\n");
    // What some servers write in place of null, and of an empty text.
    let (null, none) = (r#""null""#, r#""None""#);
    for (stream, ends) in [
        (tokens(2) + &event(0, "a", null) + &event(0, "", stop), false),
        (tokens(1) + &event(0, "a", none) + &event(0, "", stop), true),
        (tokens(1) + &event(0, "", stop), true),
        (tokens(2) + &event(0, "", stop), false),
        (tokens(2) + &event(1, "", stop), false),
        (tokens(2) + &event(0, "", stop) + &event(1, "", stop), true),
        (event(0, "a", "null") + &event(0, "", stop) + &event(1, "b", "null"), false),
        (tokens(2) + &event(0, "", stop) + done, true),
        (tokens(200) + &(0..199).map(|i| event(i, "", stop)).collect::<String>(), true),
        (tokens(3) + &event(0, "", stop) + &event(2, "", stop), false),
    ] {
        let record = read(EndpointKind::Chat, true, "text/event-stream", &stream);
        let expected = if ends { Outcome::Succeeded } else { Outcome::Failed(Cause::Truncated) };
        assert_eq!(record.outcome, expected, "{stream}");
        assert!(ends || record.detail.is_some_and(|said| said.ends_with("of each choice")), "{stream}");
    }
}

#[test]
fn a_stream_of_unknown_shape_that_has_choices_says_why_each_has_stopped() {
    let chunk = |reason: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}},\"finish_reason\":{reason}}}]}}\n\n"
        )
    };
    let plain = "data: {\"text\":\"a\"}\n\n".to_owned();
    for kind in [EndpointKind::Raw, EndpointKind::Template] {
        for (stream, ends) in [
            (chunk("null"), false),
            (chunk("null") + &chunk("\"stop\""), true),
            (chunk("null") + "data: [DONE]\n\n", true),
            (plain.clone(), true),
        ] {
            let record = read(kind, true, "text/event-stream", &stream);
            let expected = if ends { Outcome::Succeeded } else { Outcome::Failed(Cause::Truncated) };
            assert_eq!(record.outcome, expected, "{stream}");
        }
    }
}

#[test]
fn usage_of_zeros_beside_output_is_refused() {
    let usage = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;
    let end = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
    let stream = read(EndpointKind::Chat, true, "text/event-stream", &(tokens(EndpointKind::Chat, 3) + &end));
    let body = format!("{{\"choices\":[{{\"message\":{{\"content\":\"hi\"}}}}],\"usage\":{usage}}}");
    let whole = read(EndpointKind::Chat, false, "application/json", &body);
    for record in [stream, whole] {
        assert_eq!((record.outcome, record.usage_refused), (Outcome::Succeeded, true));
        assert_eq!(record.usage.and_then(|u| u.completion.or(u.prompt).or(u.total)), None);
        assert!(record.text.is_some(), "the tokenizer counts");
    }
}

/// The fast way must not skip an error: what was learned from one event holds for another only where a reader that
/// learned nothing agrees.
#[test]
fn the_fast_way_says_what_the_slow_one_says() {
    use ringload_engine::api::{Scanner, Text};
    const KEYS: [&str; 12] = [
        "error",
        "error_type",
        "error_message",
        "errors",
        "detail",
        "message",
        "code",
        "object",
        "type",
        "finish_reason",
        "native_finish_reason",
        "usage",
    ];
    const VALUES: [&str; 16] = [
        "null",
        "0",
        "1",
        "2",
        "200",
        "false",
        "true",
        r#""""#,
        r#""error""#,
        r#""abort""#,
        r#""x 1, y""#,
        r#""x 2, y""#,
        "{}",
        r#"{"message":"x","completion_tokens":1}"#,
        "[]",
        r#"[{"message":"x"}]"#,
    ];
    for kind in ALL.into_iter().filter(|kind| streams(*kind)) {
        let event = |text: &str, place: &str, key: &str, value: &str| {
            let token = token(kind).replacen(r#""hi""#, text, 1);
            let row = format!("{{\"{key}\":{value},");
            match place {
                "top" => token.replacen('{', &row, 1),
                _ => token.replacen("[{", &format!("[{row}"), 1),
            }
        };
        for (place, key) in ["top", "choice"].into_iter().flat_map(|p| KEYS.map(|k| (p, k))) {
            for (learned, later) in VALUES.into_iter().flat_map(|a| VALUES.map(|b| (a, b))) {
                for text in [r#""yo""#, r#""""#] {
                    let mut fast = Scanner::new(kind);
                    let _ = fast.event(event(r#""hi""#, place, key, learned).as_bytes(), None);
                    let later = event(text, place, key, later);
                    let (mut a, mut b) = (Text::default(), Text::default());
                    let fast = fast.event(later.as_bytes(), Some(&mut a));
                    let slow = Scanner::new(kind).event(later.as_bytes(), Some(&mut b));
                    assert_eq!((fast, a), (slow, b), "{learned} before {later}");
                }
            }
        }
    }
}

#[test]
fn the_tables_in_the_docs_are_the_ones_that_are_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ENDPOINTS.md");
    let docs = std::fs::read_to_string(path).expect("the docs");
    let (front, rest) = docs.split_once(BEGIN).expect("the begin mark");
    let (_, back) = rest.split_once(END).expect("the end mark");
    let expected = format!("{front}{BEGIN}{}{END}{back}", document());
    if std::env::var_os("UPDATE_ENDPOINTS").is_some() {
        std::fs::write(path, &expected).expect("the file is ours");
        return;
    }
    assert!(
        docs == expected,
        "docs/ENDPOINTS.md is stale: UPDATE_ENDPOINTS=1 cargo test -p ringload-engine --test it -- failures"
    );
}

const BEGIN: &str = "<!-- failures: begin (generated from engine/tests/it/failures/rows.rs) -->\n";
const END: &str = "<!-- failures: end -->\n";

fn document() -> String {
    let mut text = String::from("\n| the server sends | met in | where |\n|---|---|---|\n");
    for Failure { what, by, kinds, sent, .. } in FAILURES {
        let apis = match kinds.len() {
            n if n == ALL.len() => "every API".to_owned(),
            _ => kinds.iter().map(|k| format!("`{}`", k.name())).collect::<Vec<_>>().join(", "),
        };
        let place = match sent {
            Sent::Json(_) => "streams, whole responses, a line of JSON",
            Sent::Event(_) | Sent::Lines(_) => "streams",
        };
        let _ = writeln!(text, "| {what} | {by} | {apis}: {place} |");
    }
    text += "\nNo failure is:\n\n| the server sends | since |\n|---|---|\n";
    for Pass { what, why, .. } in PASSES {
        let _ = writeln!(text, "| {what} | {why} |");
    }
    text
}
