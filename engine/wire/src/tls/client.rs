//! What all connections to one server name share.

use super::certificates::Certificates;
use super::error::{Offered, TlsError};
use super::options::{TlsOptions, TlsSetupError};
use super::session::Session;
use super::tickets::Tickets;
use super::verifier::{AnyCertificate, Trusted};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, InconsistentKeys, RootCertStore, SupportedProtocolVersion};
use std::sync::Arc;

/// The TLS client of one server name: made once in a run, shared by its connections and their workers.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// `None` accepts any outcome of ALPN; else the one protocol that must come out of it.
    required: Option<Vec<u8>>,
    offered: Offered,
    verified: bool,
}

impl Client {
    /// A client that offers `alpn`, best first, and asks for `server_name` unless the options name another.
    ///
    /// A single protocol in `alpn` other than `http/1.1` is required: a server that chooses none fails the handshake.
    ///
    /// # Errors
    /// When the options contradict each other, the name cannot stand in a certificate, no root is usable, or key and
    /// certificate do not belong together.
    pub fn new(
        certificates: &Certificates,
        options: &TlsOptions,
        alpn: &[&[u8]],
        server_name: &str,
    ) -> Result<Self, TlsSetupError> {
        let name = options.server_name.as_deref().unwrap_or(server_name);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsSetupError::BadName(name.to_owned()))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(options)?)
            .map_err(|e| TlsSetupError::provider("no TLS version can be offered", e))?;
        let builder = if options.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        } else {
            let roots = Arc::new(roots(certificates)?);
            let usual = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|e| TlsSetupError::provider("no certificate can be checked", e))?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Trusted { usual, roots: certificates.roots.clone() }))
        };
        let mut config = match &certificates.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|e| unfit(&e))?
            }
        };
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        config.resumption =
            if options.resumption { Resumption::store(Arc::new(Tickets::default())) } else { Resumption::disabled() };
        Ok(Self {
            config: Arc::new(config),
            name,
            required: match alpn {
                [only] if *only != b"http/1.1" => Some(only.to_vec()),
                _ => None,
            },
            offered: Offered {
                certificate: certificates.client.is_some(),
                http1: alpn.contains(&b"http/1.1".as_slice()),
                http2: alpn.contains(&b"h2".as_slice()),
                min_1_3: options.min_1_3,
                max_1_2: options.max_1_2,
            },
            verified: !options.insecure,
        })
    }

    /// The session of a new connection; its first output is the ClientHello.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn session(&self) -> Result<Session, TlsError> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|e| TlsError::Failed(e.to_string()))?;
        Ok(Session::new(connection, self.required.clone(), self.offered, self.verified))
    }
}

fn versions(options: &TlsOptions) -> Result<Vec<&'static SupportedProtocolVersion>, TlsSetupError> {
    match (options.min_1_3, options.max_1_2) {
        (false, false) => Ok(vec![&TLS13, &TLS12]),
        (true, false) => Ok(vec![&TLS13]),
        (false, true) => Ok(vec![&TLS12]),
        (true, true) => Err(TlsSetupError::NoVersion),
    }
}

fn roots(certificates: &Certificates) -> Result<RootCertStore, TlsSetupError> {
    let mut store = RootCertStore::empty();
    for root in &certificates.roots {
        match store.add(root.clone()) {
            Err(e) if certificates.named => return Err(TlsSetupError::BadRoot(e.to_string())),
            _ => {}
        }
    }
    if store.is_empty() { Err(TlsSetupError::NoRoots) } else { Ok(store) }
}

fn unfit(error: &rustls::Error) -> TlsSetupError {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsSetupError::KeyMismatch,
        other => TlsSetupError::BadClientCertificate(other.to_string()),
    }
}
