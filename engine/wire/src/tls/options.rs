//! How TLS is set up, and why that may fail.

use std::fmt;

/// The TLS options of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Name to ask for and to check, instead of the server's own.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub insecure: bool,
    /// TLS 1.3 at least.
    pub min_1_3: bool,
    /// TLS 1.2 at most.
    pub max_1_2: bool,
    /// Resume sessions where the server allows it.
    pub resumption: bool,
}

impl Default for TlsOptions {
    /// Certificates are checked, TLS 1.2 and 1.3 are offered, and sessions are resumed.
    fn default() -> Self {
        Self { server_name: None, insecure: false, min_1_3: false, max_1_2: false, resumption: true }
    }
}

/// The certificates that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateUse {
    /// The roots to trust.
    Roots,
    /// The client's own chain.
    Client,
}

/// The reason why a client of TLS cannot be set up. Names of files and servers are shown, what is in a file never is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsSetupError {
    /// A file of certificates is not PEM.
    #[error("{file} is not PEM ({why})")]
    NotPem {
        /// What it is read for.
        purpose: CertificateUse,
        /// Its name.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file holds no certificate.
    #[error("no certificate in {file}")]
    NoCertificate {
        /// What it is read for.
        purpose: CertificateUse,
        /// Its name.
        file: String,
    },
    /// The client's key in the file of this name is encrypted.
    #[error("the key in {0} is encrypted")]
    EncryptedKey(String),
    /// The file of this name holds no private key.
    #[error("no private key in {0}")]
    NoKey(String),
    /// The client's key is not that of its certificate.
    #[error("the client's key does not match its certificate")]
    KeyMismatch,
    /// The client's certificate and key cannot be used.
    #[error("the client's certificate and key cannot be used ({0})")]
    BadClientCertificate(String),
    /// A certificate in a file of roots cannot be one.
    #[error("a certificate cannot be a root ({0})")]
    BadRoot(String),
    /// No root is trusted, and certificates are to be checked.
    #[error("there are no trusted certificates")]
    NoRoots,
    /// The server's name cannot stand in a certificate.
    #[error("`{0}` is not a name that a certificate can hold")]
    BadName(String),
    /// [`TlsOptions::min_1_3`] with [`TlsOptions::max_1_2`].
    #[error("TLS 1.3 at least and 1.2 at most leaves no version")]
    NoVersion,
    /// The cryptography cannot do what is asked of it.
    #[error("{0}")]
    Provider(String),
}

impl TlsSetupError {
    pub(super) fn provider(what: &str, why: impl fmt::Display) -> Self {
        Self::Provider(format!("{what} ({why})"))
    }
}
