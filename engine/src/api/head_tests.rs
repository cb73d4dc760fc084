//! Known answers of the heads: what a plan makes of them, in both versions of HTTP.

use super::tests::plan;
use super::{http1_head, http2_head};
use crate::error::Result;
use crate::plan::{EndpointKind, Header, Plan, Reuse};
use crate::wire::http1::RequestHead;
use crate::wire::http2::{Config, Connection, Opened, hpack};

fn head(edit: impl FnOnce(&mut Plan)) -> Result<RequestHead> {
    let mut plan = plan(EndpointKind::Chat);
    edit(&mut plan);
    http1_head(&plan, &plan.targets[0])
}

fn written(edit: impl FnOnce(&mut Plan)) -> String {
    let mut out = Vec::new();
    let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
    head(edit).expect("a head").write(&mut out, id, "s-1", 2);
    String::from_utf8(out).expect("ASCII")
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: value.into() }
}

#[test]
fn a_head_is_written_to_the_byte() {
    let expected = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: server:8000\r\nUser-Agent: ringload/{}\r\n\
         Content-Type: application/json\r\nAccept: text/event-stream\r\n\
         X-Request-ID: 01234567-89ab-cdef-0011-223344556677\r\nX-Correlation-ID: s-1\r\n\
         Content-Length: 2\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(written(|_| {}), expected);
}

#[test]
fn the_plan_decides_the_accept_and_the_connection() {
    let once = written(|plan| {
        plan.streaming = false;
        plan.reuse = Reuse::Never;
    });
    assert!(once.contains("\r\nAccept: application/json\r\nConnection: close\r\n"));
    assert!(!written(|_| {}).contains("Connection"));
}

#[test]
fn fields_of_the_user_replace_the_defaults_of_their_name() {
    let text = written(|plan| {
        plan.headers = vec![
            header("host", "virtual.example"),
            header("ACCEPT", "*/*"),
            header("x-request-id", "mine"),
            header("Authorization", "Bearer caf\u{e9} "),
            header("X-Twice", "1"),
            header("X-Twice", ""),
        ];
    });
    let lower = text.to_lowercase();
    for name in ["host", "accept", "x-request-id"] {
        assert_eq!(lower.matches(&format!("\r\n{name}: ")).count(), 1, "{text}");
    }
    assert!(text.contains("\r\nAuthorization: Bearer caf\u{e9}\r\nX-Twice: 1\r\nX-Twice: \r\n"));
    assert!(text.contains("\r\nX-Correlation-ID: s-1\r\n"));
}

#[test]
fn fields_that_cannot_stand_in_a_head_are_refused_without_showing_secrets() {
    for (name, value) in [
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("a\r\nb", "x"),
        ("caf\u{e9}", "x"),
        ("X", "s3cret\r\nEvil: 1"),
        ("X", "s3cret\n"),
        ("X", "s3cret\0"),
        ("X", "s3cret\x7f"),
        ("content-length", "s3cret"),
        ("Transfer-Encoding", "s3cret"),
    ] {
        let refused = head(|plan| plan.headers = vec![header(name, value)]);
        let error = refused.expect_err(name);
        assert_eq!(error.blame, crate::Blame::Usage, "{name:?}");
        assert!(!error.remedy.is_empty(), "{name:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_path_that_cannot_stand_in_a_request_line_is_refused() {
    for path in ["/a b", "/a\r\nEvil: 1", "/caf\u{e9}"] {
        let refused = head(|plan| plan.custom_endpoint = Some(path.into()));
        assert_eq!(refused.expect_err(path).blame, crate::Blame::Usage);
    }
}

#[test]
fn a_session_id_cannot_break_the_head() {
    let mut out = Vec::new();
    let head = head(|_| {}).expect("a head");
    head.write(&mut out, 0, "a\r\nEvil: 1", 0);
    assert!(String::from_utf8_lossy(&out).contains("X-Correlation-ID: a__Evil:_1\r\n"));
    out.clear();
    head.write(&mut out, 0, "", 0);
    let text = String::from_utf8_lossy(&out);
    assert!(!text.contains("X-Correlation-ID"));
    assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"));
}

/// The fields of a request over HTTP/2, as its first frame of fields has them.
fn over_http2(edit: impl FnOnce(&mut Plan), tls: bool, session: &str) -> Vec<(String, String)> {
    let mut plan = plan(EndpointKind::Chat);
    edit(&mut plan);
    plan.targets[0].tls = tls;
    let head = http2_head(&plan, &plan.targets[0]).expect("a head");
    let config = Config { stream_window: 65_535, header_list_bytes: 4096, header_fields: 8, streams: 1 };
    let mut out = Vec::new();
    let mut connection = Connection::new(config, &mut out);
    out.clear();
    let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
    let opened = connection.open(1, &head, id, session, &[b'x'; 1_234], 0, &mut out);
    assert_eq!(opened, Opened::All);
    let length = usize::from(out[1]) << 8 | usize::from(out[2]);
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let block = &out[9..9 + length];
    hpack::Decoder::new(4096).decode(block, |n, v| fields.push((text(n), text(v)))).expect("a block");
    fields
}

#[test]
fn over_http2_a_request_has_its_fields_in_order() {
    let agent = concat!("ringload/", env!("CARGO_PKG_VERSION"));
    let expected = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "server:8000"),
        (":path", "/v1/chat/completions"),
        ("user-agent", agent),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("x-request-id", "01234567-89ab-cdef-0011-223344556677"),
        ("x-correlation-id", "a__b"),
        ("content-length", "1234"),
    ];
    let expected = expected.map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(over_http2(|plan| plan.reuse = Reuse::Never, true, "a\r\nb"), expected);
    let plain = over_http2(|_| {}, false, "");
    assert_eq!(plain[1].1, "http");
    assert!(plain.iter().all(|(n, _)| n != "x-correlation-id"));
}

#[test]
fn over_http2_fields_of_the_user_replace_the_defaults_and_those_of_http_1_are_left_out() {
    let fields = over_http2(
        |plan| {
            plan.headers = vec![
                header("HOST", "virtual.example"),
                header("Accept", "*/*"),
                header("X-Request-ID", "mine"),
                header("Connection", "close"),
                header("Keep-Alive", "5"),
                header("Proxy-Connection", "close"),
                header("TE", "trailers"),
                header("Authorization", " Bearer caf\u{e9} "),
            ];
        },
        false,
        "",
    );
    let of = |name: &str| fields.iter().filter(|f| f.0 == name).map(|f| f.1.as_str()).collect::<Vec<_>>();
    assert_eq!(of(":authority"), ["virtual.example"]);
    assert_eq!(of("accept"), ["*/*"]);
    assert_eq!(of("x-request-id"), ["mine"]);
    assert_eq!(of("te"), ["trailers"]);
    assert_eq!(of("authorization"), ["Bearer caf\u{e9}"]);
    for name in ["host", "connection", "keep-alive", "proxy-connection"] {
        assert!(of(name).is_empty(), "{name}");
    }
}

#[test]
fn fields_without_a_meaning_in_http_2_are_refused() {
    for headers in [
        vec![header("Upgrade", "s3cret")],
        vec![header("TE", "s3cret")],
        vec![header("Host", "s3cret"), header("host", "s3cret")],
        vec![header("Transfer-Encoding", "s3cret")],
        vec![header("X", "s3cret\n1")],
    ] {
        let mut plan = plan(EndpointKind::Chat);
        plan.headers = headers;
        let error = http2_head(&plan, &plan.targets[0]).expect_err("refused");
        assert_eq!(error.blame, crate::Blame::Usage);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn what_the_user_reads_of_a_field_that_cannot_be_sent() {
    let host = || vec![header("Host", "a"), header("host", "b")];
    for (headers, said) in [
        (
            vec![header("a b", "x")],
            "`plan.headers`: `a b` is not a field name: write NAME:VALUE with letters, digits and dashes in NAME",
        ),
        (
            vec![header("X", "s3cret\n")],
            "`plan.headers`: the value of `X` has control characters: remove line ends and other control characters from it; \
             a file read into it often ends in one",
        ),
        (
            vec![header("content-length", "1")],
            "`plan.headers`: `content-length` belongs to the framing of the request: remove it: ringload writes it from the body",
        ),
        (host(), "`plan.headers`: `Host` is given twice: give it once: HTTP/2 has one :authority"),
        (
            vec![header("Upgrade", "h2c")],
            "`plan.headers`: HTTP/2 has no `upgrade` like this: remove it, or ask for HTTP/1.1",
        ),
    ] {
        let mut plan = plan(EndpointKind::Chat);
        plan.headers = headers;
        let error = http2_head(&plan, &plan.targets[0]).expect_err("refused");
        assert_eq!(error.to_string(), said);
    }
    let error = head(|plan| plan.custom_endpoint = Some("/a b".into())).expect_err("refused");
    let said = "the request path `/a b` has blanks or characters outside ASCII: percent-encode them in `plan.targets` and \
                `plan.custom_endpoint`";
    assert_eq!(error.to_string(), said);
}
