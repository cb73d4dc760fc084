//! The fields of requests, in any version of HTTP.

use crate::head::token;
use std::fmt;

/// The constant part of requests to one target: its path, and the fields that are the same each time.
///
/// The fields of the body's framing are written by the codec; two fields that differ from request to request may be
/// named, one for the [request's id](Self::with_request_id) and one for its [session's](Self::with_session_id).
///
/// Values may be secrets: neither `Debug` nor a [`FieldError`] shows one.
#[derive(Clone)]
pub struct RequestFields {
    path: String,
    fields: Vec<(String, String)>,
    request_id: Option<String>,
    session_id: Option<String>,
}

impl RequestFields {
    /// Requests for `path`, with `fields` in their order. The path is an absolute one with its query (RFC 9112 §3.2.1,
    /// origin form). Blanks around a value are not part of it and are left out (RFC 9110 §5.5).
    ///
    /// # Errors
    /// A [`FieldError`] if the path cannot stand in a request line, or a field cannot stand in a head or would
    /// contradict the framing of the body.
    pub fn new<N: Into<String>, V: AsRef<str>>(
        path: impl Into<String>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FieldError> {
        let path = path.into();
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(FieldError::Path(path));
        }
        let fields = fields.into_iter().map(|(name, value)| checked(name.into(), value.as_ref()));
        Ok(Self { path, fields: fields.collect::<Result<_, _>>()?, request_id: None, session_id: None })
    }

    /// The same, with a field `name` in each request whose value is the request's id, as a UUID (RFC 9562 §4).
    ///
    /// # Errors
    /// [`FieldError::Name`] if that is no field name.
    pub fn with_request_id(self, name: impl Into<String>) -> Result<Self, FieldError> {
        Ok(Self { request_id: Some(field_name(name.into())?), ..self })
    }

    /// The same, with a field `name` in each request of a session whose value is the session's id.
    ///
    /// # Errors
    /// [`FieldError::Name`] if that is no field name.
    pub fn with_session_id(self, name: impl Into<String>) -> Result<Self, FieldError> {
        Ok(Self { session_id: Some(field_name(name.into())?), ..self })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Names and values, in their order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }
}

impl fmt::Debug for RequestFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields().map(|(name, _)| name).collect();
        f.debug_struct("RequestFields").field("path", &self.path).field("names", &names).finish_non_exhaustive()
    }
}

/// The reason why a path or a field cannot stand in a request. Names are shown, values never are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A path that is not absolute, or has more than printable ASCII in it.
    #[error("the request path `{}` has blanks or characters outside ASCII", .0.escape_debug())]
    Path(String),
    /// A name that is no token (RFC 9110 §5.6.2).
    #[error("`{}` is not a field name", .0.escape_debug())]
    Name(String),
    /// The value of the field of this name has control characters.
    #[error("the value of `{}` has control characters", .0.escape_debug())]
    Value(String),
    /// The field of this name frames the body: the codec writes it.
    #[error("`{}` belongs to the framing of the request", .0.escape_debug())]
    Framing(String),
    /// `Host` is given twice, which HTTP/2 cannot say: it has one `:authority` (RFC 9113 §8.3.1).
    #[error("`Host` is given twice")]
    HostTwice,
    /// The field of this name, which is in lower case, has no meaning in HTTP/2, or its value has none (RFC 9113
    /// §8.2.2).
    #[error("HTTP/2 has no `{0}` like this")]
    NotInHttp2(String),
}

fn checked(name: String, value: &str) -> Result<(String, String), FieldError> {
    let name = field_name(name)?;
    if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(FieldError::Value(name));
    }
    if ["Content-Length", "Transfer-Encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        return Err(FieldError::Framing(name));
    }
    Ok((name, value.trim().to_owned()))
}

fn field_name(name: String) -> Result<String, FieldError> {
    if name.is_empty() || !name.bytes().all(token) { Err(FieldError::Name(name)) } else { Ok(name) }
}

/// The bytes of a session's name; those that cannot stand in a field are `_`.
#[inline]
pub(super) fn session(id: &str) -> impl Iterator<Item = u8> {
    id.bytes().map(|b| if b.is_ascii_graphic() { b } else { b'_' })
}

/// The hyphenated form of RFC 9562 §4, in lower case.
#[inline]
pub(super) fn uuid(id: u128) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut nibbles = (0..32).rev().map(|i| (id >> (4 * i) & 15) as usize);
    for (at, out) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23)
            && let Some(nibble) = nibbles.next()
        {
            *out = b"0123456789abcdef"[nibble];
        }
    }
    text
}

/// Appends a number.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, mut n: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<RequestFields, FieldError> {
        RequestFields::new("/", [(name, value)])
    }

    #[test]
    fn fields_that_cannot_stand_in_a_head_are_refused_without_showing_secrets() {
        use FieldError::{Framing, Name, Value};
        for (name, value, expected) in [
            ("", "s3cret", Name as fn(String) -> FieldError),
            ("a b", "s3cret", Name),
            ("a:", "s3cret", Name),
            ("a\r\nb", "s3cret", Name),
            ("caf\u{e9}", "s3cret", Name),
            ("X", "s3cret\r\nEvil: 1", Value),
            ("X", "s3cret\n", Value),
            ("X", "s3cret\0", Value),
            ("X", "s3cret\x7f", Value),
            ("content-length", "s3cret", Framing),
            ("Transfer-Encoding", "s3cret", Framing),
        ] {
            let error = one(name, value).expect_err(name);
            assert_eq!(error, expected(name.into()));
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        let shown = format!("{:?}", one("Authorization", "s3cret").expect("a field"));
        assert!(shown.contains("Authorization") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_path_is_absolute_and_printable_ascii() {
        for path in ["", "a", "/a b", "/a\r\nEvil: 1", "/caf\u{e9}"] {
            let refused = RequestFields::new(path, [("X", "1")]);
            assert_eq!(refused.expect_err(path), FieldError::Path(path.into()));
        }
    }

    #[test]
    fn the_fields_of_the_ids_have_names() {
        let plain = || one("X", "1").expect("a field");
        assert_eq!(plain().with_request_id("a b").expect_err("a blank"), FieldError::Name("a b".into()));
        assert_eq!(plain().with_session_id("").expect_err("nothing"), FieldError::Name(String::new()));
    }
}
