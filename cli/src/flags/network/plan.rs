//! Network flags → [`Network`].

use crate::flags::plan::nanos;
use crate::flags::{DnsArg, NetworkArgs, TlsVersion};
use ringload_engine::clock::Nanos;
use ringload_engine::plan::{Dns, Family, HttpVersion, Network, Phase, Reuse, Target, Tcp, Tls};
use ringload_engine::{Error, Result};
use std::net::IpAddr;

/// How connections are made.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] for what contradicts itself or could have no effect.
pub(crate) fn network(
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
