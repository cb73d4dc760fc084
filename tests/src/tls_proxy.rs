//! TLS in front of a plain server, with a certificate of one's choice.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The options of a proxy.
#[derive(Clone)]
pub struct ProxyOptions {
    /// The name in its certificate.
    pub name: &'static str,
    /// Whether the certificate has run out.
    pub expired: bool,
    /// Whether the certificate is signed by itself and calls itself an authority, as `openssl req -x509` makes them.
    pub own: bool,
    /// Whether it wants a certificate of the client.
    pub demanding: bool,
    /// Versions of TLS.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether it agrees on HTTP/2 by ALPN; otherwise it knows no ALPN.
    pub http2: bool,
    /// How long it waits before it answers the ClientHello.
    pub handshake_delay: Duration,
    /// How it ends a connection that the plain server has ended.
    pub ending: Ending,
    /// How many reads of the plain server it passes on at once; what comes later leaves with the end, in one write.
    pub passes: usize,
}

/// How a connection under TLS ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order: `close_notify`.
    Notified,
    /// With a fatal alert.
    Alert,
    /// With the end of the TCP connection alone.
    Bare,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            name: "localhost",
            expired: false,
            own: false,
            demanding: false,
            versions: vec![&rustls::version::TLS12, &rustls::version::TLS13],
            http2: false,
            handshake_delay: Duration::ZERO,
            ending: Ending::Notified,
            passes: usize::MAX,
        }
    }
}

/// A TLS listener in front of a plain server; dropping it ends it.
pub struct TlsProxy {
    addr: SocketAddr,
    files: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl TlsProxy {
    /// A proxy in front of `backend`.
    ///
    /// # Panics
    /// When no port, folder or certificate can be had.
    #[must_use]
    pub fn of(backend: SocketAddr, options: &ProxyOptions) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let config = Arc::new(config(options, &files));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (stop, connections) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let proxy = Self { addr, files, stop: stop.clone(), connections: Arc::clone(&connections) };
        let (delay, ending) = (options.handshake_delay, (options.ending, options.passes));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                connections.fetch_add(1, Ordering::AcqRel);
                let (config, stop) = (config.clone(), stop.clone());
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    // What ends a connection is the client's to notice.
                    let _ = relay(&client, backend, config, ending, &stop);
                });
            }
        });
        proxy
    }

    /// Its URL, by the name that is in a proper certificate.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }

    /// PEM file of the authority that signed its certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// PEM files of a certificate that it accepts from clients, and of the key.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        let dir = self.files.path();
        (dir.join("client.pem"), dir.join("client.key"))
    }

    /// Connections accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the acceptor; if nothing can connect, it has ended.
        let _ = TcpStream::connect(self.addr);
    }
}

fn config(options: &ProxyOptions, files: &tempfile::TempDir) -> ServerConfig {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "ringload tests");
    let key = KeyPair::generate().expect("a key");
    let root = authority.self_signed(&key).expect("a root");
    let issuer = Issuer::new(authority, key);
    let sign = |name: &str, purpose, expired| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.extended_key_usages.push(purpose);
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &issuer).expect("a certificate");
        (cert, key)
    };
    let (cert, key) = if options.own {
        own(options)
    } else {
        sign(options.name, ExtendedKeyUsagePurpose::ServerAuth, options.expired)
    };
    let root = if options.own { cert.clone() } else { root };
    let (client, client_key) = sign("client", ExtendedKeyUsagePurpose::ClientAuth, false);
    for (name, text) in
        [("ca.pem", root.pem()), ("client.pem", client.pem()), ("client.key", client_key.serialize_pem())]
    {
        std::fs::write(files.path().join(name), text).expect("a file");
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&options.versions)
        .expect("versions");
    let builder = if options.demanding {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let chain: Vec<CertificateDer<'static>> = vec![cert.der().clone()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = builder.with_single_cert(chain, key).expect("a server's certificate");
    if options.http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    config.ticketer = ring::Ticketer::new().expect("tickets");
    config
}

/// A certificate that is its own authority.
fn own(options: &ProxyOptions) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![options.name.to_owned()]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if options.expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate"), key)
}

/// Relays bytes between a client under TLS and a plain server until one of them ends.
fn relay(
    mut client: &TcpStream,
    backend: SocketAddr,
    config: Arc<ServerConfig>,
    (ending, passes): (Ending, usize),
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.set_buffer_limit(None);
    client.set_nodelay(true)?;
    let handshake = tls.complete_io(&mut client);
    if let Err(e) = handshake {
        // The alert that says what was wrong; a close with bytes unread would reset the connection and take the alert
        // with it.
        let _ = tls.write_tls(&mut client);
        client.shutdown(std::net::Shutdown::Write)?;
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut rest = [0; 4096];
        while client.read(&mut rest)? > 0 {}
        return Err(e);
    }
    let mut plain = TcpStream::connect(backend)?;
    plain.set_nodelay(true)?;
    plain.set_nonblocking(true)?;
    client.set_nonblocking(true)?;
    let mut buffer = vec![0; 64 << 10];
    let mut reads = 0;
    while !stop.load(Ordering::Acquire) {
        let mut moved = 0;
        if let Some(n) = ready(tls.read_tls(&mut client))? {
            if n == 0 {
                return Ok(());
            }
            moved += n;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
        while let Some(n) = ready(tls.reader().read(&mut buffer))? {
            if n == 0 {
                return Ok(());
            }
            plain.set_nonblocking(false)?;
            plain.write_all(&buffer[..n])?;
            plain.set_nonblocking(true)?;
        }
        if let Some(n) = ready(plain.read(&mut buffer))? {
            if n == 0 {
                match ending {
                    Ending::Notified => tls.send_close_notify(),
                    Ending::Bare => {}
                    Ending::Alert => {
                        // What cannot be a record of TLS: it answers with the alert that says so.
                        tls.read_tls(&mut &b"\xff\xff\xff\xff\xff\xff\xff\xff"[..])?;
                        let _ = tls.process_new_packets();
                    }
                }
                while tls.wants_write() {
                    ready(tls.write_tls(&mut client))?;
                }
                return Ok(());
            }
            moved += n;
            reads += 1;
            tls.writer().write_all(&buffer[..n])?;
        }
        while reads <= passes && tls.wants_write() && ready(tls.write_tls(&mut client))?.is_some() {}
        if moved == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    Ok(())
}

fn ready(outcome: io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(n) => Ok(Some(n)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}
