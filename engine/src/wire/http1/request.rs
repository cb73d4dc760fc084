//! The request head: constant per target, but for the ids and the length.

use crate::error::Result;
use crate::plan::{Plan, Target};
use crate::wire::request::{REQUEST_ID, Request, decimal, session, uuid};

/// The bytes that every request to one target begins with.
///
/// Fields given by the user replace the defaults of the same name, whatever their case.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Request line and constant fields, without the final empty line.
    constant: Vec<u8>,
    /// Whether `X-Request-ID` is ours to write.
    request_id: bool,
    /// Whether `X-Correlation-ID` is ours to write.
    session_id: Option<String>,
}

impl RequestHead {
    /// Prepares the head for `target`.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] if the path cannot stand in a request line, or a field of the user's cannot stand in a
    /// head or would contradict the framing.
    pub fn new(plan: &Plan, target: &Target) -> Result<Self> {
        let request = Request::new(plan, target)?;
        let mut constant = format!("POST {} HTTP/1.1\r\n", request.path).into_bytes();
        for (name, value) in &request.fields {
            field(&mut constant, name, value);
        }
        Ok(Self { constant, request_id: request.request_id, session_id: request.session_id })
    }

    /// Appends the head of one request to `out`; its body of `length` bytes follows.
    ///
    /// An empty `session_id` writes no field; characters of it that cannot stand in a field are written as `_`.
    pub fn write(&self, out: &mut Vec<u8>, request_id: u128, session_id: &str, length: usize) {
        out.reserve(self.constant.len() + VARIABLE_BYTES + session_id.len() + length);
        out.extend_from_slice(&self.constant);
        if self.request_id {
            out.extend_from_slice(REQUEST_ID.as_bytes());
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
        out.extend_from_slice(b"Content-Length: ");
        decimal(out, length);
        out.extend_from_slice(b"\r\n\r\n");
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
    use crate::endpoint::tests::plan;
    use crate::plan::EndpointKind;
    use crate::plan::{Header, Reuse};

    fn head(edit: impl FnOnce(&mut Plan)) -> Result<RequestHead> {
        let mut plan = plan(EndpointKind::Chat);
        edit(&mut plan);
        RequestHead::new(&plan, &plan.targets[0])
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
}
