//! Why TLS failed.

use super::verifier::is_authority;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use std::net::IpAddr;

/// A failure of TLS. The connection is of no further use, once the session's output has been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No trusted root issued the certificate.
    #[error("the server's certificate comes from an unknown issuer")]
    Untrusted,
    /// The certificate is of the past.
    #[error("the server's certificate has expired")]
    Expired,
    /// The certificate is of the future.
    #[error("the server's certificate is not valid yet")]
    NotYetValid,
    /// The certificate is for other names.
    #[error("the server's certificate is not for this name{}", shown(.presented.as_deref()))]
    WrongName {
        /// The names that it holds, where they are known.
        presented: Option<Vec<String>>,
    },
    /// The certificate has been revoked.
    #[error("the server's certificate has been revoked")]
    Revoked,
    /// The certificate is unusable for another reason.
    #[error("the server's certificate cannot be used ({0})")]
    BadCertificate(String),
    /// The server wants the client's certificate, or another one: it ended TLS by the alert of this name (RFC 8446 §6).
    #[error("the server refused the client's certificate or the lack of one (alert {0})")]
    ClientCertificate(String),
    /// The server ended TLS by an alert.
    #[error("the server ended TLS (alert {alert})")]
    Alert {
        /// Its name, in the manner of RFC 8446 §6: `handshake_failure`.
        alert: String,
        /// What was offered to the server.
        offered: Offered,
    },
    /// There is no version or cipher suite that both sides take.
    #[error("no TLS version or cipher in common ({what})")]
    Incompatible {
        /// What is missing.
        what: String,
        /// What was offered to the server.
        offered: Offered,
    },
    /// What answered does not speak TLS.
    #[error("the answer is not TLS")]
    NotTls,
    /// No application protocol in common.
    #[error("the server takes no HTTP version that was offered ({}, by ALPN)", .offered.protocols())]
    NoAlpn {
        /// What was offered to the server.
        offered: Offered,
    },
    /// The server closed during the handshake.
    #[error("the server closed the connection during the TLS handshake")]
    Closed,
    /// The server closed without saying so: data may be missing.
    #[error("the connection was cut without the end of TLS")]
    Truncated,
    /// Anything else.
    #[error("TLS failed ({0})")]
    Failed(String),
}

/// The client's offer: it tells what else could be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// A certificate of the client's could be shown.
    pub certificate: bool,
    /// HTTP/1.1, by ALPN.
    pub http1: bool,
    /// HTTP/2, by ALPN.
    pub http2: bool,
    /// TLS 1.3 at least.
    pub min_1_3: bool,
    /// TLS 1.2 at most.
    pub max_1_2: bool,
}

impl Offered {
    pub(super) fn error(self, error: Error) -> TlsError {
        match error {
            Error::InvalidCertificate(e) => certificate(&e),
            Error::AlertReceived(alert) => self.received(alert),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                self.incompatible("the server has neither TLS 1.2 nor 1.3".into())
            }
            Error::PeerIncompatible(e) => self.incompatible(words(&format!("{e:?}"))),
            Error::NoApplicationProtocol => self.no_alpn(),
            other => TlsError::Failed(other.to_string()),
        }
    }

    pub(super) fn no_alpn(self) -> TlsError {
        TlsError::NoAlpn { offered: self }
    }

    fn protocols(self) -> &'static str {
        match (self.http1, self.http2) {
            (false, true) => "h2",
            (true, false) => "http/1.1",
            _ => "h2, http/1.1",
        }
    }

    fn incompatible(self, what: String) -> TlsError {
        TlsError::Incompatible { what, offered: self }
    }

    fn received(self, alert: AlertDescription) -> TlsError {
        use AlertDescription as A;
        match alert {
            A::ProtocolVersion | A::InsufficientSecurity => self.incompatible(format!("alert {}", name(alert))),
            A::NoApplicationProtocol => self.no_alpn(),
            A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError => TlsError::ClientCertificate(name(alert)),
            _ => TlsError::Alert { alert: name(alert), offered: self },
        }
    }
}

fn certificate(error: &CertificateError) -> TlsError {
    match error {
        CertificateError::UnknownIssuer => TlsError::Untrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsError::NotYetValid,
        CertificateError::NotValidForName => TlsError::WrongName { presented: None },
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsError::WrongName { presented: Some(presented.iter().map(|name| plain(name)).collect()) }
        }
        CertificateError::Revoked => TlsError::Revoked,
        // A root of the same name and another key: the wrong authority.
        CertificateError::BadSignature => TlsError::Untrusted,
        // Signed by itself, and not one of those that are trusted.
        other if is_authority(other) => TlsError::Untrusted,
        CertificateError::Other(other) => TlsError::BadCertificate(words(&other.0.to_string())),
        other => TlsError::BadCertificate(words(&format!("{other:?}"))),
    }
}

/// A name of code in words: `UnsupportedCriticalExtension` as `unsupported critical extension`. What is more than a
/// name stays as it is.
fn words(text: &str) -> String {
    if !text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return text.into();
    }
    let (mut out, mut before) = (String::new(), 'A');
    for c in text.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
        before = c;
    }
    out
}

/// A name as it stands in the certificate: `DnsName("a.test")` is `a.test`, and `IpAddress(0::1)` is `::1`.
fn plain(presented: &str) -> String {
    let inside =
        presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented).trim_matches('"');
    inside.parse::<IpAddr>().map_or_else(|_| inside.to_owned(), |ip| ip.to_string())
}

fn shown(presented: Option<&[String]>) -> String {
    let Some(names) = presented else {
        return String::new();
    };
    if names.is_empty() {
        return " (it holds no name)".into();
    }
    let (first, more) = names.split_at(names.len().min(MOST_NAMES));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!(" (it is for {}{rest})", first.join(", "))
}

/// As RFC 8446 §6 writes it: `certificate_required`.
fn name(alert: AlertDescription) -> String {
    let camel = match alert {
        AlertDescription::UnknownCA => "UnknownCa".into(),
        other => format!("{other:?}"),
    };
    let mut name = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Names of a certificate that are shown.
const MOST_NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_was_offered() {
        let offered = Offered { http1: true, min_1_3: true, ..Offered::default() };
        let alert = |alert| offered.error(Error::AlertReceived(alert));
        assert_eq!(
            alert(AlertDescription::HandshakeFailure),
            TlsError::Alert { alert: "handshake_failure".into(), offered }
        );
        let version = alert(AlertDescription::ProtocolVersion);
        assert_eq!(version, TlsError::Incompatible { what: "alert protocol_version".into(), offered });
        assert_eq!(alert(AlertDescription::UnknownCA), TlsError::ClientCertificate("unknown_ca".into()));
        let none = offered.error(Error::NoApplicationProtocol);
        assert!(none.to_string().ends_with("(http/1.1, by ALPN)"), "{none}");
    }

    #[test]
    fn the_names_of_a_certificate_are_shown_up_to_a_limit() {
        let names = |n: usize| Some((0..n).map(|i| format!("n{i}")).collect());
        let said = |presented| TlsError::WrongName { presented }.to_string();
        let start = "the server's certificate is not for this name";
        assert_eq!(said(None), start);
        assert_eq!(said(names(0)), format!("{start} (it holds no name)"));
        assert_eq!(said(names(2)), format!("{start} (it is for n0, n1)"));
        assert_eq!(said(names(7)), format!("{start} (it is for n0, n1, n2, n3, n4 and 2 more)"));
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(plain("DnsName(\"localhost\")"), "localhost");
        assert_eq!(plain("IpAddress(0::1)"), "::1");
        assert_eq!(plain("*.a.test"), "*.a.test");
        assert_eq!(words("BadDERTime"), "bad dertime");
        assert_eq!(words("UnsupportedCertVersion"), "unsupported cert version");
    }
}
