//! The request head: encoded once per target, but for the ids and the length.

use super::hpack;
use crate::field::{FieldError, RequestFields, decimal, session, uuid};
use std::fmt;

/// The header block that every request to one target begins with.
///
/// `Host` becomes `:authority`. `Connection`, `Proxy-Connection` and `Keep-Alive` say how a connection of HTTP/1.1 is
/// kept: they are left out silently, as curl does, so that the same fields serve both versions.
#[derive(Clone)]
pub struct RequestHead {
    /// The pseudo-fields and the constant fields, encoded.
    constant: Vec<u8>,
    /// The encoded names of the fields that vary; empty where they are not written.
    request_id: Vec<u8>,
    session_id: Vec<u8>,
    length: Vec<u8>,
}

impl RequestHead {
    /// Prepares the head of requests that say `fields`; `tls` decides the scheme.
    ///
    /// # Errors
    /// [`FieldError::HostTwice`], or [`FieldError::NotInHttp2`] if a field means something that HTTP/2 has not.
    pub fn new(fields: &RequestFields, tls: bool) -> Result<Self, FieldError> {
        let lower: Vec<(String, &str)> =
            fields.fields().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        lower.iter().try_for_each(|(name, value)| check(name, value))?;
        let mut hosts = lower.iter().filter(|(name, _)| name == "host");
        let host = hosts.next().map_or("", |(_, value)| value);
        if hosts.next().is_some() {
            return Err(FieldError::HostTwice);
        }
        let scheme = if tls { "https" } else { "http" };
        let mut constant = Vec::new();
        for (name, value) in [(":method", "POST"), (":scheme", scheme), (":authority", host), (":path", fields.path())]
        {
            hpack::field(&mut constant, name.as_bytes(), value.as_bytes());
        }
        for (name, value) in &lower {
            if name != "host" && !DROPPED.contains(&name.as_str()) {
                hpack::field(&mut constant, name.as_bytes(), value.as_bytes());
            }
        }
        let name = |name: Option<&str>| {
            let mut out = Vec::new();
            if let Some(name) = name {
                hpack::name(&mut out, name.to_ascii_lowercase().as_bytes());
            }
            out
        };
        Ok(Self {
            constant,
            request_id: name(fields.request_id()),
            session_id: name(fields.session_id()),
            length: name(Some("content-length")),
        })
    }

    /// Appends the header block of one request.
    ///
    /// An empty `session_id` writes no field; characters of it that cannot stand in a field are written as `_`.
    pub(super) fn write(&self, out: &mut Vec<u8>, request_id: u128, session_id: &str, body: usize) {
        out.extend_from_slice(&self.constant);
        if !self.request_id.is_empty() {
            out.extend_from_slice(&self.request_id);
            let id = uuid(request_id);
            hpack::plain(out, id.len(), id.into_iter());
        }
        if !self.session_id.is_empty() && !session_id.is_empty() {
            out.extend_from_slice(&self.session_id);
            hpack::plain(out, session_id.len(), session(session_id));
        }
        out.extend_from_slice(&self.length);
        let digits = body.checked_ilog10().unwrap_or(0) as usize + 1;
        hpack::plain(out, digits, std::iter::empty());
        decimal(out, body);
    }
}

/// Refuses what has no meaning in HTTP/2 (RFC 9113 §8.2.2).
fn check(name: &str, value: &str) -> Result<(), FieldError> {
    if name == "upgrade" || name == "te" && !value.eq_ignore_ascii_case("trailers") {
        return Err(FieldError::NotInHttp2(name.to_owned()));
    }
    Ok(())
}

impl fmt::Debug for RequestHead {
    /// The fields are left out: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead").finish_non_exhaustive()
    }
}

/// Fields of HTTP/1.1 connections that are left out silently.
const DROPPED: [&str; 3] = ["connection", "proxy-connection", "keep-alive"];
