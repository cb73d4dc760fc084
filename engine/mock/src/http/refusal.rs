//! An error response in OpenAI's shape.

use std::borrow::Cow;

use serde_json::json;

/// The reason why a request is not served.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    kind: &'static str,
    message: Cow<'static, str>,
    /// The connection cannot be used further, as the end of the request is not known.
    pub(crate) fatal: bool,
}

impl Refusal {
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "BadRequestError", message.into(), false)
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::new(404, "NotFoundError", format!("no such path: {path}").into(), false)
    }

    pub(crate) fn wrong_method(allowed: &'static str) -> Self {
        let message = format!("method not allowed; use {allowed}").into();
        Self::new(405, "MethodNotAllowedError", message, false)
    }

    /// A status that the request itself asked for.
    pub(crate) fn scripted(status: u16) -> Self {
        Self::new(status, "ScriptedError", format!("scripted status {status}").into(), false)
    }

    /// A failure that the request itself asked for, after it had been accepted.
    pub(crate) fn scripted_failure() -> Self {
        Self::new(500, "InternalServerError", "scripted failure".into(), false)
    }

    pub(super) fn bad_head(problem: &str) -> Self {
        Self::new(400, "BadRequestError", format!("bad request head: {problem}").into(), true)
    }

    pub(super) fn head_too_large() -> Self {
        let message = "the head is over 64 headers or 32 KiB".into();
        Self::new(431, "BadRequestError", message, true)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message = format!("the body is over body_limit ({limit} bytes)").into();
        Self::new(413, "BadRequestError", message, true)
    }

    pub(super) fn length_required() -> Self {
        let message = "send the body with content-length".into();
        Self::new(411, "BadRequestError", message, true)
    }

    pub(super) fn version() -> Self {
        Self::new(505, "BadRequestError", "only HTTP/1.1 is served".into(), true)
    }

    /// `{"error":{…}}`, as sent in a body or as an event.
    pub(crate) fn json(&self) -> String {
        let (message, kind, code) = (&self.message, self.kind, self.status);
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
    }

    fn new(status: u16, kind: &'static str, message: Cow<'static, str>, fatal: bool) -> Self {
        Self { status, kind, message, fatal }
    }
}
