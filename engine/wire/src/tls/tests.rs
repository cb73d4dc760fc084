//! The client against rustls' server, in memory.

mod broken;
mod setup;

use super::{Alpn, CertificateUse, Certificates, Client, Session, TlsError, TlsOptions, TlsSetupError, Version};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

/// Certificate and key, in PEM.
fn leaf(authority: &Authority, edit: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["server.example".into()]).unwrap();
    edit(&mut params);
    let cert = params.signed_by(&key, &authority.issuer).unwrap();
    (cert.pem(), key.serialize_pem())
}

#[derive(Clone, Copy)]
struct Peer<'a> {
    version: Option<Version>,
    clients: Option<&'a Authority>,
    alpn: &'a [&'a [u8]],
}

const ANY: Peer<'static> = Peer { version: None, clients: None, alpn: &[] };

fn server(leaf: &(String, String), peer: Peer<'_>) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let versions = match peer.version {
        None => vec![&TLS13, &TLS12],
        Some(Version::Tls12) => vec![&TLS12],
        Some(Version::Tls13) => vec![&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions).unwrap();
    let builder = match peer.clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(leaf.0.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.1.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = peer.alpn.iter().map(|p| p.to_vec()).collect();
    Arc::new(config)
}

fn client(ca: &str, edit: impl FnOnce(&mut TlsOptions), alpn: &[&[u8]]) -> Client {
    let mut options = TlsOptions::default();
    edit(&mut options);
    let certificates = Certificates::trusting("ca.pem", ca.as_bytes()).unwrap();
    Client::new(&certificates, &options, alpn, "server.example").unwrap()
}

/// Moves bytes both ways until both sides are quiet; what the client read. The server answers each `?` with `answer`.
fn talk(
    session: &mut Session,
    server: &mut ServerConnection,
    split: usize,
    answer: &[u8],
) -> Result<Vec<u8>, TlsError> {
    let mut plain = Vec::new();
    server.set_buffer_limit(None);
    loop {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        session.take_output(&mut up);
        let mut rest = &up[..];
        while !rest.is_empty() && server.read_tls(&mut rest).unwrap() > 0 {
            if server.process_new_packets().is_err() {
                break;
            }
            let mut asked = [0; 64];
            if matches!(server.reader().read(&mut asked), Ok(n) if asked[..n].contains(&b'?')) {
                server.writer().write_all(answer).unwrap();
            }
        }
        while server.wants_write() {
            server.write_tls(&mut down).unwrap();
        }
        if up.is_empty() && down.is_empty() {
            return Ok(plain);
        }
        for piece in down.chunks(split) {
            session.receive(piece, |bytes| {
                plain.extend_from_slice(bytes);
                ControlFlow::Continue(())
            })?;
        }
    }
}

fn meet(client: &Client, config: &Arc<ServerConfig>) -> (Session, ServerConnection, Result<Vec<u8>, TlsError>) {
    let mut session = client.session().unwrap();
    let mut server = ServerConnection::new(Arc::clone(config)).unwrap();
    session.send(b"?").unwrap();
    let outcome = talk(&mut session, &mut server, 1 << 20, b"yes");
    (session, server, outcome)
}

fn refused(client: &Client, config: &Arc<ServerConfig>) -> TlsError {
    let (mut session, _, outcome) = meet(client, config);
    let error = outcome.unwrap_err();
    session.take_output(&mut Vec::new());
    error
}

#[test]
fn any_split_of_the_ciphertext_gives_the_same_plaintext() {
    let ca = authority();
    let answer: Vec<u8> = (0..300_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    for version in [Version::Tls12, Version::Tls13] {
        let config = server(&leaf(&ca, |_| {}), Peer { version: Some(version), alpn: &[b"h2", b"http/1.1"], ..ANY });
        for split in [1, 2, 5, 1000, 4096, 16_400, 1 << 20] {
            let mut session = client(&ca.pem, |_| {}, &[b"h2", b"http/1.1"]).session().unwrap();
            let mut peer = ServerConnection::new(Arc::clone(&config)).unwrap();
            assert!(session.handshaking() && session.facts().is_none());
            session.send(b"?").unwrap();
            let plain = talk(&mut session, &mut peer, split, &answer).unwrap();
            assert!(plain == answer, "{version:?} in pieces of {split}");
            let facts = session.facts().unwrap();
            assert_eq!((facts.version, facts.alpn), (version, Alpn::Http2));
            assert!(!facts.resumed && facts.verified && facts.cipher.starts_with("TLS"));
        }
    }
}

#[test]
fn much_plaintext_is_sent_whole() {
    let ca = authority();
    let config = server(&leaf(&ca, |_| {}), ANY);
    let mut session = client(&ca.pem, |_| {}, &[]).session().unwrap();
    let mut peer = ServerConnection::new(config).unwrap();
    let body = vec![b'x'; 500_000];
    session.send(&body).unwrap();
    let mut got = 0;
    loop {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        session.take_output(&mut up);
        let mut rest = &up[..];
        while !rest.is_empty() && peer.read_tls(&mut rest).unwrap() > 0 {
            peer.process_new_packets().unwrap();
            let mut read = [0; 32 << 10];
            while let Ok(n @ 1..) = peer.reader().read(&mut read) {
                got += n;
            }
        }
        while peer.wants_write() {
            peer.write_tls(&mut down).unwrap();
        }
        if up.is_empty() && down.is_empty() {
            break;
        }
        session.receive(&down, |_| ControlFlow::Continue(())).unwrap();
    }
    assert_eq!(got, body.len());
}

#[test]
fn certificates_are_refused_each_for_its_own_reason() {
    let (ca, other) = (authority(), authority());
    let trusting = client(&ca.pem, |_| {}, &[]);
    let insecure = client(&ca.pem, |t| t.insecure = true, &[]);
    let unknown = server(&leaf(&other, |_| {}), ANY);
    let expired = server(
        &leaf(&ca, |p| {
            p.not_before = date_time_ymd(2001, 1, 1);
            p.not_after = date_time_ymd(2002, 1, 1);
        }),
        ANY,
    );
    let future = server(
        &leaf(&ca, |p| {
            p.not_before = date_time_ymd(3000, 1, 1);
            p.not_after = date_time_ymd(3001, 1, 1);
        }),
        ANY,
    );
    let wrong = server(
        &leaf(&ca, |p| {
            *p = CertificateParams::new(vec!["other.example".into()]).unwrap();
        }),
        ANY,
    );
    for (config, error) in [
        (&unknown, TlsError::Untrusted),
        (&expired, TlsError::Expired),
        (&future, TlsError::NotYetValid),
        (&wrong, TlsError::WrongName { presented: Some(vec!["other.example".into()]) }),
    ] {
        assert_eq!(refused(&trusting, config), error);
    }
    for config in [&unknown, &expired, &future, &wrong] {
        let (session, _, outcome) = meet(&insecure, config);
        assert_eq!(outcome.unwrap(), b"yes");
        assert!(!session.facts().unwrap().verified);
    }
    let named = client(&ca.pem, |t| t.server_name = Some("other.example".into()), &[]);
    assert_eq!(meet(&named, &wrong).2.unwrap(), b"yes");
}

#[test]
fn the_clients_certificate_is_shown_where_it_is_asked_for() {
    let (ca, other) = (authority(), authority());
    let own = leaf(&ca, |_| {});
    let foreign = leaf(&other, |_| {});
    let showing = |pair: &(String, String)| {
        let certificates = Certificates::trusting("ca.pem", ca.pem.as_bytes())
            .unwrap()
            .showing(("c.pem", pair.0.as_bytes()), ("k.pem", pair.1.as_bytes()))
            .unwrap();
        Client::new(&certificates, &TlsOptions::default(), &[], "server.example").unwrap()
    };
    for version in [Version::Tls12, Version::Tls13] {
        let config = server(&leaf(&ca, |_| {}), Peer { version: Some(version), clients: Some(&ca), ..ANY });
        assert_eq!(meet(&showing(&own), &config).2.unwrap(), b"yes");
        for bad in [client(&ca.pem, |_| {}, &[]), showing(&foreign)] {
            let error = refused(&bad, &config);
            assert!(matches!(error, TlsError::ClientCertificate(_)), "{version:?}: {error}");
        }
    }
}

#[test]
fn sessions_are_resumed_unless_that_is_off() {
    let ca = authority();
    for version in [Version::Tls12, Version::Tls13] {
        let config = server(&leaf(&ca, |_| {}), Peer { version: Some(version), ..ANY });
        let on = client(&ca.pem, |_| {}, &[]);
        let off = client(&ca.pem, |t| t.resumption = false, &[]);
        let resumed = |client: &Client| {
            let (session, _, outcome) = meet(client, &config);
            outcome.unwrap();
            session.facts().unwrap().resumed
        };
        assert_eq!([resumed(&on), resumed(&on), resumed(&on)], [false, true, true], "{version:?}");
        assert_eq!([resumed(&off), resumed(&off)], [false, false]);
    }
}

#[test]
fn many_connections_at_once_resume_as_many_tickets() {
    let ca = authority();
    let config = server(&leaf(&ca, |_| {}), ANY);
    let client = client(&ca.pem, |_| {}, &[]);
    for _ in 0..20 {
        // Opened before any is closed; each full handshake leaves two tickets or more.
        meet(&client, &config).2.unwrap();
    }
    let mut open: Vec<_> = (0..16).map(|_| client.session().unwrap()).collect();
    for session in &mut open {
        let mut peer = ServerConnection::new(Arc::clone(&config)).unwrap();
        talk(session, &mut peer, 1 << 20, b"").unwrap();
        assert!(session.facts().unwrap().resumed);
    }
}

#[test]
fn versions_and_protocols_that_do_not_meet_are_told_apart() {
    let ca = authority();
    let pair = leaf(&ca, |_| {});
    let only = |version| server(&pair, Peer { version: Some(version), ..ANY });
    for (client, config) in [
        (client(&ca.pem, |t| t.max_1_2 = true, &[]), only(Version::Tls13)),
        (client(&ca.pem, |t| t.min_1_3 = true, &[]), only(Version::Tls12)),
    ] {
        let error = refused(&client, &config);
        assert!(matches!(error, TlsError::Incompatible { .. }), "{error}");
    }
    let limited = client(&ca.pem, |t| t.max_1_2 = true, &[]);
    let (session, ..) = meet(&limited, &server(&pair, ANY));
    assert_eq!(session.facts().unwrap().version, Version::Tls12);

    let h2 = client(&ca.pem, |_| {}, &[b"h2"]);
    let http1: &[&[u8]] = &[b"http/1.1"];
    let other = Peer { alpn: http1, ..ANY };
    for protocols in [other, ANY] {
        let error = refused(&h2, &server(&pair, protocols));
        assert!(matches!(error, TlsError::NoAlpn { .. }), "{error}");
    }
    let either = client(&ca.pem, |_| {}, &[b"h2", b"http/1.1"]);
    let (session, ..) = meet(&either, &server(&pair, ANY));
    assert_eq!(session.facts().unwrap().alpn, Alpn::None);
    let (session, ..) = meet(&either, &server(&pair, other));
    assert_eq!(session.facts().unwrap().alpn, Alpn::Http1);
}

#[test]
fn what_is_not_tls_is_said_to_be_no_tls() {
    let ca = authority();
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\x12\x04\0"] {
        let mut session = client(&ca.pem, |_| {}, &[]).session().unwrap();
        let error = session.receive(answer, |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(error, TlsError::NotTls);
    }
}

#[test]
fn the_end_of_a_connection_means_what_was_said_before_it() {
    let ca = authority();
    let config = server(&leaf(&ca, |_| {}), ANY);
    let client = client(&ca.pem, |_| {}, &[]);
    assert_eq!(client.session().unwrap().end(), Err(TlsError::Closed));
    let (mut session, mut peer, _) = meet(&client, &config);
    assert_eq!(session.end(), Err(TlsError::Truncated));
    peer.send_close_notify();
    assert_eq!(talk(&mut session, &mut peer, 1, b"").unwrap(), b"");
    assert!(session.peer_closed());
    assert_eq!(session.end(), Ok(()));
    session.close_notify();
    assert!(session.has_output());
    let mut out = Vec::new();
    session.take_output(&mut out);
    assert!(!out.is_empty() && !session.has_output());
}
