//! How connections are found, made, secured and shared: flags, checks and their part of the plan.

mod addresses;
pub(super) mod proxy;
#[cfg(test)]
mod tests;

use super::units::nanos;
use super::values;
use addresses::Addresses;
use clap::{Args, ValueEnum};
use proxy::Proxies;
use ringload_engine::clock::Nanos;
use ringload_engine::plan::{Dns, Family, HttpVersion, Network, Phase, Pin, Reuse, Target, Tcp, Tls};
use ringload_engine::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// How connections are found, made, secured and shared.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Speak HTTP/1.1 [default: what ALPN agrees on over TLS; HTTP/1.1 in the clear].
    #[arg(long = "http1.1", conflicts_with = "http2")]
    pub(crate) http1: bool,

    /// Speak HTTP/2: by ALPN over TLS, by prior knowledge in the clear.
    #[arg(long)]
    pub(crate) http2: bool,

    /// Most requests that share an HTTP/2 connection at a time [default: 100].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) streams_per_connection: Option<u32>,

    /// HTTP/2 receive window of each stream (bytes; `64k`, `4M`) [default: 16M].
    #[arg(long, value_name = "BYTES", value_parser = addresses::size)]
    pub(crate) h2_window: Option<u32>,

    /// When names are looked up: before the run (within --connect-timeout-seconds), by their TTL, or for each
    /// connection. The hosts file comes first.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "once")]
    pub(crate) dns: DnsArg,

    /// Name servers instead of those of /etc/resolv.conf; a comma list is asked in order.
    #[arg(long, value_name = "IP[:PORT]", value_delimiter = ',', value_parser = addresses::name_server)]
    pub(crate) dns_servers: Vec<SocketAddr>,

    /// Use IPv4 addresses only
    /// [default: all addresses in turn, IPv6 first; one that refuses gives way to the other family].
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,

    /// Use IPv6 addresses only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,

    /// Addresses of a name that is not looked up, in turn; repeatable (one name's add up), IPv6 in brackets.
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]", value_parser = addresses::pin)]
    pub(crate) resolve: Vec<Pin>,

    /// Connect directly though HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names a proxy for the URL; without this flag, or
    /// the host in NO_PROXY, such a run is refused. No proxy is ever used.
    #[arg(long)]
    pub(crate) ignore_proxy: bool,

    /// Local addresses to connect from, in turn: a comma list of addresses, FIRST-LAST and CIDR blocks.
    #[arg(long, value_name = "IP|RANGE|CIDR", value_parser = addresses::addresses)]
    pub(crate) source_ip: Option<Addresses>,

    /// Connections to make before the clock starts, over HTTP/2 until the server's settings have come; with --dns ttl
    /// or always, their names are looked up then too [default: 0].
    #[arg(long, value_name = "N", value_parser = values::count_or_none)]
    pub(crate) prewarm: Option<u32>,

    /// Send buffer of each socket (bytes; `64k`, `4M`) [default: the kernel's].
    #[arg(long, value_name = "BYTES", value_parser = addresses::size)]
    pub(crate) tcp_send_buffer: Option<u32>,

    /// Receive buffer of each socket (bytes; `64k`, `4M`) [default: the kernel's].
    #[arg(long, value_name = "BYTES", value_parser = addresses::size)]
    pub(crate) tcp_receive_buffer: Option<u32>,

    /// A slow reader: read each connection at no more than this (bytes per second; `16k`, `4M`), so that the server has
    /// to wait. The kernel takes in more by as much as --tcp-receive-buffer lets it.
    #[arg(long, value_name = "BYTES_PER_S", value_parser = addresses::size)]
    pub(crate) read_rate_limit: Option<u32>,

    /// Idle time before the first keep-alive probe, in whole seconds; 0 sends none.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = addresses::keepalive)]
    pub(crate) tcp_keepalive: f64,

    /// How long sent bytes may stay unacknowledged; 0 leaves it to the kernel.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = addresses::user_timeout)]
    pub(crate) tcp_user_timeout: f64,

    /// Acknowledge each read at once (TCP_QUICKACK), a system call more a read. A server that leaves Nagle's algorithm
    /// on holds events back until the acknowledgement, which the kernel delays by about 40 ms: what this flag takes off
    /// the figures was the path's.
    #[arg(long)]
    pub(crate) tcp_quickack: bool,

    /// PEM file of the issuers to trust instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// PEM file of the client's certificate chain (mTLS).
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// PEM file of the key of --cert.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Accept any certificate: the server's identity is not checked, and the verdict says so.
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Do a full TLS handshake for each connection.
    #[arg(long)]
    pub(crate) no_tls_resumption: bool,

    /// Name to ask for and to check in TLS instead of the URL's host.
    #[arg(long, value_name = "NAME", value_parser = addresses::server_name)]
    pub(crate) server_name: Option<String>,

    /// Newest TLS to offer [default: 1.3].
    #[arg(long, value_enum, value_name = "VERSION")]
    pub(crate) tls_max: Option<TlsVersion>,

    /// Oldest TLS to offer [default: 1.2].
    #[arg(long, value_enum, value_name = "VERSION")]
    pub(crate) tls_min: Option<TlsVersion>,
}

/// When names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DnsArg {
    /// Before the clock starts.
    Once,
    /// When a connection is made and the last answer has outlived its TTL.
    Ttl,
    /// Whenever a connection is made.
    Always,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsVersion {
    /// RFC 5246
    #[value(name = "1.2")]
    V1_2,
    /// RFC 8446
    #[value(name = "1.3")]
    V1_3,
}

/// What the flags on the network depend on.
pub(super) struct Context<'a> {
    pub(super) targets: &'a [Target],
    pub(super) proxies: &'a Proxies,
    pub(super) profiling: &'a Phase,
    pub(super) reuse: Reuse,
}

impl NetworkArgs {
    /// How connections are made.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] for what contradicts itself or could have no effect.
    pub(super) fn plan(&self, context: &Context<'_>, notes: &mut Vec<String>) -> Result<Network> {
        proxy::check(context.targets, context.proxies, self.ignore_proxy, notes)?;
        network(self, context.targets, context.profiling, context.reuse, notes)
    }
}

fn network(
    args: &NetworkArgs,
    targets: &[Target],
    profiling: &Phase,
    reuse: Reuse,
    notes: &mut Vec<String>,
) -> Result<Network> {
    let secured = targets.iter().any(|t| t.tls);
    http2_flags(args, secured)?;
    tls_flags(args, secured)?;
    if args.insecure {
        notes.push("certificates are NOT checked (--insecure): the server's identity is not verified".into());
    }
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    pins(args, targets, family)?;
    let defaults = Network::default();
    Ok(Network {
        http: match (args.http1, args.http2) {
            (true, _) => HttpVersion::Http1,
            (_, true) => HttpVersion::Http2,
            _ => HttpVersion::Auto,
        },
        streams_per_connection: args.streams_per_connection.unwrap_or(defaults.streams_per_connection),
        h2_window: args.h2_window.unwrap_or(defaults.h2_window),
        dns: match args.dns {
            DnsArg::Once => Dns::Once,
            DnsArg::Ttl => Dns::Ttl,
            DnsArg::Always => Dns::Always,
        },
        dns_servers: args.dns_servers.clone(),
        family,
        resolve: args.resolve.clone(),
        source_ips: source_ips(args, targets, family)?,
        prewarm: prewarm(args.prewarm, profiling, reuse)?,
        read_rate: args.read_rate_limit,
        tcp: Tcp {
            send_buffer: args.tcp_send_buffer,
            receive_buffer: args.tcp_receive_buffer,
            keepalive: time(args.tcp_keepalive),
            user_timeout: time(args.tcp_user_timeout),
            quickack: args.tcp_quickack,
        },
        tls: Tls {
            ca: args.cacert.clone(),
            client: args.cert.clone().zip(args.key.clone()),
            insecure: args.insecure,
            resumption: !args.no_tls_resumption,
            server_name: args.server_name.clone(),
            max_1_2: args.tls_max == Some(TlsVersion::V1_2),
            min_1_3: args.tls_min == Some(TlsVersion::V1_3),
        },
    })
}

fn http2_flags(args: &NetworkArgs, secured: bool) -> Result<()> {
    let given = first(&[
        ("--streams-per-connection", args.streams_per_connection.is_some()),
        ("--h2-window", args.h2_window.is_some()),
    ]);
    match given {
        Some(flag) if args.http1 => {
            Err(Error::usage(format!("{flag} with --http1.1: HTTP/1.1 has no streams"), "write --http2, or drop it"))
        }
        Some(flag) if !args.http2 && !secured => Err(Error::usage(
            format!("{flag}: in the clear, HTTP/1.1 is spoken unless --http2 is written"),
            "add --http2, or drop it",
        )),
        _ => Ok(()),
    }
}

fn tls_flags(args: &NetworkArgs, secured: bool) -> Result<()> {
    let given = first(&[
        ("--cacert", args.cacert.is_some()),
        ("--cert", args.cert.is_some()),
        ("--key", args.key.is_some()),
        ("--insecure", args.insecure),
        ("--no-tls-resumption", args.no_tls_resumption),
        ("--server-name", args.server_name.is_some()),
        ("--tls-max", args.tls_max.is_some()),
        ("--tls-min", args.tls_min.is_some()),
    ]);
    if let (Some(flag), false) = (given, secured) {
        return Err(Error::usage(format!("{flag}: no --url is secured"), "write --url https://HOST, or drop it"));
    }
    let refusal = match (args.cert.is_some(), args.key.is_some()) {
        (true, false) => Some(("--cert without --key", "add --key FILE")),
        (false, true) => Some(("--key without --cert", "add --cert FILE")),
        _ if args.insecure && args.cacert.is_some() => {
            Some(("--insecure with --cacert: nothing would be checked against it", "drop one of them"))
        }
        _ if (args.tls_min, args.tls_max) == (Some(TlsVersion::V1_3), Some(TlsVersion::V1_2)) => {
            Some(("--tls-min 1.3 with --tls-max 1.2 leaves no version", "drop one of them"))
        }
        _ => None,
    };
    refusal.map_or(Ok(()), |(what, remedy)| Err(Error::usage(what, remedy)))
}

fn pins(args: &NetworkArgs, targets: &[Target], family: Family) -> Result<()> {
    for pin in &args.resolve {
        let (host, port) = (&pin.host, pin.port);
        let used = targets.iter().any(|t| t.unix.is_none() && t.port == port && t.host.eq_ignore_ascii_case(host));
        if !used {
            return Err(Error::usage(
                format!("--resolve: no --url goes to {host}:{port}"),
                "write the host and port as in --url (443 for https, 80 for http where it has none)",
            ));
        }
        if !pin.addrs.iter().any(|ip| fits(family, *ip)) {
            return Err(Error::usage(
                format!("--resolve {host}:{port}: no address of the family that --ipv4 or --ipv6 asks for"),
                "write an address of that family, or drop the flag",
            ));
        }
    }
    Ok(())
}

fn source_ips(args: &NetworkArgs, targets: &[Target], family: Family) -> Result<Vec<IpAddr>> {
    let Some(sources) = &args.source_ip else {
        return Ok(Vec::new());
    };
    if let Some(ip) = sources.0.iter().find(|ip| !fits(family, **ip)) {
        return Err(Error::usage(
            format!("--source-ip {ip} is not of the family that --ipv4 or --ipv6 asks for"),
            "write addresses of that family, or drop the flag",
        ));
    }
    for target in targets {
        if target.unix.is_some() {
            return Err(Error::usage(
                format!("--source-ip with {}: a Unix socket has no address", target.url),
                "drop one of them",
            ));
        }
        if let Ok(ip) = target.host.parse::<IpAddr>()
            && !sources.0.iter().any(|s| s.is_ipv4() == ip.is_ipv4())
        {
            return Err(Error::usage(
                format!("--source-ip: no address of the family of {}", target.url),
                "add one of that family",
            ));
        }
    }
    Ok(sources.0.clone())
}

fn prewarm(given: Option<u32>, profiling: &Phase, reuse: Reuse) -> Result<u32> {
    let Some(wanted) = given.filter(|n| *n > 0) else {
        return Ok(0);
    };
    if reuse != Reuse::Pooled {
        return Err(Error::usage(
            "--prewarm with a --connection-reuse-strategy that keeps no connection",
            "drop one of them",
        ));
    }
    match profiling.load.most_in_flight() {
        Some(most) if wanted > most => Err(Error::usage(
            format!("--prewarm {wanted}: no more than {most} connections are ever used at a time"),
            format!("write --prewarm {most}, or raise --concurrency"),
        )),
        _ => Ok(wanted),
    }
}

fn fits(family: Family, ip: IpAddr) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => ip.is_ipv4(),
        Family::V6 => ip.is_ipv6(),
    }
}

fn first(flags: &[(&'static str, bool)]) -> Option<&'static str> {
    flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
}

/// 0 is off.
fn time(seconds: f64) -> Option<Nanos> {
    (seconds > 0.0).then(|| nanos(seconds))
}
