//! TLS: certificates made at the start or read from files, and what the threads need of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::error::Error;

/// The server's side of TLS. Session tickets are always given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// What it shows.
    pub certificate: Certificate,
    /// Demand a client certificate, signed by this authority.
    pub client_ca: Option<ClientCa>,
    /// Write the PEM of the generated authority here.
    pub ca_out: Option<PathBuf>,
    /// Which versions it accepts.
    pub versions: Versions,
}

/// The server's certificate. The generated ones are signed by an authority that is made at every start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Valid, for `localhost`, 127.0.0.1 and ::1.
    #[default]
    Generated,
    /// As `Generated`, and expired in 2001.
    Expired,
    /// As `Generated`, for `wrong.invalid` alone.
    WrongName,
    /// PEM files.
    Files {
        /// The certificate, followed by those between it and its authority.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// The authority that signs client certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCa {
    /// The generated authority; [`Server::client_identity`](crate::Server::client_identity) gives a certificate of it.
    Generated,
    /// A PEM file with its certificate.
    File(PathBuf),
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    All,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// A certificate and its private key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, in PEM.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: String,
}

/// One configuration for each HTTP; they share keys and tickets.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) http1: Arc<ServerConfig>,
    pub(crate) http2: Arc<ServerConfig>,
}

/// What tests may know of the generated authority.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) client: Identity,
}

/// Makes or reads the certificates.
pub(crate) fn prepare(config: &TlsConfig) -> Result<(Tls, Certificates), Error> {
    let authority = Authority::new().map_err(generation)?;
    let (chain, key) = match &config.certificate {
        Certificate::Files { cert, key } => (read_certs("tls.cert", cert)?, read_key(key)?),
        kind => {
            let identity = authority.server(kind).map_err(generation)?;
            let wrong = |e: rustls::pki_types::pem::Error| generation(e);
            let cert = CertificateDer::from_pem_slice(identity.cert_pem.as_bytes()).map_err(wrong)?;
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(wrong)?;
            (vec![cert], key)
        }
    };
    let all = [&version::TLS13, &version::TLS12];
    let versions: &[&SupportedProtocolVersion] = match config.versions {
        Versions::All => &all,
        Versions::Tls13 => &all[..1],
        Versions::Tls12 => &all[1..],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).map_err(generation)?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let certs = match ca {
                ClientCa::File(path) => read_certs("tls.client_ca", path)?,
                ClientCa::Generated => {
                    vec![CertificateDer::from_pem_slice(authority.ca_pem.as_bytes()).map_err(generation)?]
                }
            };
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certs);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| refused("tls.client_ca", e.to_string()))?)
        }
    };
    let mut http1 =
        builder.with_single_cert(chain, key).map_err(|e| refused("tls.cert", format!("does not fit its key: {e}")))?;
    http1.ticketer = rustls::crypto::ring::Ticketer::new().map_err(generation)?;
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut http2 = http1.clone();
    http2.alpn_protocols = vec![b"h2".to_vec()];
    if let Some(path) = &config.ca_out {
        std::fs::write(path, &authority.ca_pem)
            .map_err(|e| refused("tls.ca_out", format!("cannot be written ({}): {e}", path.display())))?;
    }
    let tls = Tls { http1: Arc::new(http1), http2: Arc::new(http2) };
    let client = authority.client().map_err(generation)?;
    Ok((tls, Certificates { ca_pem: authority.ca_pem, client }))
}

/// Whether the ClientHello at the start of `bytes` offers HTTP/2; `None` when it is not complete. What is no
/// ClientHello does not.
pub(crate) fn offers_h2(bytes: &[u8]) -> Option<bool> {
    let (mut acceptor, mut left) = (Acceptor::default(), bytes);
    while !left.is_empty() {
        if acceptor.read_tls(&mut left).is_err() {
            return Some(false);
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(hello)) => {
                let offered = hello.client_hello().alpn();
                return Some(offered.is_some_and(|mut names| names.any(|name| name == b"h2")));
            }
            Err(_) => return Some(false),
        }
    }
    None
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = rcgen::DnType::CommonName;
        params.distinguished_name.push(name, "ringload mock CA");
        let key = KeyPair::generate()?;
        let ca_pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, ca_pem })
    }

    fn server(&self, kind: &Certificate) -> Result<Identity, rcgen::Error> {
        let names = match kind {
            Certificate::WrongName => vec!["wrong.invalid".to_owned()],
            _ => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        };
        let mut params = CertificateParams::new(names)?;
        if *kind == Certificate::Expired {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self) -> Result<Identity, rcgen::Error> {
        let params = CertificateParams::new(vec!["client".to_owned()])?;
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Identity, rcgen::Error> {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }
}

fn read_certs(field: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(|certs| certs.collect());
    match certs {
        Ok(certs) if !certs.is_empty() => Ok(certs),
        Ok(_) => Err(refused(field, format!("{} has none", path.display()))),
        Err(e) => Err(refused(field, format!("{}: {e}", path.display()))),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| refused("tls.key", format!("{}: {e}", path.display())))
}

fn refused(field: &'static str, problem: String) -> Error {
    Error::Config { field, problem, remedy: "name a PEM file that this user may use" }
}

fn generation(error: impl std::fmt::Display) -> Error {
    Error::Config {
        field: "tls",
        problem: format!("cannot be set up: {error}"),
        remedy: "give a certificate of your own (`--tls-cert`, `--tls-key`)",
    }
}
