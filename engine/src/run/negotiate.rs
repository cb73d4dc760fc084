//! Asked before the clock starts: which HTTP a secured target speaks, by one handshake, and whether the local addresses
//! are this host's.

use super::Control;
use super::certificates::{tls_certificates, tls_client};
use crate::error::{Error, Result};
use crate::plan::{HttpVersion, Plan};
use crate::resolve::Resolver;
use crate::setting::Setting::{Http1, Http2, SourceIps};
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
    /// Of several addresses some speak HTTP/2, and others HTTP/1.1 only.
    pub(super) mixed: bool,
    /// No address has answered.
    pub(super) unanswered: bool,
}

impl Speaks {
    /// What the reader of the report has to know of the choice.
    pub(super) fn note(self) -> Option<String> {
        if self.mixed {
            return Some("its addresses differ: some speak HTTP/2, others HTTP/1.1 only".into());
        }
        self.unanswered.then(|| format!("no address answered when ALPN was asked for HTTP/2: write {Http2} or {Http1}"))
    }
}

/// Per target: which HTTP is spoken with it. Under [`HttpVersion::Auto`] a secured target is asked, by ALPN on a
/// connection of its own that is closed at once. One that does not answer in order is taken for HTTP/1.1: the run
/// itself will say what is wrong with it.
///
/// # Errors
/// When the files of TLS are not what they should be.
pub(super) fn speaks(plan: &Plan, addrs: &[Vec<SockAddr>], control: &Control) -> Result<Vec<Speaks>> {
    let told = |http2| {
        let told = Speaks { http2, ..Speaks::default() };
        Ok(vec![told; addrs.len()])
    };
    match plan.network.http {
        HttpVersion::Http1 => return told(false),
        HttpVersion::Http2 => return told(true),
        HttpVersion::Auto => {}
    }
    let certificates = tls_certificates(plan)?;
    let resolver = Resolver::new(&plan.network, plan.timeouts.connect)?;
    let stopped = || control.stops() > 0;
    plan.targets
        .iter()
        .zip(addrs)
        .map(|(target, addrs)| {
            let (Some(certificates), true) = (&certificates, target.tls) else {
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
            let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
            let client = tls_client(certificates, plan, &alpn, target)?;
            let said = ask_all(&client, &found, &stopped);
            if stopped() {
                let what = format!("interrupted while `{}` was asked for its HTTP", target.host);
                return Err(Error::interrupted(what));
            }
            Ok(agreed(&said))
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
        Socket::new(addr.domain(), Type::STREAM.cloexec(), None).and_then(|socket| socket.bind(&addr)).map_err(
            |e| {
                Error::environment(
                    format!("{SourceIps}: {ip} cannot be used ({e})"),
                    "write addresses of this host (`ip addr` shows them), or add it to an interface",
                )
            },
        )?;
    }
    Ok(())
}

/// What each address agrees to; `None` where one does not answer in order. All are asked at once, some at a time, each
/// on a thread of its own, which is left to its time-outs when `stopped` says so.
fn ask_all(client: &Client, addrs: &[SockAddr], stopped: &dyn Fn() -> bool) -> Vec<Option<Alpn>> {
    let mut said = Vec::new();
    for some in addrs.chunks(AT_A_TIME) {
        let (tell, told) = mpsc::channel();
        for addr in some {
            let (client, addr, tell) = (client.clone(), addr.clone(), tell.clone());
            let asking = move || {
                // Nobody listens any more when the run was stopped.
                let _ = tell.send(ask(&client, &addr));
            };
            // Without a thread the address is one that does not answer.
            drop(std::thread::Builder::new().spawn(asking));
        }
        drop(tell);
        while !stopped() {
            match told.recv_timeout(LOOK_UP) {
                Ok(agreed) => said.push(agreed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }
    said
}

/// What is spoken with a target whose addresses said so: HTTP/2 if all that answered speak it, and HTTP/1.1, which all
/// of them take, if they differ.
fn agreed(said: &[Option<Alpn>]) -> Speaks {
    let answered = said.iter().flatten();
    let http2 = answered.clone().filter(|alpn| **alpn == Alpn::Http2).count();
    let all = answered.count();
    Speaks {
        http2: all > 0 && http2 == all,
        negotiated: all > 0,
        mixed: http2 > 0 && http2 < all,
        unanswered: all == 0,
    }
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
/// Addresses that are asked at a time.
const AT_A_TIME: usize = 16;
/// Longest wait for each step of the handshake.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_what_all_addresses_that_answer_take() {
        let two = Some(Alpn::Http2);
        let one = Some(Alpn::Http1);
        for (said, http2, mixed, unanswered) in [
            (&[two][..], true, false, false),
            (&[None, two, None], true, false, false),
            (&[one, None], false, false, false),
            (&[two, one], false, true, false),
            (&[None, None], false, false, true),
            (&[], false, false, true),
        ] {
            let speaks = agreed(said);
            assert_eq!((speaks.http2, speaks.mixed, speaks.unanswered), (http2, mixed, unanswered), "{said:?}");
            assert_eq!(speaks.negotiated, !unanswered);
        }
    }

    #[test]
    fn a_local_address_that_is_not_this_hosts_is_named_before_the_run() {
        let ips = |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        sources(&ips(&["127.0.0.1", "127.9.9.9"])).unwrap();
        let error = sources(&ips(&["127.0.0.1", "192.0.2.77"])).unwrap_err();
        assert_eq!(error.blame, crate::error::Blame::Environment);
        let text = error.to_string();
        assert!(text.contains("`plan.network.source_ips`") && text.contains("192.0.2.77"), "{text}");
    }
}
