//! Why a request was retried.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a request was sent again on another connection: how it is known that the server had not begun it. Each request
/// is retried once at most, but up to 32 times where servers end connections in order ([`Self::Unprocessed`]); the
/// last reason is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Its connection, idle before, was closed in order before the server had seen anything of it (RFC 9112 §9.3.1).
    ClosedWhileIdle,
    /// The server went away and said that it had not begun it: its stream is above the last one of a GOAWAY (RFC 9113
    /// §6.8).
    Unprocessed,
    /// The server refused its stream, which was opened before the server's settings came, and these allow none (RFC
    /// 9113 §5.1.2, §6.5.2).
    RefusedEarly,
}

impl Retry {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::ClosedWhileIdle, Self::Unprocessed, Self::RefusedEarly];
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedWhileIdle => "the server had closed their kept connection before they were sent",
            Self::Unprocessed => "the server went away (GOAWAY) without having begun them",
            Self::RefusedEarly => "the server refused them before its settings came, which allow no stream",
        })
    }
}
