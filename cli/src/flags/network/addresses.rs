//! Addresses and sizes.

use crate::flags::values::{bytes, not_negative};
use ringload_engine::plan::{Host, Pin};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A list of addresses, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses(pub(crate) Vec<IpAddr>);

pub(crate) fn size(text: &str) -> Result<u32, String> {
    // The bound of `bytes` fits.
    bytes(text).map(|n| n as u32)
}

/// The kernel counts whole seconds, and no more than `MAX_TCP_KEEPIDLE` of them (include/net/tcp.h).
pub(crate) fn keepalive(text: &str) -> Result<f64, String> {
    not_negative(text)
        .ok()
        .filter(|s| s.fract() == 0.0 && *s <= 32_767.0)
        .ok_or_else(|| "write whole seconds from 1 to 32767, or 0 to turn it off".into())
}

/// The kernel counts milliseconds in an `int`.
pub(crate) fn user_timeout(text: &str) -> Result<f64, String> {
    not_negative(text)
        .ok()
        .filter(|s| *s == 0.0 || (0.001..=2_147_483.0).contains(s))
        .ok_or_else(|| "write seconds from 0.001 to 2147483, or 0 to leave it to the kernel".into())
}

pub(crate) fn name_server(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    text.parse()
        .ok()
        .filter(|addr: &SocketAddr| addr.port() != 0)
        .or_else(|| ip(text).map(|ip| SocketAddr::new(ip, 53)))
        .ok_or_else(|| "write an address as in 10.0.0.53, 10.0.0.53:5353 or [fd00::53]:53".into())
}

/// curl's form: `HOST:PORT:ADDR[,ADDR]`.
pub(crate) fn pin(text: &str) -> Result<Pin, String> {
    let bad = || "write HOST:PORT:ADDR, as in api.test:443:10.0.0.1,[fd00::1]".to_owned();
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(addrs)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad());
    };
    let addrs = addrs.split(',').map(ip).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
    let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(bad)?;
    if host.is_empty() {
        return Err(bad());
    }
    Ok(Pin { host: Host::parse(host).map_err(|e| e.what)?.name, port, addrs })
}

/// A name as certificates have it: in ASCII.
pub(crate) fn server_name(text: &str) -> Result<String, String> {
    let name = match text.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => Host::parse(text).map_err(|e| format!("{}: {}", e.what, e.remedy))?.name,
    };
    Ok(name.strip_suffix('.').unwrap_or(&name).to_owned())
}

/// `10.0.0.1`, `10.0.0.1-10.0.0.9` and `10.0.0.0/24`, comma separated, in the order written. A block stands for its
/// hosts: without the network's own address, and without the broadcast address of IPv4.
pub(crate) fn addresses(text: &str) -> Result<Addresses, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = range(part).ok_or_else(|| {
            format!("`{part}` is no address: write 10.0.0.1, 10.0.0.1-10.0.0.9 or 10.0.0.0/24, comma separated")
        })?;
        let room = (MOST_ADDRESSES - all.len()) as u128;
        if number(last) - number(first) >= room {
            return Err(format!("more than {MOST_ADDRESSES} addresses: write a smaller range"));
        }
        all.extend((number(first)..=number(last)).map(|n| address(n, first.is_ipv4())));
    }
    Ok(Addresses(all))
}

fn range(part: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((base, bits)) = part.split_once('/') {
        return block(ip(base)?, bits.parse().ok()?);
    }
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (ip(first)?, ip(last)?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}

fn block(base: IpAddr, bits: u32) -> Option<(IpAddr, IpAddr)> {
    let width = if base.is_ipv4() { 32 } else { 128 };
    let hosts = width - Some(bits).filter(|b| *b <= width)?;
    let mask = 1_u128.checked_shl(hosts).map_or(u128::MAX, |n| n - 1);
    let (mut first, mut last) = (number(base) & !mask, number(base) | mask);
    if hosts > 1 {
        first += 1;
        last -= u128::from(base.is_ipv4());
    }
    Some((address(first, base.is_ipv4()), address(last, base.is_ipv4())))
}

fn ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

fn address(number: u128, v4: bool) -> IpAddr {
    if v4 { IpAddr::V4(Ipv4Addr::from(number as u32)) } else { IpAddr::V6(Ipv6Addr::from(number)) }
}

const MOST_ADDRESSES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        let Addresses(all) = addresses(text).unwrap();
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ranges_and_blocks_are_written_out() {
        assert_eq!(listed("10.0.0.9, 10.0.0.1-10.0.0.3"), ["10.0.0.9", "10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(listed("10.0.0.6/30"), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(listed("10.0.0.6/31"), ["10.0.0.6", "10.0.0.7"]);
        assert_eq!(listed("10.0.0.6/32"), ["10.0.0.6"]);
        assert_eq!(listed("fd00::/126"), ["fd00::1", "fd00::2", "fd00::3"]);
        assert_eq!(listed("10.0.255.255-10.1.0.0").len(), 2);
        assert_eq!(listed("10.0.0.0-10.0.255.255").len(), 65_536);
        for bad in [
            "",
            "x",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-fd00::1",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0-10.1.0.0",
            "10.0.0.0-10.0.255.255,10.9.0.1",
            "10.0.0.1,",
        ] {
            assert!(addresses(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pins_are_curls() {
        let found = pin("API.test:443:10.0.0.1,[fd00::1],fd00::2").unwrap();
        assert_eq!((found.host.as_str(), found.port), ("api.test", 443));
        assert_eq!(found.addrs.len(), 3);
        let found = pin("B\u{fc}cher_1.test:443:10.0.0.1").unwrap();
        assert_eq!(found.host, "xn--bcher_1-n2a.test");
        assert!(pin("a..b:443:10.0.0.1").unwrap_err().contains("empty part"));
        for bad in
            ["h", "h:80", "h:80:", "h:0:10.0.0.1", ":80:10.0.0.1", "h:x:10.0.0.1", "h:80:[10.0.0.1]", "h:80:10.0.0.1,"]
        {
            assert!(pin(bad).unwrap_err().contains("HOST:PORT:ADDR"), "{bad}");
        }
    }

    #[test]
    fn name_servers_have_port_53_unless_said_otherwise() {
        for (text, expected) in [
            ("10.0.0.53", "10.0.0.53:53"),
            ("10.0.0.53:5353", "10.0.0.53:5353"),
            ("fd00::53", "[fd00::53]:53"),
            ("[fd00::53]:54", "[fd00::53]:54"),
        ] {
            assert_eq!(name_server(text).unwrap().to_string(), expected);
        }
        for bad in ["dns.test", "10.0.0.53:0", ""] {
            assert!(name_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn server_names_are_those_of_certificates() {
        for (text, expected) in [
            ("B\u{fc}cher.test.", "xn--bcher-kva.test"),
            ("fd00::1", "fd00::1"),
            ("[fd00::1]", "fd00::1"),
            ("my_server", "my_server"),
        ] {
            assert_eq!(server_name(text).unwrap(), expected);
        }
        assert!(server_name("a b").unwrap_err().contains("a space"));
    }

    #[test]
    fn times_are_those_that_the_kernel_takes_or_off() {
        assert_eq!((keepalive("0"), user_timeout("0")), (Ok(0.0), Ok(0.0)));
        assert_eq!(keepalive("32767"), Ok(32_767.0));
        assert_eq!(user_timeout("1.5"), Ok(1.5));
        assert_eq!(user_timeout("2147483"), Ok(2_147_483.0));
        for bad in ["-1", "x", "0.5", "1.5", "32768"] {
            assert!(keepalive(bad).is_err(), "{bad}");
        }
        for bad in ["-1", "x", "0.0001", "2147484"] {
            assert!(user_timeout(bad).is_err(), "{bad}");
        }
    }
}
