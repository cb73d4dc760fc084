//! Where the targets are, looked up before the clock starts.

use super::Control;
use crate::error::{Error, Result};
use crate::plan::{Dns, Plan};
use crate::resolve::{Answer, Resolver};
use socket2::SockAddr;
use std::net::IpAddr;

/// Per target: where it is; empty where that is asked for each connection.
pub(super) fn addresses(plan: &Plan, control: &Control) -> Result<Vec<Vec<SockAddr>>> {
    let found = locate(plan, control)?;
    plan.targets
        .iter()
        .zip(found)
        .map(|(target, answer)| match (&target.unix, answer) {
            (Some(path), _) => SockAddr::unix(path).map(|a| vec![a]).map_err(|e| {
                Error::usage(
                    format!("--url: `{}` is not a socket's path ({e})", path.display()),
                    "write unix:/path, of at most 107 bytes",
                )
            }),
            (None, answer) => Ok(answer
                .map_or_else(Vec::new, |a| a.addrs)
                .into_iter()
                .map(SockAddr::from)
                .collect()),
        })
        .collect()
}

/// Where each target is, looked up now, in the order of the plan; `None` for a Unix socket, and for a name that is to be looked up
/// during the run.
///
/// # Errors
/// When a name has no address, is not found within the time for a connection, or `control` stops; the error names it and what to do.
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
            Ok(Some(resolver.lookup(
                &target.host,
                target.port,
                &stopped,
            )?))
        })
        .collect()
}
