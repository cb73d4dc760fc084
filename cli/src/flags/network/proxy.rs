//! Proxy variables of the environment: ringload connects directly, and says so where a variable asks for something
//! else.

use ringload_engine::plan::Target;
use ringload_engine::{Error, Result};
use std::net::{IpAddr, Ipv6Addr};

/// The variables by which clients choose a proxy: only their names and `NO_PROXY` are kept, since a proxy's URL may
/// hold a password.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    /// The variable that names a proxy for `http://` URLs.
    http: Option<&'static str>,
    /// The variable that names a proxy for `https://` URLs.
    https: Option<&'static str>,
    /// The value of `no_proxy`, else of `NO_PROXY`.
    none: Option<String>,
}

impl Proxies {
    /// What an environment asks for: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, each before its name in
    /// capitals, as curl reads them. Under CGI (`REQUEST_METHOD` is set) `HTTP_PROXY` is a header of the request, and
    /// is not read.
    pub(crate) fn of(var: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| var(name).filter(|value| !value.trim().is_empty());
        let first = |names: &[&'static str]| names.iter().copied().find(|name| value(name).is_some());
        let cgi = var("REQUEST_METHOD").is_some();
        let http: &[&str] = if cgi {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        Self {
            http: first(http),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            none: value("no_proxy").or_else(|| value("NO_PROXY")),
        }
    }

    /// The variable that asks for a proxy on the way to a target; none for one of this host, and for one that
    /// `NO_PROXY` lists.
    fn variable(&self, target: &Target) -> Option<&'static str> {
        let variable = if target.tls { self.https } else { self.http };
        let is_direct = target.unix.is_some()
            || is_loopback(&target.host)
            || self.none.as_ref().is_some_and(|list| lists(list, &target.host, target.port));
        variable.filter(|_| !is_direct)
    }
}

/// Refuses targets that a proxy variable applies to, unless the user has said that it does not count; then notes it.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`], with the variable, the host and both remedies.
pub(crate) fn check(targets: &[Target], proxies: &Proxies, ignored: bool, notes: &mut Vec<String>) -> Result<()> {
    let asked = targets.iter().find_map(|target| Some((proxies.variable(target)?, target)));
    let Some((variable, target)) = asked else {
        return Ok(());
    };
    let host = &target.host;
    if ignored {
        notes.push(format!("{variable} is set, and the run connects to {host} directly (--ignore-proxy)"));
        return Ok(());
    }
    Err(Error::usage(
        format!(
            "{variable} names a proxy for {host}, and ringload connects directly: a proxy's own time would be in every figure"
        ),
        format!("set NO_PROXY={host}, or write --ignore-proxy, to load {host} without the proxy"),
    ))
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    match address(name) {
        Some(ip) => ip.is_loopback(),
        None => name.rsplit('.').next() == Some("localhost"),
    }
}

/// Whether a `NO_PROXY` lists a host: names stand for themselves and for all names below them, with or without a dot in
/// front; addresses for themselves, `ADDRESS/BITS` for a network; `*` for all. Commas or blanks separate; a port after
/// a colon must be the target's.
fn lists(list: &str, host: &str, port: u16) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let words = list.split(|c: char| c == ',' || c.is_whitespace());
    words.filter(|word| !word.is_empty()).any(|word| word == "*" || covers(word, host, port))
}

fn covers(word: &str, host: &str, port: u16) -> bool {
    if let (Some(ip), Some((network, bits))) = (address(host), word.split_once('/')) {
        return address(network).zip(bits.parse().ok()).is_some_and(|(network, bits)| holds(network, bits, ip));
    }
    let (name, own_port) = match word.rsplit_once(':') {
        // Not the last group of an IPv6 address.
        Some((name, own)) if !name.contains(':') || name.ends_with(']') => (name, own.parse().ok()),
        _ => (word, None),
    };
    if own_port.is_some_and(|own: u16| own != port) {
        return false;
    }
    if let Some(ip) = address(host) {
        return address(name) == Some(ip);
    }
    let name = name.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
    let below = || host.strip_suffix(&name).is_some_and(|front| front.ends_with('.'));
    !name.is_empty() && (host == name || below())
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// Whether a network has an address.
fn holds(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    let (a, b, width) = match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        _ => return false,
    };
    let rest = width - bits.min(width);
    bits <= width && (a ^ b).checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        let vars: HashMap<_, _> = vars.iter().copied().collect();
        Proxies::of(|name| vars.get(name).map(|v| (*v).to_owned()))
    }

    fn checked(vars: &[(&str, &str)], url: &str, ignored: bool) -> std::result::Result<Vec<String>, String> {
        let mut notes = Vec::new();
        let targets = [Target::parse(url).unwrap()];
        let outcome = check(&targets, &proxies(vars), ignored, &mut notes);
        outcome.map(|()| notes).map_err(|e| e.to_string())
    }

    fn applies(vars: &[(&str, &str)], url: &str) -> Option<&'static str> {
        proxies(vars).variable(&Target::parse(url).unwrap())
    }

    #[test]
    fn a_proxy_for_the_target_is_refused_with_both_remedies_and_without_its_url() {
        let secret = "http://user:pass@proxy.corp:3128";
        let text = checked(&[("HTTPS_PROXY", secret)], "https://api.test/v1", false).unwrap_err();
        for part in ["HTTPS_PROXY", "NO_PROXY=api.test", "--ignore-proxy", "connects directly"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("pass") && !text.contains("proxy.corp"), "{text}");
        let notes = checked(&[("HTTPS_PROXY", secret)], "https://api.test/v1", true).unwrap();
        assert!(notes[0].contains("HTTPS_PROXY") && notes[0].contains("directly"), "{notes:?}");
        assert_eq!(checked(&[("HTTPS_PROXY", secret)], "http://api.test/v1", false), Ok(Vec::new()));
    }

    #[test]
    fn variables_are_read_in_curls_order() {
        let all = [
            ("http_proxy", "p"),
            ("HTTP_PROXY", "p"),
            ("https_proxy", "p"),
            ("HTTPS_PROXY", "p"),
            ("all_proxy", "p"),
            ("ALL_PROXY", "p"),
        ];
        assert_eq!(applies(&all, "http://h"), Some("http_proxy"));
        assert_eq!(applies(&all[1..], "http://h"), Some("HTTP_PROXY"));
        assert_eq!(applies(&all[2..], "http://h"), Some("all_proxy"));
        assert_eq!(applies(&all, "https://h"), Some("https_proxy"));
        assert_eq!(applies(&all[3..], "https://h"), Some("HTTPS_PROXY"));
        assert_eq!(applies(&all[5..], "https://h"), Some("ALL_PROXY"));
        assert_eq!(applies(&[("http_proxy", ""), ("ALL_PROXY", " ")], "http://h"), None);
        let cgi = [("HTTP_PROXY", "p"), ("REQUEST_METHOD", "GET")];
        assert_eq!(applies(&cgi, "http://h"), None);
        assert_eq!(applies(&[("no_proxy", ""), ("NO_PROXY", "h"), ("http_proxy", "p")], "http://h"), None);
        assert_eq!(
            applies(&[("no_proxy", "x"), ("NO_PROXY", "h"), ("http_proxy", "p")], "http://h"),
            Some("http_proxy")
        );
    }

    #[test]
    fn this_host_needs_no_proxy() {
        for url in [
            "http://localhost:8000",
            "http://a.localhost.",
            "http://127.9.9.9",
            "http://2130706433",
            "http://[::1]:80",
            "unix:/run/a.sock",
        ] {
            assert_eq!(applies(&[("ALL_PROXY", "p")], url), None, "{url}");
        }
        assert!(applies(&[("ALL_PROXY", "p")], "http://localhost.test").is_some());
    }

    #[test]
    fn no_proxy_lists_names_networks_and_ports() {
        for (list, host, port) in [
            ("*", "a.test", 80),
            ("x, a.test", "a.test", 80),
            ("x a.test", "a.test", 80),
            ("TEST", "a.test", 80),
            (".test", "a.test", 80),
            ("*.test", "a.test", 80),
            ("a.test.", "a.test", 80),
            ("a.test", "a.test.", 80),
            (".a.test", "a.test", 80),
            ("a.test:80", "a.test", 80),
            ("10.0.0.0/8", "10.1.2.3", 80),
            ("10.1.2.3", "10.1.2.3", 80),
            ("10.1.2.3:80", "10.1.2.3", 80),
            ("0.0.0.0/0", "10.1.2.3", 80),
            ("fd00::/8", "fd12::1", 80),
            ("[fd12::1]", "fd12::1", 80),
            ("[fd12::1]:80", "fd12::1", 80),
            ("fd12::1", "fd12::1", 80),
        ] {
            assert!(lists(list, host, port), "{list} lists {host}:{port}");
        }
        for (list, host, port) in [
            ("", "a.test", 80),
            (",", "a.test", 80),
            (".", "a.test", 80),
            ("a.test:81", "a.test", 80),
            ("b.a.test", "a.test", 80),
            ("est", "a.test", 80),
            ("10.0.0.0/33", "10.1.2.3", 80),
            ("10.0.0.0/16", "10.1.2.3", 80),
            ("10.0.0.0/8", "fd12::1", 80),
            ("1.2.3", "10.1.2.3", 80),
            ("::/0", "10.1.2.3", 80),
        ] {
            assert!(!lists(list, host, port), "{list} does not list {host}:{port}");
        }
    }
}
