//! Names for exchanges beside the load (the hub, metrics, collectors): by the system's resolver, on a thread of its own
//! where there is a time-out.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::vec::IntoIter;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// What the HTTP client's own resolver does, which panics where no thread can be had (ureq 3.5.2): that is an error
/// here.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or(Error::HostNotFound)?;
        let host = DefaultResolver::host_and_port(scheme, authority).ok_or(Error::HostNotFound)?;
        let found = within(host, &timeout)?;
        let mut addrs = self.empty();
        for addr in config.ip_family().keep_wanted(found) {
            if addrs.try_push(addr).is_err() {
                break;
            }
        }
        if addrs.is_empty() { Err(Error::HostNotFound) } else { Ok(addrs) }
    }
}

/// The addresses of `host:port`.
fn within(host: String, timeout: &NextTimeout) -> Result<IntoIter<SocketAddr>, Error> {
    // Without a look-up there is nothing to wait for.
    if let Ok(addr) = host.parse::<SocketAddr>() {
        return Ok(vec![addr].into_iter());
    }
    if timeout.after.is_not_happening() {
        return Ok(host.to_socket_addrs()?);
    }
    let (found, wait) = mpsc::sync_channel(1);
    let look_up = move || drop(found.send(host.to_socket_addrs()));
    thread::Builder::new().name("names".into()).spawn(look_up).map_err(no_thread)?;
    match wait.recv_timeout(*timeout.after) {
        Ok(found) => Ok(found?),
        Err(_) => Err(Error::Timeout(timeout.reason)),
    }
}

fn no_thread(e: io::Error) -> Error {
    Error::Io(io::Error::new(e.kind(), format!("no thread to look the name up ({e}): raise `ulimit -u`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::unversioned::transport::DefaultConnector;

    #[test]
    fn names_and_addresses_are_found_and_others_are_errors() {
        let agent = |resolver| ureq::Agent::with_parts(Config::default(), DefaultConnector::default(), resolver);
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let answers = thread::Builder::new().spawn(move || {
            for _ in 0..2 {
                let (mut to, _) = server.accept().unwrap();
                io::Read::read(&mut to, &mut [0; 1024]).unwrap();
                io::Write::write_all(&mut to, b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            }
        });
        let answers = answers.unwrap();
        for host in ["127.0.0.1", "localhost"] {
            let answer = agent(SystemResolver).get(format!("http://{host}:{port}/")).call().unwrap();
            assert_eq!(answer.status(), 204, "{host}");
        }
        answers.join().unwrap();
        assert!(agent(SystemResolver).get("http://nobody.invalid/").call().is_err());
    }
}
