//! Failures of a download.

/// The reason why there is no file.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "only a hub that is asked can refuse"))]
pub(super) enum Failure {
    /// The hub has no such repository, revision or file (404).
    Absent,
    /// The hub wants a token, or another one (401, 403).
    Forbidden {
        /// The token was not sent, and why.
        withheld: Option<&'static str>,
    },
    /// Anything else, in words.
    Other(String),
}
