//! The host of a URL: a name in ASCII, or an address. Pure.

use crate::error::{Error, Result};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host as it is looked up, written in `Host` and `:authority`, and asked for in TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name in lower case and in ASCII (A-labels, RFC 5890 §2.3.2.1), which may end in a dot; or an address without
    /// brackets.
    pub name: String,
    /// The zone of a link-local IPv6 address (RFC 4007 §11): the name or the number of an interface.
    pub zone: Option<String>,
}

impl Host {
    /// Parses the host of a URL: a name, which may hold Unicode or percent-encoded UTF-8; an IPv4 address in any form
    /// that the C library takes (`127.1`, `0x7f000001`); or an IPv6 address in brackets, with or without a zone
    /// (`[fe80::1%25eth0]`, RFC 6874, and `[fe80::1%eth0]`).
    ///
    /// # Errors
    /// [`crate::Blame::Usage`], which names the part that cannot be.
    pub fn parse(text: &str) -> Result<Self> {
        match text.strip_prefix('[') {
            Some(rest) => literal(rest.strip_suffix(']').unwrap_or(rest)),
            None => name(text).map(|name| Self { name, zone: None }),
        }
    }
}

fn literal(text: &str) -> Result<Host> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    };
    let ip: Ipv6Addr = address.parse().map_err(|_| {
        Error::usage(
            format!("`[{text}]` is not an IPv6 address"),
            "write the address in brackets, as in [::1] or [fe80::1%25eth0]",
        )
    })?;
    let Some(zone) = zone else {
        return Ok(Host { name: ip.to_string(), zone: None });
    };
    if ip.segments()[0] & 0xffc0 != 0xfe80 {
        return Err(Error::usage(
            format!("`[{text}]` has a zone, and {ip} is not a link-local address (fe80::/10)"),
            "drop the % and what follows it",
        ));
    }
    let legal = |b: u8| b.is_ascii_graphic() && !b"/%:[]".contains(&b);
    if zone.is_empty() || zone.len() > LONGEST_ZONE || !zone.bytes().all(legal) {
        return Err(Error::usage(
            format!("`[{text}]`: `{zone}` is not the name of an interface"),
            "write the interface after %25, as in [fe80::1%25eth0] (`ip link` lists them)",
        ));
    }
    Ok(Host { name: ip.to_string(), zone: Some(zone.to_owned()) })
}

fn name(text: &str) -> Result<String> {
    let bad = |what: String| {
        Error::usage(what, "write a host name of letters, digits, `-`, `_` and single dots, or an address")
    };
    let decoded =
        decode(text).ok_or_else(|| bad(format!("the host `{text}` is not UTF-8 when its %-codes are decoded")))?;
    if let Some(odd) = decoded.chars().find(|c| is_forbidden(*c)) {
        return Err(bad(format!("the host `{}` holds {}", decoded.escape_debug(), described(odd))));
    }
    // What is ASCII is a name as it is, whether or not it stands for another in Unicode.
    let ascii = match decoded.is_ascii() {
        true => decoded.to_ascii_lowercase(),
        false => Uts46::new()
            .to_ascii(decoded.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore)
            .map_err(|_| bad(format!("the host `{}` has no form in ASCII (UTS #46)", decoded.escape_debug())))?
            .into_owned(),
    };
    let absolute = ascii.strip_suffix('.').unwrap_or(&ascii);
    if absolute.is_empty() {
        return Err(bad("a URL needs a host".to_owned()));
    }
    for label in absolute.split('.') {
        if label.is_empty() {
            return Err(bad(format!("the host `{ascii}` has an empty part between two dots")));
        }
        if label.len() > LONGEST_LABEL {
            return Err(bad(format!(
                "the part `{label}` of the host has {} bytes, over the limit of {LONGEST_LABEL} (RFC 1035 §2.3.4)",
                label.len()
            )));
        }
    }
    if absolute.len() > LONGEST_NAME {
        return Err(bad(format!(
            "the host has {} bytes, over the limit of {LONGEST_NAME} (RFC 1035 §2.3.4)",
            absolute.len()
        )));
    }
    match number(absolute) {
        Some(Some(ip)) => Ok(ip.to_string()),
        Some(None) => Err(bad(format!("the host `{ascii}` ends in a number and is not an IPv4 address"))),
        None => Ok(ascii),
    }
}

/// Percent-decoded; `None` for what is not UTF-8 then.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digit = |i: usize| tail.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// An IPv4 address in the forms of inet_aton(3), where the last part of the name is a number; `Some(None)` where it
/// then is none.
fn number(name: &str) -> Option<Option<Ipv4Addr>> {
    let parts: Vec<&str> = name.split('.').collect();
    let last = parts.last()?;
    let is_hex = |text: &str| text.starts_with("0x") && text[2..].bytes().all(|b| b.is_ascii_hexdigit());
    if !last.bytes().all(|b| b.is_ascii_digit()) && !is_hex(last) {
        return None;
    }
    let value = |text: &str| match text {
        "0x" => Some(0),
        _ if is_hex(text) => u32::from_str_radix(&text[2..], 16).ok(),
        _ if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        _ => text.parse().ok(),
    };
    let values: Option<Vec<u32>> = parts.iter().map(|part| value(part)).collect();
    Some(values.filter(|v| v.len() <= 4).and_then(|values| {
        let (last, bytes) = values.split_last()?;
        let room = 32 - 8 * bytes.len() as u32;
        let fits = u64::from(*last) < 1 << room && bytes.iter().all(|b| *b < 256);
        let high = bytes.iter().fold(0_u64, |all, b| all << 8 | u64::from(*b));
        fits.then(|| Ipv4Addr::from((high << room) as u32 | last))
    }))
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || c.is_whitespace() || FORBIDDEN.contains(c)
}

fn described(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() || c.is_whitespace() => format!("the character U+{:04X}", u32::from(c)),
        c => format!("`{c}`"),
    }
}

/// ASCII that no host name holds: what delimits a URL, and what curl refuses.
const FORBIDDEN: &str = "/:#?!@{}[]\\$'\"^`*<>=;,+&()%|";
const DENIED: AsciiDenyList = AsciiDenyList::new(true, FORBIDDEN);
/// Most bytes of a part between dots (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;
/// Most bytes of a name, without the dot at its end: 255 on the wire.
const LONGEST_NAME: usize = 253;
/// Most bytes of the name of an interface: `IFNAMSIZ` without the final zero.
const LONGEST_ZONE: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let host = Host::parse(text).unwrap();
        match host.zone {
            Some(zone) => format!("{}%{zone}", host.name),
            None => host.name,
        }
    }

    #[test]
    fn names_are_written_in_ascii_and_lower_case() {
        for (text, expected) in [
            ("vllm-server", "vllm-server"),
            ("Node_1.Rack_A.Example", "node_1.rack_a.example"),
            ("_sip._tcp.example", "_sip._tcp.example"),
            ("-a-.example-", "-a-.example-"),
            ("example.com.", "example.com."),
            ("b\u{fc}cher.test", "xn--bcher-kva.test"),
            ("B\u{dc}CHER.test", "xn--bcher-kva.test"),
            ("bu\u{308}cher.test", "xn--bcher-kva.test"),
            ("b%C3%BCcher.test", "xn--bcher-kva.test"),
            ("XN--bcher-kva.test", "xn--bcher-kva.test"),
            ("xn--a.test", "xn--a.test"),
            ("xn--", "xn--"),
            ("fa\u{df}.test", "xn--fa-hia.test"),
            ("\u{4f8b}\u{3048}\u{3002}\u{30c6}\u{30b9}\u{30c8}", "xn--r8jz45g.xn--zckzah"),
            ("\u{ff21}\u{ff22}.test", "ab.test"),
            ("3com.example", "3com.example"),
            ("1.2.3.4.example", "1.2.3.4.example"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn ipv4_addresses_have_the_forms_of_the_c_library() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("10.1.258", "10.1.1.2"),
            ("2130706433", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0X7F000001", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("%31%32%37.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for bad in ["256.0.0.1", "1.2.3.4.5", "1.2.65536", "4294967296", "a.08", "a.1"] {
            let e = Host::parse(bad).unwrap_err();
            assert!(e.what.contains("not an IPv4 address"), "{bad}: {e}");
        }
    }

    #[test]
    fn ipv6_addresses_have_zones() {
        for (text, expected) in [
            ("[::1]", "::1"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
            ("[fe80::1%25eth0]", "fe80::1%eth0"),
            ("[fe80::1%eth0]", "fe80::1%eth0"),
            ("[fe80::1%252]", "fe80::1%2"),
            ("[febf::1%25br-1.5]", "febf::1%br-1.5"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for (bad, part) in [
            ("[::g]", "not an IPv6 address"),
            ("[]", "not an IPv6 address"),
            ("[127.0.0.1]", "not an IPv6 address"),
            ("[v1.x]", "not an IPv6 address"),
            ("[::1%25lo]", "not a link-local address"),
            ("[fe80::1%]", "not the name of an interface"),
            ("[fe80::1%25]", "not the name of an interface"),
            ("[fe80::1%25a b]", "not the name of an interface"),
            ("[fe80::1%25an-interface-name]", "not the name of an interface"),
        ] {
            let e = Host::parse(bad).unwrap_err();
            assert!(e.what.contains(part) && !e.remedy.is_empty(), "{bad}: {e}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused_with_the_part() {
        let long = format!("a.{}.test", "x".repeat(64));
        let longer = format!("{}test", "abcdefgh.".repeat(28));
        for (bad, part) in [
            ("", "needs a host"),
            (".", "needs a host"),
            ("a..b", "an empty part"),
            (".a", "an empty part"),
            ("a..", "an empty part"),
            ("a b", "a space"),
            ("a%20b", "a space"),
            ("a\u{a0}b", "U+00A0"),
            ("a%00b", "U+0000"),
            ("a\u{7f}b", "U+007F"),
            ("a,b", "`,`"),
            ("a%2Fb", "`/`"),
            ("a%zzb", "`%`"),
            ("%ff", "not UTF-8"),
            ("\u{fc}.xn--a", "no form in ASCII"),
            ("\u{202e}a", "no form in ASCII"),
            (&long, "has 64 bytes, over the limit of 63"),
            (&longer, "has 256 bytes, over the limit of 253"),
        ] {
            let e = Host::parse(bad).unwrap_err();
            assert_eq!(e.blame, crate::Blame::Usage);
            assert!(e.what.contains(part) && !e.remedy.is_empty(), "{bad}: {e}");
        }
    }
}
