//! TLS records → plaintext. The records of a round are sealed by rustls' server before it: none can be opened twice.

use crate::case::{Case, Round};
use crate::samples::{LAPS, ROUND, reads, round_bytes, token};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringload_engine::wire::tls::{Certificates, Client, Session, TlsOptions};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};
use std::hint::black_box;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for each in [1, 8] {
        let reads = reads(each, token);
        let name = format!("records, {each} a record");
        cases.push(Case::new(name, ROUND, round_bytes(&reads), move || Records::new(reads.clone())));
    }
    cases
}

struct Records {
    session: Session,
    server: ServerConnection,
    plain: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

impl Round for Records {
    fn ready(&mut self) {
        let mut sealed = std::mem::take(&mut self.sealed).into_iter();
        self.sealed = std::iter::repeat_n(&self.plain, LAPS)
            .flatten()
            .map(|plain| {
                let mut record = sealed.next().unwrap_or_default();
                record.clear();
                self.server.writer().write_all(plain).expect("in memory");
                self.server.write_tls(&mut record).expect("in memory");
                record
            })
            .collect();
    }

    fn run(&mut self) {
        for record in &self.sealed {
            let opened = self.session.receive(black_box(record), |plain| {
                black_box(plain);
                ControlFlow::Continue(())
            });
            assert!(opened.is_ok());
        }
    }
}

impl Records {
    fn new(plain: Vec<Vec<u8>>) -> Self {
        let (mut session, mut server) = (client(), server());
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while session.handshaking() || server.is_handshaking() || session.has_output() {
            up.clear();
            session.take_output(&mut up);
            let mut rest = &up[..];
            while !rest.is_empty() {
                server.read_tls(&mut rest).expect("in memory");
                server.process_new_packets().expect("a good handshake");
            }
            down.clear();
            while server.wants_write() {
                server.write_tls(&mut down).expect("in memory");
            }
            session.receive(&down, |_| ControlFlow::Continue(())).expect("a good handshake");
        }
        Self { session, server, plain, sealed: Vec::new() }
    }
}

fn client() -> Session {
    let options = TlsOptions { insecure: true, ..TlsOptions::default() };
    Client::new(&Certificates::system(Vec::new()), &options, &[], NAME)
        .expect("the options are constants")
        .session()
        .expect("the machine has randomness")
}

fn server() -> ServerConnection {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).expect("a plain name");
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .expect("its own key");
    ServerConnection::new(Arc::new(config)).expect("a good configuration")
}

const NAME: &str = "server.example";
