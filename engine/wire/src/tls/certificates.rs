//! Certificates and keys, out of PEM.

use super::options::{CertificateUse, TlsSetupError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates that a client trusts and shows, read before the clock starts.
#[derive(Debug, Default)]
pub struct Certificates {
    /// Roots to trust.
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// Whether a root that cannot be used is an error of the user's, as in a file that was named.
    pub(super) named: bool,
    /// The client's certificate chain and key.
    pub(super) client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Certificates {
    /// Trusts the system's roots; those that cannot be used are skipped.
    #[must_use]
    pub fn system(roots: Vec<CertificateDer<'static>>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// Trusts the certificates of a PEM file; `name` is the file's, for errors.
    ///
    /// # Errors
    /// When the text holds no certificate, or a broken one.
    pub fn trusting(name: &str, pem: &[u8]) -> Result<Self, TlsSetupError> {
        Ok(Self { roots: certificates(CertificateUse::Roots, name, pem)?, named: true, client: None })
    }

    /// Adds the client's chain and key (mTLS).
    ///
    /// # Errors
    /// When either text does not hold what it should.
    pub fn showing(mut self, cert: (&str, &[u8]), key: (&str, &[u8])) -> Result<Self, TlsSetupError> {
        let chain = certificates(CertificateUse::Client, cert.0, cert.1)?;
        self.client = Some((chain, private_key(key.0, key.1)?));
        Ok(self)
    }
}

fn certificates(
    purpose: CertificateUse,
    name: &str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let file = || name.to_owned();
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| TlsSetupError::NotPem { purpose, file: file(), why: e.to_string() })?;
    if found.is_empty() {
        return Err(TlsSetupError::NoCertificate { purpose, file: file() });
    }
    Ok(found)
}

fn private_key(name: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], &b"Proc-Type: 4,ENCRYPTED"[..]];
    if encrypted.iter().any(|mark| memchr::memmem::find(pem, mark).is_some()) {
        return Err(TlsSetupError::EncryptedKey(name.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsSetupError::NoKey(name.to_owned()))
}
