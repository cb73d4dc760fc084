//! Names → addresses, on the control plane: before the clock starts, and by [`Service`] for workers that ask during the run.
//!
//! Addresses and pins are never looked up. Names go by the hosts file, then by the servers, search domains and options of
//! `/etc/resolv.conf` or the plan's own servers. Nothing is cached by the library underneath: each [`Resolver::lookup`] asks.

mod error;
mod reply;
mod service;
#[cfg(test)]
mod tests;

pub use error::{DnsError, DnsFailure};
pub use reply::{Decoder, Found, Reply, encode};
pub use service::{Asker, Line, Service};

use crate::clock::{self, Nanos, SECOND};
use crate::error::{Error, Result};
use crate::plan::{Family, Network, Pin};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Where a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its addresses, in the order of the answer; never empty.
    pub addrs: Vec<SocketAddr>,
    /// Until when it may be kept (`CLOCK_MONOTONIC`); `Nanos::MAX` for what was not looked up.
    pub valid_until: Nanos,
    /// When it was asked for.
    pub started: Nanos,
    /// When it was known.
    pub ended: Nanos,
}

impl Answer {
    /// How long the look-up took.
    #[must_use]
    pub fn took(&self) -> Nanos {
        self.ended.saturating_sub(self.started)
    }
}

/// Looks names up and waits for the answer.
pub struct Resolver {
    runtime: Runtime,
    names: Names,
}

impl Resolver {
    /// A resolver by the plan and this machine's `/etc/resolv.conf`.
    ///
    /// # Errors
    /// When the runtime cannot be made.
    pub fn new(network: &Network) -> Result<Self> {
        Ok(Self {
            runtime: runtime()?,
            names: Names::new(network, &system()),
        })
    }

    /// Looks a name up.
    ///
    /// # Errors
    /// [`DnsError`], which names the host and what to do.
    pub fn lookup(&self, host: &str, port: u16) -> std::result::Result<Answer, DnsError> {
        self.runtime.block_on(self.names.lookup(host, port))
    }
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| {
            Error::environment(
                format!("names cannot be looked up ({e})"),
                "raise the limit of open files",
            )
        })
}

/// A machine without the file asks a server of its own, as the C library does.
fn system() -> String {
    std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()
}

/// What is known of names; cheap to clone.
#[derive(Clone)]
struct Names {
    pins: Arc<[Pin]>,
    family: Family,
    servers: std::result::Result<TokioResolver, String>,
}

impl Names {
    fn new(network: &Network, resolv_conf: &str) -> Self {
        Self {
            pins: network.resolve.clone().into(),
            family: network.family,
            servers: servers(network, resolv_conf),
        }
    }

    async fn lookup(&self, host: &str, port: u16) -> std::result::Result<Answer, DnsError> {
        let started = clock::monotonic();
        let failed = |failure| DnsError {
            host: host.to_owned(),
            port,
            failure,
        };
        if let Some(ips) = self.known(host, port) {
            let addrs = self.of_family(ips, port);
            if addrs.is_empty() {
                return Err(failed(DnsFailure::WrongFamily));
            }
            return Ok(Answer {
                addrs,
                valid_until: Nanos::MAX,
                started,
                ended: started,
            });
        }
        let servers = self
            .servers
            .as_ref()
            .map_err(|e| failed(DnsFailure::Other(e.clone())))?;
        let found = servers
            .lookup_ip(host)
            .await
            .map_err(|e| failed(DnsFailure::from(&e)))?;
        let ended = clock::monotonic();
        let ttl = found
            .as_lookup()
            .answers()
            .iter()
            .map(|r| r.ttl)
            .min()
            .unwrap_or(0);
        let addrs = self.of_family(found.iter(), port);
        if addrs.is_empty() {
            return Err(failed(DnsFailure::NoAddress));
        }
        Ok(Answer {
            addrs,
            valid_until: ended + u64::from(ttl) * SECOND,
            started,
            ended,
        })
    }

    fn known(&self, host: &str, port: u16) -> Option<Vec<IpAddr>> {
        if let Ok(ip) = host.parse() {
            return Some(vec![ip]);
        }
        self.pins
            .iter()
            .find(|p| p.port == port && p.host.eq_ignore_ascii_case(host))
            .map(|p| p.addrs.clone())
    }

    fn of_family(&self, ips: impl IntoIterator<Item = IpAddr>, port: u16) -> Vec<SocketAddr> {
        ips.into_iter()
            .filter(|ip| match self.family {
                Family::Any => true,
                Family::V4 => ip.is_ipv4(),
                Family::V6 => ip.is_ipv6(),
            })
            .map(|ip| SocketAddr::new(ip, port))
            .collect()
    }
}

fn servers(network: &Network, resolv_conf: &str) -> std::result::Result<TokioResolver, String> {
    let (config, mut options) = parse_resolv_conf(resolv_conf)
        .or_else(|_| parse_resolv_conf(format!("{resolv_conf}\nnameserver 127.0.0.1\n")))
        .unwrap_or_else(|_| (ResolverConfig::default(), ResolverOpts::default()));
    let (domain, search, mut servers) = config.into_parts();
    if !network.dns_servers.is_empty() {
        servers = network.dns_servers.iter().map(server).collect();
    }
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    // One server after the other, in the order written, as the C library asks them.
    options.num_concurrent_reqs = 1;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.ip_strategy = match network.family {
        Family::Any => LookupIpStrategy::Ipv4thenIpv6,
        Family::V4 => LookupIpStrategy::Ipv4Only,
        Family::V6 => LookupIpStrategy::Ipv6Only,
    };
    TokioResolver::builder_with_config(
        ResolverConfig::from_parts(domain, search, servers),
        TokioRuntimeProvider::default(),
    )
    .with_options(options)
    .build()
    .map_err(|e| e.to_string())
}

fn server(addr: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .into_iter()
        .map(|mut connection| {
            connection.port = addr.port();
            connection
        })
        .collect();
    NameServerConfig::new(addr.ip(), true, connections)
}
