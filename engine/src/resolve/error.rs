//! Why a name has no address.

use crate::error::Error;
use hickory_resolver::net::{DnsError as Semantic, NetError};
use std::fmt;

/// Why a name has no address; the text ends in what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsError {
    /// The name.
    pub host: String,
    /// The port it was asked for.
    pub port: u16,
    /// What happened.
    pub failure: DnsFailure,
}

/// What happened to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsFailure {
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// The name has no address of the family asked for.
    NoAddress,
    /// The address or pin is of the other family.
    WrongFamily,
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
        Self::environment(error.what(), error.remedy())
    }
}

impl DnsError {
    fn what(&self) -> String {
        let host = &self.host;
        match &self.failure {
            DnsFailure::NoSuchName => format!("`{host}` does not resolve (no such name)"),
            DnsFailure::NoAddress => format!("`{host}` has no address"),
            DnsFailure::WrongFamily => format!("`{host}` has no address of the family asked for"),
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
            DnsFailure::WrongFamily => "drop --ipv4 or --ipv6, or write another address".into(),
            DnsFailure::NoSuchName | DnsFailure::NoAddress => {
                format!("check the host name in --url, or write --resolve {host}:{port}:ADDRESS")
            }
            DnsFailure::Refused(_) | DnsFailure::TimedOut | DnsFailure::Other(_) => format!(
                "name a server that answers with --dns-servers IP, or write --resolve {host}:{port}:ADDRESS"
            ),
        }
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
