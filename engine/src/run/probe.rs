//! Which HTTP a secured target speaks: one handshake before the clock starts.

use super::material::tls_material;
use crate::error::Result;
use crate::plan::{HttpVersion, Plan};
use crate::resolve::Resolver;
use crate::wire::tls::{Alpn, Client, Session};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::time::Duration;

/// Which HTTP is spoken with a target.
#[derive(Clone, Copy, Default)]
pub(super) struct Speaks {
    /// HTTP/2, else HTTP/1.1.
    pub(super) http2: bool,
    /// A handshake has said so.
    pub(super) negotiated: bool,
}

/// Per target: which HTTP is spoken with it. Under [`HttpVersion::Auto`] a secured target is asked, by ALPN on a connection of its
/// own that is closed at once. One that does not answer in order is taken for HTTP/1.1: the run itself will say what is wrong with it.
///
/// # Errors
/// When the files of TLS are not what they should be.
pub(super) fn speaks(plan: &Plan, addrs: &[Vec<SockAddr>]) -> Result<Vec<Speaks>> {
    let told = |http2| {
        let told = Speaks {
            http2,
            negotiated: false,
        };
        Ok(vec![told; addrs.len()])
    };
    match plan.network.http {
        HttpVersion::Http1 => return told(false),
        HttpVersion::Http2 => return told(true),
        HttpVersion::Auto => {}
    }
    let material = tls_material(plan)?;
    let resolver = Resolver::new(&plan.network)?;
    plan.targets
        .iter()
        .zip(addrs)
        .map(|(target, addrs)| {
            let (Some(material), true) = (&material, target.tls) else {
                return Ok(Speaks::default());
            };
            // A name that is looked up for each connection is looked up for this one too.
            let found = match addrs.first() {
                Some(addr) => Some(addr.clone()),
                None => resolver
                    .lookup(&target.host, target.port)
                    .ok()
                    .and_then(|found| found.addrs.first().map(|addr| SockAddr::from(*addr))),
            };
            let Some(addr) = found else {
                return Ok(Speaks::default());
            };
            let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
            let client = Client::new(material, &plan.network.tls, &alpn, &target.host)?;
            let agreed = ask(&client, &addr);
            Ok(Speaks {
                http2: agreed == Some(Alpn::Http2),
                negotiated: agreed.is_some(),
            })
        })
        .collect()
}

fn ask(client: &Client, addr: &SockAddr) -> Option<Alpn> {
    let mut session = client.session().ok()?;
    let domain = addr.domain();
    let mut socket = Socket::new(domain, Type::STREAM.cloexec(), None).ok()?;
    if domain == Domain::UNIX {
        socket.connect(addr).ok()?;
    } else {
        socket.connect_timeout(addr, PATIENCE).ok()?;
    }
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut buffer = [0; 4096];
    write(&mut socket, &mut session)?;
    while session.handshaking() {
        let n = socket.read(&mut buffer).ok().filter(|n| *n > 0)?;
        let read = session.receive(&buffer[..n], |_| ControlFlow::Continue(()));
        write(&mut socket, &mut session)?;
        read.ok()?;
    }
    let agreed = session.facts().map(|facts| facts.alpn);
    session.close_notify();
    write(&mut socket, &mut session)?;
    agreed
}

fn write(socket: &mut Socket, session: &mut Session) -> Option<()> {
    let mut out = Vec::new();
    session.take_output(&mut out);
    socket.write_all(&out).ok()
}

/// Longest wait for each step of the handshake.
const PATIENCE: Duration = Duration::from_secs(5);
