//! Flags on how connections are found, made, secured and shared.

mod addresses;
pub(super) mod plan;
pub(super) mod proxy;
#[cfg(test)]
mod tests;

use super::values;
use addresses::{self as net, Addresses};
use clap::{Args, ValueEnum};
use ringload_engine::plan::Pin;
use std::net::SocketAddr;
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
    #[arg(long, value_name = "BYTES", value_parser = net::size)]
    pub(crate) h2_window: Option<u32>,

    /// When names are looked up: before the run (within --connect-timeout-seconds), by their TTL, or for each
    /// connection. The hosts file comes first.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "once")]
    pub(crate) dns: DnsArg,

    /// Name servers instead of those of /etc/resolv.conf; a comma list is asked in order.
    #[arg(long, value_name = "IP[:PORT]", value_delimiter = ',', value_parser = net::name_server)]
    pub(crate) dns_servers: Vec<SocketAddr>,

    /// Use IPv4 addresses only
    /// [default: all addresses in turn, IPv6 first; one that refuses gives way to the other family].
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,

    /// Use IPv6 addresses only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,

    /// Addresses of a name that is not looked up, in turn; repeatable (one name's add up), IPv6 in brackets.
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]", value_parser = net::pin)]
    pub(crate) resolve: Vec<Pin>,

    /// Connect directly though HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names a proxy for the URL; without this flag, or
    /// the host in NO_PROXY, such a run is refused. No proxy is ever used.
    #[arg(long)]
    pub(crate) ignore_proxy: bool,

    /// Local addresses to connect from, in turn: a comma list of addresses, FIRST-LAST and CIDR blocks.
    #[arg(long, value_name = "IP|RANGE|CIDR", value_parser = net::addresses)]
    pub(crate) source_ip: Option<Addresses>,

    /// Connections to make before the clock starts, over HTTP/2 until the server's settings have come; with --dns ttl
    /// or always, their names are looked up then too [default: 0].
    #[arg(long, value_name = "N", value_parser = values::count_or_none)]
    pub(crate) prewarm: Option<u32>,

    /// Send buffer of each socket (bytes; `64k`, `4M`) [default: the kernel's].
    #[arg(long, value_name = "BYTES", value_parser = net::size)]
    pub(crate) tcp_send_buffer: Option<u32>,

    /// Receive buffer of each socket (bytes; `64k`, `4M`) [default: the kernel's].
    #[arg(long, value_name = "BYTES", value_parser = net::size)]
    pub(crate) tcp_receive_buffer: Option<u32>,

    /// A slow reader: read each connection at no more than this (bytes per second; `16k`, `4M`), so that the server has
    /// to wait. The kernel takes in more by as much as --tcp-receive-buffer lets it.
    #[arg(long, value_name = "BYTES_PER_S", value_parser = net::size)]
    pub(crate) read_rate_limit: Option<u32>,

    /// Idle time before the first keep-alive probe, in whole seconds; 0 sends none.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = net::keepalive)]
    pub(crate) tcp_keepalive: f64,

    /// How long sent bytes may stay unacknowledged; 0 leaves it to the kernel.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = net::user_timeout)]
    pub(crate) tcp_user_timeout: f64,

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
    #[arg(long, value_name = "NAME", value_parser = net::server_name)]
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
