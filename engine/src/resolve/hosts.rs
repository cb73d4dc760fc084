//! The hosts file: names that no server is asked for. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a name by the text of a hosts file (hosts(5)), in its order; `None` where it does not have the
/// name. The names of this host itself (RFC 6761 §6.3) need no line. No search domain is tried: a name is in the file
/// as it is asked for, or not at all.
pub(super) fn addresses(hosts: &str, name: &str) -> Option<Vec<IpAddr>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(ip) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    if found.is_empty() && is_localhost(name) {
        found = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    }
    (!found.is_empty()).then_some(found)
}

fn is_localhost(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<String> {
        let hosts = "127.0.0.1 localhost\n# 10.0.0.9 gpu\n10.0.0.1\tgpu.corp GPU # 10.0.0.8\nfd00::1 gpu\n10.0.0.1 gpu\nbad gpu\n\n";
        let all = addresses(hosts, name)?;
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        Some(all.join(" "))
    }

    #[test]
    fn a_name_has_all_its_lines_whatever_its_case_or_its_place_in_them() {
        assert_eq!(found("gpu").as_deref(), Some("10.0.0.1 fd00::1"));
        assert_eq!(found("Gpu.Corp.").as_deref(), Some("10.0.0.1"));
        assert_eq!(found("corp"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_names_of_this_host_need_no_line_but_a_line_counts() {
        assert_eq!(found("localhost").as_deref(), Some("127.0.0.1"));
        assert_eq!(found("api.localhost").as_deref(), Some("::1 127.0.0.1"));
        assert_eq!(found("localhost.test"), None);
    }
}
