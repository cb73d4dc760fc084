//! Where the bus is, and what a member shows it. Pure.

use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use url::Url;

/// Servers of a bus, and who a member is to them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// `nats://host:port` or `tls://host:port`, without a secret.
    pub servers: Vec<String>,
    /// What is shown to the servers.
    pub credentials: Credentials,
    /// How they are reached.
    pub tls: Tls,
}

/// What a member shows to the servers.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Token(String),
    /// A user and a password.
    User(String, String),
}

/// Files of TLS, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificates of the authorities that are trusted, beside those of the system.
    pub authorities: Option<PathBuf>,
    /// The member's own certificate and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl Address {
    /// Parses URLs of one bus, separated by commas. A user, a password or a token in one of them is taken out of it:
    /// the client would pass over it, and a report would show it.
    ///
    /// # Errors
    /// When one is no URL of a NATS server.
    pub fn parse(text: &str) -> Result<Self> {
        let mut address = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let whole = if part.contains("://") { part.to_owned() } else { format!("nats://{part}") };
            let refused = || {
                Error::usage(
                    "the address of the fleet's bus is no URL of a NATS server",
                    "write `nats://host:4222`, several with commas between them",
                )
            };
            let url = Url::parse(&whole).map_err(|_| refused())?;
            let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(refused)?;
            if !["nats", "tls"].contains(&url.scheme()) {
                return Err(refused());
            }
            let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
            match (url.username(), url.password()) {
                ("", None) => {}
                ("", Some(password)) => address.credentials = Credentials::User(String::new(), text(password)),
                (token, None) => address.credentials = Credentials::Token(text(token)),
                (user, Some(password)) => address.credentials = Credentials::User(text(user), text(password)),
            }
            address.servers.push(format!("{}://{host}:{}", url.scheme(), url.port().unwrap_or(4222)));
        }
        if address.servers.is_empty() {
            return Err(Error::usage("the address of the fleet's bus is empty", "write `nats://host:4222`"));
        }
        Ok(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.servers.join(","))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("servers", &self.servers).field("tls", &self.tls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_of_the_address() {
        let of = |text: &str| {
            let address = Address::parse(text).unwrap();
            (address.to_string(), address.credentials)
        };
        let user = |user: &str, password: &str| Credentials::User(user.into(), password.into());
        assert_eq!(of("nats://bus"), ("nats://bus:4222".into(), Credentials::None));
        assert_eq!(of("bus:4223"), ("nats://bus:4223".into(), Credentials::None));
        assert_eq!(of("nats://a:p%40ss@bus:1"), ("nats://bus:1".into(), user("a", "p@ss")));
        assert_eq!(of("nats://a:p%+fs%2@bus:1"), ("nats://bus:1".into(), user("a", "p%+fs%2")), "no escapes");
        assert_eq!(
            of("tls://s3cret@bus,tls://[::1]:7"),
            ("tls://bus:4222,tls://[::1]:7".into(), Credentials::Token("s3cret".into()))
        );
        let shown = format!("{:?}", Address::parse("nats://a:hidden@bus").unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn what_is_no_address_of_a_bus_is_refused_without_being_shown() {
        for text in ["http://secret@bus", "nats://", "", ",", "redis://secret@x"] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
