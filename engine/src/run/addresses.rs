//! Where the targets are, looked up before the clock starts.

use super::Control;
use crate::error::{Error, Result};
use crate::plan::{Dns, Plan};
use crate::resolve::{Answer, Resolver};
use crate::setting::Setting::Targets;
use socket2::SockAddr;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Per target: where it is; empty where that is asked for each connection.
pub(super) fn addresses(plan: &Plan, control: &Control) -> Result<Vec<Vec<SockAddr>>> {
    let found = locate(plan, control)?;
    plan.targets
        .iter()
        .zip(found)
        .map(|(target, answer)| match (&target.unix, answer) {
            (Some(path), _) => SockAddr::unix(path).map(|a| vec![a]).map_err(|e| {
                Error::usage(
                    format!("{Targets}: `{}` is not a socket's path ({e})", path.display()),
                    "write unix:/path, of at most 107 bytes",
                )
            }),
            (None, answer) => Ok(answer.map_or_else(Vec::new, |a| a.addrs).into_iter().map(SockAddr::from).collect()),
        })
        .collect()
}

/// Where each target is, looked up now, in the order of the plan; `None` for a Unix socket, and for a name that is to
/// be looked up during the run.
///
/// # Errors
/// When a name has no address, is not found within the time for a connection, or `control` stops; the error names it
/// and what to do.
pub fn locate(plan: &Plan, control: &Control) -> Result<Vec<Option<Answer>>> {
    let resolver = Resolver::new(&plan.network, plan.timeouts.connect)?;
    let stopped = || control.stops() > 0;
    plan.targets
        .iter()
        .map(|target| {
            let named = target.host.parse::<IpAddr>().is_err();
            let later = named && plan.network.dns != Dns::Once;
            if target.unix.is_some() || later {
                return Ok(None);
            }
            let mut answer = resolver.lookup(&target.host, target.port, &stopped)?;
            if let Some(zone) = &target.zone {
                in_zone(&mut answer, zone)?;
            }
            Ok(Some(answer))
        })
        .collect()
}

/// Gives link-local addresses the zone that the URL names: the number of an interface, or its name as this host has it.
fn in_zone(answer: &mut Answer, zone: &str) -> Result<()> {
    for addr in &mut answer.addrs {
        let SocketAddr::V6(addr) = addr else { continue };
        // The C library reads an address with a zone as it is: no name server is asked.
        let found = (format!("{}%{zone}", addr.ip()), addr.port()).to_socket_addrs();
        let found = found.ok().and_then(|mut all| all.next());
        let Some(SocketAddr::V6(found)) = found else {
            return Err(Error::usage(
                format!("{Targets}: this host has no interface `{zone}`"),
                "write the name or the number of an interface after the % (`ip link` lists them)",
            ));
        };
        addr.set_scope_id(found.scope_id());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(zone: &str) -> Result<u32> {
        let mut answer = Answer { addrs: vec!["[fe80::1]:80".parse().unwrap()], valid_until: 0, started: 0, ended: 0 };
        in_zone(&mut answer, zone)?;
        match answer.addrs[0] {
            SocketAddr::V6(addr) => Ok(addr.scope_id()),
            SocketAddr::V4(_) => unreachable!("it was of the other family"),
        }
    }

    #[test]
    fn zones_are_numbers_or_interfaces_of_this_host() {
        assert_eq!(scope("7").unwrap(), 7);
        // The loopback interface is the first of each network namespace.
        assert_eq!(scope("lo").unwrap(), 1);
        let e = scope("no-such-if0").unwrap_err();
        assert!(e.what.contains("no interface `no-such-if0`"), "{e}");
    }
}
