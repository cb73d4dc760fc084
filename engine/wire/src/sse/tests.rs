//! Known answers of the event splitter: the examples of the standard first.

use super::*;

fn events(stream: &str) -> Vec<(String, String)> {
    events_in([stream.as_bytes()]).expect("no limit is met")
}

fn events_in<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, String)>, EventTooLong> {
    let own = |e: Event<'_>| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(e.name), text(e.data))
    };
    let mut sse = Sse::new(64);
    let mut out = Vec::new();
    for mut read in reads {
        while let Some(event) = sse.next(&mut read)? {
            out.push(own(event));
        }
    }
    while let Some(event) = sse.finish()? {
        out.push(own(event));
    }
    Ok(out)
}

fn data(stream: &str) -> Vec<String> {
    events(stream).into_iter().map(|(_, data)| data).collect()
}

#[test]
fn the_examples_of_the_standard_give_their_events() {
    assert_eq!(data("data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);
    // The standard drops the third, for its empty line is missing; `finish` gives it.
    assert_eq!(
        data(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"),
        ["first event", "second event", " third event"]
    );
    assert_eq!(data("data\n\ndata\ndata\n\n"), ["", "\n"]);
    assert_eq!(data("data:test\n\ndata: test\n\n"), ["test", "test"]);
}

#[test]
fn lines_end_in_any_of_three_ways() {
    for eol in ["\n", "\r", "\r\n"] {
        let stream = "data: a|data: b||data: c||: ping||event: e|data: d||".replace('|', eol);
        let expected = [("", "a\nb"), ("", "c"), ("e", "d")];
        let expected = expected.map(|(n, d)| (n.to_owned(), d.to_owned()));
        assert_eq!(events(&stream), expected, "{eol:?}");
        let bytes = events_in(stream.as_bytes().chunks(1)).expect("no limit is met");
        assert_eq!(bytes, expected, "{eol:?} byte by byte");
    }
    assert_eq!(data("data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d\n\r\n"), ["a", "b", "c", "d"]);
}

#[test]
fn an_event_comes_with_the_byte_that_completes_it() {
    let mut sse = Sse::new(64);
    let mut read = &b"data: a\r\n\r"[..];
    let event = sse.next(&mut read).expect("no limit is met");
    assert_eq!(event.map(|e| e.data), Some(&b"a"[..]), "the CR is enough");
    let mut read = &b"\ndata: b\n\n"[..];
    let event = sse.next(&mut read).expect("no limit is met");
    assert_eq!(event.map(|e| e.data), Some(&b"b"[..]), "its LF is no empty line");
}

#[test]
fn an_event_whole_in_the_read_is_not_copied() {
    let read = b"data: {\"a\":1}\n\ndata:[DONE]\r\n\r\n";
    let mut sse = Sse::new(64);
    let mut input = &read[..];
    for expected in [&read[6..13], &read[20..26]] {
        let event = sse.next(&mut input).expect("no limit is met");
        assert!(event.is_some_and(|e| std::ptr::eq(e.data, expected)));
    }
    assert_eq!(sse.line.capacity() + sse.data.capacity(), 0, "and nothing is allocated");
}

#[test]
fn one_byte_order_mark_is_passed_over_and_only_at_the_start() {
    let stream = "\u{feff}data: a\n\n\u{feff}data: b\n\n";
    assert_eq!(data(stream), ["a"]);
    let cut = stream.as_bytes().chunks(1);
    assert_eq!(events_in(cut), Ok(vec![(String::new(), "a".to_owned())]));
    assert!(data("\u{feff}\u{feff}data: a\n\n").is_empty());
    assert_eq!(data("\u{feff}"), [""; 0]);
    let half = events_in([&b"\xEF\xBB"[..], b"data: a\n\ndata: b\n\n"]);
    assert_eq!(half.map(|e| e.len()), Ok(1), "half a mark belongs to the first line");
}

#[test]
fn fields_without_meaning_make_no_event() {
    assert!(events("event: e\n\nid: 1\nretry: 5\n\nfoo: bar\n\n: x\n\n\n\n").is_empty());
    assert_eq!(data(" data: x\n\nData: x\n\ndata : x\n\ndata: y\n\n"), ["y"]);
    let named = events("event: a\n\nevent: b\nevent: c\ndata: x\n\ndata: y\n\n");
    let named: Vec<_> = named.iter().map(|(n, d)| (n.as_str(), d.as_str())).collect();
    assert_eq!(named, [("c", "x"), ("", "y")], "the last name counts, for one event");
}

#[test]
fn the_end_of_the_body_completes_an_event_with_data() {
    assert_eq!(data("data: [DONE]"), ["[DONE]"]);
    assert_eq!(data("data: [DONE]\n"), ["[DONE]"]);
    assert_eq!(data("data: a\n\nevent: x"), ["a"]);
    assert_eq!(data("data: a\n\n"), ["a"]);
    assert_eq!(data("data: a\ndat"), ["a"]);
}

#[test]
fn lines_and_events_over_the_limit_are_errors() {
    let line = |n: usize| format!("data: {}\n\n", "x".repeat(n));
    assert_eq!(data(&line(58)).len(), 1, "64 bytes of a line");
    for over in [
        line(59),
        format!(":{}\n\n", "x".repeat(64)),
        format!("data: {}", "x".repeat(59)),
        "data: 0123456789\n".repeat(6) + "\n",
        // The last line has no end, and the data that it joins is over the limit.
        format!("data: {}\ndata: 0123456789", "x".repeat(55)),
    ] {
        let whole = events_in([over.as_bytes()]);
        assert_eq!(whole, Err(EventTooLong), "{over:?}");
        let cut = events_in(over.as_bytes().chunks(1));
        assert_eq!(cut, Err(EventTooLong), "{over:?} byte by byte");
    }
}

#[test]
fn nothing_is_held_of_an_event_over_the_limit() {
    let over = format!("data: [DONE]\n:{}", "x".repeat(80));
    for reads in [vec![over.as_bytes()], over.as_bytes().chunks(1).collect()] {
        let mut sse = Sse::new(64);
        let failed = reads.into_iter().any(|mut read| sse.next(&mut read).is_err());
        assert!(failed);
        assert_eq!(sse.finish(), Ok(None), "a terminator is none of which the event does not end");
    }
}

#[test]
fn a_reset_forgets_what_was_begun() {
    let mut sse = Sse::new(64);
    for mut begun in [&b"event: e\ndata: a\nda"[..], b"\xEF", b"data: a\r"] {
        assert_eq!(sse.next(&mut begun), Ok(None));
        sse.reset();
        let mut read = &b"\xEF\xBB\xBFdata: b\n\n"[..];
        let event = sse.next(&mut read).expect("no limit is met");
        assert_eq!(event, Some(Event { data: b"b", name: b"" }));
        sse.reset();
        assert_eq!(sse.finish(), Ok(None));
        sse.reset();
    }
}

#[test]
fn what_servers_say_of_failures_beside_the_standard_is_heard() {
    let bare = String::from_utf8_lossy(BARE).into_owned();
    let named = |name: &str, data: &str| (name.to_owned(), data.to_owned());
    for (stream, expected) in [
        ("error: {\"a\":1}\n\n", vec![named("error", "{\"a\":1}")]),
        ("data: a\nerror: b\n\n", vec![named("error", "a\nb")]),
        ("event: error\n: one\n:two\n\ndata: x\n\n", vec![named("error", "one\ntwo"), named("", "x")]),
        ("event: error\n: one\ndata: x\n\n", vec![named("error", "x")]),
        ("event: error\n\n", vec![named("error", "")]),
        ("event: error\n: one\nevent: e\n\ndata: x\n\n", vec![named("", "x")]),
        ("event: e\n: one\n\ndata: x\n\n", vec![named("", "x")]),
        // Within an event that has not ended, behind blanks, before a comma.
        ("data: x\n{\"a\":1}\n\ndata: y\n\n", vec![named("", "x"), named(&bare, "{\"a\":1}"), named("", "y")]),
        ("event: message\n{\"a\":1}\ndata: y\n\n", vec![named(&bare, "{\"a\":1}"), named("", "y")]),
        ("data: x\n\n  {\"a\":1},\ndata: y\n\n", vec![named("", "x"), named(&bare, "{\"a\":1}"), named("", "y")]),
        ("data: x\n{\"a\":1}", vec![named("", "x"), named(&bare, "{\"a\":1}")]),
        ("data: x\n{\"a\":\ndata: y\n\n", vec![named("", "x\ny")]),
        ("{\"a\":1}\ndata: x\n\n", vec![named(&bare, "{\"a\":1}"), named("", "x")]),
        (
            "[{\n  \"a\": {\n}\n]\n{\n \"b\":1\n}",
            vec![named(&bare, "[{\n  \"a\": {\n}\n]"), named(&bare, "{\n \"b\":1\n}")],
        ),
        ("{\ndata: x\n\n", vec![named("", "x")]),
        ("errors: x\n error: y\n\n", vec![]),
    ] {
        assert_eq!(events(stream), expected, "{stream}");
        let cut = events_in(stream.as_bytes().chunks(1)).expect("no limit is met");
        assert_eq!(cut, expected, "{stream} byte by byte");
    }
    assert!(is_stream(b"\xEF\xBB\xBFid: 1") && is_stream(b"x\r: ping") && is_stream(b"data:"));
    assert!(!is_stream(b"<p>data: x") && !is_stream(b"{\"error\":1}") && !is_stream(b""));
}

#[test]
fn a_body_is_known_for_a_stream_by_its_first_bytes() {
    for (body, stream) in [
        ("data: {}", true),
        ("data:", true),
        ("event: message\n", true),
        (": ping\n", true),
        (":", true),
        ("id: 1\n", true),
        ("retry: 10\n", true),
        ("\r\n\n  data: {}", true),
        ("\u{feff}data: {}", true),
        ("\u{feff}\n:", true),
        ("{\"data\": 1}", false),
        ("[1]", false),
        ("\"data:\"", false),
        ("datum", false),
        ("data {}", false),
        ("<html>", false),
        ("\u{feff}{}", false),
    ] {
        assert_eq!(begins_stream(body.as_bytes()), Some(stream), "{body:?}");
        // However it is cut: once it is known it stays known.
        let known = (0..body.len()).find_map(|n| begins_stream(&body.as_bytes()[..n]));
        assert!(known.is_none_or(|known| known == stream), "{body:?}");
    }
    for open in ["", "d", "dat", "data", "\n ", "r", "\u{feff}", "\u{feff}id"] {
        assert_eq!(begins_stream(open.as_bytes()), None, "{open:?}");
    }
    assert_eq!(begins_stream(b"\xEF\xBB"), None);
    assert_eq!(begins_stream(b"\xEFdata:"), Some(false));
}
