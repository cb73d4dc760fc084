//! HTTP/1.1 through TLS, and the delays.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringload_mock::{Certificate, ClientCa, Config, Delays, Protocol, Server, TlsConfig, start};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{chat, post};

/// A client's configuration that trusts the server's authority.
pub(crate) fn trusting(server: &Server, identified: bool, alpn: &[&str]) -> ClientConfig {
    let ca = CertificateDer::from_pem_slice(server.ca_pem().unwrap().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = if identified {
        let identity = server.client_identity().unwrap();
        let cert = CertificateDer::from_pem_slice(identity.cert_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        builder.with_client_auth_cert(vec![cert], key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// One streamed chat, to the end of the connection's response.
fn ask(server: &Server, client: ClientConfig) -> std::io::Result<(Option<Vec<u8>>, String)> {
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(server.addr())?);
    stream.write_all(post("/v1/chat/completions", &chat(r#","max_tokens":300"#)).as_bytes())?;
    let (mut text, mut space) = (Vec::new(), [0; 4096]);
    while !text.ends_with(b"0\r\n\r\n") {
        match stream.read(&mut space)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => text.extend_from_slice(&space[..count]),
        }
    }
    let alpn = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
    Ok((alpn, String::from_utf8(text).unwrap()))
}

fn secure(tls: TlsConfig, protocol: Protocol, delays: Delays) -> Server {
    start(Config { tls: Some(tls), protocol, delays, ..Config::default() }).unwrap()
}

#[test]
fn a_stream_comes_through_tls_whatever_else_the_port_speaks() {
    for protocol in [Protocol::Http1, Protocol::Auto] {
        let server = secure(TlsConfig::default(), protocol, Delays::default());
        let (alpn, text) = ask(&server, trusting(&server, false, &["http/1.1"])).unwrap();
        assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(text.matches(r#""delta":{"content""#).count(), 300);
    }
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_demanded() {
    let tls = TlsConfig { client_ca: Some(ClientCa::Generated), ..TlsConfig::default() };
    let server = secure(tls, Protocol::Http1, Delays::default());
    assert!(ask(&server, trusting(&server, false, &[])).is_err());
    assert!(ask(&server, trusting(&server, true, &[])).is_ok());
}

#[test]
fn a_certificate_that_is_expired_or_for_another_name_is_noticed() {
    for certificate in [Certificate::Expired, Certificate::WrongName] {
        let tls = TlsConfig { certificate, ..TlsConfig::default() };
        let server = secure(tls, Protocol::Http1, Delays::default());
        assert!(ask(&server, trusting(&server, false, &[])).is_err());
    }
}

#[test]
fn the_delays_follow_each_other() {
    let ms = Duration::from_millis;
    let delays = Delays { accept: ms(40), handshake: ms(50), head: ms(60) };
    let server = secure(TlsConfig::default(), Protocol::Auto, delays);
    let begun = Instant::now();
    ask(&server, trusting(&server, false, &[])).unwrap();
    assert!(begun.elapsed() >= ms(150));
}
