//! What precedes the clock: cores, names, protocols, heads, TLS, descriptors, the driver.

use super::Control;
use super::addresses::addresses;
use super::certificates::tls_clients;
use super::negotiate::{self, Speaks};
use super::refusal::{no_packets, remedy};
use super::resources::{Resources, capacity, cores};
use crate::api;
use crate::driver::{Packets, Refusal, Uring};
use crate::error::{Error, Result};
use crate::plan::{Io, Plan, Stamps};
use crate::wire::{http1, http2, tls};
use crate::worker::Targets;
use socket2::SockAddr;

/// All that a run needs before it sends anything.
pub(super) struct Prepared {
    /// The cores of the workers.
    pub(super) cores: Vec<usize>,
    /// Of each target: what it speaks, where it is, how its requests begin, its TLS.
    pub(super) speaks: Vec<Speaks>,
    pub(super) addrs: Vec<Vec<SockAddr>>,
    heads: Vec<http1::RequestHead>,
    heads2: Vec<Option<http2::RequestHead>>,
    tls: Vec<Option<tls::Client>>,
    /// What each worker may have open.
    pub(super) resources: Resources,
    /// Slots that may hold a response, in the whole run.
    pub(super) holders: u64,
    pub(super) io: Io,
    /// Why the driver is not the preferred one.
    pub(super) driver_note: Option<String>,
}

impl Prepared {
    /// Prepares a plan. A stop of `control` ends the waits for names and servers.
    ///
    /// # Errors
    /// When the environment forbids the run: no driver, no descriptors, a name that does not resolve.
    pub(super) fn new(plan: &Plan, control: &Control) -> Result<Self> {
        negotiate::sources(&plan.network.source_ips)?;
        let cores = cores(plan)?;
        if plan.core_range.is_some_and(|range| range.count != cores.len()) {
            return Err(Error::bug(format!("{} workers for {:?}", cores.len(), plan.core_range)));
        }
        let heads = plan.targets.iter().map(|t| api::http1_head(plan, t)).collect::<Result<Vec<_>>>()?;
        let addrs = addresses(plan, control)?;
        let speaks = negotiate::speaks(plan, &addrs, control)?;
        let http2: Vec<bool> = speaks.iter().map(|s| s.http2).collect();
        let tls = tls_clients(plan, &http2)?;
        let heads2 = plan
            .targets
            .iter()
            .zip(&http2)
            .map(|(t, two)| two.then(|| api::http2_head(plan, t)).transpose())
            .collect::<Result<Vec<_>>>()?;
        let multiplexed = http2.contains(&true);
        let resources = capacity(plan, cores.len(), multiplexed)?;
        // A connection that is drained for its next use holds no response.
        let holders = if multiplexed { resources.slots } else { resources.requests };
        let holders = (holders * cores.len()) as u64;
        let (io, driver_note) = choose_driver(plan)?;
        Ok(Self { cores, speaks, addrs, heads, heads2, tls, resources, holders, io, driver_note })
    }

    /// Where requests go.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets { heads: &self.heads, heads2: &self.heads2, addrs: &self.addrs, tls: &self.tls }
    }
}

/// The driver to use, and why it is not the preferred one.
fn choose_driver(plan: &Plan) -> Result<(Io, Option<String>)> {
    if plan.stamps == Stamps::Packet {
        Packets::probe().map_err(no_packets)?;
    }
    if plan.io == Io::Epoll {
        return Ok((Io::Epoll, None));
    }
    let Err(e) = Uring::probe(plan.stamps.by_kernel()) else {
        return Ok((Io::Uring, None));
    };
    let refusal = Refusal::from(e);
    match plan.io {
        Io::Uring => Err(Error::environment(refusal.to_string(), remedy(refusal))),
        _ => Ok((Io::Epoll, Some(refusal.to_string()))),
    }
}
