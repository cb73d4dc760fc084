//! Why TLS failed, and what the reader can do.

use super::verifier::is_authority;
use crate::record::Cause;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use std::net::IpAddr;

/// Why TLS failed. The connection is of no further use, once the session's output has been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No trusted root issued the certificate.
    #[error("the server's certificate comes from an unknown issuer: name the issuer's certificate with --cacert FILE")]
    Untrusted,
    /// The certificate is of the past.
    #[error("the server's certificate has expired: renew it, or measure anyway with --insecure")]
    Expired,
    /// The certificate is of the future.
    #[error(
        "the server's certificate is not valid yet: check the clocks of both machines, or measure anyway with --insecure"
    )]
    NotYetValid,
    /// The certificate is for other names.
    #[error(
        "the server's certificate is not for this name{presented}: use a name that it holds in --url, or --server-name NAME"
    )]
    WrongName {
        /// The names that it holds, as ` (it is for …)`, where they are known.
        presented: String,
    },
    /// The certificate has been revoked.
    #[error("the server's certificate has been revoked: renew it, or measure anyway with --insecure")]
    Revoked,
    /// The certificate is unusable for another reason.
    #[error("the server's certificate cannot be used ({0}): fix it, or measure anyway with --insecure")]
    BadCertificate(String),
    /// The server wants the client's certificate, or another one.
    #[error(
        "the server refused the client's certificate or the lack of one (alert {0}): name them with --cert FILE --key FILE"
    )]
    ClientCertificate(String),
    /// The server ended TLS by an alert.
    #[error("the server ended TLS (alert {alert}): {remedy}")]
    Alert {
        /// Its name.
        alert: String,
        /// What to do.
        remedy: &'static str,
    },
    /// There is no version or cipher suite that both sides take.
    #[error("no TLS version or cipher in common ({what}): {remedy}")]
    Incompatible {
        /// What is missing.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What answered does not speak TLS.
    #[error("the answer is not TLS: write http:// in --url, or the port that speaks TLS")]
    NotTls,
    /// No application protocol in common.
    #[error("the server takes no HTTP version that was offered ({}, by ALPN): {}", offered.0, offered.1)]
    NoAlpn {
        /// What was offered, and what to do.
        offered: (&'static str, &'static str),
    },
    /// The server closed during the handshake.
    #[error(
        "the server closed the connection during the TLS handshake: see the server's log, and check the port in --url"
    )]
    Closed,
    /// The server closed without saying so: data may be missing.
    #[error("the connection was cut without the end of TLS: see the server's log")]
    Truncated,
    /// Anything else.
    #[error("TLS failed ({0}): see the server's log, and try --tls-max 1.2")]
    Failed(String),
}

impl TlsError {
    /// The cause under which a request that met this error is counted.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Untrusted => Cause::TlsUntrusted,
            Self::Expired | Self::NotYetValid => Cause::TlsExpired,
            Self::WrongName { .. } => Cause::TlsWrongName,
            Self::ClientCertificate(_) | Self::Alert { .. } => Cause::TlsAlert,
            Self::Truncated => Cause::Truncated,
            Self::Revoked
            | Self::BadCertificate(_)
            | Self::Incompatible { .. }
            | Self::NotTls
            | Self::NoAlpn { .. }
            | Self::Closed
            | Self::Failed(_) => Cause::TlsFailed,
        }
    }
}

/// What the client asked for: an error names a remedy that the user has not tried yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// A certificate of the client's could be shown.
    pub(super) certificate: bool,
    /// HTTP/1.1 and HTTP/2 were offered.
    pub(super) http1: bool,
    pub(super) http2: bool,
    /// `--tls-min 1.3`, `--tls-max 1.2`.
    pub(super) min_1_3: bool,
    pub(super) max_1_2: bool,
}

impl Asked {
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
        let offered = match (self.http1, self.http2) {
            (false, true) => ("h2", "write --http1.1, and not --http2"),
            (true, false) => ("http/1.1", "write --http2, and not --http1.1"),
            _ => ("h2, http/1.1", "check that the port in --url is one of HTTP"),
        };
        TlsError::NoAlpn { offered }
    }

    fn incompatible(self, what: String) -> TlsError {
        let remedy = match (self.min_1_3, self.max_1_2) {
            (true, _) => "drop --tls-min 1.3",
            (_, true) => "drop --tls-max 1.2",
            _ => "see which versions and ciphers the server allows: TLS 1.2 and 1.3 are offered",
        };
        TlsError::Incompatible { what, remedy }
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
            _ => TlsError::Alert { alert: name(alert), remedy: self.after(alert) },
        }
    }

    fn after(self, alert: AlertDescription) -> &'static str {
        match (alert, self.certificate, self.max_1_2 || self.min_1_3) {
            (AlertDescription::HandshakeFailure, false, _) => {
                "it may want a client's certificate (--cert FILE --key FILE), or take none of the ciphers offered: see the server's log"
            }
            (AlertDescription::UnrecognisedName, ..) => "it does not know the name in --url: write --server-name NAME",
            (_, _, true) => "see the server's log, and try without --tls-min and --tls-max",
            _ => "see the server's log, and try --tls-max 1.2 or --server-name NAME",
        }
    }
}

fn certificate(error: &CertificateError) -> TlsError {
    match error {
        CertificateError::UnknownIssuer => TlsError::Untrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsError::NotYetValid,
        CertificateError::NotValidForName => TlsError::WrongName { presented: String::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsError::WrongName { presented: names(presented) }
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

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return " (it holds no name)".into();
    }
    let shown: Vec<String> = presented.iter().take(MOST_NAMES).map(|name| plain(name)).collect();
    let more = presented.len().saturating_sub(MOST_NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" (it is for {}{rest})", shown.join(", "))
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

const MOST_NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(asked: Asked, error: Error) -> String {
        asked.error(error).to_string()
    }

    #[test]
    fn a_failed_handshake_may_be_for_want_of_a_certificate() {
        let alert = || Error::AlertReceived(AlertDescription::HandshakeFailure);
        let bare = said(Asked::default(), alert());
        assert!(bare.contains("--cert FILE --key FILE") && bare.contains("handshake_failure"), "{bare}");
        let shown = Asked { certificate: true, ..Asked::default() };
        assert!(!said(shown, alert()).contains("--cert"));
    }

    #[test]
    fn no_remedy_is_a_flag_that_was_not_given_or_given_already() {
        let asked = |http1, http2, min_1_3| Asked { http1, http2, min_1_3, ..Asked::default() };
        let one = said(asked(true, false, false), Error::NoApplicationProtocol);
        assert!(one.contains("(http/1.1, by ALPN): write --http2"), "{one}");
        let two = said(asked(false, true, false), Error::NoApplicationProtocol);
        assert!(two.contains("(h2, by ALPN): write --http1.1"), "{two}");
        let version = || Error::AlertReceived(AlertDescription::ProtocolVersion);
        let free = said(asked(true, true, false), version());
        assert!(!free.contains("--tls"), "{free}");
        assert!(said(asked(true, true, true), version()).contains("drop --tls-min 1.3"));
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
