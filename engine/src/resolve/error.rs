//! Why a name has no address.

use crate::clock::{Nanos, SECOND};
use crate::error::Error;
use crate::plan::Family;
use crate::setting::Setting::{self, ConnectTimeout, DnsServers, Resolve, Targets};
use hickory_resolver::net::{DnsError as Semantic, NetError};
use std::fmt;

/// The reason why a name has no address; the text ends in what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsError {
    /// The name that was looked up.
    pub host: String,
    /// The port it was asked for.
    pub port: u16,
    /// How it failed.
    pub failure: DnsFailure,
}

/// A failure of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsFailure {
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// The name has no address of the family asked for.
    NoAddress,
    /// The name has no address of the family that was asked for, or the address, pin or line of the hosts file is of
    /// the other.
    WrongFamily(Family),
    /// It was not found within the time for a connection.
    TooSlow(Nanos),
    /// A signal ended the look-up.
    Stopped,
    /// The server answered with an error, such as SERVFAIL.
    Refused(String),
    /// No server answered in time.
    TimedOut,
    /// Anything else.
    Other(String),
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.remedy())
    }
}

impl std::error::Error for DnsError {}

impl From<DnsError> for Error {
    fn from(error: DnsError) -> Self {
        match error.failure {
            DnsFailure::Stopped => Self::interrupted(error.what()),
            _ => Self::environment(error.what(), error.remedy()),
        }
    }
}

impl DnsError {
    fn what(&self) -> String {
        let host = &self.host;
        match &self.failure {
            DnsFailure::NoSuchName => format!("`{host}` does not resolve (no such name)"),
            DnsFailure::NoAddress => format!("`{host}` has no address"),
            DnsFailure::WrongFamily(family) => {
                format!("`{host}` has no {} address", shown(*family).0)
            }
            DnsFailure::TooSlow(time_limit) => {
                format!("`{host}` was not found within {} s ({ConnectTimeout})", *time_limit as f64 / SECOND as f64)
            }
            DnsFailure::Stopped => format!("interrupted while `{host}` was looked up"),
            DnsFailure::Refused(code) => {
                format!("`{host}` does not resolve (the name server says: {code})")
            }
            DnsFailure::TimedOut => format!("`{host}` does not resolve (no name server answered)"),
            DnsFailure::Other(text) => format!("`{host}` does not resolve ({text})"),
        }
    }

    fn remedy(&self) -> String {
        let (host, port) = (&self.host, self.port);
        match self.failure {
            DnsFailure::WrongFamily(family) => {
                format!("drop {}, or write {Resolve} {host}:{port}:ADDRESS", shown(family).1)
            }
            DnsFailure::NoSuchName | DnsFailure::NoAddress => {
                format!("check the host name in {Targets}, or write {Resolve} {host}:{port}:ADDRESS")
            }
            DnsFailure::Refused(_)
            | DnsFailure::TimedOut
            | DnsFailure::TooSlow(_)
            | DnsFailure::Stopped
            | DnsFailure::Other(_) => {
                format!("name a server that answers with {DnsServers} IP, or write {Resolve} {host}:{port}:ADDRESS")
            }
        }
    }
}

/// A family, and the setting that asks for it.
fn shown(family: Family) -> (&'static str, Setting) {
    match family {
        Family::Any => ("usable", Setting::Family),
        Family::V4 => ("IPv4", Setting::Ipv4Only),
        Family::V6 => ("IPv6", Setting::Ipv6Only),
    }
}

impl From<&NetError> for DnsFailure {
    fn from(error: &NetError) -> Self {
        match error {
            e if e.is_nx_domain() => Self::NoSuchName,
            NetError::Dns(Semantic::ResponseCode(code)) => Self::Refused(code.to_string()),
            NetError::Dns(Semantic::NoRecordsFound(none)) => match none.response_code.into() {
                0_u16 => Self::NoAddress,
                _ => Self::Refused(none.response_code.to_string()),
            },
            NetError::Timeout => Self::TimedOut,
            other => Self::Other(other.to_string()),
        }
    }
}
