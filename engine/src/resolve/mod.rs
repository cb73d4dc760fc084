//! Names → addresses, on the control plane: before the clock starts, and by [`Service`] for workers that ask during the
//! run.
//!
//! Addresses and pins are never looked up. Names go by the hosts file, in which case no server is asked, then by the
//! servers, search domains and options of `/etc/resolv.conf` or the plan's own servers, both address families at once.
//! Servers are asked in their order, the next where one fails or is silent. What one family has is made use of while
//! the other is still being asked. Both files are read once. Nothing is cached by the library underneath: each
//! [`Resolver::lookup`] asks.

mod ask;
mod error;
mod hosts;
mod race;
mod reply;
mod service;
#[cfg(feature = "hub")]
mod system;
#[cfg(test)]
mod tests;

pub use error::{DnsError, DnsFailure};
pub use reply::{Decoder, Found, Reply, encode};
pub use service::{Asker, Line, Service};
#[cfg(feature = "hub")]
pub use system::SystemResolver;

use crate::clock::{self, Nanos, SECOND};
use crate::error::{Error, Result};
use crate::plan::{Family, Network, Pin};
use ask::{Addresses, NameServers};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use race::{Early, Enough, Servers};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its addresses, never empty: those of a pin as written, others by the precedence of RFC 6724 §2.1, else as in the
    /// answer.
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
    time_limit: Nanos,
}

impl Resolver {
    /// A resolver by the plan and this machine's files, each of whose look-ups takes at most `time_limit`.
    ///
    /// # Errors
    /// When the runtime cannot be made.
    pub fn new(network: &Network, time_limit: Nanos) -> Result<Self> {
        Ok(Self { runtime: runtime()?, names: Names::new(network, &Files::read(), DELAY_BEFORE), time_limit })
    }

    /// Looks a name up, until it is found, time is up, or `stopped` says so, which is asked every 50 ms. Where only one
    /// family has answered, one of its addresses has to accept a connection, which is closed at once, to be enough.
    ///
    /// # Errors
    /// [`DnsError`], which names the host and what to do.
    pub fn lookup(&self, host: &str, port: u16, stopped: &dyn Fn() -> bool) -> std::result::Result<Answer, DnsError> {
        let until = clock::monotonic().saturating_add(self.time_limit);
        self.runtime.block_on(async {
            let mut search = std::pin::pin!(self.names.lookup(host, port, &connects));
            loop {
                if let Ok(found) = tokio::time::timeout(LOOK_UP, &mut search).await {
                    return found;
                }
                let failure = if stopped() {
                    DnsFailure::Stopped
                } else if clock::monotonic() >= until {
                    DnsFailure::TooSlow(self.time_limit)
                } else {
                    continue;
                };
                return Err(DnsError { host: host.to_owned(), port, failure });
            }
        })
    }
}

/// Ends when one of the addresses accepts a connection.
fn connects(found: Answer) -> Enough {
    Box::pin(async move {
        let mut open = tokio::task::JoinSet::new();
        for addr in found.addrs {
            open.spawn(tokio::net::TcpStream::connect(addr));
        }
        while let Some(outcome) = open.join_next().await {
            if matches!(outcome, Ok(Ok(_))) {
                return;
            }
        }
        std::future::pending().await
    })
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::environment(format!("names cannot be looked up ({e})"), "raise the limit of open files"))
}

/// The files of this machine on names.
#[derive(Clone, Default)]
struct Files {
    /// Without it a server of the machine's own is asked, as the C library does.
    resolv_conf: String,
    hosts: String,
}

impl Files {
    fn read() -> Self {
        let read = |path| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self { resolv_conf: read("/etc/resolv.conf"), hosts: read("/etc/hosts") }
    }
}

/// The resolver's data; cheap to clone.
#[derive(Clone)]
struct Names {
    pins: Arc<[Pin]>,
    hosts: Arc<str>,
    family: Family,
    servers: std::result::Result<Servers, String>,
}

impl Names {
    /// `delay` is how long the answer of one address family waits for that of the other.
    fn new(network: &Network, files: &Files, delay: Duration) -> Self {
        Self {
            pins: network.resolve.clone().into(),
            hosts: files.hosts.as_str().into(),
            family: network.family,
            servers: servers(network, &files.resolv_conf, delay),
        }
    }

    /// Where a name is. `early` is given what one family has while the other is still being asked.
    async fn lookup(&self, host: &str, port: u16, early: Early<'_, Answer>) -> std::result::Result<Answer, DnsError> {
        let started = clock::monotonic();
        let failed = |failure| DnsError { host: host.to_owned(), port, failure };
        if let Some(ips) = self.known(host, port) {
            let addrs = self.of_family(ips, port);
            if addrs.is_empty() {
                return Err(failed(DnsFailure::WrongFamily(self.family)));
            }
            return Ok(Answer { addrs, valid_until: Nanos::MAX, started, ended: started });
        }
        let servers = self.servers.as_ref().map_err(|e| failed(DnsFailure::Other(e.clone())))?;
        let answer = |found: Addresses| {
            let ended = clock::monotonic();
            let addrs = self.of_family(preferred(found.ips), port);
            Answer { addrs, valid_until: ended + u64::from(found.ttl) * SECOND, started, ended }
        };
        let found = servers.lookup(host, &|found| early(answer(found))).await;
        found.map(answer).map_err(|failure| failed(self.of_server(failure)))
    }

    fn known(&self, host: &str, port: u16) -> Option<Vec<IpAddr>> {
        if let Ok(ip) = host.parse() {
            return Some(vec![ip]);
        }
        let pinned: Vec<IpAddr> = self
            .pins
            .iter()
            .filter(|p| p.port == port && p.host.eq_ignore_ascii_case(host))
            .flat_map(|p| p.addrs.iter().copied())
            .collect();
        if pinned.is_empty() { hosts::addresses(&self.hosts, host).map(preferred) } else { Some(pinned) }
    }

    /// A name without an address may have one of the family that was not asked for.
    fn of_server(&self, failure: DnsFailure) -> DnsFailure {
        match (failure, self.family) {
            (DnsFailure::NoAddress, Family::V4 | Family::V6) => DnsFailure::WrongFamily(self.family),
            (failure, _) => failure,
        }
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

/// The order in which addresses take their turns.
fn preferred(ips: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = ips.into_iter().collect();
    ips.sort_by_key(|ip| std::cmp::Reverse(precedence(*ip)));
    ips
}

/// The default policy table of RFC 6724 §2.1.
fn precedence(ip: IpAddr) -> u8 {
    let IpAddr::V6(ip) = ip else {
        return 35;
    };
    match ip.segments() {
        _ if ip.is_loopback() => 50,
        _ if ip.to_ipv4_mapped().is_some() => 35,
        [0x2002, ..] => 30,
        [0x2001, 0, ..] => 5,
        [first, ..] if first & 0xfe00 == 0xfc00 => 3,
        _ => 40,
    }
}

fn servers(network: &Network, resolv_conf: &str, delay: Duration) -> std::result::Result<Servers, String> {
    let (config, mut options) = parse_resolv_conf(resolv_conf)
        .or_else(|_| parse_resolv_conf(format!("{resolv_conf}\nnameserver 127.0.0.1\n")))
        .unwrap_or_else(|_| (ResolverConfig::default(), ResolverOpts::default()));
    let (domain, search, mut servers) = config.into_parts();
    if !network.dns_servers.is_empty() {
        servers = network.dns_servers.iter().map(server).collect();
    }
    options.cache_size = 0;
    // The hosts file has been asked: the library would try each search domain before it.
    options.use_hosts_file = ResolveHosts::Never;
    // The library gives all servers together the time of one, and takes an error of one for an answer: each is asked
    // by a resolver of its own, and `NameServers` goes from one to the next, by the C library's bounds.
    let attempts = std::mem::take(&mut options.attempts).min(MOST_ATTEMPTS);
    options.timeout = options.timeout.min(LONGEST_TIMEOUT);
    options.num_concurrent_reqs = 1;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    let ndots = options.ndots;
    let suffixes = domain.into_iter().chain(search).collect();
    let resolver = |server| {
        TokioResolver::builder_with_config(
            ResolverConfig::from_parts(None, Vec::new(), vec![server]),
            TokioRuntimeProvider::default(),
        )
        .with_options(options.clone())
        .build()
        .map_err(|e| e.to_string())
    };
    let resolvers: Vec<_> = servers.into_iter().map(resolver).collect::<std::result::Result<_, _>>()?;
    Ok(Servers {
        servers: NameServers::new(resolvers, attempts, delay),
        ndots,
        suffixes,
        family: network.family,
        delay,
    })
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

/// How often a look-up looks whether it is to go on.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Longest wait for one family's answer before the run, when the other has an address: nothing else waits for it then.
const DELAY_BEFORE: Duration = Duration::from_millis(250);
/// The same during the run: the Resolution Delay of RFC 8305 §8, since a request waits for it.
const DELAY_DURING: Duration = Duration::from_millis(50);
/// Most times that each name server is asked, and the longest wait for it, whatever resolv.conf(5) says.
const MOST_ATTEMPTS: usize = 5;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
