//! How connections are found, made, secured and shared.

use crate::clock::{MILLI, Nanos, SECOND};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// How connections are found, made, secured and shared.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Network {
    /// Version of HTTP, or by ALPN.
    pub http: HttpVersion,
    /// Most requests that share an HTTP/2 connection at a time; the peer's `SETTINGS_MAX_CONCURRENT_STREAMS` may lower
    /// it.
    pub streams_per_connection: u32,
    /// HTTP/2 receive window of each stream, bytes; the connection's is the largest there is.
    pub h2_window: u32,
    /// When names are resolved.
    pub dns: Dns,
    /// Name servers instead of those of `/etc/resolv.conf`.
    pub dns_servers: Vec<SocketAddr>,
    /// Which addresses of a name are used.
    pub family: Family,
    /// Names that are not looked up (curl's `--resolve`).
    pub resolve: Vec<Pin>,
    /// Local addresses, used in turn; empty leaves the choice to the kernel.
    pub source_ips: Vec<IpAddr>,
    /// Connections made before the clock starts, in the whole run.
    pub prewarm: u32,
    /// A slow reader: bytes per second that are read of each connection at most; `None` reads whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate: Option<u32>,
    /// Options of the sockets.
    pub tcp: Tcp,
    /// Options of TLS.
    pub tls: Tls,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    /// What ALPN agrees on over TLS; HTTP/1.1 in the clear.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN over TLS, by prior knowledge in the clear (RFC 9113 §3.3).
    Http2,
}

/// When names are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dns {
    /// Once, before the clock starts.
    Once,
    /// When a connection is made and the last answer is older than its TTL.
    Ttl,
    /// Whenever a connection is made.
    Always,
}

/// Which addresses of a name are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// All, in turn, by the precedence of RFC 6724; one that refuses gives way to one of the other family.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// An address for a name and port that is not looked up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pin {
    /// The name, in lower case.
    pub host: String,
    /// The port it holds for.
    pub port: u16,
    /// Where it is.
    pub addrs: Vec<IpAddr>,
}

/// Options of every TCP socket; `TCP_NODELAY` is always set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Tcp {
    /// `SO_SNDBUF`, bytes; `None` leaves it to the kernel.
    pub send_buffer: Option<u32>,
    /// `SO_RCVBUF`, bytes; `None` leaves it to the kernel.
    pub receive_buffer: Option<u32>,
    /// Idle time before the first keep-alive probe; `None` sends none.
    pub keepalive: Option<Nanos>,
    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged.
    pub user_timeout: Option<Nanos>,
    /// `TCP_QUICKACK` after each read: what arrives is acknowledged at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quickack: bool,
}

/// TLS options.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Tls {
    /// PEM file of roots to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of the client's certificate chain and of its key (mTLS).
    pub client: Option<(PathBuf, PathBuf)>,
    /// Accept any certificate.
    pub insecure: bool,
    /// Resume sessions where the server allows it.
    pub resumption: bool,
    /// Name to ask for and to check instead of the URL's host.
    pub server_name: Option<String>,
    /// TLS 1.2 at most.
    pub max_1_2: bool,
    /// TLS 1.3 at least.
    pub min_1_3: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            http: HttpVersion::Auto,
            streams_per_connection: 100,
            h2_window: 16 << 20,
            dns: Dns::Once,
            dns_servers: Vec::new(),
            family: Family::Any,
            resolve: Vec::new(),
            source_ips: Vec::new(),
            prewarm: 0,
            read_rate: None,
            tcp: Tcp {
                send_buffer: None,
                receive_buffer: None,
                keepalive: Some(60 * SECOND),
                user_timeout: Some(30_000 * MILLI),
                quickack: false,
            },
            tls: Tls {
                ca: None,
                client: None,
                insecure: false,
                resumption: true,
                server_name: None,
                max_1_2: false,
                min_1_3: false,
            },
        }
    }
}
