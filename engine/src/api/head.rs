//! The request head: what the plan and the dialect say of it, for the codec to write.

use super::dialect;
use crate::error::{Error, Result};
use crate::plan::{Plan, Reuse, Target};
use crate::setting::Setting::{CustomEndpoint, Headers, Targets};
use crate::wire::{FieldError, RequestFields, http1, http2};

/// The head of every request to `target` over HTTP/1.1.
///
/// Fields given by the user replace the defaults of the same name, whatever their case.
///
/// # Errors
/// [`crate::Blame::Usage`] if the path cannot stand in a request line, or a field of the user's cannot stand in a head
/// or would contradict the framing.
pub fn http1_head(plan: &Plan, target: &Target) -> Result<http1::RequestHead> {
    Ok(http1::RequestHead::new(&fields(plan, target).map_err(refused)?))
}

/// The head of every request to `target` over HTTP/2. The rules are those of [`http1_head`].
///
/// # Errors
/// [`crate::Blame::Usage`] as [`http1_head`], and if a field of the user's means something that HTTP/2 has not.
pub fn http2_head(plan: &Plan, target: &Target) -> Result<http2::RequestHead> {
    fields(plan, target).and_then(|fields| http2::RequestHead::new(&fields, target.tls)).map_err(refused)
}

fn fields(plan: &Plan, target: &Target) -> std::result::Result<RequestFields, FieldError> {
    let given = |name: &str| plan.headers.iter().any(|h| h.name.eq_ignore_ascii_case(name));
    let accept = if plan.streaming { "text/event-stream" } else { "application/json" };
    let host = target.host_header();
    let close = match plan.reuse {
        Reuse::Never => "close",
        Reuse::StickySessions | Reuse::Pooled => "",
    };
    let ours = [
        ("Host", host.as_str()),
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("Accept", accept),
        ("Connection", close),
    ];
    let of_dialect = dialect(plan.endpoint).headers;
    let ours = ours.into_iter().filter(|(name, value)| {
        !value.is_empty() && !of_dialect.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    });
    let defaults = ours.chain(of_dialect.iter().copied()).filter(|(name, _)| !given(name));
    let users = plan.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    let mut fields = RequestFields::new(super::path(plan, target), defaults.chain(users))?;
    if !given(REQUEST_ID) {
        fields = fields.with_request_id(REQUEST_ID)?;
    }
    let session_id = plan.session_header.as_deref().unwrap_or(SESSION_ID);
    if given(session_id) { Ok(fields) } else { fields.with_session_id(session_id) }
}

/// What the user does about a field that cannot be sent. Its value is never shown: it may be a secret.
fn refused(error: FieldError) -> Error {
    let remedy = match &error {
        FieldError::Path(_) => {
            return Error::usage(error.to_string(), format!("percent-encode them in {Targets} and {CustomEndpoint}"));
        }
        FieldError::Name(_) => "write NAME:VALUE with letters, digits and dashes in NAME",
        FieldError::Value(_) => {
            "remove line ends and other control characters from it; a file read into it often ends in one"
        }
        FieldError::Framing(_) => "remove it: ringload writes it from the body",
        FieldError::HostTwice => "give it once: HTTP/2 has one :authority",
        FieldError::NotInHttp2(_) => "remove it, or ask for HTTP/1.1",
    };
    Error::usage(format!("{Headers}: {error}"), remedy)
}

const USER_AGENT: &str = concat!("ringload/", env!("CARGO_PKG_VERSION"));
const REQUEST_ID: &str = "X-Request-ID";
const SESSION_ID: &str = "X-Correlation-ID";
