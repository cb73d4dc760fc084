//! Why TLS failed, and what the reader can do.

use super::verifier::is_authority;
use crate::record::Cause;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// Why TLS failed. The connection is of no further use, once the session's output has been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No trusted root issued the certificate.
    #[error(
        "the server's certificate comes from an unknown issuer: name the issuer's certificate with --cacert FILE"
    )]
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
    #[error(
        "the server's certificate has been revoked: renew it, or measure anyway with --insecure"
    )]
    Revoked,
    /// The certificate is unusable for another reason.
    #[error(
        "the server's certificate cannot be used ({0}): mend it, or measure anyway with --insecure"
    )]
    BadCertificate(String),
    /// The server wants the client's certificate, or another one.
    #[error(
        "the server refused the client's certificate or the lack of one (alert {0}): name them with --cert FILE --key FILE"
    )]
    ClientCertificate(String),
    /// The server ended TLS by an alert.
    #[error(
        "the server ended TLS (alert {0}): see the server's log, and try --tls-max 1.2 or --server-name NAME"
    )]
    Alert(String),
    /// There is no version or cipher suite that both sides take.
    #[error("no TLS version or cipher in common ({0}): try without --tls-min and --tls-max")]
    Incompatible(String),
    /// What answered does not speak TLS.
    #[error("the answer is not TLS: write http:// in --url, or the port that speaks TLS")]
    NotTls,
    /// No application protocol in common.
    #[error("the server agreed on no HTTP version (ALPN): try without --http2")]
    NoAlpn,
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
            Self::ClientCertificate(_) | Self::Alert(_) => Cause::TlsAlert,
            Self::Truncated => Cause::Truncated,
            Self::Revoked
            | Self::BadCertificate(_)
            | Self::Incompatible(_)
            | Self::NotTls
            | Self::NoAlpn
            | Self::Closed
            | Self::Failed(_) => Cause::TlsFailed,
        }
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCertificate(e) => certificate(&e),
            Error::AlertReceived(alert) => received(alert),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                Self::Incompatible("the server has neither TLS 1.2 nor 1.3".into())
            }
            Error::PeerIncompatible(e) => Self::Incompatible(format!("{e:?}")),
            Error::NoApplicationProtocol => Self::NoAlpn,
            other => Self::Failed(other.to_string()),
        }
    }
}

fn certificate(error: &CertificateError) -> TlsError {
    match error {
        CertificateError::UnknownIssuer => TlsError::Untrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYetValid
        }
        CertificateError::NotValidForName => TlsError::WrongName {
            presented: String::new(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            presented: names(presented),
        },
        CertificateError::Revoked => TlsError::Revoked,
        // A root of the same name and another key: the wrong authority.
        CertificateError::BadSignature => TlsError::Untrusted,
        // Signed by itself, and not one of those that are trusted.
        other if is_authority(other) => TlsError::Untrusted,
        other => TlsError::BadCertificate(other.to_string()),
    }
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return " (it holds no name)".into();
    }
    let shown: Vec<&str> = presented
        .iter()
        .take(MOST_NAMES)
        .map(String::as_str)
        .collect();
    let more = presented.len().saturating_sub(MOST_NAMES);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(" (it is for {}{rest})", shown.join(", "))
}

fn received(alert: AlertDescription) -> TlsError {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion | A::InsufficientSecurity => {
            TlsError::Incompatible(format!("alert {}", name(alert)))
        }
        A::NoApplicationProtocol => TlsError::NoAlpn,
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
        _ => TlsError::Alert(name(alert)),
    }
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
