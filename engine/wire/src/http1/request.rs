//! The request head: constant per target, but for the ids and the length.

use crate::field::{RequestFields, decimal, session, uuid};
use std::fmt;

/// The bytes that every request to one target begins with.
#[derive(Clone)]
pub struct RequestHead {
    /// Request line and constant fields, without the final empty line.
    constant: Vec<u8>,
    /// The names of the fields that vary, where they are written.
    request_id: Option<String>,
    session_id: Option<String>,
}

impl RequestHead {
    /// Prepares the head of requests that say `fields`.
    #[must_use]
    pub fn new(fields: &RequestFields) -> Self {
        let mut constant = format!("POST {} HTTP/1.1\r\n", fields.path()).into_bytes();
        for (name, value) in fields.fields() {
            field(&mut constant, name, value);
        }
        Self {
            constant,
            request_id: fields.request_id().map(str::to_owned),
            session_id: fields.session_id().map(str::to_owned),
        }
    }

    /// Appends the head of one request to `out`; its body of `length` bytes follows.
    ///
    /// An empty `session_id` writes no field; characters of it that cannot stand in a field are written as `_`.
    pub fn write(&self, out: &mut Vec<u8>, request_id: u128, session_id: &str, length: usize) {
        out.reserve(self.constant.len() + VARIABLE_BYTES + session_id.len() + length);
        out.extend_from_slice(&self.constant);
        self.write_ids(out, request_id, session_id);
        out.extend_from_slice(b"Content-Length: ");
        decimal(out, length);
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Appends the head of a request without a body for what lies under the path, `name`, with the same fields. The
    /// query of the path stays behind it. `name` has characters of a path segment alone.
    pub fn write_get(&self, out: &mut Vec<u8>, request_id: u128, session_id: &str, name: &str) {
        let line_end = memchr::memchr(b'\r', &self.constant).unwrap_or(self.constant.len());
        let (line, fields) = self.constant.split_at(line_end);
        let path = line.strip_prefix(b"POST ").and_then(|line| line.strip_suffix(b" HTTP/1.1")).unwrap_or(b"/");
        let (path, query) = path.split_at(memchr::memchr(b'?', path).unwrap_or(path.len()));
        let path = path.strip_suffix(b"/").unwrap_or(path);
        for part in [b"GET ".as_slice(), path, b"/", name.as_bytes(), query, b" HTTP/1.1", fields] {
            out.extend_from_slice(part);
        }
        self.write_ids(out, request_id, session_id);
        out.extend_from_slice(b"\r\n");
    }

    fn write_ids(&self, out: &mut Vec<u8>, request_id: u128, session_id: &str) {
        if let Some(name) = &self.request_id {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&uuid(request_id));
            out.extend_from_slice(b"\r\n");
        }
        if let Some(name) = self.session_id.as_ref().filter(|_| !session_id.is_empty()) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend(session(session_id));
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for RequestHead {
    /// The fields are left out: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead").finish_non_exhaustive()
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Room for the fields that vary, the session id's own bytes aside.
const VARIABLE_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_under_the_path_is_asked_for_with_the_same_fields() {
        for (path, line) in [
            ("/v1/videos", "GET /v1/videos/v-1 HTTP/1.1"),
            ("/v/?a=b", "GET /v/v-1?a=b HTTP/1.1"),
            ("/", "GET /v-1 HTTP/1.1"),
        ] {
            let fields =
                RequestFields::new(path, [("Host", "server")]).and_then(|f| f.with_request_id("X-Id")).unwrap();
            let mut out = Vec::new();
            RequestHead::new(&fields).write_get(&mut out, 0, "", "v-1");
            let expected = format!("{line}\r\nHost: server\r\nX-Id: 00000000-0000-0000-0000-000000000000\r\n\r\n");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    fn written(session: &str, length: usize) -> String {
        let fields = RequestFields::new("/v1/x?y=1", [("Host", "server:8000"), ("X-Twice", " 1 "), ("X-Twice", "")]);
        let fields =
            fields.and_then(|f| f.with_request_id("X-Request-ID")).and_then(|f| f.with_session_id("X-Session"));
        let mut out = Vec::new();
        let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        RequestHead::new(&fields.expect("good fields")).write(&mut out, id, session, length);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn a_head_is_written_to_the_byte() {
        let expected = "POST /v1/x?y=1 HTTP/1.1\r\nHost: server:8000\r\nX-Twice: 1\r\nX-Twice: \r\n\
             X-Request-ID: 01234567-89ab-cdef-0011-223344556677\r\nX-Session: s-1\r\nContent-Length: 1234\r\n\r\n";
        assert_eq!(written("s-1", 1234), expected);
    }

    #[test]
    fn a_session_id_cannot_break_the_head() {
        assert!(written("a\r\nEvil: 1", 0).contains("\r\nX-Session: a__Evil:_1\r\n"));
        let none = written("", 0);
        assert!(!none.contains("X-Session") && none.ends_with("\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn fields_that_are_not_asked_for_are_not_written() {
        let fields = RequestFields::new("/", [("Authorization", "s3cret")]).expect("good fields");
        let head = RequestHead::new(&fields);
        let mut out = Vec::new();
        head.write(&mut out, 7, "s", 0);
        assert_eq!(out, b"POST / HTTP/1.1\r\nAuthorization: s3cret\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(format!("{head:?}"), "RequestHead { .. }");
    }
}
