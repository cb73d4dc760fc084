//! Certificates and keys, out of PEM.

use crate::error::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a client trusts and what it shows, read before the clock starts.
#[derive(Debug, Default)]
pub struct Material {
    /// Roots to trust.
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// Whether a root that cannot be used is an error of the user's, as in a file that was named.
    pub(super) named: bool,
    /// The client's certificate chain and key.
    pub(super) client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Material {
    /// Trusts the system's roots; those that cannot be used are skipped.
    #[must_use]
    pub fn system(roots: Vec<CertificateDer<'static>>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// Trusts the certificates of a PEM file; `name` is the file's, for errors.
    ///
    /// # Errors
    /// When the text holds no certificate, or a broken one.
    pub fn trusting(name: &str, pem: &[u8]) -> Result<Self> {
        Ok(Self { roots: certificates("--cacert", name, pem)?, named: true, client: None })
    }

    /// Adds the client's chain and key (mTLS).
    ///
    /// # Errors
    /// When either text does not hold what it should.
    pub fn showing(mut self, cert: (&str, &[u8]), key: (&str, &[u8])) -> Result<Self> {
        let chain = certificates("--cert", cert.0, cert.1)?;
        self.client = Some((chain, private_key(key.0, key.1)?));
        Ok(self)
    }
}

fn certificates(flag: &str, name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let remedy =
        "name a PEM file with -----BEGIN CERTIFICATE----- blocks (openssl x509 -inform der -in FILE makes one of DER)";
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| Error::usage(format!("{flag}: {name} is not PEM ({e})"), remedy))?;
    if found.is_empty() {
        return Err(Error::usage(format!("{flag}: no certificate in {name}"), remedy));
    }
    Ok(found)
}

fn private_key(name: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], &b"Proc-Type: 4,ENCRYPTED"[..]];
    if encrypted.iter().any(|mark| memchr::memmem::find(pem, mark).is_some()) {
        return Err(Error::usage(
            format!("--key: the key in {name} is encrypted"),
            "decrypt it first: openssl pkey -in FILE -out PLAIN",
        ));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        Error::usage(
            format!("--key: no private key in {name}"),
            "name a PEM file with a -----BEGIN PRIVATE KEY----- block (PKCS#8, PKCS#1 or SEC1)",
        )
    })
}
