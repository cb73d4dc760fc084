//! Asked before the clock starts: which HTTP a secured target speaks, by one handshake, and whether the local addresses are this host's.

use super::Control;
use super::material::tls_material;
use crate::error::{Error, Result};
use crate::plan::{HttpVersion, Plan};
use crate::resolve::Resolver;
use crate::wire::tls::{Alpn, Client, Session};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::mpsc::{self, RecvTimeoutError};
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
pub(super) fn speaks(
    plan: &Plan,
    addrs: &[Vec<SockAddr>],
    control: &Control,
) -> Result<Vec<Speaks>> {
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
    let resolver = Resolver::new(&plan.network, plan.timeouts.connect)?;
    let stopped = || control.stops() > 0;
    plan.targets
        .iter()
        .zip(addrs)
        .map(|(target, addrs)| {
            let (Some(material), true) = (&material, target.tls) else {
                return Ok(Speaks::default());
            };
            // A name that is looked up for each connection is looked up for this one too.
            let found: Vec<SockAddr> = if addrs.is_empty() {
                let found = resolver.lookup(&target.host, target.port, &stopped);
                let addrs = found.map(|found| found.addrs).unwrap_or_default();
                addrs.into_iter().map(SockAddr::from).collect()
            } else {
                addrs.clone()
            };
            let other = |a: &&SockAddr| a.domain() != found[0].domain();
            let mut asked = found.first().into_iter().chain(found.iter().find(other));
            let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
            let client = Client::new(material, &plan.network.tls, &alpn, target.server_name())?;
            let agreed = asked.find_map(|addr| ask_until(&client, addr, &stopped));
            if stopped() {
                let what = format!("interrupted while `{}` was asked for its HTTP", target.host);
                return Err(Error::interrupted(what));
            }
            Ok(Speaks {
                http2: agreed == Some(Alpn::Http2),
                negotiated: agreed.is_some(),
            })
        })
        .collect()
}

/// Takes each local address once, at a port of the kernel's choice, and lets it go.
///
/// # Errors
/// The first address that is not this host's.
pub(super) fn sources(ips: &[IpAddr]) -> Result<()> {
    for ip in ips {
        let addr = SockAddr::from(SocketAddr::new(*ip, 0));
        Socket::new(addr.domain(), Type::STREAM.cloexec(), None)
            .and_then(|socket| socket.bind(&addr))
            .map_err(|e| {
                Error::environment(
                    format!("--source-ip: {ip} cannot be used ({e})"),
                    "write addresses of this host (`ip addr` shows them), or add it to an interface",
                )
            })?;
    }
    Ok(())
}

/// As [`ask`], on a thread of its own, which is left to its time-outs when `stopped` says so.
fn ask_until(client: &Client, addr: &SockAddr, stopped: &dyn Fn() -> bool) -> Option<Alpn> {
    let (client, addr) = (client.clone(), addr.clone());
    let (tell, told) = mpsc::channel();
    let asking = move || {
        // Nobody listens any more when the run was stopped.
        let _ = tell.send(ask(&client, &addr));
    };
    std::thread::Builder::new().spawn(asking).ok()?;
    while !stopped() {
        match told.recv_timeout(LOOK_UP) {
            Ok(agreed) => return agreed,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
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

/// How often a probe looks whether it is to go on.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Longest wait for each step of the handshake.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_address_that_is_not_this_hosts_is_named_before_the_run() {
        let ips = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        sources(&ips(&["127.0.0.1", "127.9.9.9"])).unwrap();
        let error = sources(&ips(&["127.0.0.1", "192.0.2.77"])).unwrap_err();
        assert_eq!(error.blame, crate::error::Blame::Environment);
        let text = error.to_string();
        assert!(
            text.contains("--source-ip") && text.contains("192.0.2.77"),
            "{text}"
        );
    }
}
